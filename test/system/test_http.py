"""The HTTP server and its pages, against real servers and hostile clients."""

import itertools
import os
import re
import resource
import socket
import stat
import threading

import pytest

from documents import HEARTBEAT_KEYS, REASONS, STATUS_KEYS, moment
from httpclient import HttpClient
from ports import reserve_port
from waiting import wait_until
from wallclock import WallClock

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
PAGES = {
    "/": "text/html; charset=utf-8",
    "/status": JSON, "/status?results=32": JSON, "/instances/r": JSON,
    "/events": JSON, "/events?since=1": JSON, "/memory": JSON,
    "/metrics": "text/plain; version=0.0.4; charset=utf-8",
    "/healthz": TEXT, "/threads": TEXT, "/jobs": TEXT,
}


@pytest.fixture
def served(make_served, redis_server):
    agent, http = make_served({"r": redis_server.address})
    wait_until(lambda: http.status("r")["status"] == "up", agent.output)
    return agent, http


# ------------------------------------------------------------------ protocol

@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_its_type_and_is_never_stored(served, path):
    _, http = served
    response, body = http.request(path)
    assert response.status == 200
    assert response.headers["Content-Type"] == PAGES[path]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert int(response.headers["Content-Length"]) == len(body) > 0
    assert response.headers["Content-Encoding"] is None


@pytest.mark.parametrize("path", PAGES)
def test_head_is_answered_like_get_without_the_body(served, path):
    _, http = served
    head, body = http.request(path, "HEAD")
    assert (head.status, body) == (200, b"")
    assert head.headers["Content-Type"] == PAGES[path]
    assert int(head.headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", [
    "/nope", "/status/", "/statusx", "/instances", "/instances/",
    "/instances/x", "/instances/r/", "/instances/r%00", "//status",
    "/%2e%2e/etc/passwd", "/Status", "/%0d%0aX-Evil:%20yes"])
def test_an_unknown_path_is_not_found_in_a_line_of_text(served, path):
    _, http = served
    response, body = http.request(path)
    assert response.status == 404
    assert response.headers["Content-Type"] == TEXT
    assert response.headers["X-Evil"] is None
    assert re.fullmatch(rb"not found: [ -~]*\n", body), body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS",
                                    "PATCH", "TRACE", "BREW"])
def test_another_method_is_not_allowed_and_changes_nothing(served, method):
    agent, http = served
    response, body = http.request("/status", method, b"x" * 100000
                                  if method in ("POST", "PUT") else None)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert body == f"method not allowed: {method}; only GET and HEAD\n" \
        .encode()
    assert http.status("r")["status"] == "up"


def test_a_connection_is_kept_for_the_next_request(served):
    _, http = served
    connection = http.connection()
    for path in ("/threads", "/status", "/nope", "/jobs"):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.headers["Connection"] != "close"
    # This one and that of the asking; one of before may be closing.
    wait_until(lambda: http.json("/memory")["objects"]["http_connection"]
               ["live"] == 2, lambda: http.text("/memory"))
    connection.close()


NAMES = ["evil.example", "evil.example:6060", "127.0.0.1.evil.example",
         "localhost.evil.example"]


@pytest.mark.parametrize("place", ["tcp", "unix"])
def test_a_stranger_s_name_for_us_is_misdirected(
        make_served, redis_server, tmp_path, place):
    listen = f"unix:{tmp_path / 's'}" if place == "unix" else None
    _, http = make_served({"r": redis_server.address}, http=listen)
    for name in NAMES:
        for path in PAGES:
            response, body = http.request(path, headers={"Host": name})
            assert response.status == 421
            assert response.headers["Content-Type"] == TEXT
            assert re.fullmatch(rb"[ -~]*\ballow_hosts\b[ -~]*\n", body), body
            assert name.encode() in body
    for name in ("localhost", "LOCALHOST:8080", "127.0.0.1:6060", "[::1]:80",
                 "192.0.2.7", socket.gethostname()):
        response, _ = http.request("/status", headers={"Host": name})
        assert response.status == 200, name
    with http.raw(b"GET /threads HTTP/1.0\r\n\r\n") as sock:
        assert sock.recv(100).split()[1] == b"200", "no browser asks so"


def test_an_allowed_name_is_answered(make_agent, redis_server):
    listen = f"127.0.0.1:{reserve_port()}"
    make_agent({"r": redis_server.address}, http={
        "listen": listen, "allow_hosts": "ops.example, status.example"})
    http = HttpClient(listen)
    for name, status in (("ops.example", 200), ("Status.Example:80", 200),
                         ("localhost", 200), ("evil.example", 421)):
        response, _ = http.request("/status", headers={"Host": name})
        assert response.status == status, name


def test_a_page_that_rebinds_its_name_reads_nothing_in_a_browser(
        make_agent, redis_server, browser):
    listen = f"127.0.0.1:{reserve_port()}"
    port = listen.split(":")[1]
    agent = make_agent({"r": redis_server.address}, http={
        "listen": listen, "allow_hosts": "ops.example"})
    wait_until(lambda: HttpClient(listen).status("r")["status"] == "up",
               agent.output)
    for path in PAGES:
        text = browser.text_of(f"http://evil.example:{port}{path}")
        assert "allow_hosts" in text and redis_server.address not in text
    for name in ("ops.example", "localhost", "127.0.0.1"):
        text = browser.text_of(f"http://{name}:{port}/status")
        assert redis_server.address in text, text


@pytest.mark.parametrize("body", [
    b"Content-Length: 5\r\n\r\nhello",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
def test_a_body_that_comes_with_a_get_means_nothing(served, body):
    _, http = served
    with http.raw(b"GET /threads HTTP/1.1\r\nHost: localhost\r\n" +
                  body) as sock:
        assert sock.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("data", [
    b"\0" * 4000, b"GET\r\n\r\n", b"\xff\xfe\xfd\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n", b"GET /status HTTP/1.1\nHost: localhost\n\n",
    b"*1\r\n$4\r\nPING\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500,
], ids=range(12))
def test_garbage_costs_its_sender_only(served, data):
    agent, http = served
    sock = http.connection()
    sock.connect()
    try:
        sock.sock.sendall(data)
        sock.sock.shutdown(socket.SHUT_WR)
        while sock.sock.recv(65536):
            pass
    except OSError:
        pass
    assert http.text("/healthz") == "ok\n"
    agent.stop()


def test_what_a_server_says_is_text_in_json(make_served, make_scripted):
    words = '-ERR "quoted\\" <b>\x07\x7f\xff\r\n'
    peer = make_scripted(replies={"PING": words.encode("latin-1")})
    agent, http = make_served({"r": peer.address})
    wait_until(lambda: http.status("r")["status"] == "down", agent.output)
    detail = http.status("r")["detail"]
    assert '"quoted' in detail and "<b>" in detail
    assert detail.isascii() and detail.isprintable()
    assert http.json("/instances/r")["results"][0]["detail"] == detail
    assert http.json("/events")["events"][0]["detail"] == detail


# ------------------------------------------------------------------- listening

def test_a_port_that_is_taken_is_said_and_ends_the_start(
        make_agent, redis_server):
    port = redis_server.port
    agent = make_agent({"r": redis_server.address}, start=False,
                       http=f"127.0.0.1:{port}")
    agent.spawn()
    assert agent.wait_exit() == 1
    assert f"[http] listen = 127.0.0.1:{port}: bind: Address already in " \
        "use" in agent.output()


def test_ipv6_is_listened_on(make_served, redis_server):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    agent, http = make_served({"r": redis_server.address},
                              http=f"[::1]:{reserve_port()}")
    assert http.text("/jobs").strip().isdigit()


def test_a_unix_socket_serves_and_goes_with_the_agent(
        make_served, redis_server, open_path):
    path = open_path / "http.sock"
    agent, http = make_served({"r": redis_server.address}, http=f"unix:{path}")
    wait_until(lambda: http.status("r")["status"] == "up", agent.output)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    # What a killed agent left does not keep the next one from listening.
    agent.kill()
    assert path.exists()
    agent.start()
    assert http.text("/healthz") == "ok\n"
    agent.stop()
    assert not path.exists()


def test_a_unix_socket_of_another_is_left_alone(
        make_agent, redis_server, open_path):
    path = open_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        agent = make_agent({"r": redis_server.address}, start=False,
                           http=f"unix:{path}")
        agent.spawn()
        assert agent.wait_exit() == 1
        assert "Address already in use" in agent.output()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    path.unlink()
    path.write_text("no socket")
    agent.spawn()
    assert agent.wait_exit() == 1
    assert path.read_text() == "no socket"


def test_another_address_needs_a_restart_and_is_named(served):
    agent, http = served
    text = agent.config.read_text()
    e = agent.reload(text.replace(f":{http.port}", f":{reserve_port()}"))
    assert e["needs_restart"] == "http.listen"
    assert http.text("/healthz") == "ok\n"
    agent.stop()


def test_without_the_section_nothing_listens(make_agent, redis_server):
    agent = make_agent({"r": redis_server.address})
    assert agent.events("started")[0]["http"] == "off"
    with open("/proc/net/tcp") as f:
        inodes = {line.split()[9] for line in f if line.split()[3] == "0A"}
    fds = f"/proc/{agent.pid}/fd"
    ours = {os.readlink(f"{fds}/{n}") for n in os.listdir(fds)}
    assert not {f"socket:[{i}]" for i in inodes} & ours


# ----------------------------------------------------------------- contents

def test_status_is_what_zookeeper_holds(make_served, make_redis, tree):
    up, down = make_redis(), make_redis()
    agent, http = make_served({"a": up.address, "b": down.address}, tree)
    tree.wait_status("b", "up", "ok", when=lambda d: d["version"])
    down.kill()
    tree.wait_status("b", "down", "refused")
    for name in ("a", "b"):
        def same():
            document = tree.status(name)
            shown = http.status(name)
            # What changes every round is in the document when it was written.
            skip = ("checked", "rtt_us", "round")
            return shown["published"] and all(
                shown[k] == document[k] for k in STATUS_KEYS if k not in skip)
        wait_until(same, lambda: f"{tree.status(name)}\n{http.status(name)}")
    # The heartbeat says it at the end of the round.
    wait_until(lambda: tree.heartbeat("agent-1")["down"] == 1,
               lambda: tree.heartbeat("agent-1"))
    status = http.status()
    assert [i["instance"] for i in status["instances"]] == ["a", "b"]
    assert list(status["instances"][0])[:len(STATUS_KEYS)] == STATUS_KEYS
    heartbeat = tree.heartbeat("agent-1")
    us = status["agent"]
    for key in ("agent", "host", "pid", "started", "interval_ms", "instances",
                "up", "degraded", "down", "unknown"):
        assert us[{"agent": "id"}.get(key, key)] == heartbeat[key], key
    assert set(HEARTBEAT_KEYS) - {"schema", "agent", "time", "valid_until",
                                  "except"} <= set(us)
    assert status["zookeeper"]["except"] == heartbeat["except"] == []
    assert us["healthy"] is True and us["trouble"] == []
    zookeeper = status["zookeeper"]
    assert zookeeper["state"] == "connected"
    assert zookeeper["server"] == tree.server.address
    assert zookeeper["root"] == tree.root
    assert int(zookeeper["session"], 16) == tree.owner("agents/agent-1")
    assert status["reasons"].keys() == set().union(*REASONS.values())


def test_the_last_results_show_the_course(served):
    _, http = served
    wait_until(lambda: len(http.status("r")["course"]) == 32,
               lambda: http.status("r"))
    r = next(i for i in http.json("/status?results=32")["instances"])
    times = [moment(x["time"]) for x in r["results"]]
    assert len(times) == 32
    assert times == sorted(times, reverse=True)
    assert [x["rtt_us"] for x in r["results"]] == r["course"][::-1]
    assert {x["reason"] for x in r["results"]} == {"ok"}
    assert http.json("/status?results=0")["instances"][0]["results"] == []
    assert len(http.status("r")["results"]) == 4
    assert len(http.json("/status?results=x")["instances"][0]["results"]) == 4
    assert len(http.json("/status?results=99999999999999999999999")
               ["instances"][0]["results"]) == 32


def test_an_instance_says_why_from_the_probe_to_the_node(
        make_served, make_redis, tree):
    server = make_redis()
    agent, http = make_served(
        {"r": {"address": server.address, "fall": 100}}, tree)
    tree.wait_status("r", "up", "ok", when=lambda d: d["version"])

    def why():
        return http.json("/instances/r")

    wait_until(lambda: why()["judgement"]["settled"] and
               why()["zookeeper"]["state"] == "clean", why)
    seen = why()
    document, node = tree.status_and_stat("r")
    assert list(seen["document"]) == STATUS_KEYS
    assert seen["zookeeper"]["path"] == f"{tree.root}/instances/r"
    assert seen["zookeeper"]["znode_version"] == node.version
    assert seen["zookeeper"]["document"] == document
    assert abs(moment(seen["zookeeper"]["acknowledged"]) -
               node.mtime / 1000) < 60
    result = seen["results"][0]
    assert (result["reason"], result["status"]) == ("ok", "up")
    assert result["phases"]["reply_us"] <= result["total_us"]
    first = seen["results"][-1]
    assert first["phases"]["connect_us"] > 0 and first["phases"]["auth_us"] > 0
    assert first["phases"]["lookup_us"] is first["phases"]["tls_us"] is None
    assert first["info"] is True
    assert seen["judgement"]["last_change"]["cause"] == \
        "2 results of up or degraded in a row (rise = 2)"

    # Some bad results of a hundred: the row is under way, the status stands.
    server.kill()
    wait_until(lambda: why()["results"][1]["reason"] == "refused", why)
    seen = why()
    worse = seen["judgement"]["worse"]
    assert 2 <= worse["count"] < worse["needed"] == 100
    assert worse["leads_to"] == "refused"
    assert seen["document"]["status"] == "up"
    assert seen["judgement"]["settled"] is False
    assert seen["pace"]["retrying"] is True
    assert seen["results"][0]["detail"] == "connect: connection refused"
    assert seen["results"][0]["rtt_us"] is None
    agent.stop()


def test_events_can_be_followed(make_served, make_redis):
    server = make_redis()
    agent, http = make_served({"r": server.address,
                               "s": make_redis().address})

    def events(since=0):
        return http.json(f"/events?since={since}")["events"]

    wait_until(lambda: len(events()) == 2, agent.output)
    seen = http.json("/events")
    assert [e["seq"] for e in seen["events"]] == [2, 1]
    assert (seen["newest"], seen["oldest"], seen["dropped"]) == (2, 1, 0)
    server.kill()
    e = wait_until(lambda: events(2), agent.output)[0]
    assert (e["seq"], e["instance"], e["from"], e["to"], e["reason"],
            e["kind"]) == (3, "r", "up", "down", "refused", "status")
    assert e["cause"] == "3 results in a row worse than up (fall = 3)"
    assert e["address"] == server.address
    logged = agent.wait_event("status_changed", instance="r", to="down")
    assert abs(moment(e["time"]) - moment(logged["ts"])) < 1
    assert events(3) == []
    assert len(http.json("/events?limit=1")["events"]) == 1
    assert http.status()["agent"]["events"] == 3
    agent.reload(re.sub(r"\[redis:r\][^[]*", "", agent.config.read_text()))
    e = wait_until(lambda: events(3), agent.output)[0]
    assert (e["instance"], e["to"], e["reason"]) == ("r", "unknown", "removed")
    assert http.request("/instances/r")[0].status == 404


def test_another_address_is_another_history(make_served, make_redis):
    agent, http = make_served({"r": make_redis().address})
    wait_until(lambda: http.status("r")["status"] == "up", agent.output)
    agent.reload(re.sub(r"address = \S+", f"address = {make_redis().address}",
                        agent.config.read_text()))
    wait_until(lambda: http.json("/events")["newest"] == 3,
               lambda: http.text("/events"))
    e = http.json("/events")["events"][1]
    assert (e["from"], e["to"], e["reason"]) == ("up", "unknown", "pending")
    assert e["cause"] == "another address is configured"
    assert http.json("/instances/r")["results"][-1]["phases"]["connect_us"]


def test_threads_jobs_and_memory_are_counted(make_served, make_peer, make_redis,
                                             tree):
    agent, http = make_served(
        {"hung": {"address": make_peer(None).address, "timeout": "60s",
                  "interval": "60s"},
         "r": make_redis().address}, tree)
    tree.wait_status("r", "up", "ok")
    # The other's probe may be under way too.
    wait_until(lambda: http.text("/jobs") == "1\n",
               lambda: http.text("/jobs"))
    assert int(http.text("/threads")) == len(agent.thread_names())
    status = http.status()
    assert [j["instance"] for j in status["pool"]["jobs"]] == ["hung"]
    assert status["pool"]["jobs"][0]["phase"] == "auth"
    assert http.json("/instances/hung")["pace"]["busy"] is True
    memory = http.json("/memory")
    assert memory["rss_bytes"] > 1 << 20
    # A sanitizer's malloc does not say.
    assert memory["heap"]["in_use"] > 0 or agent.sanitized()
    for kind, count in memory["objects"].items():
        assert count["live"] == count["allocated"] - count["freed"], kind
    due = {"instance": 2, "probe": 2, "job": 1, "connection": 2, "zk_slot": 3,
           "zk_handle": 1, "http_connection": 1}

    def live():
        objects = http.json("/memory")["objects"]
        return {kind: objects[kind]["live"] for kind in due}
    # The other's probe may be under way, and our last connection be closing.
    wait_until(lambda: live() == due, live)


# -------------------------------------------------------------------- healthz

def test_health_is_lost_while_zookeeper_is_away_and_comes_back(
        make_served, redis_server, own_tree):
    agent, http = make_served({"r": redis_server.address}, own_tree,
                              zookeeper={"session_timeout": "1s"})
    own_tree.wait_status("r", "up", "ok")
    assert http.text("/healthz") == "ok\n"
    own_tree.server.kill()

    def health():
        response, body = http.request("/healthz")
        return response.status, body.decode()

    status, why = wait_until(lambda: (h := health())[0] == 503 and h, health)
    assert re.match(r"ZooKeeper has been silent for \d+ ms", why)
    assert http.status()["agent"]["healthy"] is False
    assert http.status()["agent"]["trouble"] == why.splitlines() or \
        http.status()["agent"]["trouble"][0].startswith("ZooKeeper has ")
    assert http.status("r")["published"] in (True, False)
    own_tree.server.start()
    wait_until(lambda: health() == (200, "ok\n"), health)


def test_a_wall_clock_that_jumps_in_the_first_round_is_no_trouble(
        make_served, make_peer, tmp_path):
    clock = WallClock(tmp_path / "clock")
    agent, http = make_served(
        {"hung": {"address": make_peer(None).address, "timeout": "60s"}},
        agent={"interval": "60s"}, prefix=clock.prefix)
    for offset_s in (18000, -18000):
        clock.set(offset_s)
        assert http.text("/healthz") == "ok\n"


def test_who_has_our_id_is_named_as_trouble(make_served, redis_server, tree):
    first, _ = make_served({"r": redis_server.address}, tree)
    tree.wait_round("agent-1", 1)
    _, http = make_served({"s": redis_server.address}, tree)
    wait_until(lambda: "another agent has the id agent-1" in
               http.request("/healthz")[1].decode(),
               lambda: http.request("/healthz"))
    wait_until(lambda: http.status("s")["conflict"], http.status)
    assert http.status("s")["conflict"]["agent"] == "agent-1"

    def state():
        return http.json("/instances/s")["zookeeper"]["state"]
    wait_until(lambda: state() == "conflict", state)


# -------------------------------------------------------------- slow clients

def test_a_client_that_drips_is_cut(served):
    _, http = served
    sock = http.raw(b"GET /status HTTP/1.1\r\nX-Slow: ")

    def gone():
        try:
            sock.sendall(b"a")
            sock.setblocking(False)
            return sock.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            sock.setblocking(True)
    wait_until(gone, "still connected", timeout=60)
    assert http.text("/healthz") == "ok\n"


def test_slow_clients_and_a_scrape_loop_leave_every_probe_on_time(
        make_served, make_redis):
    server = make_redis()
    agent, http = make_served(
        {f"r{i}": server.address for i in range(100)},
        agent={"interval": "1s", "timeout": "1s"})
    wait_until(lambda: http.status()["agent"]["up"] == 100, agent.output)
    before = http.status()["agent"]
    half = b"GET /status?results=32 HTTP/1.1\r\nHost: localhost\r\n"
    slow = []
    try:
        for i in range(300):
            # Some never end their request, some never read the answer.
            slow.append(http.raw(half if i % 2 else half + b"\r\n"))
        stop = threading.Event()
        failures = []

        def scrape():
            while not stop.is_set():
                for path in ("/metrics", "/status", "/healthz"):
                    try:
                        if http.request(path)[0].status != 200:
                            failures.append(path)
                    except OSError as e:
                        failures.append(f"{path}: {e}")
        scraper = threading.Thread(target=scrape)
        scraper.start()
        wait_until(lambda: http.status()["agent"]["round"] >=
                   before["round"] + 8, agent.output)
        stop.set()
        scraper.join()
    finally:
        for sock in slow:
            sock.close()
    after = http.status()["agent"]
    assert not failures
    assert after["up"] == 100
    assert after["results_void"] == before["results_void"]
    assert after["rounds_overrun"] == before["rounds_overrun"]
    assert after["probes_skipped"] == before["probes_skipped"]
    agent.stop()


def test_who_comes_after_a_crowd_that_stays_is_answered(served):
    agent, http = served
    # Less than the crowd may stay.
    http.timeout = 15
    crowd = []
    try:
        for _ in range(450):
            crowd.append(http.raw(
                b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        for _ in range(5):
            assert http.text("/healthz") == "ok\n"
        agent.stop()
    finally:
        for sock in crowd:
            sock.close()


def test_without_a_descriptor_to_spare_it_waits_for_one(served):
    agent, http = served
    _, hard = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)

    def limit(n):
        resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (n, hard))

    # None that is free, whatever is being closed just now.
    limit(3)
    with http.raw(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n") as sock:
        agent.wait_event("http_accept_failed", detail="Too many open files")
        # It does nothing else meanwhile but to try now and then.
        assert agent.events("http_log") == []
        limit(hard)
        assert sock.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert len(agent.events("http_accept_failed")) == 1
    assert http.text("/healthz") == "ok\n"


def test_many_forms_of_a_page_leave_time_for_its_plain_one(make_served):
    agent, http = make_served(
        {f"r{i}": "127.0.0.1:1" for i in range(1000)},
        agent={"interval": "60s", "retry_interval": "60s", "fall": 1})
    wait_until(lambda: http.json("/events")["newest"] == 1000, agent.output)

    def ask_for_many(first):
        """The statuses of as many forms at once as fit into a request."""
        requests = "".join(f"HEAD /events?limit={n} HTTP/1.1\r\n"
                           f"Host: localhost\r\n"
                           "\r\n" for n in range(first, first + 200))
        with http.raw(requests.encode()) as sock:
            seen = b""
            while seen.count(b"\r\n\r\n") < 200:
                seen += sock.recv(65536)
        return re.findall(rb"HTTP/1.1 (\d+)", seen)

    first = itertools.count(1000, 200)
    wait_until(lambda: b"503" in ask_for_many(next(first)),
               "all were answered")
    for path in ("/events", "/status", "/metrics"):
        assert http.request(path)[0].status == 200
    wait_until(lambda: http.request("/events?limit=1")[0].status == 200,
               "never again")


def test_requests_beside_reloads_and_a_stop_do_no_harm(served):
    agent, http = served
    text = agent.config.read_text()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            for path in PAGES:
                try:
                    http.request(path)
                except OSError:
                    pass
    askers = [threading.Thread(target=ask) for _ in range(4)]
    for a in askers:
        a.start()
    try:
        for i in range(20):
            more = text.replace("[redis:r]", f"[redis:r{i}]\naddress = "
                                "127.0.0.1:1\n[redis:r]")
            assert agent.reload(more if i % 2 else text)["event"] == "reloaded"
        agent.stop()
    finally:
        stop.set()
        for a in askers:
            a.join()
