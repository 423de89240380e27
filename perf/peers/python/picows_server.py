"""picows on uvloop, with the transports of aiofastnet, which it takes by itself. Text goes back as it came: the library leaves checking UTF-8 to its users."""

import asyncio

import picows
import uvloop
from picows import WSMsgType

import flags

DATA = (WSMsgType.TEXT, WSMsgType.BINARY)


class Echo(picows.WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type in DATA:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


class Broadcast(picows.WSListener):
    everybody = set()

    def on_ws_connected(self, transport):
        self.everybody.add(transport)

    def on_ws_disconnected(self, transport):
        self.everybody.discard(transport)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type in DATA:
            kind, payload = frame.msg_type, frame.get_payload_as_bytes()
            for other in self.everybody:
                other.send(kind, payload)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


async def main():
    asked = flags.parse()
    listener = Broadcast if asked.broadcasts else Echo
    options = {"max_frame_size": asked.max_message, "backlog": 4096}
    server = await picows.ws_create_server(lambda _: listener(), asked.host, asked.port, **options)
    flags.say(*server.sockets[0].getsockname()[:2])
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
