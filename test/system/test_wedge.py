"""The watchdog: a thread that hangs is named, and at last the process ends.

The threads of the real program are stopped one by one with ptrace.
"""

import pytest

import freezing
from common import for_two_workers
from documents import moment
from waiting import hold, wait_until

pytestmark = pytest.mark.skipif(not freezing.allowed(),
                                reason="may not ptrace a child")

# So long that nothing ends while a test looks.
LONG_S = 40


@pytest.fixture
def freeze(request):
    def do(agent, name):
        # The first one: a library's threads inherit the name of their maker.
        tid = min(t for t, n in agent.thread_names().items() if n == name)
        frozen = freezing.FrozenThread(tid)
        request.addfinalizer(frozen.thaw)
        return frozen
    return do


@pytest.fixture
def watched(make_agent, redis_server, tree):
    """An agent that is settled: r0 is its first worker's, r1 its second's."""
    def make(wedge_timeout, **keys):
        instances = for_two_workers(redis_server.address, ["r0"], ["r1"])
        agent = make_agent(instances, tree,
                           agent={"wedge_timeout": wedge_timeout,
                                  "workers": 2, **keys})
        for i in range(2):
            tree.wait_status(f"r{i}", "up", "ok")
        return agent
    return make


def wait_end(agent, frozen):
    """It ends by itself, although the frozen thread never runs again."""
    if frozen.tid == agent.pid:
        frozen.held = False
    else:
        wait_until(frozen.reap, agent.output)
    assert agent.wait_exit() == 1, agent.output()


def test_a_wedged_worker_is_named_and_its_instances_are_stuck_at_once(
        watched, tree, freeze):
    # By silence alone they would be stuck after three hours.
    agent = watched(f"{LONG_S}s", interval="60m")
    frozen = freeze(agent, "worker-0")
    e = agent.wait_event("wedged", thread="worker-0")
    assert e["level"] == "error"
    assert int(e["silent_ms"]) >= 1000
    assert moment(e["since"]) < moment(e["ts"])
    d = tree.wait_status("r0", "unknown", "stuck")
    assert "worker-0" in d["detail"]
    assert tree.status("r1")["status"] == "up"
    assert len(agent.events("wedged")) == 1
    frozen.thaw()
    agent.wait_event("unwedged", thread="worker-0")
    agent.stop()


def test_a_worker_that_hangs_for_good_ends_the_process(watched, tree, freeze):
    agent = watched("3s")
    frozen = freeze(agent, "worker-0")
    agent.wait_event("wedged", thread="worker-0")
    tree.wait_status("r0", "unknown", "stuck")
    assert tree.status("r1")["status"] == "up"
    wait_end(agent, frozen)
    e = agent.events("wedged_exit")
    assert [x["thread"] for x in e] == ["worker-0"]
    assert int(e[0]["silent_ms"]) >= 3000


def test_a_worker_that_goes_on_in_time_is_as_before(watched, tree, freeze):
    agent = watched(f"{LONG_S}s")
    frozen = freeze(agent, "worker-1")
    agent.wait_event("wedged", thread="worker-1")
    frozen.thaw()
    agent.wait_event("unwedged", thread="worker-1")
    for i in range(2):
        tree.wait_status(f"r{i}", "up", "ok")
    assert not agent.events("wedged_exit")
    agent.stop()


@pytest.mark.parametrize("name", ["loop", "publisher", "resolver"])
def test_any_other_thread_that_hangs_ends_the_process(watched, freeze, name):
    agent = watched("2s")
    # The first thread bears the name of the process.
    frozen = freeze(agent, "sentinel-agent" if name == "loop" else name)
    wait_end(agent, frozen)
    assert agent.events("wedged", thread=name)
    assert agent.events("wedged_exit", thread=name)


def test_a_process_that_was_stopped_wedges_nobody(watched, tree):
    agent = watched("2s")
    for _ in range(2):
        agent.freeze()
        hold(6, agent.state)
        agent.thaw()
        tree.wait_round("agent-1", 5)
    assert not agent.events("wedged"), agent.output()
    assert not agent.events("wedged_exit")
    agent.stop()


def test_a_quiet_agent_is_not_taken_for_a_wedged_one(
        make_agent, redis_server, tree):
    """Nothing to do for many times the time-out."""
    agent = make_agent({"r": redis_server.address}, tree,
                       agent={"interval": "60m", "wedge_timeout": "1s",
                              "workers": 3})
    tree.wait_status("r", "up", "ok")
    hold(6, agent.alive)
    assert agent.alive()
    assert not agent.events("wedged"), agent.output()
    agent.stop()
