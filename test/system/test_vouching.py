"""What the heartbeat vouches for when ZooKeeper refuses single nodes for
good: nothing that is not so."""

import json
import time

import pytest
from kazoo.security import ACL, ANYONE_ID_UNSAFE, Permissions

import agentproc
from documents import moment
from httpclient import HttpClient
from waiting import wait_until
from zookeeper import ZooKeeper


@pytest.fixture
def own_zookeeper(tmp_path):
    """A server that holds nodes to their quotas (not started yet)."""
    server = ZooKeeper(tmp_path / "zookeeper").choose_port()
    server.argv.insert(1, "-Dzookeeper.enforceQuota=true")
    yield server
    server.close_reader()
    server.kill()


def limit(tree, path, hard):
    """HARD: the limit of nodes or bytes below PATH, as the server writes
    it."""
    at = f"/zookeeper/quota{tree.root}/{path}"
    used = len(tree.get(path)[0])
    client = tree.client()
    client.ensure_path(at)
    client.create(f"{at}/zookeeper_stats", b"count=1,bytes=%d" % used)
    client.create(f"{at}/zookeeper_limits",
                  f"count=-1,bytes=-1=;{hard}".encode())


def unlimit(tree, path):
    tree.client().delete(f"/zookeeper/quota{tree.root}/{path}",
                         recursive=True)


@pytest.fixture
def read(own_tree):
    """The README's reader, on our server."""
    code = (agentproc.ROOT / "README.md").read_text()
    code = code.split("\n```python\n")[1].split("\n```")[0]
    names = {}
    exec(code.replace("127.0.0.1:2181", own_tree.server.address), names)
    yield names["status"]
    names["zk"].stop()
    names["zk"].close()


def from_zookeeper(agent):
    done = agentproc.run("--status", "--from-zookeeper", "--format", "json",
                         "-c", agent.config)
    return {i["instance"]: i for i in json.loads(done.stdout)["instances"]}


def refuse_down(tree, name="r"):
    """The document that is there fits just so: a longer one does not."""
    size = len(tree.get(f"instances/{name}")[0]) + 8
    limit(tree, f"instances/{name}", f"byteHardLimit={size}")


def test_what_a_quota_keeps_out_is_not_vouched_for(
        watch, make_redis, own_tree, read):
    victim, other = make_redis(), make_redis()
    agent = watch({"r": victim.address, "ok": other.address}, own_tree)
    own_tree.wait_status("r", "up", when=lambda d: d["version"])
    own_tree.wait_status("ok", "up", when=lambda d: d["version"])
    own_tree.wait_round("agent-1")
    assert (read("r"), read("ok")) == ("up", "up")
    refuse_down(own_tree)
    victim.kill()
    agent.wait_event("status_changed", instance="r", to="down")
    agent.wait_event("publish_failed", path=f"{own_tree.root}/instances/r")
    wait_until(lambda: own_tree.heartbeat("agent-1")["except"] == ["r"],
               lambda: own_tree.heartbeat("agent-1"))
    assert own_tree.status("r")["status"] == "up"
    assert (read("r"), read("ok")) == ("unknown", "up")
    row = from_zookeeper(agent)["r"]
    assert (row["status"], row["was"], row["trusted"]) == \
        ("unknown", "up", False)
    assert row["why"] == "agent-1 does not vouch for it: ZooKeeper refuses " \
        "what it would write"
    assert from_zookeeper(agent)["ok"]["trusted"]
    http = HttpClient(agent.http)
    zookeeper = http.json("/status")["zookeeper"]
    assert (zookeeper["not_vouched"], zookeeper["except"]) == (1, ["r"])
    assert "sentinel_agent_zookeeper_not_vouched 1\n" in http.text("/metrics")
    why = http.json("/instances/r")["zookeeper"]
    assert (why["state"], why["why"]) == ("refused", "ZooKeeper refuses it")
    unlimit(own_tree, "instances/r")
    own_tree.wait_status("r", "down")
    wait_until(lambda: own_tree.heartbeat("agent-1")["except"] == [],
               "it is vouched for again")
    assert read("r") == "down"
    agent.stop()


def test_the_page_tells_what_is_not_vouched_for(
        watch, make_redis, own_tree, open_page):
    victim = make_redis()
    agent = watch({"r": victim.address}, own_tree)
    own_tree.wait_status("r", "up", when=lambda d: d["version"])
    refuse_down(own_tree)
    victim.kill()
    wait_until(lambda: own_tree.heartbeat("agent-1")["except"] == ["r"],
               lambda: own_tree.heartbeat("agent-1"))
    page = open_page(agent)
    seen = page.wait(lambda s: "not vouched for" in s.zookeeper,
                     "what is not vouched for")
    assert "not vouched forr" in seen.zookeeper.replace("\n", "")
    page.wait(lambda s: "ZooKeeper refuses it" in
              page.run("return document.getElementById('rows').innerText"),
              "a row that says so")
    agent.stop()


def test_of_more_than_can_be_named_nothing_is_vouched_for(
        make_agent, redis_server, own_tree):
    own_tree.client().create(f"{own_tree.root}/instances", b"", makepath=True)
    limit(own_tree, "instances", "countHardLimit=1")
    agent = make_agent({f"r{i}": redis_server.address for i in range(51)},
                       own_tree)
    said = agent.wait_event("heartbeat_withheld")
    assert said["refused"] == "51"
    last = own_tree.heartbeat("agent-1")
    wait_until(lambda: time.time() > moment(last["valid_until"]), "it is old")
    assert own_tree.heartbeat("agent-1") == last
    unlimit(own_tree, "instances")
    agent.wait_event("heartbeat_goes_on")
    wait_until(lambda: (h := own_tree.heartbeat("agent-1")) != last and
               h["except"] == [], agent.output)
    own_tree.wait_status("r50", "up")
    agent.stop()


def test_a_heartbeat_that_may_not_be_deleted_is_made_again(
        make_agent, redis_server, tree):
    """The parents are an administrator's, who gave no right to delete: the
    heartbeat of an earlier life cannot be taken over.  When it has ended with
    its session, there is one again."""
    no_delete = Permissions.READ | Permissions.WRITE | Permissions.CREATE
    acl = [ACL(no_delete, ANYONE_ID_UNSAFE)]
    for path in ("", "/instances", "/agents", "/alive"):
        tree.client().create(tree.root + path, b"", acl=acl)
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"session_timeout": "4s", "presence": "yes"})
    tree.wait_status("r", "up")
    tree.wait_round("agent-1")
    wait_until(lambda: tree.alive("r"), "a presence")
    agent.restart()
    refused = agent.wait_event("publish_failed",
                               path=f"{tree.root}/agents/agent-1")
    assert refused["code"] == "no_auth"
    wait_until(lambda: (h := tree.heartbeat("agent-1")) and
               h["pid"] == agent.pid,
               lambda: f"{tree.heartbeat('agent-1')}\n{agent.output()}", 60)
    wait_until(lambda: tree.alive("r"), "its presence is there again", 60)
    wait_until(lambda: agent.dump()[0]["zk_pending"] == "0", agent.output)
    agent.stop()


def test_a_heartbeat_with_a_child_is_told_with_the_way_out(
        make_agent, redis_server, tree):
    at = f"{tree.root}/agents/agent-1"
    tree.client().create(f"{at}/child", b"", makepath=True)
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"session_timeout": "4s"})
    said = agent.wait_event("publish_failed", path=at)
    assert said["detail"] == "take over: the node has children (-111): " \
        "delete them: they are not the agent's"
    tree.wait_status("r", "up")
    tree.client().delete(f"{at}/child")
    wait_until(lambda: tree.owner("agents/agent-1"), agent.output)
    tree.wait_round("agent-1")
    agent.stop()


def test_check_once_does_not_vouch_for_what_it_could_not_write(
        write_config, make_redis, tree, agent_id):
    victim, other = make_redis(), make_redis()
    config = write_config({"r": victim.address, "ok": other.address}, tree,
                          zookeeper={"publish_timeout": "2s"})
    done = agentproc.run("--check-once", "-c", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tree.heartbeat(agent_id)["except"] == []
    tree.client().set_acls(f"{tree.root}/instances/r",
                           [ACL(Permissions.READ, ANYONE_ID_UNSAFE)])
    victim.kill()
    done = agentproc.run("--check-once", "-c", config)
    assert done.returncode == 2, "an instance is down"
    assert "not published within 2000 ms" in done.stdout
    assert "no right to do it" in done.stdout
    heartbeat = tree.heartbeat(agent_id)
    assert (heartbeat["down"], heartbeat["except"]) == (1, ["r"])
    assert tree.status("r")["status"] == "up"
