"""Two agents with one NAME, and two agents with one ID."""

import json

from agentproc import run
from ports import reserve_port
from waiting import hold, wait_until
from watching import watching

KEYS = {"presence": "yes", "refresh": "1s", "session_timeout": "4s"}


def node(tree, path):
    """What a write would change, whatever it writes."""
    found = tree.get(path)
    return found and (found[1].czxid, found[1].mzxid)


def agent_of(tree, path):
    found = tree.get(path)
    return json.loads(found[0])["agent"] if found else None


def is_held_by(tree, agent):
    return all(agent_of(tree, path) == agent
               for path in ("instances/r", "alive/r"))


def start_holder(make_agent, tree, address, **options):
    a = make_agent({"r": address}, tree, agent={"id": "a"},
                   zookeeper=KEYS, **options)
    tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    tree.wait_round("a", 1)
    wait_until(lambda: is_held_by(tree, "a"), "a presence")
    return a


def test_the_second_leaves_it_alone_until_the_first_is_gone(
        make_agent, redis_server, tree):
    a = start_holder(make_agent, tree, redis_server.address)
    b = make_agent({"r": redis_server.address}, tree, agent={"id": "b"},
                   zookeeper=KEYS)
    said = b.wait_event("conflict", kind="instance",
                        path=f"{tree.root}/instances/r", agent="a")
    assert said["host"] == tree.heartbeat("a")["host"]
    tree.wait_round("b", 10)
    assert is_held_by(tree, "a")
    assert b.dump()[0]["zk_conflicts"] == "1"
    assert b.dump()[0]["zk_pending"] == "0"
    assert len(b.events("conflict")) == 1, "once"
    a.kill()
    wait_until(lambda: is_held_by(tree, "b"), b.output)
    b.wait_event("conflict_over", path=f"{tree.root}/instances/r")
    assert b.dump()[0]["zk_conflicts"] == "0"
    # Back again, it finds the other one there.
    a.start()
    a.wait_event("conflict", agent="b")
    tree.wait_round("a", 5)
    assert is_held_by(tree, "b")
    assert not a.events("drift") and not b.events("drift")
    a.stop()
    assert is_held_by(tree, "b")
    b.stop()


def test_a_crash_of_the_first_hands_nothing_to_the_second(
        make_agent, make_redis, tree):
    """Though its old session ends long before its first heartbeat, for which
    it waits for a server that hangs."""
    r, hangs = make_redis(), make_redis()
    a = make_agent({"r": r.address, "hangs": hangs.address}, tree,
                   agent={"id": "a", "interval": "10s",
                          "retry_interval": "2s"}, zookeeper=KEYS)
    for name in ("r", "hangs"):
        tree.wait_status(name, "up")
    wait_until(lambda: tree.heartbeat("a"), "a heartbeat")
    b = make_agent({"r": r.address}, tree, agent={"id": "b"}, zookeeper=KEYS)
    b.wait_event("conflict", agent="a")
    hangs.freeze()
    with watching(tree, "agents/a", "alive/r"):
        a.restart()
        wait_until(lambda: tree.heartbeat("a")["pid"] == a.pid, a.output)
    hangs.thaw()
    assert is_held_by(tree, "a")
    assert not b.events("conflict_over")
    a.stop()
    b.stop()


def test_what_they_see_differently_does_not_flap(
        make_agent, redis_server, tree):
    a = start_holder(make_agent, tree, redis_server.address)
    b = make_agent({"r": f"127.0.0.1:{reserve_port()}"}, tree,
                   agent={"id": "b"}, zookeeper=KEYS)
    b.wait_event("status_changed", instance="r", to="down")
    b.wait_event("conflict")
    before = node(tree, "instances/r"), node(tree, "alive/r")
    seen = hold(3, lambda: (node(tree, "instances/r"), node(tree, "alive/r")))
    assert set(seen) == {before}
    a.stop()
    tree.wait_status("r", "down", "refused", when=lambda d: d["agent"] == "b")
    wait_until(lambda: tree.alive("r") is None, "the presence goes")
    b.stop()


def test_of_two_that_start_together_one_has_it(
        make_agent, redis_server, tree):
    agents = [make_agent({"r": redis_server.address}, tree,
                         agent={"id": name}, zookeeper=KEYS, start=False)
              for name in "ab"]
    for agent in agents:
        agent.spawn()
    for name in "ab":
        tree.wait_round(name, 10)
    wait_until(lambda: sum(int(a.dump()[0]["zk_conflicts"]) for a in agents)
               == 1, "one leaves it to the other")
    wait_until(lambda: agent_of(tree, "alive/r") ==
               agent_of(tree, "instances/r"), "both nodes are one agent's")
    before = node(tree, "instances/r"), node(tree, "alive/r")
    seen = hold(3, lambda: (node(tree, "instances/r"), node(tree, "alive/r")))
    assert set(seen) == {before}
    for agent in agents:
        agent.stop()


def test_what_another_gave_up_is_free(make_agent, make_redis, tree):
    first, second = make_redis().address, make_redis().address
    a = make_agent({"r": first, "s": second}, tree, agent={"id": "a"},
                   zookeeper=KEYS)
    tree.wait_status("r", "up")
    tree.wait_round("a")
    b = make_agent({"r": first}, tree, agent={"id": "b"}, zookeeper=KEYS)
    b.wait_event("conflict", agent="a")
    text = a.config.read_text()
    a.reload(text[:text.index("[redis:r]")] + text[text.index("[redis:s]"):])
    tree.wait_status("r", "up", when=lambda d: d["agent"] == "b")
    b.wait_event("conflict_over")
    a.stop()
    b.stop()


def test_a_check_once_says_who_holds_it(
        make_agent, redis_server, write_config, tree):
    a = start_holder(make_agent, tree, redis_server.address)
    before = node(tree, "instances/r")
    done = run("--check-once", "-c",
               write_config({"r": redis_server.address}, tree))
    assert done.returncode == 0, done.stderr
    assert "1 of 1 that agent a on " in done.stdout
    assert node(tree, "instances/r") == before
    a.stop()


def holds_heartbeat(tree, agent):
    beat = tree.heartbeat("agent-1")
    return beat is not None and beat["pid"] == agent.pid


def test_two_with_one_id_keep_to_who_was_first(
        make_agent, make_redis, tree):
    """The second watches another instance, of which nothing is written."""
    first = make_agent({"r": make_redis().address}, tree, zookeeper=KEYS)
    tree.wait_status("r", "up")
    tree.wait_round("agent-1")
    second = make_agent({"s": make_redis().address}, tree, zookeeper=KEYS)
    said = second.wait_event("conflict", kind="agent_id", agent="agent-1",
                             path=f"{tree.root}/agents/agent-1")
    assert said["host"] == tree.heartbeat("agent-1")["host"]
    second.wait_event("status_changed", instance="s", to="up")
    before = node(tree, "instances/r")
    tree.wait_round("agent-1", 10)
    assert holds_heartbeat(tree, first)
    assert tree.children("instances") == ["r"]
    assert tree.children("alive") == ["r"]
    assert node(tree, "instances/r") == before
    assert not first.events("conflict") and not first.events("drift")

    first.kill()
    wait_until(lambda: holds_heartbeat(tree, second), second.output)
    second.wait_event("conflict_over", kind="agent_id")
    tree.wait_status("s", "up")

    # In the other order too.
    first.start()
    first.wait_event("conflict", kind="agent_id")
    tree.wait_round("agent-1", 10)
    assert holds_heartbeat(tree, second)
    assert not second.events("drift")
    first.stop()
    assert holds_heartbeat(tree, second)
    second.stop()


def test_of_two_with_one_id_that_start_together_one_goes_on(
        make_agent, redis_server, tree):
    agents = [make_agent({"r": redis_server.address}, tree, zookeeper=KEYS,
                         start=False) for _ in range(2)]
    for agent in agents:
        agent.spawn()
    wait_until(lambda: tree.heartbeat("agent-1"), "a heartbeat")
    wait_until(lambda: sum(len(a.events("conflict", kind="agent_id"))
                           for a in agents) == 1, "one writes nothing")
    other, holder = sorted(agents, key=lambda a: holds_heartbeat(tree, a))
    assert other.events("conflict") and not holder.events("conflict")
    owner = tree.owner("agents/agent-1")
    tree.wait_round("agent-1", 15)
    assert tree.owner("agents/agent-1") == owner
    assert holds_heartbeat(tree, holder)
    holder.stop()
    wait_until(lambda: holds_heartbeat(tree, other), other.output)
    other.stop()


def test_one_of_our_id_on_another_host_is_waited_for(
        make_agent, redis_server, tree):
    rival = tree.server.client()
    try:
        beat = {"schema": 1, "agent": "agent-1", "host": "elsewhere",
                "pid": 1}
        rival.create(f"{tree.root}/agents/agent-1",
                     json.dumps(beat).encode(), ephemeral=True, makepath=True)
        agent = make_agent({"r": redis_server.address}, tree, zookeeper=KEYS)
        agent.wait_event("conflict", kind="agent_id", host="elsewhere")
        agent.wait_event("status_changed", instance="r", to="up")
        hold(2, lambda: None)
        assert tree.children("instances") == []
        assert tree.children("alive") == []
        assert agent.dump()[0]["zk_pending"] == "0"
    finally:
        rival.stop()
        rival.close()
    tree.wait_status("r", "up", "ok")
    wait_until(lambda: holds_heartbeat(tree, agent), agent.output)
    agent.wait_event("conflict_over", kind="agent_id")
    agent.stop()


def test_a_conflict_does_not_hold_up_a_stop(make_agent, redis_server, tree):
    a = start_holder(make_agent, tree, redis_server.address)
    for name in ("a", "b"):
        other = make_agent({"r": redis_server.address}, tree,
                           agent={"id": name, "stop_timeout": "20s"},
                           zookeeper=KEYS)
        other.wait_event("conflict")
        other.stop(timeout=15)
    assert is_held_by(tree, "a")
    a.stop()
