"""The record as a page: the goals in one table, then every row with all its servers."""

from .cores import STOLEN, stolen
from .figures import best, figures, late, value
from .servers import LIMIT, OURS, PEER
from .verdicts import verdicts


def table(record, rows):
    known = [row for row in rows if row.name in record["rows"]]
    parts = [head(record), goals(record, known)]
    parts += [section(row, record["rows"][row.name]) for row in known]
    return "\n\n".join(parts) + "\n"


def head(record):
    machine = record["machine"]
    lines = ["# What a message costs the server", ""]
    lines += [f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, Linux {machine['kernel']}."]
    lines += ["Medians, with the lowest and the highest round in brackets. How to read it: perf/README.md."]
    lines += ["† the server was not at its end: of the rates and times, do not believe these."]
    lines += ["¶ the load generator was late by itself: p99 is of the runs in which it was not."]
    lines += ["§ other machines took a part of its cores: below the table is how much."]
    lines += ["‡ not all of its runs are in the figure: below the table is why."]
    return "\n".join(lines)


def goals(record, rows):
    lines = ["| row | server | goal | got | |", "|---|---|---|---|---|"]
    for row in rows:
        found = figures(row, record["rows"][row.name])
        for said in verdicts(row, found):
            lines.append(f"| {row.name} | {said.server} | {said.goal} | {said.got} | {said.state} |")
    return "\n".join(lines)


def section(row, kept):
    found = figures(row, kept)
    lines = [f"## {row.name}", "", about(row, kept), ""]
    lines += [row.note, ""] if row.note else []
    lines += ["| " + " | ".join(["server", row.figure, *COLUMNS]) + " |"]
    lines += ["|---|" + "---:|" * (1 + len(COLUMNS))]
    peer, limit = best(found, PEER), best(found, LIMIT)
    lines += [line(figure, peer, limit) for figure in found]
    return "\n".join(lines + remarks(row, kept))


COLUMNS = ("of the best peer", "of the limit", "per second", "p50 µs", "p99 µs", "bytes", "generator ns")


def about(row, kept):
    """How it was measured: more than one commit or date where it was not all of it together."""
    servers = kept["servers"].values()
    first = next((run for server in servers for run in server["runs"]), None)
    unit = f"unit: {first['unit']}, " if first else ""
    congestion, commit = told(servers, "congestion"), told(servers, "commit")
    how = f"{unit}{congestion}, {told(servers, 'seconds')} s a run, commit {commit}, {told(servers, 'date', 16)}"
    return f"{how}; `{row.mode} {' '.join(kept['flags'])}`"


def told(servers, what, length=None):
    return " and ".join(sorted({str(server[what])[:length] for server in servers}))


def line(figure, peer, limit):
    name = f"**{figure.server}**" if figure.role == OURS else figure.server
    spread = f"{number(figure.median)} ({number(figure.low)}–{number(figure.high)})"
    marks = (("†", figure.waited), ("¶", figure.late), ("§", figure.robbed), ("‡", figure.missed))
    name += "".join(f" {mark}" for mark, there in marks if there)
    cells = [name, spread, ratio(figure, peer), ratio(figure, limit)]
    cells += [number(figure.middle("per_second"))]
    cells += [number(figure.middle("latency_us", "p50")), number(figure.p99), number(figure.wire)]
    cells += [number(figure.middle("generator", "cpu_ns_per_unit"))]
    return "| " + " | ".join(cells) + " |"


def ratio(figure, other):
    return f"{figure.median / other.median:.2f}" if other and other.median else ""


def number(value):
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def remarks(row, kept):
    """Which runs have no figure, or a doubtful one, and why: in the words of who failed."""
    said = []
    for name, server in kept["servers"].items():
        runs, failures = server["runs"], server["failures"]
        asked = len(runs) + len(failures)
        without = [run for run in runs if value(row, run) is None]
        robbed = [stolen(run) for run in runs if stolen(run) > STOLEN]
        behind = [run for run in runs if late(run)]
        if server["note"]:
            said.append(f"- {name}: {server['note']}")
        if server.get("cannot"):
            said.append(f"- {name} does not do this: {server['cannot']}")
        if robbed:
            most = f"up to {max(robbed):.0%} of a core"
            said.append(f"- {name} lost {most} to other machines, in {len(robbed)} of {asked} runs.")
        if behind:
            said.append(f"- {name} was asked too late, by the load generator, in {len(behind)} of {asked} runs.")
        if failures:
            said.append(f"- {name} failed in {len(failures)} of {asked} runs: {failures[-1]}")
        if without:
            said.append(f"- {name} {WITHOUT[row.mode == 'rate']} in {len(without)} of {asked} runs.")
    return ["", *said] if said else []


WITHOUT = {True: "did not answer at the rate", False: "has no figure"}
