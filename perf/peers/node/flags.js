// The flags that all peers have, and the line that says where one listens.

import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:0" },
    mode: { type: "string", default: "echo" },
    deflate: { type: "string", default: "off" },
    "max-message": { type: "string", default: String(16 << 20) },
  },
})

for (const [flag, known] of [
  ["mode", ["echo", "broadcast"]],
  ["deflate", ["off", "shared", "takeover"]],
]) {
  if (!known.includes(values[flag])) {
    console.error(`--${flag} is one of ${known.join(", ")}`)
    process.exit(2)
  }
}

const colon = values.listen.lastIndexOf(":")

export const hostname = values.listen.slice(0, colon)
export const port = Number(values.listen.slice(colon + 1))
export const broadcasts = values.mode === "broadcast"
export const deflate = values.deflate
export const maxMessage = Number(values["max-message"])

export function say(port) {
  console.log(`listening on ws://${hostname}:${port}`)
}
