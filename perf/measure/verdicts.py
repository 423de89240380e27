"""What was aimed at, what came out, and whether that is enough."""

import math
from dataclasses import dataclass

from .figures import best
from .servers import LIMIT, MAIN, MIO, PEER, TWO_WORKERS, UWEBSOCKETS

MET, NOT_MET, DRAW = "met", "**not met**", "within the spread"
APART, UNKNOWN = "measured apart", "not measured"

ROUNDED = 1.005  # no more bytes than another's: half a per cent is chance


@dataclass
class Verdict:
    server: str
    goal: str
    got: str
    state: str


def verdicts(row, found):
    named = {figure.server: figure for figure in found}
    said = []
    if main := named.get(MAIN):
        said += goals_of_main(row, found, main)
    if mio := named.get(MIO):
        other = next((named[name] for name in UWEBSOCKETS if name in named), None)
        said.append(multiple(row, mio, 1, "uWebSockets", other))
    if (two := named.get(TWO_WORKERS)) and not row.less_is_better:
        said.append(multiple(row, two, 0.95, "one worker", main))
    return said


def goals_of_main(row, found, main):
    goal, peer = row.goal, best(found, PEER)
    if goal.peer:
        yield multiple(row, main, goal.peer, "best peer", peer)
    if goal.limit:
        yield multiple(row, main, goal.limit, "limit", best(found, LIMIT))
    if goal.wire:
        yield wire(found, main, peer)
    if goal.at_most:
        state = judged((main.low, main.high), (goal.at_most, goal.at_most), less_is_better=True)
        yield Verdict(main.server, f"at most {goal.at_most:.0f}", f"{main.median:.0f}", state)
    if goal.p99:
        yield p99(found, main)


def multiple(row, ours, wanted, name, other):
    """Ours as a multiple of another one's."""
    goal = f"{'at most' if row.less_is_better else 'at least'} {wanted:.2f} x {name}"
    if not other:
        return Verdict(ours.server, goal, "", UNKNOWN)
    # Towards the side where the goal is missed: 1.31 is not printed for what is less.
    towards = math.ceil if row.less_is_better else math.floor
    got = f"{towards(1000 * ours.median / other.median) / 1000:.3f} x {other.server}"
    state = judged((ours.low, ours.high), (wanted * other.low, wanted * other.high), row.less_is_better)
    return Verdict(ours.server, goal, got, together(ours, other, state))


def wire(found, main, peer):
    goal = "no more bytes than the best peer"
    if not peer:
        return Verdict(main.server, goal, "", UNKNOWN)
    least = min((figure for figure in found if figure.role == PEER), key=lambda figure: figure.wire)
    got = f"{main.wire:.0f} B; {peer.server} {peer.wire:.0f} B; the least {least.wire:.0f} B, {least.server}"
    state = MET if main.wire <= ROUNDED * peer.wire else NOT_MET
    return Verdict(main.server, goal, got, together(main, peer, state))


def p99(found, main):
    goal = "no longer p99 than any peer"
    peers = [figure for figure in found if figure.role == PEER and figure.p99s]
    if not peers or not main.p99s:
        return Verdict(main.server, goal, "", UNKNOWN)
    peer = min(peers, key=lambda figure: figure.p99)
    got = f"{main.p99:.0f} µs; {peer.server} {peer.p99:.0f} µs"
    ours, theirs = ((min(figure.p99s), max(figure.p99s)) for figure in (main, peer))
    return Verdict(main.server, goal, got, together(main, peer, judged(ours, theirs, less_is_better=True)))


def judged(ours, wanted, less_is_better):
    """By the ranges: where they overlap it is a draw."""
    if less_is_better:
        ours, wanted = ([-value for value in reversed(spread)] for spread in (ours, wanted))
    if ours[0] >= wanted[1]:
        return MET
    return NOT_MET if ours[1] < wanted[0] else DRAW


def together(ours, other, state):
    """A verdict is of servers that were measured in turn, in one run of the matrix."""
    return state if ours.date == other.date else APART
