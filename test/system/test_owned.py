"""owned/ID: what a start must know of the tree, whatever stands in it."""

import json
import re

import pytest

from waiting import wait_until

FOREIGN = 1000


def owned(tree, agent="agent-1"):
    node = tree.get(f"owned/{agent}")
    return None if node is None else node[0].decode().splitlines()


def wait_owned(tree, *names):
    wait_until(lambda: owned(tree) == list(names),
               lambda: f"{names} in owned, but {owned(tree)}")


def foreign(number):
    return json.dumps({
        "schema": 1, "instance": f"f-{number}", "address": "127.0.0.1:1",
        "status": "up", "reason": "ok", "agent": "agent-2", "seq": 1,
    }, separators=(",", ":")).encode()


@pytest.fixture
def crowded(tree):
    """A tree in which another agent's documents stand."""
    client = tree.client()
    client.ensure_path(f"{tree.root}/instances")
    for result in [client.create_async(f"{tree.root}/instances/f-{n}",
                                       foreign(n)) for n in range(FOREIGN)]:
        result.get(30)
    return tree


def requests(tree, agent="agent-1"):
    """What AGENT's session has sent to the server on its connection."""
    session = wait_until(lambda: tree.owner(f"agents/{agent}"), "a session")
    text = tree.server.four_letters("cons", 10)
    line = next(line for line in text.splitlines()
                if f"sid={session:#x}," in line)
    return int(re.search(r"recved=(\d+)", line).group(1))


def test_a_start_reads_no_document_of_others(
        make_agent, redis_server, crowded):
    crowded.client().create(f"{crowded.root}/owned/agent-1", b"r\n",
                            makepath=True)
    make_agent({"r": redis_server.address}, crowded,
               agent={"interval": "60s"})
    crowded.wait_status("r", "up")
    wait_owned(crowded, "r")
    assert requests(crowded) < 20


def test_a_tree_of_before_is_searched_once(
        make_agent, redis_server, crowded):
    crowded.client().create(
        f"{crowded.root}/instances/left", json.dumps({
            **json.loads(crowded.get("instances/f-1")[0]),
            "instance": "left", "agent": "agent-1"}).encode())
    agent = make_agent({"r": redis_server.address}, crowded,
                       agent={"interval": "60s"})
    wait_until(lambda: json.loads(crowded.get("instances/left")[0])["reason"]
               == "removed", "left is removed", 60)
    wait_owned(crowded, "r")
    assert requests(crowded) > FOREIGN
    agent.stop()
    agent.start()
    crowded.wait_status("r", "up")
    wait_until(lambda: crowded.heartbeat("agent-1"), "a heartbeat")
    assert requests(crowded) < 20


def test_who_left_the_config_meanwhile_is_removed(
        make_agent, redis_server, tree):
    at = redis_server.address
    agent = make_agent({"r": at, "leaves": at}, tree)
    wait_owned(tree, "leaves", "r")
    tree.wait_status("leaves", "up")
    agent.kill()
    agent.rewrite(agent.config.read_text().replace("[redis:leaves]",
                                                   "[redis:comes]"))
    agent.start()
    tree.wait_status("leaves", "unknown", "removed")
    wait_owned(tree, "comes", "r")


def test_a_reload_changes_the_list(make_agent, redis_server, tree):
    at = redis_server.address
    agent = make_agent({"r": at, "leaves": at}, tree)
    wait_owned(tree, "leaves", "r")
    agent.rewrite(agent.config.read_text().replace("[redis:leaves]",
                                                   "[redis:comes]"))
    agent.reload()
    tree.wait_status("leaves", "unknown", "removed")
    tree.wait_status("comes", "up")
    wait_owned(tree, "comes", "r")


def test_more_names_than_a_document_may_hold(make_agent, make_redis, tree):
    names = [f"instance-number-{n:04d}" for n in range(1500)]
    at = make_redis().address
    agent = make_agent({n: at for n in names}, tree,
                       agent={"interval": "30s"})
    wait_owned(tree, *names)
    agent.stop()
    agent.rewrite(agent.config.read_text().replace(
        f"[redis:{names[0]}]", "[redis:comes]"))
    agent.start()
    tree.wait_status(names[0], "unknown", "removed")
    wait_owned(tree, "comes", *names[1:])
