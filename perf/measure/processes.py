"""Starting a server, asking the load generator about it, ending both."""

import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import time

from . import cores

READY_S = 15  # a server that has not said where it listens by then is broken
STOP_S = 10
LOOK_S = 0.01
GONE_S = 1  # a server that went away while it was asked has ended by then
PATIENCE_S = 60  # above the measured time: ten thousand connections want to be opened
PR_SET_PDEATHSIG = 1
CANNOT = 2  # how a server ends that cannot do what it is asked
LINE_MAX = 4096
# What Rust, Node.js and clap put behind the words that tell.
BEHIND = re.compile(r"note: run with `RUST_BACKTRACE|Node\.js v\d|at |Usage:|For more information|\[possible")

LIBC = ctypes.CDLL(None)
STARTED = []  # every process, so that none is left behind wherever we end


class Failed(Exception):
    """This run is not a measurement."""


class Cannot(Exception):
    """This server does not do what the row asks."""


def raise_limits():
    """Ten thousand connections take more descriptors than a shell permits."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def measure(command, bench, server_core, load_core, patience, may_miss=False):
    """What the load generator says of the server, and what the cores lost meanwhile.

    `may_miss`: that answers are missing is told like the rest, and no failure.
    """
    server = start(command, server_core)
    both = f"{server_core},{load_core}"
    try:
        url = address(server)
        before = cores.ticks(both)
        try:
            said = ask([*bench, url], server.pid, load_core, patience, may_miss)
        except Failed as failure:
            raise Failed(f"{failure}{why_gone(server)}") from None
        said["cores"] = cores.lost(before, cores.ticks(both))
        if server.poll() is not None:
            raise Failed(f"the server ended by itself with {server.returncode}: {last_words(server)}")
        return said
    finally:
        stop(server)


def start(command, core):
    # taskset becomes the program it starts: the process id stays that of the server.
    argv = ["taskset", "-c", core, *map(str, command)]
    # Files, and not pipes, which nobody would empty meanwhile.
    out, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, preexec_fn=die_with_parent
    )
    process.out, process.errors = out, errors
    STARTED.append(process)
    return process


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def address(server):
    """Where the server says that it listens."""
    deadline = time.monotonic() + READY_S
    while b"\n" not in (said := first_bytes(server.out)):
        if server.poll() is not None or time.monotonic() > deadline:
            raise silent(server)
        time.sleep(LOOK_S)
    line = said.split(b"\n")[0].decode(errors="replace")
    found = re.fullmatch(r"listening on (\S+).*", line)
    if not found:
        raise Failed(f"the server did not say where it listens, but {line!r}")
    return found[1]


def first_bytes(file):
    # Its place in the file is also that of who writes: it stays where it is.
    return os.pread(file.fileno(), LINE_MAX, 0)


def silent(server):
    code = server.poll()
    if code is None:
        return Failed("the server did not say where it listens")
    words = last_words(server)
    return Cannot(words) if code == CANNOT else Failed(f"the server ended with {code}: {words}")


def why_gone(server):
    """How the server ended, if it has."""
    try:
        return f"; the server ended with {server.wait(GONE_S)}: {last_words(server)}"
    except subprocess.TimeoutExpired:
        return ""


def last_words(process):
    """Of a process that has ended: what it said last that tells anything."""
    process.errors.seek(0)
    lines = [line.strip() for line in process.errors.read().decode(errors="replace").split("\n")]
    return next((line for line in reversed(lines) if line and not BEHIND.match(line)), "")


def ask(bench, server_pid, core, patience, may_miss):
    """Runs the load generator; its last argument is the URL."""
    load = start([*bench, "--server-pid", server_pid], core)
    try:
        code = load.wait(patience + PATIENCE_S)
        load.out.seek(0)
        told = load.out.read()
        # It ends with 1 and no report when an answer was wrong, with a report when one is missing.
        if code and not (may_miss and told):
            raise Failed(f"the load generator ended with {code}: {last_words(load)}")
        return json.loads(told)
    except subprocess.TimeoutExpired:
        raise Failed("the load generator did not end") from None
    finally:
        stop(load)


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    process.out.close()
    process.errors.close()
    if process in STARTED:
        STARTED.remove(process)


def stop_all():
    for process in STARTED[:]:
        stop(process)
