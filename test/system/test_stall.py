"""The agent's own stalls, and wall clocks that jump, are nobody's fault."""

import json
import os
import random
import subprocess

import pytest

from agentproc import agent_bin
from documents import moment
from peers import ScriptedRedis, read_command
from process import Process
from wallclock import WallClock
from waiting import hold, wait_until

# Any false result would flip the status.
HARSH = {"rise": 1, "fall": 1}
# Longer than any timeout here but those that are to run out.
PAUSE_S = 2.5
HOURS_5 = 5 * 3600


def probing(agent):
    """Waits until a probe is under way that gets no answer."""
    wait_until(lambda: any(job["phase"] in ("auth", "reply")
                           for job in agent.dump()[1]),
               "a probe waits for its reply")


def verdicts(agent, name="r"):
    return [(e["event"], e["to"], e["reason"]) for e in agent.log_events()
            if e["event"] in ("status_changed", "reason_changed")
            and e["instance"] == name]


UP = ("status_changed", "up", "ok")


def test_a_machine_that_was_paused_with_its_servers_calls_none_down(
        make_agent, redis_server, tree):
    """The server had no more time to answer than we had to listen."""
    agent = make_agent({"r": redis_server.address}, tree,
                       agent={**HARSH, "timeout": "4s"})
    tree.wait_status("r", "up", "ok")
    for n in (1, 2):
        redis_server.freeze()
        probing(agent)
        agent.freeze()
        hold(4.5, lambda: None)
        agent.thaw()
        wait_until(lambda: int(agent.dump()[0]["voided"]) >= n,
                   "a void result")
        redis_server.thaw()
        tree.wait_round("agent-1", 3)
    assert verdicts(agent) == [UP]
    assert len(agent.events("stalled", thread="loop")) >= 2
    assert agent.events("stalled", thread="worker-0")
    told = wait_until(lambda: [e for e in agent.events("stalled")
                               if int(e.get("voided", 0)) > 0],
                      "how many were void")
    assert int(told[0]["late_ms"]) > 3000
    agent.stop()


def test_stops_at_any_phase_flip_nothing(make_agent, redis_server, tree):
    """By turns the connections die meanwhile, so that many a phase is cut
    short, and the server is stopped as well and goes on a little later."""
    names = [f"r{i}" for i in range(20)]
    agent = make_agent({n: redis_server.address for n in names}, tree,
                       agent={**HARSH, "interval": "100ms",
                              "timeout": "1500ms"})
    for n in names:
        tree.wait_status(n, "up", "ok")
    client = redis_server.client()
    rng = random.Random(7)
    for i in range(6):
        hold(rng.random() * 0.2, lambda: None, pause=0.01)
        if i % 2:
            redis_server.freeze()
            hold(0.05, lambda: None, pause=0.05)
            agent.freeze()
        else:
            agent.freeze()
            client.execute_command("CLIENT", "KILL", "TYPE", "normal",
                                   "SKIPME", "yes")
        hold(PAUSE_S, lambda: None)
        agent.thaw()
        hold(0.1, lambda: None)
        redis_server.thaw()
        agent.wait_event("stalled", i + 1, thread="loop")
        tree.wait_round("agent-1", 2)
    for n in names:
        assert verdicts(agent, n) == [UP]
    agent.stop()


def test_a_server_that_died_while_the_agent_slept_is_found_dead(
        make_agent, make_redis, tree):
    dead, hung = make_redis(), make_redis()
    agent = make_agent({"dead": dead.address, "hung": hung.address}, tree,
                       agent={**HARSH, "timeout": "1s", "connect_interval": "1s"})
    tree.wait_status("dead", "up", "ok")
    tree.wait_status("hung", "up", "ok")
    agent.freeze()
    dead.kill()
    hung.freeze()
    hold(PAUSE_S, lambda: None)
    agent.thaw()
    tree.wait_status("dead", "down", "refused")
    tree.wait_status("hung", "down", "reply_timeout")
    hung.thaw()
    tree.wait_status("hung", "up", "ok")
    assert verdicts(agent, "dead") == [UP, ("status_changed", "down",
                                            "refused")]
    agent.stop()


class Spinners:
    """Keeps every core busy, with some to spare, at normal priority."""

    def __init__(self, directory):
        self.children = [
            Process(["sh", "-c", "while :; do :; done"], directory / "spin")
            for _ in range(2 * os.cpu_count())]

    def __enter__(self):
        for child in self.children:
            child.spawn()

    def __exit__(self, *exc):
        for child in self.children:
            child.kill()


def starve(agent):
    """Leaves it what nobody else wants of the processors."""
    for tid in agent.thread_names():
        os.sched_setscheduler(tid, os.SCHED_IDLE, os.sched_param(0))
    try:
        # sched(7): policies compare within a session only.
        with open(f"/proc/{agent.pid}/autogroup", "w") as f:
            f.write("19")
    except FileNotFoundError:
        pass


class ShortLived(ScriptedRedis):
    """Takes 100 ms for its last answer and then hangs up, so that every probe
    has to connect, and has to wait."""

    def _talk(self, connection):
        stream = connection.makefile("rb")
        while command := read_command(stream):
            last = command[:2] == ["INFO", "replication"]
            if last:
                self.stopping.wait(0.1)
            connection.sendall(self._reply(command))
            if last:
                return


def test_a_starved_agent_calls_nobody_down(make_agent, make_peer, tmp_path):
    server = make_peer(ShortLived())
    names = [f"r{i}" for i in range(10)]
    # The peer has a hard time, too: it is to be late by less than the half.
    agent = make_agent({n: server.address for n in names},
                       agent={**HARSH, "interval": "100ms",
                              "timeout": "1500ms"})
    for n in names:
        agent.wait_event("status_changed", instance=n, to="up")
    starve(agent)
    with Spinners(tmp_path):
        hold(10, lambda: None)
    agent.dump()
    for n in names:
        assert not agent.events("status_changed", instance=n, to="down")
    agent.stop()


def test_an_agent_that_is_stopped_again_and_again_doubts_itself(
        make_agent, make_scripted, tree):
    server = make_scripted()
    agent = make_agent({"r": server.address}, tree,
                       agent={"rise": 1, "fall": 100, "interval": "100ms",
                              "timeout": "1s", "connect_interval": "1s"})
    tree.wait_status("r", "up", "ok")
    server.replies.update({"CLIENT": b"", "PING": b"", "INFO": b""})

    def stop_in_probe():
        """At the first probe that the machine lets us stop in time."""
        probing(agent)
        agent.freeze()
        hold(1.2, lambda: None)
        agent.thaw()
        return agent.events("status_changed", instance="r", to="unknown")
    assert wait_until(stop_in_probe, agent.output, 60)[0]["reason"] == "doubt"
    d = tree.wait_status("r", "unknown", "doubt")
    assert "the agent was stalled" in d["detail"]
    server.replies.clear()
    tree.wait_status("r", "up", "ok")
    agent.stop()


# -- --check-once -------------------------------------------------------------

@pytest.fixture
def silent(make_scripted):
    return make_scripted(replies={"CLIENT": b"", "PING": b"", "INFO": b""})


@pytest.fixture
def check_once(write_config, tmp_path, request):
    def start(address):
        config = write_config({"r": address},
                              agent={**HARSH, "timeout": "2s"})
        done = Process([agent_bin(), "--check-once", "-c", config,
                        "--format", "json"], tmp_path / "err",
                       stdout=subprocess.PIPE)
        request.addfinalizer(done.kill)
        return done.spawn()
    return start


def sleep_in_probe(check, server, nth):
    """Stops the check while its NTH probe waits for a reply."""
    wait_until(lambda: server.seen.count(["PING"]) >= nth, "a request")
    check.freeze()
    hold(PAUSE_S, lambda: None)


def outcome(check):
    out = json.loads(check.proc.stdout.read())
    return check.wait_exit(), out["instances"][0]


def test_a_check_that_slept_asks_again(check_once, silent):
    check = check_once(silent.address)
    sleep_in_probe(check, silent, 1)
    silent.replies.clear()
    check.thaw()
    code, seen = outcome(check)
    assert (code, seen["status"], seen["reason"]) == (0, "up", "ok"), seen
    assert silent.seen.count(["PING"]) == 2


def test_a_check_that_sleeps_all_the_time_knows_nothing(check_once, silent):
    check = check_once(silent.address)
    sleep_in_probe(check, silent, 1)
    check.thaw()
    sleep_in_probe(check, silent, 2)
    check.thaw()
    code, seen = outcome(check)
    assert (code, seen["status"], seen["reason"]) == \
        (3, "unknown", "doubt"), seen
    assert "stalled" in seen["detail"]


# -- the wall clock -----------------------------------------------------------

@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path / "clock")


def test_a_wall_clock_that_jumps_changes_no_status_and_stops_no_heartbeat(
        make_agent, redis_server, tree, clock):
    agent = make_agent({"r": redis_server.address}, tree, agent=HARSH,
                       prefix=clock.prefix)
    up = tree.wait_status("r", "up", "ok")
    beat = tree.wait_round("agent-1")
    for offset_s in (HOURS_5, -HOURS_5, 0):
        jumped_s = offset_s - clock.offset_s
        clock.set(offset_s)
        before, beat = beat, tree.wait_round("agent-1", 5)
        moved_s = moment(beat["time"]) - moment(before["time"])
        assert abs(moved_s - jumped_s) < 60
    assert verdicts(agent) == [UP]
    assert not agent.events("stalled", thread="loop")
    assert tree.status("r")["since"] == up["since"]
    # The next change is found as ever.
    clock.set(-HOURS_5)
    redis_server.kill()
    tree.wait_status("r", "down", "refused")
    agent.stop()


def test_a_clock_set_back_between_two_lives_holds_up_no_heartbeat(
        make_agent, redis_server, tree, clock):
    """The earlier life's heartbeat seems to vouch for hours."""
    agent = make_agent({"r": redis_server.address}, tree,
                       prefix=clock.prefix)
    tree.wait_status("r", "up", "ok")
    tree.wait_round("agent-1")
    agent.kill()
    clock.set(-HOURS_5)
    # A first verdict that does not come soon.
    agent.rewrite(agent.config.read_text().replace("rise = 2", "rise = 100")
                  .replace("retry_interval = 100ms", "retry_interval = 1s"))
    agent.start()
    wait_until(lambda: (h := tree.heartbeat("agent-1"))
               and h["pid"] == agent.pid, "a heartbeat of the second life")
    agent.stop()
