"""The flags that all peers have, and the line that says where one listens."""

import argparse


def parse(*deflates):
    """The flags of this process, which ends with 2 when they ask for what the library cannot do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--mode", choices=["echo", "broadcast"], default="echo")
    parser.add_argument("--deflate", choices=["off", "shared", "takeover"], default="off")
    parser.add_argument("--max-message", type=int, default=16 << 20)
    flags = parser.parse_args()
    if flags.deflate not in ("off", *deflates):
        parser.error(f"this library cannot do --deflate {flags.deflate}")
    host, _, port = flags.listen.rpartition(":")
    flags.host, flags.port = host, int(port)
    flags.broadcasts = flags.mode == "broadcast"
    return flags


def say(host, port):
    print(f"listening on ws://{host}:{port}", flush=True)
