"""Builds and installs what is measured: Rust by cargo, JavaScript by npm, Python into perf/.venv.

Where packages come from is these programs' own configuration.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

PERF = Path(__file__).resolve().parent.parent
ROOT = PERF.parent
PEERS = PERF / "peers"
VENV = PERF / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"  # written last: without it, what is there is not whole
REQUIREMENTS = [PERF / "requirements.txt", PEERS / "python" / "requirements.txt"]
SCRIPTS = [PEERS / "node", PEERS / "python"]
BUN = PEERS / "node" / "node_modules" / ".bin" / "bun"


def programs(build):
    """Every program by the name that servers.py has for it; builds and installs first if asked to.

    What could not be built is missing, which is told, and ends nothing but the measuring of it.
    """
    found = install_all() if build else built()
    for name, path in (("bun", BUN), ("node", shutil.which("node")), ("python", PYTHON)):
        if path and Path(path).exists():
            found[name] = str(path)
    for folder in SCRIPTS:
        found |= {path.name: str(path) for path in folder.glob("*.[jp][sy]")}
    return found


def install_all():
    found = cargo(ROOT, "-p", "ws4rs", "--features", "cli", "--bin", "ws4rs")
    found |= cargo(ROOT, "-p", "ws4rs-perf", "--bins")
    found |= cargo(PEERS, "--bins")
    attempt("the JavaScript peers", npm)
    attempt("the Python peers and matplotlib", venv)
    return found


def attempt(what, install):
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"could not install {what}: {error}", file=sys.stderr)


def cargo(folder, *what):
    """The executables of a build, from where cargo says that it put them."""
    # In all their forms they would replace what .cargo/config.toml has for the processor at hand.
    env = {name: value for name, value in os.environ.items() if not name.endswith("RUSTFLAGS")}
    command = ["cargo", "build", "--release", "--locked", "--message-format", "json-render-diagnostics", *what]
    try:
        told = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"could not build in {folder}: {error}", file=sys.stderr)
        return {}  # what may be there is of other sources
    messages = map(json.loads, told.stdout.splitlines())
    return {m["target"]["name"]: m["executable"] for m in messages if m.get("executable")}


def built():
    """Those of an earlier build, where cargo mostly puts them."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    return {path.name: str(path) for path in target.glob("*") if path.is_file() and os.access(path, os.X_OK)}


def npm():
    folder = PEERS / "node"
    mark = folder / "node_modules" / ".package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True)


def venv():
    wanted = hashlib.sha256(b"\n".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    # Without the second, its folder was copied, or the Python below it is gone.
    if STAMP.exists() and PYTHON.exists() and STAMP.read_text() == wanted:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    files = [word for path in REQUIREMENTS for word in ("--requirement", path)]
    subprocess.run([PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *files], check=True)
    STAMP.write_text(wanted)
