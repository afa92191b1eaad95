"""SIGHUP again and again: what does not change does not notice."""

import statistics

from agentproc import config_text, render
from common import zookeeper_keys
from waiting import wait_until

TURNS = 100
KEPT = [f"kept-{i}" for i in range(150)]
CHANGED = [f"changed-{i}" for i in range(20)]
ONE, OTHER = [f"one-{i}" for i in range(30)], [f"other-{i}" for i in range(30)]


def connections(server):
    return sorted(c["id"] for c in server.client().client_list()
                  if c["name"] == "sentinel-agent")


def test_a_hundred_reloads_under_load_leak_and_disturb_nothing(
        make_agent, make_redis, tree):
    keeps, a, b = (make_redis(maxclients=5000) for _ in range(3))
    # Its own keys, so that no change of [defaults] is one of it.
    kept = {name: {"address": keeps.address, "timeout": "5s", "fall": 3,
                   "connect_interval": "60m", "max_lag": "1M"} for name in KEPT}
    agent = make_agent(kept, start=False)
    more = agent.dir / "conf.d"
    more.mkdir()
    keys = {"interval": "100ms", "include": "conf.d/*.ini",
            "pid_file": agent.dir / "pid", "retry_interval": "100ms",
            "connect_interval": "60m"}

    def configure(turn):
        """One of two configs, in the main file and beside it."""
        odd = turn % 2
        server = (a, b)[odd]
        names = CHANGED + (OTHER if odd else ONE)
        (more / f"{'ab'[odd]}.ini").write_text(render(
            {f"redis:{name}": {"address": server.address}
             for name in names}))
        (more / f"{'ba'[odd]}.ini").unlink(missing_ok=True)
        return config_text(kept, keys, zookeeper_keys(tree),
                           defaults={"timeout": f"{4 + odd}s",
                                     "max_lag": "2M"})
    agent.rewrite(configure(0))
    agent.start()
    for name in KEPT + CHANGED + ONE:
        agent.wait_event("status_changed", instance=name, to="up")
    wait_until(lambda: len(connections(keeps)) == len(KEPT), "all connected")
    connected = connections(keeps)
    before = {name: tree.status(name) for name in KEPT[::15]}
    threads, rss, fds = agent.thread_ids(), [], []
    for turn in range(1, TURNS + 1):
        event = agent.reload(configure(turn))
        assert (event["event"], event["kept"], event["added"],
                event["changed"], event["removed"]) == (
            "reloaded", "150", "30", "20", "30"), event
        assert event["needs_restart"] == "nothing"
        rss.append(agent.rss_kb())
        fds.append(agent.fds())
    # Of a connect_interval of an hour a minute may fall to one or three.
    assert len(set(connections(keeps)) & set(connected)) > 0.9 * len(KEPT)
    for name in ONE + CHANGED:
        tree.wait_status(name, "up", "ok")
    for name in OTHER:
        tree.wait_status(name, "unknown", "removed")
    assert {name: tree.status(name) for name in before} == before
    changes = [e for e in agent.events("status_changed")
               if e["instance"].startswith("kept-")]
    assert len(changes) == len(KEPT)
    assert tree.wait_round("agent-1", 2)["up"] == 200
    # A worker closes a connection a moment after it was told to.
    wait_until(lambda: len(connections(a)) == 50 and not connections(b),
               lambda: f"{len(connections(a))}, {len(connections(b))}")
    wait_until(lambda: agent.thread_ids() == threads, agent.thread_names)
    assert max(fds[50:]) <= max(fds[:50]) + 30
    if not agent.sanitized():
        first, second = (statistics.median(half)
                         for half in (rss[25:50], rss[75:]))
        # An instance takes 2 KB at least: of the 50 that came with each of
        # the 50 reloads in between, not one in ten was left behind.
        assert second < first + 50 * 50 * 2 / 10, rss
    agent.stop()


def test_the_counters_of_what_is_kept_go_on(make_agent, make_scripted):
    """FALL results make it degraded, however many reloads come between."""
    server = make_scripted()
    keys = {"r": {"address": server.address, "fall": 30}}
    agent = make_agent(keys, agent={"retry_interval": "100ms"})
    agent.wait_event("status_changed", instance="r", to="up")
    server.replies["PING"] = b"-LOADING it reads\r\n"
    begun = server.accepted

    def results():
        """A probe that contradicts the status makes one new connection."""
        return server.accepted - begun
    for i in range(4):
        wait_until(lambda: results() > 6 * i, "more results")
        event = agent.reload(config_text(
            {**keys, f"more-{i}": "127.0.0.1:1"},
            {"pid_file": agent.dir / "pid", "retry_interval": "100ms"}))
        assert event["kept"] == "1"
        assert not agent.events("status_changed", to="degraded")
    agent.wait_event("status_changed", instance="r", to="degraded")
    # One probe may have been under way when the words changed, one may have
    # followed; counts begun anew would have cost six more at least.
    assert 29 <= results() <= 33
    agent.stop()


def test_every_fault_of_a_bad_file_is_logged_each_time(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    before = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    threads, fds = agent.thread_ids(), agent.fds()
    bad = "".join(f"[redis:b{i}]\naddress = ?\nrise = 0\n" for i in range(50))
    for turn in range(1, 11):
        assert agent.reload(bad)["faults"] == "100"
        assert len(agent.events("config_error")) == 100 * turn
    assert agent.thread_ids() == threads
    wait_until(lambda: agent.fds() <= fds, lambda: f"{agent.fds()} > {fds}")
    tree.wait_round("agent-1", 2)
    assert tree.status("r") == before
    agent.stop()
