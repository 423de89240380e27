"""ws4py on gevent: its asyncio server needs what Python 3.11 took out, the gevent one still works."""

from gevent import monkey

monkey.patch_all()

import socket

from ws4py.server.geventserver import WSGIServer
from ws4py.server.wsgiutils import WebSocketWSGIApplication
from ws4py.websocket import WebSocket

import flags

ASKED = flags.parse()
EVERYBODY = set()


class Connection(WebSocket):
    def opened(self):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Echo(Connection):
    def received_message(self, message):
        self.send(message.data, message.is_binary)


class Broadcast(Connection):
    def opened(self):
        super().opened()
        EVERYBODY.add(self)

    def closed(self, code, reason=None):
        EVERYBODY.discard(self)

    def received_message(self, message):
        for other in list(EVERYBODY):
            other.send(message.data, message.is_binary)


if __name__ == "__main__":
    application = WebSocketWSGIApplication(handler_cls=Broadcast if ASKED.broadcasts else Echo)
    server = WSGIServer((ASKED.host, ASKED.port), application, backlog=4096, log=None)
    server.start()
    flags.say(ASKED.host, server.server_port)
    server.serve_forever()
