"""Whom it is measured on: ws4rs, servers without a protocol, and peers.

A command is given the flags that all of them have. It says on its first line where it listens, or
ends with 2 when it cannot do what it is asked.
"""

import argparse
import shlex
from dataclasses import dataclass

from .processes import Failed

OURS, LIMIT, PEER, EXTRA = "ours", "limit", "peer", "extra"
MAIN, MIO, TWO_WORKERS = "ws4rs-io_uring", "ws4rs-mio", "ws4rs-2-workers"  # those that have goals
UWEBSOCKETS = ("uwebsockets", "bun")  # the first one that was measured: bun has it inside

MAX_MESSAGE = 16 << 20


@dataclass(frozen=True)
class Server:
    name: str
    role: str
    command: tuple  # of names that install.programs() knows, and flags
    both_cores: bool = False  # shares the load generator's core
    given: bool = False  # on the command line: a program that we do not build

    def plays(self, row):
        return row.has_limit if self.role == LIMIT else True

    def argv(self, programs, row):
        if self.given:
            return [*self.command, *common(row)]
        if self.command[0] not in programs:
            raise Failed("it was not built or installed")
        command = [programs.get(word, word) for word in self.command]
        if self.role in (OURS, EXTRA):
            return command[:1] + [row.server_mode] + command[1:] + ours(row)
        if self.role == LIMIT:
            return command + ["--listen", "127.0.0.1:0", "--mode", row.server_mode]
        return command + common(row)


def common(row):
    flags = {"listen": "127.0.0.1:0", "mode": row.server_mode, "deflate": row.deflate, "max-message": MAX_MESSAGE}
    return [word for flag, value in flags.items() for word in (f"--{flag}", str(value))]


def ours(row):
    flags = ["--listen", "127.0.0.1:0", "--max-message", "16M"]
    if row.server_mode == "broadcast":
        flags += ["--self"]
    if row.deflate != "off":
        flags += [f"--deflate={row.deflate}"]
    return flags


def ws4rs(name, role, backend, workers, **more):
    return Server(name, role, ("ws4rs", "--workers", str(workers), "--backend", backend), **more)


def peer(name, *command):
    return Server(name, PEER, command or (name,))


def named(text):
    """NAME=TEXT, from the command line."""
    name, _, rest = text.partition("=")
    if not name or not rest:
        raise argparse.ArgumentTypeError(f"not NAME=...: {text}")
    return name, rest


def custom(text):
    name, command = named(text)
    if any(server.name == name for server in SERVERS):
        raise argparse.ArgumentTypeError(f"{name} is one of ours; --list names them")
    return Server(name, PEER, tuple(shlex.split(command)), given=True)


SERVERS = [
    ws4rs(MAIN, OURS, "io-uring", 1),
    ws4rs(MIO, OURS, "mio", 1),
    Server("raw-io_uring", LIMIT, ("raw", "--backend", "io-uring")),
    Server("raw-mio", LIMIT, ("raw", "--backend", "mio")),
    Server("raw-epoll", LIMIT, ("raw-epoll",)),
    peer("tokio-tungstenite"),
    # 4 KiB: what its documentation proposes for many connections.
    peer("tokio-tungstenite-tuned", "tokio-tungstenite", "--read-buffer", "4096"),
    peer("fastwebsockets"),
    peer("tokio-websockets"),
    peer("sockudo-ws"),
    peer("sockudo-ws-compio"),
    peer("yawc"),
    # 128 KiB: what its benchmark calls tuned.
    peer("yawc-tuned", "yawc", "--read-buffer", "131072"),
    peer("ws-rs"),
    peer("bun", "bun", "bun.js"),
    peer("ws", "node", "ws.js"),
    peer("picows", "python", "picows_server.py"),
    peer("websockets", "python", "websockets_server.py"),
    peer("ws4py", "python", "ws4py_server.py"),
    ws4rs(TWO_WORKERS, EXTRA, "io-uring", 2, both_cores=True),
]
