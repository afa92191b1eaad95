"""The ways to an instance: sockets of all kinds, names, and their lookup."""

import socket

import pytest

import dnsserver
from dnsserver import DnsServer
from waiting import hold, wait_until


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_dns = pytest.mark.skipif(
    not dnsserver.usable(), reason="needs root and a mount name space")


def test_a_unix_socket_is_watched(make_agent, redis_server, tree):
    address = f"unix:{redis_server.socket}"
    make_agent({"r": address}, tree)
    d = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    assert d["address"] == address
    redis_server.kill()
    tree.wait_status("r", "down")
    redis_server.start()
    tree.wait_status("r", "up", "ok")


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_an_ipv6_address_is_watched(make_agent, make_redis, tree):
    server = make_redis(bind="::1")
    make_agent({"r": f"[::1]:{server.port}"}, tree)
    d = tree.wait_status("r", "up", "ok")
    assert d["address"] == f"[::1]:{server.port}"
    server.kill()
    tree.wait_status("r", "down", "refused")


def test_a_host_name_is_watched_at_whichever_address_serves(
        make_agent, redis_server, tree):
    """localhost may be ::1 first, where nobody listens."""
    make_agent({"r": f"localhost:{redis_server.port}"}, tree)
    d = tree.wait_status("r", "up", "ok")
    assert d["address"] == f"localhost:{redis_server.port}"
    redis_server.kill()
    tree.wait_status("r", "down", "refused")


@pytest.fixture
def make_dns(request):
    def make(answer):
        server = DnsServer(answer)
        request.addfinalizer(server.stop)
        return server
    return make


@needs_dns
def test_a_name_that_does_not_exist_is_dns_and_recovers_when_it_does(
        make_agent, redis_server, tree, make_dns, tmp_path):
    dns = make_dns({})
    make_agent({"r": f"cache.example.test:{redis_server.port}"}, tree,
               prefix=dns.wrap(tmp_path))
    d = tree.wait_status("r", "unknown", "dns")
    assert d["detail"]
    dns.answer = {"cache.example.test": "127.0.0.1"}
    tree.wait_status("r", "up", "ok")


@needs_dns
def test_a_zookeeper_of_an_unknown_name_is_said_once(
        make_agent, redis_server, tree, make_dns, tmp_path):
    dns = make_dns({})
    _, port = tree.server.address.split(":")
    agent = make_agent({"r": redis_server.address}, tree,
                       prefix=dns.wrap(tmp_path),
                       zookeeper={"servers": f"zk.example.test:{port}"})
    event = agent.wait_event("zk_handle_failed")
    assert "zk.example.test" in event["why"]
    asked = dns.asked
    wait_until(lambda: dns.asked > asked, "it is asked for again", 60)
    dns.answer = {"zk.example.test": "127.0.0.1"}
    tree.wait_status("r", "up", "ok", timeout=60)
    assert len(agent.events("zk_handle_failed")) == 1


@needs_dns
def test_a_mute_resolver_is_dns_and_numeric_instances_keep_their_pace(
        make_agent, redis_server, tree, make_dns, tmp_path):
    dns = make_dns(None)
    names = {f"name-{i}": {"address": f"host-{i}.example.test:6379",
                           "timeout": "300ms"} for i in range(5)}
    agent = make_agent({"numeric": redis_server.address, **names}, tree,
                       prefix=dns.wrap(tmp_path))
    tree.wait_status("numeric", "up", "ok")
    for name in names:
        tree.wait_status(name, "unknown", "dns")
    assert dns.asked > 0
    before = tree.heartbeat("agent-1")
    calls = redis_server.calls("ping")
    h = tree.wait_round("agent-1", 15)
    rounds = h["round"] - before["round"]
    assert redis_server.calls("ping") - calls >= rounds - 2
    agent.stop()


@needs_dns
def test_the_last_good_address_is_kept_while_the_resolver_is_mute(
        make_agent, redis_server, tree, make_dns, tmp_path):
    dns = make_dns({"cache.example.test": "127.0.0.1"})
    agent = make_agent({"r": f"cache.example.test:{redis_server.port}"}, tree,
                       prefix=dns.wrap(tmp_path))
    tree.wait_status("r", "up", "ok")
    dns.answer = None
    redis_server.kill()
    tree.wait_status("r", "down", "refused")
    redis_server.start()
    tree.wait_status("r", "up", "ok")
    agent.stop()


@needs_dns
def test_where_nobody_listens_the_name_server_is_not_asked_at_each_retry(
        make_agent, redis_server, tree, make_dns, tmp_path):
    dns = make_dns({"cache.example.test": "127.0.0.1"})
    redis_server.kill()
    agent = make_agent({"r": f"cache.example.test:{redis_server.port}"}, tree,
                       prefix=dns.wrap(tmp_path),
                       agent={"interval": "30m", "info_interval": "30m",
                              "retry_interval": "100ms"})
    tree.wait_status("r", "down", "refused")
    asked = dns.asked
    # The resolver itself bears with one lookup a second.
    hold(3.5, lambda: dns.asked)
    assert dns.asked == asked
    redis_server.start()
    tree.wait_status("r", "up", "ok")
    agent.stop()


@needs_dns
def test_names_of_zookeeper_servers_are_looked_up_off_its_library(
        make_agent, redis_server, tree, make_dns, tmp_path):
    """A resolver that dies afterwards must not cost the session."""
    dns = make_dns({"zk.example.test": "127.0.0.1"})
    port = tree.server.port
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"servers": f"zk.example.test:{port}",
                                  "session_timeout": "4s"},
                       prefix=dns.wrap(tmp_path))
    tree.wait_status("r", "up", "ok")
    tree.wait_round("agent-1")
    owner = tree.owner("agents/agent-1")
    dns.answer = None
    tree.wait_round("agent-1", 30)
    assert tree.owner("agents/agent-1") == owner
    assert not agent.events("zk_session_expired")
    agent.stop()


@needs_dns
def test_zookeeper_is_found_once_its_name_exists(
        make_agent, redis_server, tree, make_dns, tmp_path):
    dns = make_dns({})
    port = tree.server.port
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"servers": f"zk.example.test:{port}"},
                       prefix=dns.wrap(tmp_path))
    agent.wait_event("status_changed", instance="r")
    wait_until(lambda: dns.asked > 0, "a question")
    dns.answer = {"zk.example.test": "127.0.0.1"}
    tree.wait_status("r", "up", "ok")
    agent.stop()
