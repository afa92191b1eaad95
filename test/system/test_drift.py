"""What others do to the agent's nodes, and what no agent keeps any more."""

import json
import signal

import pytest

from agentproc import config_text, run
from common import zookeeper_keys
from waiting import wait_until

QUICK = {"refresh": "1s", "presence": "yes"}
NODES = ["instances/r", "alive/r", "agents/agent-1"]


@pytest.fixture
def watched(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree, zookeeper=QUICK)
    tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    tree.wait_round("agent-1", 2)
    wait_until(lambda: tree.alive("r"), "a presence")
    return agent


def delete(client, path, data):
    client.delete(path)


def change(client, path, data):
    client.set(path, data)


def replace(client, path, data):
    both = client.transaction()
    both.delete(path)
    both.create(path, data)
    both.commit()


def is_right(tree, path, session):
    found = tree.get(path)
    if found is None or found[1].ephemeralOwner != session:
        return False
    try:
        return json.loads(found[0])["agent"] == "agent-1"
    except ValueError:
        return False


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("meddle, what", [
    (delete, "deleted"), (change, "changed"), (replace, "replaced")])
def test_it_is_repaired_and_said(watched, tree, node, meddle, what):
    owner = tree.owner(node)
    seq = tree.status("r")["seq"]
    path = f"{tree.root}/{node}"
    data = b'{"schema":1,"agent":"nobody-9"}' if node == NODES[0] else b"junk"
    meddle(tree.client(), path, data)
    said = watched.wait_event("drift", path=path)
    assert said["what"] == what, said
    if what == "deleted":
        assert (said["by"], said["found"]) == ("?", "-1")
    else:
        assert said["by"] == ("nobody-9" if node == NODES[0] else "?")
        assert int(said["found"]) >= 0 and said["changed"].endswith("Z")
    wait_until(lambda: is_right(tree, node, owner),
               lambda: f"{node}: {tree.get(node)}")
    if node == NODES[0]:
        assert tree.wait_status("r", "up")["seq"] > seq
    head, _ = watched.dump()
    assert (head["zk_drifts"], head["zk_conflicts"]) == ("1", "0")
    assert not watched.events("conflict")
    watched.stop()


def test_nothing_else_is_drift(make_agent, redis_server, own_tree):
    """Lost replies, a server killed, a session expired, an agent frozen."""
    server = own_tree.server
    agent = make_agent({"r": redis_server.address}, own_tree,
                       zookeeper={**QUICK, "session_timeout": "4s",
                                  "publish": "round"})
    own_tree.wait_round("agent-1", 2)
    for _ in range(2):
        lost = len(agent.events("zk_disconnected"))
        server.freeze()
        wait_until(lambda: len(agent.events("zk_disconnected")) > lost,
                   agent.output)
        server.thaw()
        own_tree.wait_round("agent-1", 3)
    for _ in range(2):
        server.kill()
        server.start()
        own_tree.wait_round("agent-1", 3)
    for _ in range(2):
        new = len(agent.events("zk_connected", new="true"))
        server.expire(own_tree.owner("agents/agent-1"))
        agent.wait_event("zk_connected", count=new + 1, new="true")
        own_tree.wait_round("agent-1", 6)
    wait_until(lambda: own_tree.alive("r"), "a presence")
    head, _ = agent.dump()
    assert (head["zk_drifts"], head["zk_conflicts"]) == ("0", "0"), \
        agent.output()
    agent.stop()


@pytest.fixture
def two_known(make_agent, make_redis, tree):
    """An agent that was stopped, and its config's parts."""
    instances = {"r": make_redis().address, "s": make_redis().address}
    agent = make_agent(instances, tree)
    for name in instances:
        tree.wait_status(name, "up", when=lambda d: d["version"])
    tree.client().create(f"{tree.root}/instances/t",
                         b'{"schema":1,"agent":"other","status":"up"}')
    agent.stop()
    return agent, instances


def assert_removed(tree, before, name="s"):
    after = tree.wait_status(name, "unknown", "removed")
    assert after["detail"] == "no longer configured"
    assert after["seq"] == before["seq"] + 1
    assert after["since"] > before["since"]
    for key in ("address", "role", "version", "agent", "checked"):
        assert after[key] == before[key], key


def test_what_left_the_config_while_it_was_stopped_is_removed(
        two_known, tree):
    agent, instances = two_known
    before = tree.status("s")
    kept = tree.get("instances/t")
    agent.rewrite(config_text({"r": instances["r"]}, None,
                              zookeeper_keys(tree)))
    agent.start()
    assert_removed(tree, before)
    agent.wait_event("orphan", instance="s")
    tree.wait_status("r", "up")
    # Neither again at the next start, nor anybody else's.
    agent.stop()
    removed = tree.get("instances/s")[1].version
    agent.start()
    tree.wait_round("agent-1", 3)
    agent.stop()
    assert tree.get("instances/s")[1].version == removed
    assert tree.get("instances/t") == kept


def test_what_left_the_config_under_cron_is_removed(
        make_redis, write_config, tree):
    instances = {"r": make_redis().address, "s": make_redis().address}
    assert run("--check-once", "-c",
               write_config(instances, tree)).returncode == 0
    before = tree.status("s")
    # A part of the config is no other config.
    run("--check-once", "-c", write_config(instances, tree),
        "--instance", "r")
    assert tree.status("s") == before
    # So many that they are not all found while the probe is under way.
    # No list names them, as in a tree of an earlier version.
    tree.client().delete(f"{tree.root}/owned/{before['agent']}")
    many = [f"old-{i}" for i in range(200)]
    for name in many:
        tree.client().create(f"{tree.root}/instances/{name}",
                             tree.get("instances/s")[0].replace(
                                 b'"instance":"s"',
                                 b'"instance":"%s"' % name.encode()))
    less = write_config({"r": instances["r"]}, tree)
    done = run("--check-once", "-c", less)
    assert done.returncode == 0, done.stderr
    assert_removed(tree, before)
    assert {tree.status(name)["reason"] for name in many} == {"removed"}
    assert tree.heartbeat(before["agent"])["instances"] == 1


def test_a_stop_in_the_middle_of_a_refresh_is_a_stop(watched, tree):
    for _ in range(3):
        watched.signal(signal.SIGTERM)
        watched.wait_exit()
        assert watched.proc.returncode == 0
        watched.start()
        tree.wait_round("agent-1", 1)
    assert not watched.events("drift")
    watched.stop()
