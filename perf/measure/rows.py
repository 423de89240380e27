"""What is measured, and what ws4rs aims at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """The figure of ws4rs on io_uring, as multiples of other servers'."""

    peer: float | None = None  # of the best peer
    limit: float | None = None  # of the best server without a protocol
    wire: bool = False  # and no more bytes on the wire than the best peer's
    at_most: float | None = None  # for figures where less is better: this much
    p99: bool = False  # and no longer than any peer's


@dataclass(frozen=True)
class Row:
    name: str
    mode: str  # of the load generator
    connections: int
    goal: Goal
    outstanding: int = 1
    size: str = "128"
    kind: str = "text"
    deflate: str = "off"
    rate: int | None = None
    reno: bool = False
    figure: str = "per CPU-second"
    note: str = ""  # what has to be known to compare

    @property
    def server_mode(self):
        return "broadcast" if self.mode == "fanout" else "echo"

    @property
    def has_limit(self):
        """Is there a server without a protocol that does the same?"""
        return self.deflate == "off" and self.mode in ("echo", "fanout", "connect")

    @property
    def less_is_better(self):
        return self.figure != "per CPU-second"

    def flags(self):
        """Of the load generator."""
        flags = ["--connections", self.connections]
        if self.mode in ("echo", "rate", "fanout"):
            flags += ["--size", self.size, "--kind", self.kind]
        if self.mode in ("echo", "fanout"):
            flags += ["--outstanding", self.outstanding]
        if self.rate:
            flags += ["--rate", self.rate]
        if self.deflate != "off":
            flags += [f"--deflate={self.deflate}"]
        return [str(flag) for flag in flags]


def echo(connections, outstanding, size, what, kind, goal, **more):
    name = f"{connections}x{outstanding} {what}"
    return Row(name, "echo", connections, goal, outstanding, size, kind, **more)


ROWS = [
    echo(200, 1, "32", "32 B text", "text", Goal(1.10, 0.97)),
    echo(200, 1, "512", "512 B text", "text", Goal(1.20, 0.95)),
    echo(200, 1, "4K", "4 KiB binary", "binary", Goal(1.15, 0.95)),
    echo(64, 16, "32", "32 B text", "text", Goal(1.31, 0.90)),
    echo(64, 16, "512", "512 B text", "text", Goal(1.66, 0.85)),
    echo(32, 1, "64K", "64 KiB text", "text", Goal(1.10, 0.92), reno=True),
    echo(32, 1, "64K", "64 KiB mixed text", "mixed", Goal(1.10, 0.72), reno=True),
    echo(32, 1, "64K", "64 KiB binary", "binary", Goal(1.10, 0.92), reno=True),
    echo(32, 1, "1M", "1 MiB binary", "binary", Goal(1.22, 0.93), reno=True),
    echo(10000, 1, "128", "128 B text", "text", Goal(1.06, 0.97)),
    Row("fanout 1 to 1000, 128 B, 16 outstanding", "fanout", 1000, Goal(1.10, 0.95), outstanding=16),
    Row("fanout 1 to 1000, 128 B, 1 outstanding", "fanout", 1000, Goal(1.05, 0.98)),
    echo(200, 1, "1K", "1 KiB text, deflate shared", "text", Goal(1.25, wire=True), deflate="shared"),
    echo(200, 1, "1K", "1 KiB text, deflate takeover", "text", Goal(1.25, wire=True), deflate="takeover",
         note="ws4rs and websockets compress in a window of 12 bits here, the others of 15: see the bytes too."),
    Row("connect", "connect", 64, Goal(1.20, 0.90)),
    Row("idle 10000", "idle", 10000, Goal(at_most=192), figure="bytes per connection"),
    Row("rate 20 k per second over 1000", "rate", 1000, Goal(peer=1, p99=True), rate=20000, figure="cores"),
]

QUICK = ["200x1 32 B text", "64x16 512 B text", "fanout 1 to 1000, 128 B, 1 outstanding"]
