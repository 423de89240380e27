"""What runs inside the suite's own environment: its test cases, its client and its server.

usage: .venv/bin/python suite.py cases
       .venv/bin/python suite.py fuzzingclient|fuzzingserver SPEC.json

Stands where the suite's own command, wstest, would: that one listens on all interfaces and cannot
say which port it was given.
"""

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # the suite's age shows
from autobahntestsuite import fuzzing  # noqa: E402
from twisted.internet import reactor  # noqa: E402


def main():
    if sys.argv[1:] == ["cases"]:
        print(json.dumps(cases()))
        return
    mode, spec = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    {"fuzzingclient": fuzzing.FuzzingClientFactory, "fuzzingserver": serve}[mode](spec)
    reactor.run()


def cases():
    names = fuzzing.CaseSet(
        fuzzing.CaseSetname,
        fuzzing.CaseBasename,
        fuzzing.Cases,
        fuzzing.CaseCategories,
        fuzzing.CaseSubCategories,
    )
    return names.parseSpecCases({"cases": ["*"]})


def serve(spec):
    factory = fuzzing.FuzzingServerFactory(spec)
    listener = reactor.listenTCP(factory.port, factory, interface="127.0.0.1")
    # The port that requests are expected to name in Host: with 0 in the spec, only known by now.
    factory.externalPort = listener.getHost().port
    print(f"listening on ws://127.0.0.1:{factory.externalPort}", flush=True)


main()
