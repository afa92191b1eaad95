"""The referee accuses whom it must, and nobody else."""

import datetime
import json

import pytest
from judge import Judge
from rules import Pace, Snapshot, Stalls, Truth, truth

BEGAN_WALL = 1_800_000_000.0
PACE = Pace()
BOUND = PACE.bound()
UP, DOWN = ("up", "ok"), ("down", "refused")


def when(seconds):
    at = datetime.datetime.fromtimestamp(BEGAN_WALL + seconds,
                                         datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Case:
    """One instance, r; times in seconds from the start."""

    def __init__(self):
        self.stalls = Stalls()
        self.judge = Judge(PACE, self.stalls, BEGAN_WALL)
        self.set(truth("up", 0, True))
        self.calm, self.sessions, self.wipes = 0, 0, 0

    def set(self, t):
        self.truth = t

    def snapshot(self):
        return Snapshot({"r": self.truth}, self.calm, self.sessions,
                        self.wipes)

    def document(self, status, seq=1, since=1, at=1):
        data = json.dumps({
            "schema": 1, "instance": "r", "address": "127.0.0.1:1",
            "status": status[0], "reason": status[1], "detail": "",
            "since": when(since), "checked": None, "rtt_us": None,
            "role": None, "server": None, "version": None,
            "started": None, "maintenance": False, "agent": "a",
            "round": 1, "seq": seq}).encode()
        return self.judge.document("r", data, self.snapshot(), at,
                                   BEGAN_WALL + at)

    def see(self, status, at, trusted=True, **keys):
        d = self.document(status, at=at, **keys)
        self.judge.status("r", d, trusted, self.snapshot(), at)
        return self

    def gone(self, at):
        self.judge.document("r", None, self.snapshot(), at, BEGAN_WALL + at)
        return self

    def beat(self, valid_until, at):
        data = valid_until and json.dumps({
            "schema": 1, "agent": "a", "host": "h", "pid": 1,
            "started": when(0), "round": 1, "interval_ms": 1000,
            "time": when(valid_until - 3), "valid_until": when(valid_until),
            "instances": 0, "up": 0, "degraded": 0, "down": 0,
            "unknown": 0, "except": []}).encode()
        return self.judge.heartbeat(data, "a", self.calm, at, BEGAN_WALL + at)

    def nodes(self, at, names=("r",), beat=True):
        self.judge.presence(set(names), beat, self.snapshot(), at)
        return self

    def errors(self):
        return self.judge.tally.errors


@pytest.fixture
def case():
    return Case()


def test_a_status_may_be_wrong_for_its_bound_and_no_longer(case):
    case.set(truth("down", 10, False, "kill"))
    case.see(UP, 10.1).see(UP, 10 + BOUND - 0.1)
    assert not case.errors()
    case.see(UP, 10 + BOUND + 0.1)
    assert len(case.errors()) == 1
    case.see(UP, 10 + BOUND + 0.2)
    assert len(case.errors()) == 1, "said once"


def test_unknown_may_last_for_the_bound_and_no_longer(case):
    case.see(UP, 1).see(UP, 2 * BOUND)
    case.see(("unknown", "stuck"), 3 * BOUND)
    case.see(("unknown", "stuck"), 4 * BOUND - 0.1)
    assert not case.errors()
    case.see(("unknown", "stuck"), 4 * BOUND + 0.1)
    assert "unknown" in case.errors()[0]


def test_a_false_down_is_accused_at_once(case):
    case.see(UP, 1).see(UP, 2 * BOUND).see(DOWN, 2 * BOUND + 1)
    assert "false verdict" in case.errors()[0]


def test_a_false_down_is_accused_even_while_something_disturbs(case):
    case.see(UP, 1).see(UP, 2 * BOUND)
    case.calm = None
    case.see(DOWN, 2 * BOUND + 1)
    assert "false verdict" in case.errors()[0]


def test_a_machine_that_stalls_excuses_a_false_down(case):
    case.see(UP, 1).see(UP, 2 * BOUND)
    case.stalls.add(2.0, now=2 * BOUND + 0.5)
    case.see(DOWN, 2 * BOUND + 1)
    assert not case.errors() and case.judge.tally.excused == 1


def test_a_stall_is_added_to_the_bound(case):
    case.set(truth("down", 10, False, "kill"))
    case.stalls.add(3.0, now=15)
    case.see(UP, 10 + BOUND + 2.9)
    assert not case.errors()
    case.see(UP, 10 + BOUND + 3.1)
    assert case.errors()


def test_what_no_reader_trusts_is_not_wrong(case):
    case.set(truth("down", 10, False, "kill"))
    case.see(UP, 10 + 5 * BOUND, trusted=False)
    assert not case.errors()


def test_a_disturbance_starts_the_bound_anew(case):
    case.set(truth("down", 10, False, "kill"))
    case.calm = None
    case.see(UP, 10 + 2 * BOUND)
    case.calm = 10 + 3 * BOUND
    case.see(UP, 10 + 4 * BOUND - 0.1)
    assert not case.errors()
    case.see(UP, 10 + 4 * BOUND + 0.1)
    assert case.errors()


def test_while_a_server_is_being_changed_anything_may_be_said(case):
    case.set(Truth(None, 10))
    case.see(DOWN, 10 + 5 * BOUND).see(UP, 10 + 6 * BOUND)
    assert not case.errors()


def test_the_wrong_reason_of_removed_is_wrong(case):
    case.set(truth("unknown", 10, False, "removed", "removed"))
    case.see(("unknown", "removed"), 10 + 2 * BOUND)
    assert not case.errors()
    case.see(("unknown", "pending"), 10 + 2 * BOUND + 1)
    case.see(("unknown", "pending"), 10 + 4 * BOUND)
    assert case.errors()


def test_no_valid_heartbeat_for_longer_than_the_bound_is_darkness(case):
    assert case.beat(valid_until=103, at=100)
    assert not case.beat(valid_until=103, at=104)
    assert not case.beat(None, at=104 + BOUND - 0.1)
    assert not case.errors()
    case.beat(valid_until=103, at=104 + BOUND + 0.1)
    assert "in the dark" in case.errors()[0]


@pytest.mark.parametrize("second, wrong", [
    (dict(seq=8), "seq decreased"),
    (dict(since=4), "since decreased"),
    (dict(since=500), "out of this world"),
])
def test_seq_and_since_never_go_back_nor_ahead(case, second, wrong):
    case.see(UP, 10, seq=9, since=5)
    case.see(UP, 11, **{"seq": 9, "since": 5, **second})
    assert wrong in case.errors()[0]


def test_a_since_that_moved_betrays_what_was_said_between_two_looks(case):
    case.see(UP, 1, seq=1).see(UP, 2 * BOUND, seq=1)
    case.see(UP, 2 * BOUND + 1, seq=3, since=8)
    assert "since moved" in case.errors()[0]


def test_a_restart_may_say_pending_and_then_the_old_since(case):
    case.see(UP, 1, seq=1).see(UP, 2 * BOUND, seq=1)
    case.calm = None
    case.see(("unknown", "pending"), 2 * BOUND + 1, seq=2, since=10)
    case.see(UP, 2 * BOUND + 2, seq=3, since=1)
    assert not case.errors()


def test_a_document_never_goes_but_when_zookeeper_is_wiped(case):
    case.see(UP, 10)
    case.wipes = 1
    case.gone(11)
    assert not case.errors()
    case.see(UP, 12).gone(13)
    assert "its document is gone" in case.errors()[0]


def test_a_wiped_zookeeper_excuses_a_lower_seq(case):
    case.see(UP, 10, seq=9)
    case.wipes += 1
    case.see(UP, 11, seq=1)
    assert not case.errors()


def test_a_held_node_that_vanishes_is_a_gap_whatever_disturbs(case):
    case.nodes(2 * BOUND)
    case.calm = None
    case.nodes(2 * BOUND + 1, names=())
    assert "alive/r vanished" in case.errors()[0]


def test_an_ended_session_excuses_a_gap_until_its_bound_is_over(case):
    case.nodes(2 * BOUND)
    case.sessions, case.calm = 1, 2 * BOUND + 2
    case.nodes(2 * BOUND + 1, names=(), beat=False)
    case.nodes(3 * BOUND + 1.9, names=(), beat=True)
    assert not case.errors()
    case.nodes(3 * BOUND + 2.1, names=())
    assert "not there" in case.errors()[0]


def test_the_node_of_a_server_that_died_must_go(case):
    case.nodes(2 * BOUND)
    case.set(truth("down", 3 * BOUND, False, "kill"))
    case.nodes(4 * BOUND - 0.1)
    assert not case.errors()
    case.nodes(4 * BOUND + 0.1)
    assert "still there" in case.errors()[0]


def test_the_agents_own_node_is_held_too(case):
    case.nodes(1)
    case.calm = None
    case.nodes(2, beat=False)
    assert case.errors() == ["agents/ID vanished"]


def test_bytes_that_are_no_document_are_an_error(case):
    assert case.judge.document("r", b"{}", case.snapshot(), 1,
                               BEGAN_WALL + 1) is None
    assert "not a status document" in case.errors()[0]
