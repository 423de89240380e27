"""The processor's cores that it is measured on: which they are, what they lost, whether two are one."""

import argparse
import os
import re
from pathlib import Path

STOLEN = 0.03  # of a core's time: more than that is seen in a figure
BUSY = 0.95  # of what a core had: the rest is lost at the beginning and the end


def permitted(text):
    """A list of cores, from the command line."""
    try:
        asked = of(text)
    except ValueError:
        asked = []
    if not asked:
        raise argparse.ArgumentTypeError(f"not a list of cores, as 0,2-3: {text}")
    there = os.sched_getaffinity(0)
    if not there.issuperset(asked):
        raise argparse.ArgumentTypeError(f"{text}: there are {', '.join(map(str, sorted(there)))}")
    return text


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
    """The most that a core of this run lost."""
    return max(core["steal"] for core in run["cores"].values())


def at_its_end(run, cores):
    """Had the server no time left, by its own count or by that of one of its cores?

    Its own knows nothing of interrupts, where they are counted apart; the core's has the time in it
    that the load generator took to begin. Neither is blamed for what other machines took.
    """
    told = [run["cores"][str(core)] for core in of(cores)]
    had = [1 - core["steal"] for core in told]
    busy = [1 - core["steal"] - core["idle"] for core in told]
    return run["server"]["cores"] >= BUSY * min(had) or any(b >= BUSY * h for b, h in zip(busy, had))


def siblings(one, others):
    """Do two of these share a core? Then each is slower when the other one works."""
    return any(other in threads(core) for core in of(one) for other in of(others))


def threads(core):
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    return of(path.read_text().strip()) if path.exists() else [core]
