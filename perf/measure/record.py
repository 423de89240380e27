"""What came out: every run, on which machine, of which versions. Kept in record.json.

A run of the matrix replaces what it measured anew, row by row and server by server, and leaves the
rest: so the matrix can be run in parts.
"""

import datetime
import json
import os
import platform
import re
import subprocess
from pathlib import Path

from .install import PEERS, ROOT


# What a figure depends on, besides the servers: with another of these, it is another record.
SAME = ("processor", "cores", "kernel", "architecture")
FORMAT = 2  # of the record: what was kept in another one is not understood


class Record:
    def __init__(self, folder, rows):
        self.path = folder / "record.json"
        self.kept = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.kept.setdefault("rows", {})
        self.order = [row.name for row in rows]

    def unfit(self):
        """Why nothing can be added to what is kept; none when it can."""
        if not self.kept["rows"]:
            return None
        if self.kept.get("format") != FORMAT:
            return "of another version of this program"
        there, here = self.kept["machine"], machine()
        differs = [f"{what} {there.get(what)}" for what in SAME if there.get(what) != here[what]]
        return f"of another machine ({', '.join(differs)})" if differs else None

    def begin(self, programs, flags):
        self.origin = {"commit": commit() + ("?" if flags.no_build else ""), "date": now()}
        self.origin |= {"seconds": flags.seconds, "warm": flags.warm}
        self.origin |= {"server_core": flags.server_core, "load_core": flags.load_core}
        self.notes = dict(flags.note)
        self.kept["format"] = FORMAT
        self.kept["machine"] = machine()
        # Each run of the matrix has its own, which the date of what it measured leads to.
        self.kept.setdefault("versions_by_date", {})[self.origin["date"]] = versions(programs)

    def begin_row(self, row, congestion):
        """The servers that were measured before keep their runs, if it was under the same load."""
        kept = self.kept["rows"].get(row.name)
        if not kept or kept["flags"] != row.flags():
            self.kept["rows"][row.name] = {"flags": row.flags(), "servers": {}}
        self.origin["congestion"] = congestion

    def begin_server(self, row, server):
        fresh = {"role": server.role, **self.origin, "note": self.note(server), "runs": [], "failures": []}
        self.kept["rows"][row.name]["servers"][server.name] = fresh
        return fresh

    def note(self, server):
        """What is known of a program that we do not build, and what was said about any."""
        command = [f"`{without_folders(' '.join(server.command))}`"] if server.given else []
        said = [self.notes[server.name]] if server.name in self.notes else []
        return ", ".join(command + said)

    def save(self):
        dates = {server["date"] for row in self.kept["rows"].values() for server in row["servers"].values()}
        versions = self.kept["versions_by_date"].items()
        self.kept["versions_by_date"] = {date: found for date, found in versions if date in dates}
        places = {name: place for place, name in enumerate(self.order)}
        rows = sorted(self.kept["rows"].items(), key=lambda item: places.get(item[0], len(places)))
        self.kept["rows"] = dict(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a record that was cut short would lose the earlier parts too.
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.kept, indent=1) + "\n")
        fresh.replace(self.path)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def machine():
    return {
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "architecture": platform.machine(),
    }


def field(path, name):
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(path).read_text(), re.MULTILINE)
    return found[1].strip() if found else "unknown"


def commit():
    """With a + when the working tree differs. A ? is for programs that were found, and not built from it."""
    told = said("git", "-C", ROOT, "rev-parse", "--short=12", "HEAD")
    changed = said("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no")
    return told + ("+" if changed else "")


def versions(programs):
    found = {"rustc": said("rustc", "--version")}
    for name in ("ws4rs", "bun", "node", "python"):
        if name in programs:
            found[name] = said(programs[name], "--version")
    return found | crates() | packages() | distributions(programs)


def without_folders(text):
    """Nobody needs to know where things are on this disk."""
    text = re.sub(r"file://(?=/)", "", text)
    return re.sub(r"(?<![\w.:/])/(?:[^\s/'\"]+/)+", "", text)


WANTED_CRATES = {"compio", "fastwebsockets", "rustix", "sockudo-ws", "tokio", "tokio-tungstenite", "tokio-websockets"}
WANTED_CRATES |= {"tungstenite", "ws", "yawc"}


def crates():
    lock = (PEERS / "Cargo.lock").read_text()
    found = re.findall(r'name = "(.*)"\nversion = "(.*)"', lock)
    return {f"{name} (crate)": version for name, version in found if name in WANTED_CRATES}


def packages():
    wanted = json.loads((PEERS / "node" / "package.json").read_text())["dependencies"]
    there = {name: PEERS / "node" / "node_modules" / name / "package.json" for name in wanted}
    return {f"{name} (npm)": json.loads(path.read_text())["version"] for name, path in there.items() if path.exists()}


def distributions(programs):
    """All of them: what the peers need themselves is not pinned."""
    if "python" not in programs:
        return {}
    pins = [line.split("==") for line in said(programs["python"], "-m", "pip", "freeze").splitlines() if "==" in line]
    return {f"{name} (PyPI)": version for name, version in pins}


def said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return "not found"
