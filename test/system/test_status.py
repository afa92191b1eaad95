"""From a real server's state to the verdict in ZooKeeper."""

import signal

import pytest
import redis

import documents
from agentproc import config_text
from common import zookeeper_keys
from documents import moment
from peers import (MASTER_INFO, REPLICA_INFO, REPLID, Full, Peer,
                   ScriptedRedis, closes_after_request, closes_at_once,
                   greets, read_command, resets_after_request, says)
from ports import reserve_port
from waiting import hold, wait_until

# What a busy machine may add to a time that an issue demands.
SLACK_S = 1.5


def test_a_served_instance_is_published_as_up_with_all_it_knows(
        make_agent, redis_server, tree):
    agent = make_agent({"cache-1": redis_server.address}, tree)
    d = tree.wait_status("cache-1", "up", "ok",
                         when=lambda d: d["version"] and d["role"])
    assert d["address"] == redis_server.address
    assert d["agent"] == "agent-1"
    assert d["role"] == "master"
    assert d["version"] == redis_server.identity()[1]
    assert d["rtt_us"] > 0
    assert d["maintenance"] is False
    assert moment(d["since"]) <= moment(d["checked"])
    h = tree.wait_round("agent-1")
    assert (h["instances"], h["up"], h["pid"]) == (1, 1, agent.pid)
    assert h["interval_ms"] == 200
    agent.stop()


def test_killed_and_restarted_it_is_down_refused_and_up_again(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    up = tree.wait_status("r", "up", "ok")
    redis_server.kill()
    down = tree.wait_status("r", "down", "refused")
    assert "refused" in down["detail"].lower()
    assert down["rtt_us"] is None
    assert down["version"] == up["version"], "the last known"
    assert moment(down["since"]) > moment(up["since"])
    redis_server.start()
    again = tree.wait_status("r", "up", "ok")
    assert moment(again["since"]) > moment(down["since"])
    agent.wait_event("status_changed", instance="r", count=3)
    agent.stop()


def test_a_killed_server_is_published_as_down_in_time(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       agent={"interval": "500ms", "retry_interval": "200ms",
                              "spread": "0%"})
    tree.wait_status("r", "up", "ok")
    tree.wait_round("agent-1")
    redis_server.kill()
    # The first contradicting probe follows this moment.
    killed = tree.heartbeat("agent-1")["time"]
    tree.wait_status("r", "down", "refused")
    stat = tree.status_and_stat("r")[1]
    bound = 0.5 + 0.5 + 3 * 0.2 + 0.3
    assert stat.mtime / 1000 - moment(killed) < bound + SLACK_S
    agent.stop()


def test_a_stopped_server_is_down_reply_timeout_and_comes_back(
        make_agent, redis_server, tree):
    make_agent({"r": {"address": redis_server.address, "timeout": "300ms"}},
               tree)
    tree.wait_status("r", "up", "ok")
    redis_server.freeze()
    d = tree.wait_status("r", "down", "reply_timeout")
    assert d["rtt_us"] is None
    redis_server.thaw()
    tree.wait_status("r", "up", "ok")


def test_one_lost_connection_is_reopened_before_it_counts(
        make_agent, redis_server, tree):
    """Redis closes idle clients; that is no fault."""
    agent = make_agent({"r": redis_server.address}, tree,
                       agent={"fall": 1, "rise": 1})
    tree.wait_status("r", "up", "ok")
    client = redis_server.client()
    for _ in range(5):
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME",
                               "yes")
        tree.wait_round("agent-1", 2)
    assert len(agent.events("status_changed", instance="r")) == 1
    agent.stop()


def test_a_connection_that_breaks_under_the_request_is_reopened(
        make_agent, make_peer, tree):
    """It looked open when the request went out; a new one serves."""
    class Moody(ScriptedRedis):
        def _talk(self, connection):
            pings = 0
            stream = connection.makefile("rb")
            while command := read_command(stream):
                pings += command == ["PING"]
                if pings == 2:
                    return
                connection.sendall(self._reply(command))

    server = make_peer(Moody())
    agent = make_agent({"r": server.address}, tree,
                       agent={"fall": 1, "rise": 1})
    tree.wait_status("r", "up", "ok")
    server.wait_accepted(6)
    assert len(agent.events("status_changed", instance="r")) == 1
    agent.stop()


# -- reasons of degraded, from real servers -----------------------------------

def test_a_server_that_loads_its_data_is_degraded_loading(
        make_agent, make_redis, tree):
    server = make_redis(save="3600 1", enable_debug_command="yes")
    server.client().execute_command("DEBUG", "POPULATE", 20000, "k", 100)
    server.client().save()
    server.kill()
    server.options.update({"key-load-delay": 2000,
                           "loading-process-events-interval-bytes": 1024})
    server.start()
    make_agent({"r": {"address": server.address, "timeout": "5s"}}, tree)
    d = tree.wait_status("r", "degraded", "loading")
    assert "LOADING" in d["detail"]


def test_a_server_in_a_long_script_is_degraded_busy(
        make_agent, make_redis, tree):
    server = make_redis(busy_reply_threshold=10)
    make_agent({"r": server.address}, tree)
    tree.wait_status("r", "up", "ok")
    client = server.client()
    connection = client.connection_pool.get_connection("EVAL")
    connection.send_command("EVAL", "while true do end", 0)
    try:
        d = tree.wait_status("r", "degraded", "busy")
        assert "BUSY" in d["detail"]
    finally:
        server.client().script_kill()
    tree.wait_status("r", "up", "ok")
    connection.disconnect()


def test_a_server_that_cannot_save_is_degraded_misconf(
        make_agent, make_redis, tree):
    server = make_redis(save="3600 1000000")
    make_agent({"r": server.address}, tree)
    tree.wait_status("r", "up", "ok")
    in_the_way = server.dir / "dump.rdb"
    in_the_way.mkdir()
    server.client().bgsave()
    d = tree.wait_status("r", "degraded", "misconf")
    assert "MISCONF" in d["detail"]
    in_the_way.rmdir()
    server.client().bgsave()
    tree.wait_status("r", "up", "ok")


def test_a_replica_without_its_master_is_degraded(
        make_agent, make_redis, tree):
    nobody = reserve_port()
    stale = make_redis(replicaof=f"127.0.0.1 {nobody}")
    strict = make_redis(replicaof=f"127.0.0.1 {nobody}",
                        replica_serve_stale_data="no")
    make_agent({"stale": stale.address, "strict": strict.address}, tree)
    d = tree.wait_status("stale", "degraded", "replica_link_down")
    assert d["role"] == "replica"
    d = tree.wait_status("strict", "degraded", "masterdown")
    assert "MASTERDOWN" in d["detail"]


def test_a_replica_with_its_master_is_up_until_the_master_dies(
        make_agent, make_redis, tree):
    master = make_redis()
    replica = make_redis(replicaof=f"127.0.0.1 {master.port}")
    make_agent({"m": {"address": master.address, "expect_role": "master"},
                "r": {"address": replica.address, "expect_role": "replica",
                      "max_lag": "1M"}}, tree)
    assert tree.wait_status("m", "up", "ok")["role"] == "master"
    assert tree.wait_status("r", "up", "ok")["role"] == "replica"
    master.kill()
    tree.wait_status("r", "degraded", "replica_link_down")
    tree.wait_status("m", "down", "refused")


def test_the_wrong_role_is_degraded_until_it_is_right(
        make_agent, redis_server, tree):
    make_agent({"r": {"address": redis_server.address,
                      "expect_role": "replica"},
                "same": {"address": redis_server.address,
                         "expect_role": "any"}}, tree)
    d = tree.wait_status("r", "degraded", "wrong_role")
    assert d["role"] == "master"
    tree.wait_status("same", "up", "ok")


def test_a_replica_too_far_behind_is_degraded_lag(
        make_agent, make_scripted, tree):
    master = make_scripted(
        info=MASTER_INFO.format(replid=REPLID, offset=20_000_000))
    replica = make_scripted(
        info=REPLICA_INFO.format(replid=REPLID, port=master.port,
                                 read=20_000_000, applied=1_000))
    make_agent({"m": master.address,
                "r": {"address": replica.address, "max_lag": "10M"},
                "unchecked": replica.address}, tree)
    tree.wait_status("r", "degraded", "lag")
    tree.wait_status("unchecked", "up", "ok")
    replica.info = REPLICA_INFO.format(
        replid=REPLID, port=master.port, read=20_000_000, applied=19_000_000)
    tree.wait_status("r", "up", "ok")


def test_a_replica_is_held_against_the_master_that_is_watched_too(
        make_agent, make_scripted, tree):
    """By itself it is not late: it has applied all that it has read."""
    others = {f"m{i}": make_scripted(info=MASTER_INFO.format(
        replid=f"{i:040}", offset=30_000_000)).address for i in range(3)}
    master = make_scripted(
        info=MASTER_INFO.format(replid=REPLID, offset=20_000_000))
    replica = make_scripted(
        info=REPLICA_INFO.format(replid=REPLID, port=master.port,
                                 read=1_000, applied=1_000))
    make_agent({**others, "m": master.address,
                "r": {"address": replica.address, "max_lag": "10M"}}, tree)
    d = tree.wait_status("r", "degraded", "lag")
    assert "behind m" in d["detail"]
    # Now it is another data set's.
    master.info = MASTER_INFO.format(replid="f" * 40, offset=20_000_000)
    tree.wait_status("r", "up", "ok")
    master.info = MASTER_INFO.format(replid=REPLID, offset=20_000_000)
    tree.wait_status("r", "degraded", "lag")


@pytest.mark.parametrize("reason, words", [
    ("loading", b"-LOADING Redis is loading the dataset in memory\r\n"),
    ("busy", b"-BUSY Redis is busy running a script.\r\n"),
    ("misconf", b"-MISCONF Redis is configured to save RDB snapshots\r\n"),
    ("masterdown", b"-MASTERDOWN Link with MASTER is down\r\n"),
])
def test_a_server_that_starts_to_refuse_is_degraded_and_recovers(
        make_agent, make_scripted, tree, reason, words):
    server = make_scripted()
    make_agent({"r": server.address}, tree)
    tree.wait_status("r", "up", "ok")
    server.replies["PING"] = words
    d = tree.wait_status("r", "degraded", reason)
    assert words[1:8].decode() in d["detail"]
    del server.replies["PING"]
    tree.wait_status("r", "up", "ok")


def test_within_a_status_a_new_reason_is_taken_over(
        make_agent, make_scripted, tree):
    server = make_scripted(
        replies={"PING": b"-LOADING Redis is loading\r\n"})
    agent = make_agent({"r": server.address}, tree)
    first = tree.wait_status("r", "degraded", "loading")
    server.replies["PING"] = b"-MISCONF disk\r\n"
    second = tree.wait_status("r", "degraded", "misconf")
    assert second["since"] == first["since"], "the status did not change"
    assert second["seq"] > first["seq"]
    agent.stop()


# -- reasons of down ----------------------------------------------------------

def down_instances(make_peer, make_redis, tmp_path):
    # Room for a connection that is kept, and for a new one beside it.
    full_redis = make_redis(maxclients=2)
    holder = redis.Redis(port=full_redis.port)
    held = [holder.connection_pool.get_connection("PING") for _ in range(2)]
    for connection in held:
        holder.connection_pool.release(connection)
    return holder, {
        "refused": f"127.0.0.1:{reserve_port()}",
        "unreachable": "224.0.0.1:6379",
        "connect_timeout": make_peer(Full()).address,
        "reply_timeout": make_peer(Peer()).address,
        "reset": make_peer(resets_after_request).address,
        "closed": make_peer(closes_after_request).address,
        "maxclients": full_redis.address,
        "protocol": make_peer(says(b"hello\r\n")).address,
    }


def test_each_reason_of_down_is_told_apart(
        make_agent, make_peer, make_redis, tree, tmp_path):
    holder, instances = down_instances(make_peer, make_redis, tmp_path)
    agent = make_agent(
        {name: {"address": address, "timeout": "500ms"}
         for name, address in instances.items()}, tree)
    assert set(instances) == documents.REASONS["down"]
    for name in instances:
        d = tree.wait_status(name, "down", name)
        assert d["detail"], d
    h = tree.wait_round("agent-1")
    assert h["down"] == len(instances)
    # Room for ours and for one that comes after it.
    holder.config_set("maxclients", 10)
    tree.wait_status("maxclients", "up", "ok")
    agent.stop()


def test_a_full_server_that_speaks_first_is_maxclients(
        make_agent, make_peer, tree):
    peer = make_peer(greets(b"-ERR max number of clients reached\r\n"))
    make_agent({"r": peer.address}, tree)
    d = tree.wait_status("r", "down", "maxclients")
    assert "max number of clients" in d["detail"]


def test_a_server_that_closes_at_once_is_closed_or_reset(
        make_agent, make_peer, tree):
    """Which of the two is the race between our write and its close."""
    peer = make_peer(closes_at_once)
    make_agent({"r": peer.address}, tree)
    d = tree.wait_status("r", "down")
    assert d["reason"] in ("closed", "reset")


# -- judgement, as seen from outside ------------------------------------------

def test_before_enough_results_the_status_is_unknown_pending(
        make_agent, redis_server, tree):
    make_agent({"r": redis_server.address}, tree, agent={"rise": 100})
    h = tree.wait_round("agent-1", 3)
    assert h["unknown"] == 1
    d = tree.wait_status("r", "unknown", "pending")
    assert d["seq"] == 1


def test_a_single_bad_probe_changes_nothing(make_agent, make_scripted, tree):
    server = make_scripted()
    agent = make_agent({"r": server.address}, tree)
    up = tree.wait_status("r", "up", "ok")
    asked = len(server.seen)
    server.replies["PING"] = b"-LOADING once\r\n"
    wait_until(lambda: ["PING"] in server.seen[asked:], "a probe")
    del server.replies["PING"]
    tree.wait_round("agent-1", 3)
    d = tree.status("r")
    # The race with a second and third probe is one that a loaded machine
    # can lose; then the agent says so itself.
    if not agent.events("status_changed", instance="r", to="degraded"):
        assert (d["status"], d["since"]) == ("up", up["since"])


def test_since_is_stable_and_seq_counts_every_write(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    first = tree.wait_status("r", "up", "ok")
    for status, change in (("down", redis_server.kill),
                           ("up", redis_server.start)):
        change()
        d = tree.wait_status("r", status)
        tree.wait_round("agent-1", 3)
        document, stat = tree.status_and_stat("r")
        assert document["since"] == d["since"]
        assert document["seq"] == stat.version + 1, "each write counts one"
        assert moment(document["since"]) > moment(first["since"])
        first = document
    agent.stop()


def test_publish_change_writes_nothing_while_nothing_changes(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    d = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    tree.wait_round("agent-1", 2)
    d = tree.status("r")
    tree.wait_round("agent-1", 10)
    assert tree.status("r") == d
    agent.stop()


def test_publish_round_writes_every_round(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"publish": "round"})
    first = tree.wait_status("r", "up", "ok")
    last = tree.wait_status("r", "up", "ok",
                            when=lambda d: d["round"] >= first["round"] + 5)
    assert last["since"] == first["since"]
    assert last["seq"] - first["seq"] >= 4
    assert moment(last["checked"]) > moment(first["checked"])
    document, stat = tree.status_and_stat("r")
    assert document["seq"] == stat.version + 1
    agent.stop()


def test_paused_is_probed_and_published_as_maintenance(
        make_agent, redis_server, tree):
    agent = make_agent({"r": {"address": redis_server.address,
                              "paused": "yes"}}, tree,
                       zookeeper={"presence": "yes"})
    d = tree.wait_status("r", "up", "ok")
    assert d["maintenance"] is True
    tree.wait_round("agent-1", 3)
    assert tree.alive("r") is None
    calls = redis_server.calls("ping")
    wait_until(lambda: redis_server.calls("ping") >= calls + 3, "probes")
    agent.stop()


def test_presence_comes_with_up_and_goes_with_down(
        make_agent, redis_server, make_scripted, tree):
    scripted = make_scripted()
    agent = make_agent({"r": redis_server.address, "s": scripted.address},
                       tree, zookeeper={"presence": "yes"})
    alive = wait_until(lambda: tree.alive("r"), "alive/r")
    assert list(alive) == documents.PRESENCE_KEYS
    assert alive == {"host": "127.0.0.1", "port": redis_server.port,
                     "name": "r", "agent": "agent-1"}
    # It may be there before the first heartbeat.
    tree.wait_round("agent-1")
    assert tree.owner("alive/r") == tree.owner("agents/agent-1") != 0
    redis_server.kill()
    wait_until(lambda: tree.alive("r") is None, "alive/r goes")
    tree.wait_status("r", "down")
    redis_server.start()
    wait_until(lambda: tree.alive("r"), "alive/r comes back")
    # It stays with degraded, and with unknown.
    wait_until(lambda: tree.alive("s"), "alive/s")
    for words, status in ((b"-LOADING x\r\n", "degraded"),
                          (b"-NOPERM x\r\n", "unknown")):
        scripted.replies["PING"] = words
        tree.wait_status("s", status)
        tree.wait_round("agent-1", 2)
        assert tree.alive("s")
    agent.stop()
    # Without a state_dir a clean stop ends the session.
    wait_until(lambda: tree.alive("s") is None, "alive/s goes")
    assert tree.status("s"), "a status is never deleted"


def test_without_presence_there_is_no_alive_node(
        make_agent, redis_server, tree):
    make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up")
    tree.wait_round("agent-1", 2)
    assert tree.children("alive") == []


def test_after_a_restart_since_and_seq_go_on(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    before = tree.wait_status("r", "up", "ok")
    agent.stop()
    agent.start()
    tree.wait_round("agent-1", 5)
    d = tree.wait_status("r", "up", "ok")
    assert d["since"] == before["since"]
    redis_server.kill()
    down = tree.wait_status("r", "down")
    document, stat = tree.status_and_stat("r")
    assert document["seq"] == stat.version + 1
    agent.kill()
    redis_server.start()
    agent.start()
    up = tree.wait_status("r", "up")
    assert moment(up["since"]) > moment(down["since"])
    document, stat = tree.status_and_stat("r")
    assert document["seq"] == stat.version + 1
    agent.stop()


def test_since_survives_a_life_that_ended_before_its_first_verdict(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    before = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    agent.stop()
    good = agent.config.read_text()
    agent.rewrite(config_text(
        {"r": redis_server.address},
        {"rise": 100, "interval": "10m", "retry_interval": "10m"},
        zookeeper_keys(tree)))
    agent.start()
    agent.wait_event("zk_connected", count=2)
    wait_until(lambda: agent.dump()[0]["zk_in_flight"] == "0",
               "everything was read")
    agent.kill()
    assert tree.status("r") == before, "nothing was written"
    agent.rewrite(good)
    agent.start()
    after = tree.wait_status("r", "up", "ok",
                             when=lambda d: d["seq"] > before["seq"])
    assert after["since"] == before["since"]
    agent.stop()


def test_what_is_no_document_of_ours_is_replaced(
        make_agent, redis_server, tree):
    zk = tree.client()
    zk.create(f"{tree.root}/instances/r", b"\xff{not json", makepath=True)
    make_agent({"r": redis_server.address}, tree)

    def up():
        node = tree.get("instances/r")
        return node and b'"status":"up"' in node[0].replace(b": ", b":")
    wait_until(up, "the node is replaced")
    assert tree.status("r")["seq"] >= 1


def test_a_stopped_agent_does_not_call_others_down(
        make_agent, redis_server, tree):
    """After a pause of its own it must not blame the servers."""
    agent = make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    tree.wait_round("agent-1")
    agent.freeze()
    calls = hold(3, lambda: redis_server.calls("ping"))
    assert calls[0] == calls[-1]
    agent.thaw()
    tree.wait_round("agent-1", 5)
    assert not agent.events("status_changed", instance="r", to="down")
    tree.wait_status("r", "up")
    agent.stop(number=signal.SIGINT)
