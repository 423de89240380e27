"""The numbers that decide, taken from the record."""

import statistics
from dataclasses import dataclass

from .cores import STOLEN, at_its_end, stolen

LATE_US = 1000  # a message that is asked later than that has a longer p99 by the load generator


@dataclass
class Figure:
    """One server in one row: the median of its runs, and how far they lie apart."""

    server: str
    role: str
    date: str  # of the run of the matrix: servers that share it were measured in turn
    core: str  # the server's
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
    def p99s(self):
        """Of the runs whose load generator asked when it had to."""
        return [run["latency_us"]["p99"] for run in self.runs if not late(run)]

    @property
    def p99(self):
        return statistics.median(self.p99s) if self.p99s else None

    @property
    def wire(self):
        return self.middle("wire_bytes", "received_per_unit")

    @property
    def robbed(self):
        """Did other machines take a part of the cores that is seen in a figure?"""
        return any(stolen(run) > STOLEN for run in self.runs)

    @property
    def waited(self):
        """Was the server not at its end, in half of the runs or more?"""
        return 2 * sum(waited(run, self.core) for run in self.runs) >= len(self.runs)

    @property
    def late(self):
        return any(late(run) for run in self.runs)


def dig(run, path):
    for step in path:
        run = (run or {}).get(step)
    return run


def waited(run, core):
    """At rest, and at a given rate, every server waits."""
    return run["mode"] not in ("idle", "rate") and not at_its_end(run, core)


def late(run):
    """Did the load generator of an open loop ask too late, by itself?"""
    return (dig(run, ("behind_us", "p99")) or 0) > LATE_US


def value(row, run):
    """What decides in this row; none when the run does not tell."""
    server = run.get("server") or {}
    if row.mode == "idle":
        return server.get("bytes_per_connection")
    spent = server.get("cpu_ns_per_unit")
    if not spent:
        return None
    if row.mode == "rate":
        # For the work that was asked: what was done is up to 1 % more or less.
        return spent * run["asked_rate"] / 1e9 if kept_up(run) else None
    return 1e9 / spent


def kept_up(run):
    """Who does less is spared work; who does more had a backlog, and answers that in larger batches."""
    return not run["errors"] and abs(run["per_second"] / run["asked_rate"] - 1) <= 0.01


def figures(row, kept):
    """Of every server that has been measured in this row, the best first."""
    found = [figure(row, name, server) for name, server in kept["servers"].items()]
    return sorted(filter(None, found), key=lambda figure: figure.median, reverse=not row.less_is_better)


def figure(row, name, server):
    runs = [run for run in server["runs"] if value(row, run) is not None]
    if not runs:
        return None
    values = [value(row, run) for run in runs]
    spread = min(values), statistics.median(values), max(values)
    missed = len(server["runs"]) - len(runs) + len(server["failures"])
    return Figure(name, server["role"], server["date"], server["server_core"], runs, *spread, missed)


def best(found, role):
    return next((figure for figure in found if figure.role == role), None)
