"""ZooKeeper absent, hung, killed, wiped, and the end of sessions."""

import time

import pytest
from kazoo.exceptions import NoAuthError

import documents
from documents import moment
from ports import reserve_port
from waiting import hold, wait_until
from watching import watching
from zookeeper import Tree

SLACK_S = 1.5


def settled_threads(agent, count):
    wait_until(lambda: agent.threads() == count,
               lambda: f"{count} threads, but {agent.thread_names()}")


def test_absent_at_start_it_is_found_when_it_comes(
        make_agent, redis_server, own_zookeeper, tmp_path):
    tree = Tree(own_zookeeper, "/deep/er/root")
    agent = make_agent({"r": redis_server.address,
                        "gone": f"127.0.0.1:{reserve_port()}"}, tree)
    agent.wait_event("status_changed", instance="r", to="up")
    agent.wait_event("status_changed", instance="gone", to="down")
    calls = redis_server.calls("ping")
    wait_until(lambda: redis_server.calls("ping") > calls + 5, "probes go on")
    own_zookeeper.start()
    tree.wait_status("r", "up", "ok")
    tree.wait_status("gone", "down", "refused")
    assert tree.wait_round("agent-1")["up"] == 1
    agent.stop()


def test_a_server_stopped_for_20_s_costs_nothing_but_the_news(
        make_agent, make_redis, own_tree):
    """Threads, descriptors, memory as before; probes on time; afterwards
    the latest statuses soon."""
    server = own_tree.server
    redises = [make_redis() for _ in range(4)]
    agent = make_agent({f"r{i}": r.address for i, r in enumerate(redises)},
                       own_tree, zookeeper={"session_timeout": "4s",
                                            "presence": "yes"})
    for i in range(4):
        own_tree.wait_status(f"r{i}", "up", "ok")
    own_tree.wait_round("agent-1", 5)
    threads, fds, rss = agent.threads(), agent.fds(), agent.rss_kb()
    connected = len(agent.events("zk_connected"))

    server.freeze()
    redises[0].kill()
    pings = [r.calls("ping") for r in redises[1:]]
    began = time.monotonic()
    samples = hold(20, lambda: (agent.threads(), agent.fds(), agent.rss_kb()))
    took = time.monotonic() - began
    for r, count in zip(redises[1:], pings):
        assert r.calls("ping") - count > 0.8 * took / 0.2
    # A handle under replacement has two threads, and its reaper one.
    assert max(s[0] for s in samples) <= threads + 3
    assert max(s[1] for s in samples) <= fds + 6
    if not agent.sanitized():
        assert max(s[2] for s in samples) - rss < 3072
    assert agent.events("status_changed", instance="r0", to="down")
    assert not [e for i in (1, 2, 3) for e in
                agent.events("status_changed", instance=f"r{i}", to="down")]

    server.thaw()
    own_tree.wait_status("r0", "down", "refused")
    usable = agent.wait_event("zk_connected", count=connected + 1)
    stat = own_tree.status_and_stat("r0")[1]
    assert stat.mtime / 1000 - moment(usable["ts"]) < 1 + SLACK_S
    h = own_tree.wait_round("agent-1", 3)
    assert (h["up"], h["down"]) == (3, 1)
    settled_threads(agent, threads)
    wait_until(lambda: agent.fds() <= fds, "descriptors as before")
    for i in (1, 2, 3):
        wait_until(lambda: own_tree.alive(f"r{i}"), f"alive/r{i}")
    wait_until(lambda: own_tree.alive("r0") is None, "alive/r0 goes")
    agent.stop()


def test_killed_and_restarted_it_gets_what_changed_meanwhile(
        make_agent, make_redis, any_own_tree):
    stays, goes = make_redis(), make_redis()
    agent = make_agent({"stays": stays.address, "goes": goes.address},
                       any_own_tree)
    before = any_own_tree.wait_status("stays", "up", "ok",
                                  when=lambda d: d["version"])
    any_own_tree.wait_status("goes", "up", "ok")
    threads = agent.threads()
    any_own_tree.server.kill()
    agent.wait_event("zk_disconnected")
    goes.kill()
    agent.wait_event("status_changed", instance="goes", to="down")
    any_own_tree.server.start()
    any_own_tree.wait_status("goes", "down", "refused")
    assert any_own_tree.wait_status("stays", "up")["since"] == before["since"]
    any_own_tree.wait_round("agent-1", 3)
    document, stat = any_own_tree.status_and_stat("goes")
    assert document["seq"] == stat.version + 1
    settled_threads(agent, threads)
    agent.stop()


def test_an_expired_session_is_replaced_and_everything_made_anew(
        make_agent, make_redis, any_tree):
    r = make_redis()
    agent = make_agent({"r": r.address}, any_tree,
                       zookeeper={"presence": "yes"})
    first = any_tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    wait_until(lambda: any_tree.alive("r"), "alive/r")
    any_tree.wait_round("agent-1")
    threads = agent.threads()
    for count in (1, 2, 3):
        owner = any_tree.owner("agents/agent-1")
        any_tree.server.expire(owner)
        agent.wait_event("zk_session_expired", count=count)
        for path in ("agents/agent-1", "alive/r"):
            wait_until(lambda: any_tree.owner(path) not in (None, owner),
                       f"{path} of a new session")
        assert any_tree.owner("agents/agent-1") == any_tree.owner("alive/r")
    assert any_tree.wait_status("r", "up")["since"] == first["since"]
    r.kill()
    any_tree.wait_status("r", "down", "refused")
    document, stat = any_tree.status_and_stat("r")
    assert document["seq"] == stat.version + 1
    settled_threads(agent, threads)
    agent.stop()


def test_an_agent_stopped_longer_than_its_session_recovers(
        make_agent, redis_server, any_tree):
    agent = make_agent({"r": redis_server.address}, any_tree,
                       zookeeper={"session_timeout": "1s"})
    any_tree.wait_status("r", "up", "ok")
    owner = wait_until(lambda: any_tree.owner("agents/agent-1"), "a heartbeat")
    agent.freeze()
    wait_until(lambda: any_tree.owner("agents/agent-1") is None,
               "the session ends")
    agent.thaw()
    agent.wait_event("zk_session_expired")
    wait_until(lambda: any_tree.owner("agents/agent-1") not in (None, owner),
               "a new session")
    any_tree.wait_status("r", "up", "ok")
    assert not agent.events("status_changed", instance="r", to="down")
    agent.stop()


def test_a_wiped_server_is_filled_again(make_agent, redis_server, any_own_tree):
    """It knows less than we have seen: the library alone never recovers."""
    agent = make_agent({"r": redis_server.address}, any_own_tree,
                       agent={"interval": "100ms"},
                       zookeeper={"session_timeout": "2s",
                                  "publish": "round"})
    any_own_tree.wait_status("r", "up", "ok", when=lambda d: d["seq"] > 5)
    any_own_tree.server.wipe()
    any_own_tree.wait_status("r", "up", "ok", timeout=60)
    any_own_tree.wait_round("agent-1", 2)
    agent.stop()
    # Told once each: the loss, and that the new server does not know us.
    assert len(agent.events("zk_disconnected")) == 1
    assert len(agent.events("zk_session_expired")) == 1


def test_kill_9_and_restart_inside_the_session_hides_no_node(
        make_agent, redis_server, any_tree):
    """With presence, no reader ever sees alive/NAME vanish."""
    agent = make_agent({"r": redis_server.address}, any_tree,
                       zookeeper={"presence": "yes",
                                  "session_timeout": "5s"})
    wait_until(lambda: any_tree.alive("r"), "alive/r")
    any_tree.wait_status("r", "up", "ok")
    old = any_tree.owner("alive/r")
    with watching(any_tree, "alive/r", "agents/agent-1") as watchers:
        agent.restart()
        for w in watchers:
            wait_until(lambda: w.owners() - {old},
                       f"{w.path} is taken over")
        wait_until(lambda: old not in any_tree.server.sessions(),
                   "the old session ends")
        any_tree.wait_round("agent-1", 3)
    agent.stop()


def test_what_dies_while_the_agent_is_away_loses_its_presence(
        make_agent, make_redis, any_tree):
    stays, dies = make_redis(), make_redis()
    agent = make_agent({"stays": stays.address, "dies": dies.address},
                       any_tree, zookeeper={"presence": "yes",
                                            "session_timeout": "20s"})
    for name in ("stays", "dies"):
        wait_until(lambda: any_tree.alive(name), f"alive/{name}")
    agent.kill()
    dies.kill()
    agent.start()
    any_tree.wait_status("dies", "down", "refused")
    wait_until(lambda: any_tree.alive("dies") is None, "alive/dies goes")
    assert any_tree.alive("stays")
    agent.stop()


def test_after_a_crash_for_good_only_ephemerals_go(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"presence": "yes",
                                  "session_timeout": "1s"})
    wait_until(lambda: tree.alive("r"), "alive/r")
    before = tree.wait_status("r", "up", "ok")
    agent.kill()
    wait_until(lambda: tree.alive("r") is None, "alive/r goes")
    wait_until(lambda: tree.heartbeat("agent-1") is None, "so does the agent")
    assert tree.status("r")["since"] == before["since"]


def test_a_thousand_instances_are_published_through_a_restart_of_zookeeper(
        make_agent, make_redis, own_tree):
    server = make_redis()
    agent = make_agent({f"r-{i}": server.address for i in range(1000)},
                       own_tree, agent={"interval": "2s"},
                       zookeeper={"presence": "yes"})

    def all_are(status):
        def look():
            h = own_tree.heartbeat("agent-1")
            return h and h[status] == 1000
        wait_until(look, lambda: own_tree.heartbeat("agent-1"))
        wait_until(lambda: int(agent.dump()[0]["zk_pending"]) == 0, "written")
        asked = [own_tree.client().get_async(
            f"{own_tree.root}/instances/r-{i}") for i in range(1000)]
        for i, answer in enumerate(asked):
            data, stat = answer.get(30)
            d = documents.check_status(data, f"r-{i}")
            assert (d["status"], d["seq"]) == (status, stat.version + 1)
    all_are("up")
    wait_until(lambda: len(own_tree.children("alive")) == 1000, "presence")
    threads = agent.threads()
    own_tree.server.kill()
    server.kill()
    agent.wait_event("zk_disconnected")
    wait_until(lambda: len(agent.events("status_changed", to="down")) == 1000,
               "all down")
    own_tree.server.start()
    all_are("down")
    wait_until(lambda: not own_tree.children("alive"), "no presence")
    settled_threads(agent, threads)
    agent.stop()


@pytest.fixture
def digest_file(tmp_path):
    def write(text, name="zk.secret"):
        path = tmp_path / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path
    return write


def test_acl_read_lets_the_world_read_and_only_us_write(
        make_agent, redis_server, tree, digest_file):
    keys = {"acl": "read", "digest_file": digest_file("agent:geheim"),
            "presence": "yes"}
    agent = make_agent({"r": redis_server.address}, tree, zookeeper=keys)
    tree.wait_status("r", "up", "ok")
    wait_until(lambda: tree.alive("r"), "alive/r")
    tree.wait_round("agent-1")
    for path in ("instances/r", "alive/r", "agents/agent-1", "instances",
                 "alive", "agents"):
        with pytest.raises(NoAuthError):
            tree.client().set(f"{tree.root}/{path}", b"x")
    for path in ("instances/r", "alive/r", "agents/agent-1"):
        with pytest.raises(NoAuthError):
            tree.client().delete(f"{tree.root}/{path}")
    agent.stop()
    assert "geheim" not in agent.output()


def test_acl_private_shows_nothing_to_others(
        make_agent, redis_server, tree, digest_file, request):
    keys = {"acl": "private", "digest_file": digest_file("agent:geheim")}
    agent = make_agent({"r": redis_server.address}, tree, zookeeper=keys)
    ours = Tree(tree.server, tree.root, credentials="agent:geheim")
    request.addfinalizer(ours.close)
    ours.wait_status("r", "up", "ok")
    with pytest.raises(NoAuthError):
        tree.client().get(f"{tree.root}/instances/r")
    agent.stop()


def test_acl_open_lets_everybody_write(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    tree.client().set(f"{tree.root}/instances/r", b"x")
    redis_server.kill()

    def down():
        node = tree.get("instances/r")
        return node and b'"down"' in node[0]
    wait_until(down, "the node is ours again")
    agent.stop()


def test_a_wrong_digest_is_said_and_hurts_nothing_else(
        make_agent, redis_server, tree, digest_file):
    """ZooKeeper does not detect it; it refuses the writes."""
    right = {"acl": "read", "digest_file": digest_file("agent:geheim")}
    agent = make_agent({"r": redis_server.address}, tree, zookeeper=right)
    before = tree.wait_status("r", "up", "ok")
    agent.stop()
    wrong = {"acl": "read",
             "digest_file": digest_file("agent:falsch", "wrong.secret")}
    other = make_agent({"r": redis_server.address}, tree, zookeeper=wrong)
    other.wait_event("publish_failed")
    other.wait_event("status_changed", instance="r", to="up")
    redis_server.kill()
    other.wait_event("status_changed", instance="r", to="down")
    after = tree.status("r")
    assert after["status"] == "up" and after["since"] == before["since"]
    failures = len(other.events("publish_failed"))
    assert failures < 20, "a refusal is no reason for a hot loop"
    other.stop()
    assert "falsch" not in other.output()


def test_one_of_several_servers_is_enough(make_agent, redis_server, tree):
    nobody = [f"127.0.0.1:{reserve_port()}" for _ in range(2)]
    servers = ",".join([nobody[0], tree.server.address, nobody[1]])
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"servers": servers})
    tree.wait_status("r", "up", "ok")
    tree.server.expire(wait_until(lambda: tree.owner("agents/agent-1"),
                                  "a heartbeat"))
    agent.wait_event("zk_session_expired")
    tree.wait_round("agent-1", 3)
    agent.stop()


def test_a_root_of_slash_is_allowed(make_agent, redis_server, own_zookeeper):
    own_zookeeper.start()
    tree = Tree(own_zookeeper, "")
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"root": "/"})
    tree.wait_status("r", "up", "ok")
    agent.stop()


def test_an_instance_of_its_own_name_for_every_letter(
        make_agent, redis_server, tree):
    name = "A-z_0.9" + "x" * 33
    agent = make_agent({name: redis_server.address}, tree,
                       zookeeper={"presence": "yes"})
    tree.wait_status(name, "up", "ok")
    wait_until(lambda: tree.alive(name), "presence")
    agent.stop()


def test_without_zookeeper_everything_else_works(make_agent, redis_server):
    agent = make_agent({"r": redis_server.address})
    agent.wait_event("status_changed", instance="r", to="up")
    head, _ = agent.dump()
    assert int(head["round"]) > 0
    redis_server.kill()
    agent.wait_event("status_changed", instance="r", to="down",
                     reason="refused")
    agent.stop()
