// Bun.serve, which is uWebSockets inside: broadcasts by publishing to a topic.

import { broadcasts, deflate, hostname, maxMessage, port, say } from "./flags.js"

const compresses = deflate !== "off"
const compressor = { off: undefined, shared: "shared", takeover: "dedicated" }[deflate]

const server = Bun.serve({
  hostname,
  port,
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response("a WebSocket, please", { status: 426 })
  },
  websocket: {
    maxPayloadLength: maxMessage,
    perMessageDeflate: compresses && { compress: compressor, decompress: compressor },
    open: broadcasts ? (socket) => void socket.subscribe("all") : undefined,
    message: broadcasts
      ? (_, message) => void server.publish("all", message, compresses)
      : (socket, message) => void socket.send(message, compresses),
  },
})

say(server.port)
