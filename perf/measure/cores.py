"""The processor's cores that it is measured on: which they are, what they lost, whether two are one."""

import re
from pathlib import Path

STOLEN = 0.03  # of a core's time: more than that is seen in a figure


def of(text):
    """The numbers in a list as taskset takes it: 0,2-3."""
    cores = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cores |= set(range(int(first), int(last or first) + 1))
    return sorted(cores)


def ticks(text):
    """What each of these has counted: the time in all, stolen by other machines, and idle."""
    told = dict(re.findall(r"^cpu(\d+) (.*)$", Path("/proc/stat").read_text(), re.MULTILINE))
    counted = {core: [int(number) for number in told[str(core)].split()] for core in of(text)}
    # Those of guests, at the end, are in user and nice already.
    return {core: (sum(all_[:8]), all_[7], all_[3] + all_[4]) for core, all_ in counted.items()}


def lost(before, after):
    """Which part of the time between each lost to other machines, and which it was idle."""
    shares = {}
    for core, then in before.items():
        time, stolen, idle = (now - was for now, was in zip(after[core], then))
        shares[str(core)] = {"steal": stolen / max(time, 1), "idle": idle / max(time, 1)}
    return shares


def stolen(run):
    """The most that a core of this run lost; an old record does not know."""
    return max((core["steal"] for core in run.get("cores", {}).values()), default=0)


def siblings(one, others):
    """Do two of these share a core? Then each is slower when the other one works."""
    return any(other in threads(core) for core in of(one) for other in of(others))


def threads(core):
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    return of(path.read_text().strip()) if path.exists() else [core]
