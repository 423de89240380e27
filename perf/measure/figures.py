"""The numbers that decide, taken from the record."""

import statistics
from dataclasses import dataclass

from .cores import STOLEN, stolen
from .servers import LIMIT, MAIN, PEER


@dataclass
class Figure:
    """One server in one row: the median of its runs, and how far they lie apart."""

    server: str
    role: str
    runs: list  # those that have a value
    low: float
    median: float
    high: float
    missed: int  # runs that were asked for and have no figure

    def middle(self, *path):
        """The median of another number of the runs; none when they have none."""
        values = [value for value in (dig(run, path) for run in self.runs) if value is not None]
        return statistics.median(values) if values else None

    @property
    def p99(self):
        return self.middle("latency_us", "p99")

    @property
    def wire(self):
        return self.middle("wire_bytes", "received_per_unit")

    @property
    def robbed(self):
        """Did other machines take a part of the cores that is seen in a figure?"""
        return any(stolen(run) > STOLEN for run in self.runs)

    @property
    def by_generator(self):
        """Was it the load generator that was at its end, in half of the runs or more?"""
        return 2 * sum(run.get("bottleneck") == "generator" for run in self.runs) >= len(self.runs)


def dig(run, path):
    for step in path:
        run = (run or {}).get(step)
    return run


def value(row, run):
    """What decides in this row; none when the run does not tell."""
    server = run.get("server") or {}
    if row.mode == "idle":
        return server.get("bytes_per_connection")
    if row.mode == "rate":
        return server.get("cores") if kept_up(row, run) else None
    spent = server.get("cpu_ns_per_unit")
    return 1e9 / spent if spent else None


def kept_up(row, run):
    """99 %: who does less is spared the work, and would look good for it."""
    return run["per_second"] >= 0.99 * row.rate


def figures(row, kept):
    """Of every server that has been measured in this row, the best first."""
    found = []
    for name, server in kept["servers"].items():
        runs = [run for run in server["runs"] if value(row, run) is not None]
        if runs:
            values = [value(row, run) for run in runs]
            spread = min(values), statistics.median(values), max(values)
            missed = len(server["runs"]) - len(runs) + len(server["failures"])
            found.append(Figure(name, server["role"], runs, *spread, missed))
    return sorted(found, key=lambda figure: figure.median, reverse=not row.less_is_better)


def best(found, role):
    return next((figure for figure in found if figure.role == role), None)


@dataclass
class Verdict:
    goal: str
    got: str
    met: bool


def verdicts(row, found):
    """What was aimed at, what came out, and whether that is enough."""
    main = next((figure for figure in found if figure.server == MAIN), None)
    if not main:
        return []
    peer, limit, goal = best(found, PEER), best(found, LIMIT), row.goal
    said = []
    for name, wanted, other in (("best peer", goal.peer, peer), ("limit", goal.limit, limit)):
        if wanted and other:
            got = main.median / other.median
            said.append(Verdict(f"{wanted:.2f} x {name}", f"{got:.2f} x {other.server}", got >= wanted))
    if goal.wire and peer and main.wire and peer.wire:
        got = f"{main.wire:.0f} B, {peer.server} {peer.wire:.0f} B"
        said.append(Verdict("no more bytes on the wire", got, main.wire <= peer.wire))
    if goal.at_most:
        said.append(Verdict(f"at most {goal.at_most:.0f}", f"{main.median:.0f}", main.median <= goal.at_most))
    if goal.no_worse and peer:
        said += no_worse(found, main, peer)
    return said


def no_worse(found, main, peer):
    quickest = min((f for f in found if f.role == PEER and f.p99 is not None), key=lambda f: f.p99, default=None)
    got = f"{main.median:.3f}, {peer.server} {peer.median:.3f}"
    yield Verdict("no more cores than the best peer", got, main.median <= peer.median)
    if quickest and main.p99 is not None:
        got = f"{main.p99:.0f} us, {quickest.server} {quickest.p99:.0f} us"
        yield Verdict("no longer p99 than the best peer", got, main.p99 <= quickest.p99)
