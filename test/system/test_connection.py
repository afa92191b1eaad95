"""The way to ZooKeeper: mute servers, bad ones, and what is said of them."""

import time

import pytest

from agentproc import run, write_secret
from documents import moment
from waiting import wait_until
from zkpeers import BlackHole, Granting, Relay
from zookeeper import Tree, ZooKeeper


@pytest.fixture
def make_zookeeper(tmp_path, request, numbers):
    """A running server with PROPERTIES of its JVM."""
    def make(*properties):
        server = ZooKeeper(tmp_path / f"zookeeper-{next(numbers)}", properties)
        request.addfinalizer(server.kill)
        request.addfinalizer(server.close_reader)
        return server.start()
    return make


def spy(seconds, look):
    """All different answers of LOOK over that time."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        answer = look()
        if not seen or seen[-1] != answer:
            seen.append(answer)
        time.sleep(0.05)
    return seen


def health(http):
    response, body = http.request("/healthz")
    return response.status, body.decode()


# ------------------------------------------------------------- mute servers

@pytest.fixture(params=["frozen", "black hole"])
def mute_servers(request, ensemble):
    """The servers' list, in which one of three is mute."""
    if request.param == "frozen":
        ensemble.leader().freeze()
        ensemble.wait_quorum()
        yield ensemble.address
        return
    hole = BlackHole()
    yield ",".join([*(m.address for m in ensemble.members[:2]), hole.address])
    hole.stop()


def test_no_command_that_runs_once_fails_at_one_mute_server_of_three(
        write_config, redis_server, ensemble_tree, mute_servers):
    config = write_config({"r": redis_server.address}, ensemble_tree,
                          zookeeper={"servers": mute_servers,
                                     "session_timeout": "10s"})
    for _ in range(4):
        for command in (["--check-once"], ["--status", "--from-zookeeper"]):
            done = run(*command, "-c", config)
            assert done.returncode == 0, (command, done.stdout, done.stderr)


def test_what_each_server_did_is_said_when_none_serves(
        write_config, redis_server, tree, make_peer):
    hole, mute = make_peer(BlackHole()), make_peer(None)
    config = write_config(
        {"r": redis_server.address}, tree,
        zookeeper={"servers": f"{hole.address},{mute.address},127.0.0.1:1",
                   "publish_timeout": "2s", "session_timeout": "10s"})
    once = run("--check-once", "-c", config)
    look = run("--status", "--from-zookeeper", "-c", config)
    assert once.returncode == 3 and look.returncode == 1
    for text in (once.stderr, look.stderr):
        assert f"{hole.address}: no connection within" in text
        assert f"{mute.address}: no answer within" in text
        assert "127.0.0.1:1: connection refused" in text


@pytest.mark.parametrize("kind", ["frozen", "black hole"])
def test_a_server_that_dies_beside_a_mute_one_costs_no_session(
        make_agent, redis_server, ensemble, ensemble_tree, make_peer, kind):
    """The long run, too, leaves a mute server in time."""
    hole = make_peer(BlackHole())
    followers = ensemble.followers()
    if kind == "frozen":
        servers = ensemble.address
    else:
        servers = ",".join([*(m.address for m in followers), hole.address])
    agent = make_agent({"r": redis_server.address}, ensemble_tree,
                       zookeeper={"servers": servers, "presence": "yes",
                                  "session_timeout": "9s"})
    wait_until(lambda: ensemble_tree.alive("r"), "alive/r")
    session = ensemble_tree.owner("alive/r")
    for _ in range(3):
        ours = wait_until(lambda: [m for m in ensemble.members
                                   if m.alive() and m.holds(session)],
                          "our server")[0]
        ours.freeze() if kind == "frozen" else ours.kill()
        ensemble_tree.wait_round("agent-1", 2)
        ensemble.mend()
    assert ensemble_tree.owner("alive/r") == session
    assert not agent.events("zk_session_expired")
    agent.stop()


# -------------------------------------------------------- useless connections

STORMS = {
    "enforce.auth": (["zookeeper.enforce.auth.enabled=true",
                      "zookeeper.enforce.auth.schemes=digest"], True),
    "sasl": (["zookeeper.sessionRequireClientSASLAuth=true",
              "zookeeper.authProvider.sasl=org.apache.zookeeper.server.auth."
              "SASLAuthenticationProvider"], False),
}


@pytest.mark.parametrize("kind", STORMS)
def test_a_server_that_wants_authentication_is_told_once_and_left_alone(
        make_served, redis_server, make_zookeeper, tmp_path, kind):
    properties, digest_helps = STORMS[kind]
    server = make_zookeeper(*properties)
    relay = Relay(server)
    tree = Tree(server, "/auth", credentials="someone:secret")
    agent, http = make_served({"r": redis_server.address}, tree,
                              zookeeper={"servers": relay.address,
                                         "session_timeout": "2s"})
    try:
        event = agent.wait_event("zk_auth_failed")
        assert event["code"] == "-124" and event["server"] == relay.address
        assert event["digest_file"] == "not set"
        status, why = wait_until(
            lambda: (h := health(http))[0] == 503 and h, agent.output)
        assert "wants authentication (-124)" in why
        assert "digest_file" in why
        zk = http.status()["zookeeper"]
        assert zk["state"] == "connecting" and "(-124)" in zk["trouble"]
        before = relay.accepted
        assert {s for s, _ in spy(4, lambda: health(http))} == {503}
        # The library by itself comes 25 times a second.
        assert relay.accepted - before <= 20
        assert len(agent.events("zk_auth_failed")) == 1
        assert not agent.events("zk_connected")
        assert not agent.events("zk_disconnected")
        agent.stop()
        if not digest_helps:
            return
        secret = write_secret(tmp_path / "digest", "someone:secret\n")
        agent.rewrite(agent.config.read_text().replace(
            "[zookeeper]\n", f"[zookeeper]\ndigest_file = {secret}\n"))
        agent.start()
        tree.wait_status("r", "up", "ok")
        agent.stop()
    finally:
        relay.stop()
        tree.close()


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_session_timeout_of_nothing_is_a_fault_of_the_server(
        make_agent, redis_server, tree, make_peer, timeout):
    server = make_peer(Granting(timeout))
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"servers": server.address})
    event = agent.wait_event("zk_not_connected")
    assert "granted no session timeout" in event["why"]
    # The library by itself comes some 1,700 times a second; now there are
    # pauses between a few at a time.
    assert len(spy(4, lambda: server.accepted)) <= 20
    assert len(agent.events("zk_not_connected")) == 1
    agent.stop()


# ------------------------------------------------------ one outage, one clock

def test_an_outage_has_one_clock_from_the_last_answer_to_the_next(
        make_served, redis_server, own_tree):
    agent, http = make_served({"r": redis_server.address}, own_tree,
                              zookeeper={"session_timeout": "2s"})
    own_tree.wait_status("r", "up", "ok")
    own_tree.server.kill()
    wait_until(lambda: health(http)[0] == 503, agent.output)

    sinces = []

    def look():
        zk = http.status()["zookeeper"]
        sinces.append(moment(zk["since"]))
        return health(http)[0], zk["state"], zk["trouble"]
    seen = spy(8, look)
    assert len(seen) == 1, "one state, one cause"
    # It is reckoned from the monotonic clock each time.
    assert max(sinces) - min(sinces) < 1
    assert seen[0][2] == f"{own_tree.server.address}: connection refused"
    assert len(agent.events("zk_not_connected")) == 1
    own_tree.server.start()
    wait_until(lambda: health(http) == (200, "ok\n"), agent.output)
    agent.stop()


def test_started_without_a_zookeeper_all_is_pending_and_the_cause_is_said(
        make_served, redis_server, own_zookeeper):
    tree = Tree(own_zookeeper, "/late")
    agent, http = make_served({"a": redis_server.address,
                               "b": redis_server.address}, tree)
    agent.wait_event("status_changed", instance="a", to="up")
    wait_until(lambda: http.status()["zookeeper"]["trouble"] ==
               f"{own_zookeeper.address}: connection refused",
               lambda: http.status()["zookeeper"])
    zk = http.status()["zookeeper"]
    assert zk["state"] == "connecting" and zk["pending"] == 2
    since = zk["since"]
    text = run("--status", "-c", agent.config).stdout
    assert "(2 pending)" in text and "retcode" not in text
    own_zookeeper.start()
    tree.wait_status("a", "up", "ok")
    wait_until(lambda: http.status()["zookeeper"]["pending"] == 0, "written")
    assert http.status()["zookeeper"]["since"] > since
    agent.stop()
    own_zookeeper.close_reader()


# ------------------------------------------------------------ session timeout

def test_a_session_timeout_that_the_server_clamps_is_said_once_and_used(
        make_served, redis_server, own_zookeeper):
    own_zookeeper.config = own_zookeeper.config.replace(
        "maxSessionTimeout=60000", "maxSessionTimeout=4000")
    own_zookeeper.write_config()
    own_zookeeper.start()
    tree = Tree(own_zookeeper, "/clamped")
    agent, http = make_served({"r": redis_server.address}, tree,
                              zookeeper={"session_timeout": "30s"})
    tree.wait_status("r", "up", "ok")
    event = agent.wait_event("zk_session_timeout")
    assert (event["asked_ms"], event["granted_ms"]) == ("30000", "4000")
    assert http.status()["zookeeper"]["session_timeout_ms"] == 4000
    own_zookeeper.kill()
    wait_until(lambda: health(http)[0] == 503, agent.output, 20)
    own_zookeeper.forget()
    own_zookeeper.close_reader()
    own_zookeeper.start()
    tree.wait_status("r", "up", "ok")
    assert len(agent.events("zk_session_timeout")) == 1
    agent.stop()
    tree.close()


# ----------------------------------------------------------------- all losses

def test_every_loss_of_a_connection_is_noticed(
        make_served, redis_server, tree, make_peer):
    relay = make_peer(Relay(tree.server))
    agent, http = make_served({"r": redis_server.address}, tree,
                              zookeeper={"servers": relay.address})
    tree.wait_status("r", "up", "ok")
    for lost in range(1, 11):
        wait_until(lambda: not http.status()["zookeeper"]["outage"],
                   agent.output)
        relay.cut()
        agent.wait_event("zk_connected", lost + 1)
        wait_until(lambda: (zk := http.status()["zookeeper"])["losses"] == lost
                   and zk["server"] == relay.address,
                   lambda: http.status()["zookeeper"])
    assert len(agent.events("zk_disconnected")) == 10
    assert not agent.events("zk_session_expired")
    agent.stop()
