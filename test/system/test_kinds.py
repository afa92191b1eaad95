"""What answers PING and is no plain Redis; and what INFO says of a Redis."""

import re
import socket

import pytest

from documents import moment
from peers import ScriptedRedis, bulk
from ports import reserve_port
from process import Process
from waiting import wait_until

QUICK = {"interval": "200ms", "info_interval": "200ms",
         "retry_interval": "100ms", "rise": 1, "fall": 2}


class Twemproxy(Process):
    """Debian's nutcracker before one Redis."""

    def __init__(self, directory, server, **keys):
        directory.mkdir()
        self.port = reserve_port()
        config = directory / "nutcracker.yml"
        lines = [f"listen: 127.0.0.1:{self.port}", "redis: true",
                 "timeout: 400", "server_retry_timeout: 100", "servers:",
                 f" - {server}:1"]
        lines[-2:-2] = [f"{k}: {v}" for k, v in keys.items()]
        config.write_text("pool:\n" + "".join(f"  {x}\n" for x in lines))
        super().__init__(["nutcracker", "-c", config, "-a", "127.0.0.1", "-s",
                          str(reserve_port())], directory / "log",
                         cwd=directory)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        def serves():
            assert self.alive(), self.output()
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                    # No client: its CLIENT SETINFO would end the connection.
                    s.sendall(b"*1\r\n$4\r\nPING\r\n")
                    return s.recv(64) == b"+PONG\r\n"
            except OSError:
                return False
        self.spawn()
        wait_until(serves, self.output)
        return self


@pytest.fixture
def twemproxy(tmp_path, request, redis_server):
    proxy = Twemproxy(tmp_path / "nutcracker", redis_server.address)
    request.addfinalizer(proxy.kill)
    return proxy.start()


def info_of(http, name):
    return http.json(f"/instances/{name}")["info"]


def test_twemproxy_is_up_and_shows_a_dead_backend_by_a_key(
        make_served, twemproxy, redis_server, tree):
    """It closes the connection over INFO, and over what came before."""
    agent, http = make_served(
        {"plain": twemproxy.address,
         "ping": {"address": twemproxy.address, "probe": "ping"},
         "key": {"address": twemproxy.address, "probe_key": "health"},
         "strict": {"address": twemproxy.address, "expect_role": "master"}},
        tree, agent=QUICK)
    for name in "plain", "ping", "key":
        d = tree.wait_status(name, "up", "ok")
        assert d["role"] is d["server"] is d["version"] is d["started"] is None
    tree.wait_status("strict", "unknown", "no_info")
    assert info_of(http, "plain") == "refused: the connection is closed"
    assert info_of(http, "ping") == "not asked"
    told = [e for e in agent.log_events() if e["event"] == "info_refused"]
    assert sorted(e["instance"] for e in told) == ["key", "plain", "strict"]
    redis_server.kill()
    d = tree.wait_status("key", "degraded", "backend")
    assert d["detail"].startswith("EXISTS: ")
    tree.wait_status("plain", "up", "ok")
    redis_server.start()
    tree.wait_status("key", "up", "ok")


ENVOY = {"CLIENT": b"-unsupported command 'CLIENT'\r\n",
         "INFO": b"-unsupported command 'INFO'\r\n"}
MINIREDIS = {"INFO": b"-section (replication) is not supported\r\n"}
REDIS_24 = {"CLIENT": b"-ERR unknown command 'CLIENT'\r\n",
            "INFO": b"-ERR wrong number of arguments for 'info' command\r\n"}
SSDB = {"CLIENT": b"-ERR Unknown Command: client\r\n",
        "INFO": b"*4\r\n$7\r\nversion\r\n$5\r\n1.9.9\r\n$5\r\nlinks\r\n:1\r\n"}


@pytest.mark.parametrize("replies", [ENVOY, MINIREDIS, REDIS_24, SSDB],
                         ids=["envoy", "miniredis", "redis-2.4", "ssdb"])
def test_what_refuses_info_is_up_all_the_same(
        make_served, make_scripted, tree, replies):
    server = make_scripted(replies=replies)
    agent, http = make_served(
        {"r": server.address,
         "role": {"address": server.address, "expect_role": "master"},
         "lag": {"address": server.address, "max_lag": "1M"}},
        tree, agent=QUICK)
    d = tree.wait_status("r", "up", "ok")
    assert d["role"] is d["server"] is d["version"] is None
    tree.wait_status("role", "unknown", "no_info")
    tree.wait_status("lag", "unknown", "no_info")
    assert info_of(http, "r").startswith("refused: ")
    wait_until(lambda: [e for e in agent.log_events()
                        if e["event"] == "info_refused"
                        and e["instance"] == "r"], agent.output)
    assert server.accepted <= 6, "the connections are kept"


@pytest.mark.parametrize("words, reason", [
    (b"-CLUSTERDOWN Hash slot not served\r\n", "cluster_down"),
    (b"-no upstream host\r\n", "backend")], ids=["cluster", "envoy"])
def test_an_error_to_ping_means_what_it_says(
        make_agent, make_scripted, tree, words, reason):
    server = make_scripted(replies={"PING": words})
    make_agent({"r": server.address}, tree, agent=QUICK)
    tree.wait_status("r", "degraded", reason)


def test_too_few_replicas_are_no_replicas(make_agent, make_redis, tree):
    master = make_redis(min_replicas_to_write=1)
    make_agent({"r": master.address}, tree, agent=QUICK)
    tree.wait_status("r", "degraded", "no_replicas")
    make_redis(replicaof=f"127.0.0.1 {master.port}", min_replicas_to_write=1)
    tree.wait_status("r", "up", "ok")


def test_a_cluster_that_does_not_serve_is_cluster_down(
        make_agent, make_redis, tree):
    node = make_redis(cluster_enabled="yes", cluster_port=reserve_port())
    make_agent({"r": {"address": node.address, "probe_key": "health"}}, tree,
               agent=QUICK)
    d = tree.wait_status("r", "degraded", "cluster_down")
    assert d["detail"] == "cluster_state is fail"
    client = node.client()
    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    tree.wait_status("r", "up", "ok")


def test_a_sentinel_is_one(make_agent, make_redis, tree, tmp_path):
    master = make_redis()
    node = make_redis(start=False)
    program = Process(
        ["redis-server", node.dir / "redis.conf", "--sentinel"],
        node.dir / "log", cwd=node.dir)
    (node.dir / "redis.conf").write_text(
        f"port {node.port}\nbind 127.0.0.1\ndir {node.dir}\n"
        f"sentinel monitor m 127.0.0.1 {master.port} 1\n")
    program.spawn()
    try:
        make_agent(
            {"r": node.address,
             "good": {"address": node.address, "expect_role": "sentinel"},
             "bad": {"address": node.address, "expect_role": "master"}},
            tree, agent=QUICK)
        assert tree.wait_status("good", "up", "ok")["role"] == "sentinel"
        assert tree.wait_status("r", "up", "ok")["role"] == "sentinel"
        d = tree.wait_status("bad", "degraded", "wrong_role")
        assert d["detail"] == "is sentinel, expected master"
    finally:
        program.kill()


def test_a_restart_between_two_probes_is_told(
        make_served, make_redis, tree):
    """Nothing failed that anybody saw, and the data is gone."""
    server = make_redis()
    agent, http = make_served({"r": server.address}, tree, agent={
        **QUICK, "retry_interval": "5s", "fall": 5})
    before = tree.wait_status("r", "up", "ok",
                              when=lambda d: d["started"] is not None)
    server.kill()
    server.start()
    after = tree.wait_status("r", "up", "ok",
                             when=lambda d: d["seq"] > before["seq"])
    assert moment(after["started"]) >= moment(before["started"])
    event = wait_until(lambda: [e for e in agent.log_events()
                                if e["event"] == "restarted"], agent.output)[0]
    assert event["instance"] == "r" and event["kind"] == "restarted"
    told = http.json("/events")["events"]
    assert "restarted" in [e["kind"] for e in told]
    metrics = http.text("/metrics")
    assert re.search(r'^sentinel_agent_restarts_total{instance="r"} 1$',
                     metrics, re.M)


def info_server(run_id, uptime):
    return bulk(f"redis_version:7.0.15\r\nrun_id:{run_id}\r\n"
                f"uptime_in_seconds:{uptime}\r\n")


def test_another_server_at_the_address_has_its_own_word(
        make_agent, make_scripted, tree):
    server = make_scripted(replies={"INFO SERVER": info_server("a" * 40, 5)})
    agent = make_agent({"r": server.address}, tree, agent=QUICK)
    tree.wait_status("r", "up", "ok")
    server.replies["INFO SERVER"] = info_server("b" * 40, 86400)
    with server.lock:
        for connection in server.connections:
            connection.shutdown(socket.SHUT_RDWR)
    event = wait_until(lambda: [e for e in agent.log_events()
                                if e["event"] == "restarted"], agent.output)[0]
    assert event["kind"] == "another_server"


def test_a_link_that_was_never_up_is_said_so(
        make_agent, make_redis, tree):
    replica = make_redis(replicaof=f"127.0.0.1 {reserve_port()}")
    make_agent({"r": replica.address}, tree, agent=QUICK)
    d = tree.wait_status("r", "degraded", "replica_link_down")
    assert d["detail"].startswith("first synchronisation under way")


class ClosesOnce(ScriptedRedis):
    """Ends one connection over INFO, as one that was replaced would."""

    def __init__(self):
        self.to_close = 0
        super().__init__()

    def _reply(self, command):
        if command[0].upper() == "INFO" and self.to_close > 0:
            self.to_close -= 1
            return None
        return super()._reply(command)


def test_a_kept_connection_that_ends_over_info_refuses_nothing(
        make_served, make_peer, tree):
    server = make_peer(ClosesOnce())
    agent, http = make_served({"r": {"address": server.address,
                                     "expect_role": "master"}}, tree,
                              agent={**QUICK, "connect_interval": "60m"})
    tree.wait_status("r", "up", "ok", when=lambda d: d["role"])
    tree.wait_round("agent-1", 2)
    accepted = server.accepted
    server.to_close = 1
    wait_until(lambda: server.accepted > accepted, "a new connection")
    tree.wait_round("agent-1", 3)
    assert info_of(http, "r") == "answered", http.json("/instances/r")
    assert not agent.events("info_refused")
    assert not agent.events("status_changed", instance="r", to="unknown")
