"""websockets: its asyncio server on uvloop, and its broadcast."""

import asyncio

import uvloop
from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

import flags


async def main():
    asked = flags.parse("shared", "takeover")
    talk = tell_everybody() if asked.broadcasts else echo
    options = {"max_size": asked.max_message, "backlog": 4096, "compression": None}
    if asked.deflate != "off":
        options["extensions"] = [deflate(asked)]
    async with serve(talk, asked.host, asked.port, **options) as server:
        flags.say(*server.sockets[0].getsockname()[:2])
        await server.serve_forever()


def deflate(asked):
    alone = asked.deflate == "shared"
    return ServerPerMessageDeflateFactory(
        server_no_context_takeover=alone,
        client_no_context_takeover=alone,
        # What it takes when it is not told.
        server_max_window_bits=12,
        client_max_window_bits=12,
        compress_settings={"memLevel": 5},
    )


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


def tell_everybody():
    everybody = set()

    async def talk(connection):
        everybody.add(connection)
        try:
            async for message in connection:
                broadcast(everybody, message)
        except ConnectionClosed:
            pass
        finally:
            everybody.discard(connection)

    return talk


if __name__ == "__main__":
    uvloop.run(main())
