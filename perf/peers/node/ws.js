// ws on Node.js, with bufferutil beside it as its README recommends.

import { WebSocketServer } from "ws"
import { broadcasts, deflate, hostname, maxMessage, port, say } from "./flags.js"

const alone = deflate === "shared" // every message stands for itself

const server = new WebSocketServer({
  host: hostname,
  port,
  backlog: 4096,
  maxPayload: maxMessage,
  clientTracking: broadcasts,
  perMessageDeflate: deflate !== "off" && {
    serverNoContextTakeover: alone,
    clientNoContextTakeover: alone,
  },
})

server.on("connection", (socket) => {
  socket.on("error", () => {})
  socket.on("message", (data, binary) => {
    if (!broadcasts) return socket.send(data, { binary })
    for (const client of server.clients) client.send(data, { binary })
  })
})

server.on("listening", () => say(server.address().port))
