"""What needs no server: `python3 -m unittest measure.tests` in perf/."""

import argparse
import copy
import json
import os
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from . import cores
from .figures import figures
from .record import FORMAT, Record, machine
from .rows import ROWS, Goal, Row
from .servers import SERVERS
from .table import number, table
from .verdicts import APART, DRAW, MET, NOT_MET, UNKNOWN, judged, verdicts

ECHO = Row("echo", "echo", 200, Goal(1.31, 0.95))
RATE = Row("rate", "rate", 1000, Goal(peer=1, p99=True), rate=20000, figure="cores")
ROLES = {server.name: server.role for server in SERVERS}


def run(cost, mode="echo", **more):
    """As the load generator tells of it; `cost` is of a message, in ns."""
    said = {
        "mode": mode, "unit": "messages", "per_second": 1e9 / cost, "errors": 0,
        "latency_us": {"p50": 100.0, "p99": 200.0}, "wire_bytes": {"received_per_unit": 34.0},
        "server": {"cpu_ns_per_unit": cost, "cores": 1.0}, "generator": {"cpu_ns_per_unit": 5000.0, "cores": 0.5},
        "cores": {"0": {"steal": 0.0, "idle": 0.0}, "1": {"steal": 0.0, "idle": 0.5}},
    }
    return said | more


def server(name, *runs, date="2026-01-01T00:00:00"):
    return {
        "role": ROLES.get(name, "peer"), "date": date, "commit": "c", "seconds": 2, "congestion": "reno",
        "server_core": "0", "note": "", "runs": list(runs), "failures": [],
    }


def row_of(row, **servers):
    kept = {name.replace("__", "-"): server(name.replace("__", "-"), *runs) for name, runs in servers.items()}
    return {"flags": row.flags(), "servers": kept}


def open_loop(cost, per_second=20000, behind=10.0, p99=200.0, errors=0):
    more = {"asked_rate": 20000.0, "per_second": per_second, "behind_us": {"p99": behind}, "errors": errors}
    return run(cost, "rate", **more, latency_us={"p50": 100.0, "p99": p99})


class Marks(unittest.TestCase):
    def waits(self, *runs):
        return figures(ECHO, row_of(ECHO, bun=runs))[0].waited

    def test_who_waited_in_half_of_the_runs_is_marked_whoever_else_was_busy(self):
        idle = run(1000, server={"cpu_ns_per_unit": 1000, "cores": 0.9}, cores={"0": {"steal": 0, "idle": 0.1}})
        self.assertTrue(self.waits(idle, run(1000)))
        self.assertFalse(self.waits(idle, run(1000), run(1000)))

    def test_what_was_stolen_is_not_held_against_a_server(self):
        robbed = run(1000, server={"cpu_ns_per_unit": 1000, "cores": 0.8}, cores={"0": {"steal": 0.19, "idle": 0.01}})
        self.assertFalse(self.waits(robbed))


class Rates(unittest.TestCase):
    def figure(self, *runs):
        return (figures(RATE, row_of(RATE, bun=runs)) or [None])[0]

    def test_cost_is_of_the_work_that_was_asked(self):
        self.assertAlmostEqual(self.figure(open_loop(10000, per_second=20150)).median, 0.2)

    def test_less_and_more_than_the_rate_and_missing_answers_have_no_figure(self):
        for run_ in (open_loop(1, 19700), open_loop(1, 21447), open_loop(1, errors=3)):
            self.assertIsNone(self.figure(run_))

    def test_a_late_generator_gives_no_p99(self):
        figure = self.figure(open_loop(1), open_loop(1, behind=1500.0, p99=9000.0))
        self.assertEqual((figure.late, figure.p99), (True, 200.0))
        self.assertIsNone(self.figure(open_loop(1, behind=1500.0)).p99)


class Verdicts(unittest.TestCase):
    def states(self, row, kept):
        return {(said.server, said.goal): said for said in verdicts(row, figures(row, kept))}

    def test_ranges_that_overlap_are_a_draw(self):
        self.assertEqual(judged((10, 11), (8, 10), False), MET)
        self.assertEqual(judged((10, 11), (10.5, 12), False), DRAW)
        self.assertEqual(judged((10, 11), (12, 13), False), NOT_MET)
        self.assertEqual(judged((184, 192), (192, 192), True), MET)
        self.assertEqual(judged((193, 194), (192, 192), True), NOT_MET)

    def test_what_misses_a_goal_is_not_printed_as_the_goal(self):
        kept = row_of(ECHO, **{"ws4rs-io_uring": [run(1000)], "bun": [run(1309.9)]})
        said = self.states(ECHO, kept)["ws4rs-io_uring", "at least 1.31 x best peer"]
        self.assertEqual((said.got, said.state), ("1.309 x bun", NOT_MET))

    def test_what_was_measured_apart_is_not_judged(self):
        kept = row_of(ECHO, **{"ws4rs-io_uring": [run(1000)], "ws4rs-mio": [run(1000)], "bun": [run(5000)]})
        kept["servers"]["bun"]["date"] = "2025-12-31T00:00:00"
        said = self.states(ECHO, kept)
        self.assertEqual(said["ws4rs-io_uring", "at least 1.31 x best peer"].state, APART)
        self.assertEqual(said["ws4rs-io_uring", "at least 0.95 x limit"].state, UNKNOWN)
        self.assertEqual(said["ws4rs-mio", "at least 1.00 x uWebSockets"].state, APART)

    def test_mio_and_two_workers_have_goals(self):
        kept = row_of(ECHO, **{
            "ws4rs-io_uring": [run(1000)], "ws4rs-mio": [run(1100)], "ws4rs-2-workers": [run(1040)],
            "bun": [run(1000)], "uwebsockets": [run(1200)],
        })
        said = self.states(ECHO, kept)
        self.assertEqual(said["ws4rs-mio", "at least 1.00 x uWebSockets"].got, "1.090 x uwebsockets")
        self.assertEqual(said["ws4rs-2-workers", "at least 0.95 x one worker"].state, MET)

    def test_bytes_are_compared_with_the_best_peer_and_the_least_is_told(self):
        row = replace(ECHO, goal=Goal(wire=True))
        wire = lambda cost, bytes_: run(cost, wire_bytes={"received_per_unit": bytes_})
        kept = row_of(row, **{"ws4rs-io_uring": [wire(1, 344)], "bun": [wire(2, 343)], "ws": [wire(9, 300)]})
        said = self.states(row, kept)["ws4rs-io_uring", "no more bytes than the best peer"]
        self.assertEqual((said.got, said.state), ("344 B; bun 343 B; the least 300 B, ws", MET))

    def test_less_is_better_at_a_rate(self):
        kept = row_of(RATE, **{"ws4rs-io_uring": [open_loop(10004)], "bun": [open_loop(10000, p99=100.0)]})
        said = self.states(RATE, kept)
        self.assertEqual(said["ws4rs-io_uring", "at most 1.00 x best peer"].got, "1.001 x bun")
        self.assertEqual(said["ws4rs-io_uring", "no longer p99 than any peer"].state, NOT_MET)


class Kept(unittest.TestCase):
    def record(self, kept):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "record.json").write_text(json.dumps(kept))
            record = Record(Path(folder), ROWS)
        record.origin = {}
        return record

    def test_runs_under_another_load_are_dropped(self):
        rows = {"echo": row_of(ECHO, bun=[run(1)])}
        same, other = (self.record({"format": FORMAT, "rows": copy.deepcopy(rows)}) for _ in range(2))
        same.begin_row(ECHO, "reno")
        self.assertIn("bun", same.kept["rows"]["echo"]["servers"])
        other.begin_row(replace(ECHO, size="64"), "reno")
        self.assertEqual(other.kept["rows"]["echo"]["servers"], {})

    def test_a_record_of_another_format_or_machine_is_not_added_to(self):
        rows = {"echo": row_of(ECHO)}
        self.assertIsNone(self.record({"rows": {}}).unfit())
        self.assertIn("version", self.record({"rows": rows, "machine": machine()}).unfit())
        fits = {"format": FORMAT, "rows": rows, "machine": machine()}
        self.assertIsNone(self.record(fits).unfit())
        self.assertIn("kernel 1.0", self.record(fits | {"machine": machine() | {"kernel": "1.0"}}).unfit())

    def test_a_note_is_told_below_the_table(self):
        record = self.record({"rows": {}})
        record.notes = {"mine": "version 3"}
        given = SimpleNamespace(name="mine", given=True, command=("/some/where/mine", "--fast"))
        self.assertEqual(record.note(given), "`mine --fast`, version 3")
        self.assertEqual(record.note(SERVERS[0]), "")
        kept = row_of(ECHO, mine=[run(1)])
        kept["servers"]["mine"]["note"] = record.note(given)
        page = table({"machine": machine(), "rows": {"echo": kept}}, [ECHO])
        self.assertIn("- mine: `mine --fast`, version 3", page)


class Words(unittest.TestCase):
    def test_numbers_have_three_digits_and_no_exponent(self):
        told = [number(value) for value in (None, 0.0184, 99.96, 100.4, 999.5, 1234567.8)]
        self.assertEqual(told, ["", "0.0184", "100", "100", "1 000", "1 234 568"])

    def test_cores_are_a_list_of_those_that_are_there(self):
        first = min(os.sched_getaffinity(0))
        self.assertEqual(cores.permitted(str(first)), str(first))
        for wrong in ("x", "", "3-1", "99999"):
            self.assertRaises(argparse.ArgumentTypeError, cores.permitted, wrong)
