"""Peers that misbehave, alone and in crowds."""

import pytest

from peers import Dripping, Peer, closes_after_request, says
from waiting import wait_until

HTTP = (b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
        b"Connection: close\r\n\r\nBad Request\r\n")


def test_one_byte_a_second_is_reply_timeout(make_agent, make_peer, tree):
    """The deadline is for the whole probe, not for each byte."""
    peer = make_peer(Dripping())
    make_agent({"r": {"address": peer.address, "timeout": "1500ms"}}, tree)
    tree.wait_status("r", "down", "reply_timeout")


@pytest.mark.parametrize("data", [
    pytest.param(HTTP, id="http"),
    pytest.param(b"\x00\xff\x80\n\r\x1b[31m\r\n" * 10, id="garbage"),
    pytest.param(b"$999999999999\r\n", id="gigantic-bulk"),
    pytest.param(b"$1048576\r\n", id="large-bulk"),
    pytest.param(b"$-5\r\n", id="negative-bulk"),
    pytest.param(b"*2147483647\r\n", id="gigantic-array"),
    pytest.param(b"*1\r\n" * 1000, id="deep-array"),
    pytest.param(b":" + b"9" * 100 + b"\r\n", id="integer"),
    pytest.param(b"+" + b"x" * 100_000 + b"\r\n", id="long-line"),
    pytest.param(b"+OK\r\n" * 3 + b"+PONK\r\n", id="not-pong"),
    pytest.param(b"x" * 3_000_000, id="flood"),
])
def test_what_is_not_redis_is_protocol(make_agent, make_peer, tree, data):
    peer = make_peer(says(data))
    agent = make_agent({"r": peer.address}, tree)
    d = tree.wait_status("r", "down", "protocol")
    assert d["detail"].isprintable()
    agent.stop()
    assert agent.output().replace("\n", "").isprintable()


def test_a_bulk_that_never_ends_is_bounded(make_agent, make_peer, tree):
    """64 KiB is what a reply may be; the rest is not waited for."""
    def endless(connection):
        connection.recv(65536)
        connection.sendall(b"$60000\r\n")
        while True:
            connection.sendall(b"y" * 65536)
    peer = make_peer(endless)
    agent = make_agent({"r": peer.address}, tree)
    tree.wait_status("r", "down", "protocol")
    if not agent.sanitized():
        before = agent.rss_kb()
        tree.wait_round("agent-1", 10)
        assert agent.rss_kb() - before < 4096
    agent.stop()


def test_an_unanswered_part_of_a_pipeline_is_reply_timeout(
        make_agent, make_scripted, tree):
    """PONG alone is not enough when INFO was asked for, too."""
    server = make_scripted()
    make_agent({"r": {"address": server.address, "timeout": "500ms"}}, tree)
    tree.wait_status("r", "up", "ok")
    server.replies["INFO REPLICATION"] = b""
    tree.wait_status("r", "down", "reply_timeout")


def test_closing_in_the_middle_of_a_reply_is_closed(
        make_agent, make_peer, tree):
    peer = make_peer(says(b"+PON", then_close=True))
    make_agent({"r": peer.address}, tree)
    tree.wait_status("r", "down", "closed")


def test_a_hundred_hung_instances_do_not_slow_ten_healthy_ones(
        make_agent, make_redis, make_peer, tree):
    servers = [make_redis() for _ in range(10)]
    hung = make_peer(Peer(host="0.0.0.0", backlog=4096))
    instances = {f"healthy-{i}": s.address for i, s in enumerate(servers)}
    instances.update({f"hung-{i}": {"address": f"127.0.1.{i + 1}:{hung.port}",
                                    "timeout": "2s"} for i in range(100)})
    agent = make_agent(instances, tree,
                       agent={"interval": "400ms", "retry_interval": "400ms",
                              "info_interval": "10s"})
    for i in range(10):
        tree.wait_status(f"healthy-{i}", "up", "ok")
    for i in range(100):
        tree.wait_status(f"hung-{i}", "down", "reply_timeout")
    before = tree.heartbeat("agent-1")
    pings = [s.calls("ping") for s in servers]
    seen = [before]

    def twelve_rounds():
        h = tree.heartbeat("agent-1")
        if h["round"] > seen[-1]["round"]:
            seen.append(h)
        return h["round"] >= before["round"] + 12
    wait_until(twelve_rounds, lambda: f"12 rounds: {seen}")
    after = seen[-1]
    for one, next_one in zip(seen, seen[1:]):
        assert next_one["time"] < one["valid_until"], \
            "readers would have lost their trust in all instances"
    rounds = after["round"] - before["round"]
    for server, count in zip(servers, pings):
        assert server.calls("ping") - count >= rounds - 2
    assert (after["up"], after["down"]) == (10, 100)
    # Each status of the healthy ones changed once: from unknown to up.
    assert len([e for e in agent.events("status_changed")
                if e["instance"].startswith("healthy")]) == 10
    assert not agent.events("status_changed", reason="stuck")

    def active():
        head, jobs = agent.dump()
        assert int(head["jobs_active"]) == len(jobs)
        return {j["instance"].split("-")[0] for j in jobs}
    # They keep step: all may just have ended.
    wait_until(lambda: "hung" in active(), "a dump while they hang")
    agent.stop()


def test_a_crowd_that_closes_and_returns_leaks_no_descriptor(
        make_agent, make_peer, tree):
    peer = make_peer(closes_after_request)
    agent = make_agent({f"r-{i}": peer.address for i in range(20)}, tree)
    for i in range(20):
        tree.wait_status(f"r-{i}", "down", "closed")
    fds = agent.fds()
    accepted = peer.accepted
    wait_until(lambda: peer.accepted > accepted + 200, "200 more connections")
    assert agent.fds() <= fds + 20
    agent.stop()


def test_bytes_of_a_server_cannot_forge_a_log_line(
        make_agent, make_peer, tree):
    words = b"-ERR x\" event=status_changed\x1b[2J\x00\xff\n\r\n"
    peer = make_peer(says(words))
    agent = make_agent({"r": peer.address}, tree, agent={"log_level": "debug"})
    d = tree.wait_status("r", "down")
    assert "\x1b" not in d["detail"] and "\n" not in d["detail"]
    agent.stop()
    assert all(e["event"] != "forged" for e in agent.log_events())
    assert "\x1b" not in agent.output()


def test_scripted_redis_is_taken_for_a_redis(make_agent, make_scripted, tree):
    """The fake that the other tests rely on; and what a probe sends."""
    server = make_scripted()
    make_agent({"r": server.address}, tree, agent={"connect_interval": "60m"})
    d = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    assert (d["role"], d["version"]) == ("master", "7.0.15")
    words = {tuple(w.upper() for w in command[:2]) for command in server.seen}
    assert words == {("CLIENT", "SETNAME"), ("PING",),
                     ("INFO", "REPLICATION"), ("INFO", "SERVER")}
    accepted = server.accepted
    tree.wait_round("agent-1", 3)
    assert server.accepted == accepted <= 2, "the connection is kept"
