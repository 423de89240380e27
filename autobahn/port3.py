"""Makes the suite, as published for Python 2.7, run on Python 3. Run by the Python it is for.

usage: port3.py SUITE     the unpacked folder `autobahntestsuite`

A Python 2 `str` is octets. Here every `str` of the suite becomes a Python 3 `str` in which code
point N stands for octet N (latin-1). So "\\xfe" * 125, PAYLOAD[12] and UTF-8 typed into a source
file mean the octets they meant, and no test case needs an edit. They are turned into `bytes` and
back in one place, where the suite meets its WebSocket library: `OCTETS` below.

Only what tests need is taken, without TLS. An edit that does not match exactly as often as it says
ends this: a half converted suite would test something else.
"""

import re
import shutil
import sys
import sysconfig
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # fissix, about itself
from fissix.refactor import RefactoringTool  # noqa: E402

FIXES = "except has_key import numliterals print raise repr ne unicode xrange".split()

MODULES = ["_version", "choosereactor", "caseset", "fuzzing", "interfaces", "report"]

# The reactor is chosen before anything imports it. Left out: the suite's other programs.
INIT = """\
from ._version import __version__
version = __version__
from . import choosereactor
"""

OCTETS = '''\
"""Octets of the suite (str, latin-1) to octets of autobahn (bytes), and back."""
import binascii


def to_bytes(x):
    return x.encode("latin-1") if isinstance(x, str) else x


def to_str(x):
    return x.decode("latin-1") if isinstance(x, (bytes, bytearray)) else x


def to_text(x):
    """Octets that are UTF-8, as text: what json.dumps did to a Python 2 str."""
    return to_bytes(x).decode("utf-8") if x is not None else None


def b2a_hex(x):
    return binascii.b2a_hex(to_bytes(x)).decode("ascii")


hexlify = b2a_hex


class Octets:
    """Goes before autobahn's protocol class: bytes for what is sent."""

    def sendFrame(self, opcode, payload=b"", *a, **k):
        return super().sendFrame(opcode, to_bytes(payload), *a, **k)

    def sendMessage(self, payload, *a, **k):
        return super().sendMessage(to_bytes(payload), *a, **k)

    def sendMessageFrameData(self, payload, *a, **k):
        return super().sendMessageFrameData(to_bytes(payload), *a, **k)

    def sendCloseFrame(self, code=None, reasonUtf8=None, *a, **k):
        return super().sendCloseFrame(code, to_bytes(reasonUtf8), *a, **k)
'''

# file -> (old, new, how often), after the mechanical part
EDITS = {
    "report.py": [
        ("import jinja2\n", "", 1),  # for a program that is left out
    ],
    "fuzzing.py": [
        (
            "import os, json, binascii, time, textwrap, pkg_resources",
            "import os, json, time, textwrap, pkg_resources\n"
            "from . import octets as binascii\n"
            "from .octets import Octets, to_bytes, to_str, to_text",
            1,
        ),
        ("class FuzzingProtocol:", "class FuzzingProtocol(Octets):", 1),
        # no TLS
        ("import reactor, ssl\n", "import reactor\n", 1),
        ("ssl.ClientContextFactory()", "None", 1),
        # octets on their way into the log
        (
            "def binLogData(data, maxlen = 64):\n",
            "def binLogData(data, maxlen = 64):\n   data = to_bytes(data)\n",
            1,
        ),
        (
            'replace = False):\n   ellipses = " ..."\n',
            'replace = False):\n   data = to_bytes(data)\n   ellipses = b" ..."\n',
            1,
        ),
        ("p = ''.join(payload)", "p = b''.join(payload)", 1),
        # octets from autobahn: messages and pongs
        ("self.runCase.onPong(payload)", "self.runCase.onPong(to_str(payload))", 1),
        ("self.runCase.onMessage(msg, binary)", "self.runCase.onMessage(to_str(msg), binary)", 1),
        # into the JSON report goes text
        ('"description": self.Case.DESCRIPTION', '"description": to_text(self.Case.DESCRIPTION)', 1),
        ('"localCloseReason": self.localCloseReason', '"localCloseReason": to_text(self.localCloseReason)', 1),
        ("self.http_request_data if hasattr", "to_str(self.http_request_data) if hasattr", 1),
        ("self.http_response_data if hasattr", "to_str(self.http_response_data) if hasattr", 1),
        # into the HTML report too, and UTF-8 comes out
        (
            "open(os.path.join(outdir, report_filename), 'w')",
            "open(os.path.join(outdir, report_filename), 'w', encoding='utf-8')",
            4,
        ),
        ("CCase.DESCRIPTION)", "to_text(CCase.DESCRIPTION))", 1),
        ('.encode("utf-8"))\n', ")\n", 1),
        ("ll.encode('utf8')", "ll", 1),
    ],
    "case/case.py": [
        # On Python 3, equal lists need not be equal when pickled.
        ("return pickle.dumps(obj1) == pickle.dumps(obj2)", "return obj1 == obj2", 1),
    ],
    "case/case6_x_x.py": [
        ("v.validate(vss[:i])", "v.validate(binascii.to_bytes(vss[:i]))", 1),
    ],
    "case/case9_9_1.py": [  # never run, but imported
        ("import implements\n", "import implementer\n", 1),
        (
            "class FrameProducer:\n\n   implements(interfaces.IPushProducer)\n",
            "@implementer(interfaces.IPushProducer)\nclass FrameProducer:\n",
            1,
        ),
    ],
    "case/case10_1_1.py": [
        ("len(self.payload) / self.p", "len(self.payload) // self.p", 1),
    ],
    "case/case12_x_x.py": [
        # These read octets from a file, so they want octets back.
        ("hashlib, binascii", "hashlib\nfrom .. import octets as binascii", 1),
        (
            "def onMessage(self, msg, binary):\n",
            "def onMessage(self, msg, binary):\n   msg = binascii.to_bytes(msg)\n",
            1,
        ),
    ],
}


def main():
    suite, site = Path(sys.argv[1]), Path(sysconfig.get_path("purelib"))
    into = site / "autobahntestsuite"
    shutil.rmtree(into, ignore_errors=True)
    (into / "case").mkdir(parents=True)
    shutil.copytree(suite / "testdata", into / "testdata")
    (into / "__init__.py").write_text(INIT)
    (into / "octets.py").write_text(OCTETS)
    tool = RefactoringTool([f"fissix.fixes.fix_{fix}" for fix in FIXES])
    sources = [suite / f"{module}.py" for module in MODULES] + sorted((suite / "case").glob("*.py"))
    for source in sources:
        name = source.relative_to(suite).as_posix()
        (into / name).write_text(converted(tool, name, source), encoding="utf-8")
    library(site / "autobahn" / "websocket" / "protocol.py")


def converted(tool, name, source):
    text = source.read_bytes().replace(b"\r\n", b"\n").decode("latin-1")  # octet N: code point N
    text = re.sub(r"^#.*coding[:=].*$", "#", text, count=1, flags=re.M)
    # The real path: what is an import of a neighbour is seen by looking for the file.
    text = str(tool.refactor_string(text.rstrip() + "\n", str(source)))
    if name.startswith("case/"):
        text = re.sub(r"^import binascii$", "from .. import octets as binascii", text, flags=re.M)
        text = text.replace("(object, Case, )", "(Case, )")  # Python 3 finds no order for these
    for edit in EDITS.get(name, []):
        text = edited(name, text, *edit)
    compile(text, name, "exec")
    return text


def library(path):
    # The one place where autobahn 0.10.9 itself does not work on Python 3; 7.1.6 and 9.* go there.
    old, new = "range(payload_len / len(payload))", "range(payload_len // len(payload))"
    path.write_text(edited(path.name, path.read_text(encoding="utf-8"), old, new, 1), encoding="utf-8")


def edited(name, text, old, new, times):
    if text.count(old) != times:
        sys.exit(f"{name}: {old!r} occurs {text.count(old)} times, not {times}")
    return text.replace(old, new)


main()
