"""Starting a server, asking the load generator about it, ending both."""

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import tempfile
import time

READY_S = 15  # a server that has not said where it listens by then is broken
STOP_S = 10
PATIENCE_S = 60  # above the measured time: ten thousand connections want to be opened
PR_SET_PDEATHSIG = 1
CANNOT = 2  # how a server ends that cannot do what it is asked

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


def measure(command, bench, cores, load_core, patience):
    """What the load generator says of the server."""
    server = start(command, cores)
    try:
        url = address(server)
        said = ask([*bench, url], server.pid, load_core, patience)
        if server.poll() is not None:
            raise Failed(f"the server ended by itself with {server.returncode}: {last_words(server)}")
        return said
    finally:
        stop(server)


def start(command, cores):
    # taskset becomes the program it starts: the process id stays that of the server.
    argv = ["taskset", "-c", cores, *map(str, command)]
    errors = tempfile.TemporaryFile()  # not a pipe, which nobody would empty meanwhile
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        preexec_fn=die_with_parent,
    )
    process.errors = errors
    STARTED.append(process)
    return process


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def address(server):
    """Where the server says that it listens."""
    line, deadline = b"", time.monotonic() + READY_S
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([server.stdout], [], [], max(0, deadline - time.monotonic()))
        byte = os.read(server.stdout.fileno(), 1) if ready else b""
        if not byte:
            raise silent(server)
        line += byte
    said, _, url = line.decode().partition("listening on ")
    if said or not url:
        raise Failed(f"the server did not say where it listens, but {line!r}")
    return url.split()[0]


def silent(server):
    try:
        code = server.wait(1)
    except subprocess.TimeoutExpired:
        return Failed("the server did not say where it listens")
    words = last_words(server)
    return Cannot(words) if code == CANNOT else Failed(f"the server ended with {code}: {words}")


def last_words(process):
    process.errors.seek(0)
    lines = process.errors.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def ask(bench, server_pid, core, patience):
    """Runs the load generator; its last argument is the URL."""
    load = start([*bench, "--server-pid", server_pid], core)
    try:
        out, _ = load.communicate(timeout=patience + PATIENCE_S)
        if load.returncode:
            raise Failed(f"the load generator ended with {load.returncode}: {last_words(load)}")
    except subprocess.TimeoutExpired:
        raise Failed("the load generator did not end") from None
    finally:
        stop(load)
    said = json.loads(out)
    if said.get("failed"):
        raise Failed(f"not verified: {said['failed']}")
    return said


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    process.stdout.close()
    process.errors.close()
    if process in STARTED:
        STARTED.remove(process)


def stop_all():
    for process in STARTED[:]:
        stop(process)
