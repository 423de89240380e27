"""Installs the suite into .venv, beside this file.

The suite is a Python 2.7 program: port3.py makes it one for Python 3. Every package has its version
in requirements.txt; where they come from is pip's own configuration.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITE = "autobahntestsuite==25.10.1"
REQUIREMENTS = HERE / "requirements.txt"
PORT = HERE / "port3.py"
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"  # written last: without it, what is there is not whole


def install():
    """The Python that has the suite. Does nothing when that is there and up to date."""
    wanted = stamp()
    if not STAMP.exists() or STAMP.read_text() != wanted:
        print(f"installing {SUITE} into {VENV.name}", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys.executable, "-m", "venv", VENV)
        packages()
        suite()
        cases()
        STAMP.write_text(wanted)
    return PYTHON


def cases():
    """The numbers of all cases the suite has."""
    found = subprocess.run([PYTHON, HERE / "suite.py", "cases"], check=True, stdout=subprocess.PIPE)
    return json.loads(found.stdout)


def stamp():
    made_of = [sys.version.encode(), str(VENV).encode(), SUITE.encode()]
    made_of += [path.read_bytes() for path in (REQUIREMENTS, PORT, Path(__file__))]
    return hashlib.sha256(b"\n".join(made_of)).hexdigest()


def packages():
    # First what the others are built with. Without isolation they are built with these, and not
    # with the newest of the day.
    pip("install", "--quiet", "--no-deps", "--constraint", REQUIREMENTS, "setuptools", "wheel")
    pip("install", "--quiet", "--no-deps", "--no-build-isolation", "--requirement", REQUIREMENTS)
    pip("check")


def suite():
    with tempfile.TemporaryDirectory() as folder:
        # As if for Python 2.7, because that is what its archive is marked for.
        python2 = "--python-version 2.7 --implementation py --abi none --platform any".split()
        pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", *python2, "--dest", folder, SUITE)
        (archive,) = Path(folder).glob("*.whl")
        shutil.unpack_archive(archive, folder, "zip")
        run(PYTHON, PORT, Path(folder) / "autobahntestsuite")


def pip(*words):
    run(PYTHON, "-m", "pip", "--disable-pip-version-check", *words)


def run(*command):
    # An environment that points elsewhere would be found before ours.
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    if subprocess.run(command, env=clean).returncode:
        sys.exit(f"could not install the suite: this failed: {' '.join(map(str, command))}")


if __name__ == "__main__":
    install()
