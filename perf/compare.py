#!/usr/bin/env python3
"""Compares the WebSocket echo with the raw echo: what does the protocol cost?

Rounds are interleaved: every variant is run once per round, and each round begins with another
one, so that what drifts on the machine drifts for all. The server has core 0, the load core 1.
See README.md for how to read the table.
"""

import argparse
import json
import select
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# connections, outstanding, size, kind
ROWS = [
    (200, 1, 32, "text"),
    (200, 1, 512, "text"),
    (200, 1, 4096, "text"),
    (64, 16, 32, "text"),
    (64, 16, 512, "text"),
    (32, 1, 65536, "text"),
    (32, 1, 65536, "binary"),
]

VARIANTS = [
    ("ws", "io-uring"),
    ("raw", "io-uring"),
    ("ws", "mio"),
    ("raw", "mio"),
]

READY_S = 10  # a server that has not said where it listens by then is broken


class Failed(Exception):
    pass


def main():
    flags = parse()
    rows = [row for row in ROWS if not flags.only or flags.only in name(row)]
    variants = [v for v in VARIANTS if flags.backend in (None, v[1])]
    results = []
    failures = 0
    for row in rows:
        found = {variant: [] for variant in variants}
        for round_ in range(flags.rounds):
            turn = round_ % len(variants)
            for variant in variants[turn:] + variants[:turn]:
                try:
                    found[variant].append(measure(flags, row, variant))
                except Failed as failure:
                    failures += 1
                    print(f"{name(row)}, {variant[0]} on {variant[1]}: {failure}", file=sys.stderr)
        show(row, found)
        results += [record(row, variant, runs) for variant, runs in found.items()]
    if flags.json:
        Path(flags.json).write_text(json.dumps(results, indent=1) + "\n")
    if failures:
        sys.exit(f"{failures} runs failed")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--warm", type=float, default=0.5)
    parser.add_argument("--only", help="rows whose name contains this, such as '32 B'")
    parser.add_argument("--backend", choices=["io-uring", "mio"], help="of the server; both if left out")
    parser.add_argument("--load-backend", choices=["io-uring", "mio"], default="io-uring")
    parser.add_argument("--server-core", default="0")
    parser.add_argument("--load-core", default="1")
    parser.add_argument("--bin", type=Path, default=ROOT / "target" / "release")
    parser.add_argument("--json", metavar="FILE", help="write every run there")
    flags = parser.parse_args()
    missing = [str(flags.bin / n) for n in ("ws4rs", "raw", "load") if not (flags.bin / n).exists()]
    if missing:
        sys.exit(
            f"not built: {', '.join(missing)}\n"
            "  cargo build --release -p ws4rs --features cli && cargo build --release -p ws4rs-perf"
        )
    return flags


def measure(flags, row, variant):
    connections, outstanding, size, kind = row
    what, backend = variant
    listen = ["--listen", "127.0.0.1:0", "--backend", backend]
    command = {
        "ws": [flags.bin / "ws4rs", "echo", "--workers", "1", *listen],
        "raw": [flags.bin / "raw", *listen],
    }[what]
    server = subprocess.Popen(pinned(flags.server_core, command), stdout=subprocess.PIPE, text=True)
    try:
        load = [
            *(flags.bin / "load", "--json", "--backend", flags.load_backend),
            *("--url", address(server), "--server-pid", server.pid),
            *("--protocol", "ws" if what == "ws" else "tcp"),
            *("--connections", connections, "--outstanding", outstanding),
            *("--size", size, "--kind", kind, "--seconds", flags.seconds, "--warm", flags.warm),
        ]
        patience = flags.seconds + flags.warm + 30
        return json.loads(output(pinned(flags.load_core, load), patience))
    finally:
        stop(server)


def pinned(core, command):
    # taskset becomes the program it starts: the process id stays that of the server.
    return ["taskset", "-c", core, *map(str, command)]


def address(server):
    ready, _, _ = select.select([server.stdout], [], [], READY_S)
    line = server.stdout.readline().strip() if ready else ""
    said, _, url = line.partition("listening on ")
    if said or not url:
        raise Failed(f"the server did not say where it listens, but {line!r}")
    return url.split()[0]


def output(command, patience):
    try:
        load = subprocess.run(command, capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        raise Failed("the load generator did not end") from None
    if load.returncode:
        raise Failed(load.stderr.strip() or f"the load generator ended with {load.returncode}")
    return load.stdout


def stop(server):
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    server.stdout.close()


def show(row, found):
    print(f"\n{name(row)}")
    print(f"  {'':<14}{'msg/s':>10}{'ns/msg':>9}  {'(range)':<17}{'server':>7}{'load':>6}{'p50 us':>9}{'p99 us':>9}")
    for (what, backend), runs in found.items():
        if runs:
            cpu = [run["server_cpu_ns_per_message"] for run in runs]
            spread = f"({min(cpu):.0f}-{max(cpu):.0f})"
            print(
                f"  {what + ' ' + backend:<14}{middle(runs, 'messages_per_second'):>10.0f}"
                f"{statistics.median(cpu):>9.0f}  {spread:<17}"
                f"{middle(runs, 'server_cpu_share'):>7.0%}{middle(runs, 'load_cpu_share'):>6.0%}"
                f"{middle(runs, 'p50_us'):>9.0f}{middle(runs, 'p99_us'):>9.0f}"
            )
    for backend in ("io-uring", "mio"):
        raw, ws = found.get(("raw", backend)), found.get(("ws", backend))
        if raw and ws:
            cpu = "server_cpu_ns_per_message"
            ratio, more = middle(raw, cpu) / middle(ws, cpu), middle(ws, cpu) - middle(raw, cpu)
            print(f"  raw/ws {backend}: {ratio:.2f}  (the protocol: {more:+.0f} ns per message)")
    sys.stdout.flush()


def record(row, variant, runs):
    return {"row": name(row), "server": variant[0], "server_backend": variant[1], "runs": runs}


def middle(runs, field):
    return statistics.median(run[field] for run in runs)


def name(row):
    connections, outstanding, size, kind = row
    amount = f"{size // 1024} KiB" if size >= 1024 else f"{size} B"
    return f"{connections} x {outstanding}, {amount} {kind}"


if __name__ == "__main__":
    main()
