"""What the heartbeat vouches for when ZooKeeper refuses single nodes for
good: nothing that is not so."""

import json
import re
import time

import pytest
from kazoo.security import OPEN_ACL_UNSAFE, Permissions, make_acl

import agentproc
from documents import moment
from waiting import wait_until
from watching import watching
from zookeeper import ZooKeeper

INTERVAL_S = 0.2


@pytest.fixture
def own_zookeeper(tmp_path):
    """A server that holds nodes to their quotas (not started yet)."""
    server = ZooKeeper(tmp_path / "zookeeper").choose_port()
    server.argv.insert(1, "-Dzookeeper.enforceQuota=true")
    yield server
    server.close_reader()
    server.kill()


def limit(tree, path, size):
    """No write may make the node larger than SIZE bytes."""
    at = f"/zookeeper/quota{tree.root}/{path}"
    used = len(tree.get(path)[0])
    client = tree.client()
    client.ensure_path(at)
    client.create(f"{at}/zookeeper_stats", b"count=1,bytes=%d" % used)
    client.create(f"{at}/zookeeper_limits",
                  b"count=-1,bytes=-1=;byteHardLimit=%d" % size)


def unlimit(tree, path):
    tree.client().delete(f"/zookeeper/quota{tree.root}/{path}",
                         recursive=True)


def trusted(tree, name):
    """As the README tells a reader to."""
    document = tree.status(name)
    heartbeat = tree.heartbeat(document["agent"])
    return (heartbeat is not None and
            moment(heartbeat["valid_until"]) > time.time() and
            name not in heartbeat["except"])


def from_zookeeper(agent):
    done = agentproc.run("--status", "--from-zookeeper", "--format", "json",
                         "-c", agent.config)
    return {i["instance"]: i for i in json.loads(done.stdout)["instances"]}


def refuse_down(tree, name="r"):
    """The document that is there fits just so: a longer one does not."""
    limit(tree, f"instances/{name}", len(tree.get(f"instances/{name}")[0]) + 8)


def test_what_a_quota_keeps_out_is_not_vouched_for(
        watch, make_redis, own_tree):
    victim, other = make_redis(), make_redis()
    agent = watch({"r": victim.address, "ok": other.address}, own_tree)
    own_tree.wait_status("r", "up", when=lambda d: d["version"])
    own_tree.wait_status("ok", "up", when=lambda d: d["version"])
    own_tree.wait_round("agent-1")
    assert trusted(own_tree, "r")
    refuse_down(own_tree)
    victim.kill()
    agent.wait_event("status_changed", instance="r", to="down")
    agent.wait_event("publish_failed", path=f"{own_tree.root}/instances/r")
    wait_until(lambda: own_tree.heartbeat("agent-1")["except"] == ["r"],
               lambda: own_tree.heartbeat("agent-1"))
    assert own_tree.status("r")["status"] == "up"
    assert not trusted(own_tree, "r")
    assert trusted(own_tree, "ok")
    row = from_zookeeper(agent)["r"]
    assert (row["status"], row["was"], row["trusted"]) == \
        ("unknown", "up", False)
    assert row["why"] == "agent-1 does not vouch for it: ZooKeeper refuses " \
        "what it would write"
    assert from_zookeeper(agent)["ok"]["trusted"]
    unlimit(own_tree, "instances/r")
    own_tree.wait_status("r", "down")
    wait_until(lambda: trusted(own_tree, "r"), "it is vouched for again")
    agent.stop()
