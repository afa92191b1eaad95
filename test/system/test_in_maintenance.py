"""Maintenance that was set in ZooKeeper, by whoever has a client."""

import json
import time

import pytest
from kazoo.security import make_acl

from agentproc import run
from documents import moment
from entries import Entries
from httpclient import HttpClient
from ports import reserve_port
from test_fleet import NAMES, SETTINGS, Fleet, first
from waiting import hold, wait_until
from wallclock import WallClock
from watching import watching

PRESENCE = {"presence": "yes", "session_timeout": "4s"}


@pytest.fixture
def own(tree):
    return Entries(tree, "@agent-1")


def in_maintenance(tree, name, owner="ops", **options):
    return tree.wait_status(
        name, "up", when=lambda d: d.get("maintenance_owner") == owner,
        **options)


def in_none(tree, name):
    return tree.wait_status(name, "up", when=lambda d: not d["maintenance"])


def test_set_and_lifted_while_the_agent_runs(
        make_agent, redis_server, tree, own):
    listen = f"127.0.0.1:{reserve_port()}"
    agent = make_agent({"r": redis_server.address, "s": redis_server.address},
                       tree, zookeeper=PRESENCE, http=listen)
    in_none(tree, "r")
    wait_until(lambda: tree.alive("r"), "alive/r")
    other = in_none(tree, "s")
    before = tree.status("r")
    entry = own.set("r")
    d = in_maintenance(tree, "r")
    assert d["maintenance_reason"] == "kernel"
    assert d["maintenance_until"] == entry["until"]
    assert (d["status"], d["since"]) == (before["status"], before["since"])
    wait_until(lambda: tree.alive("r") is None, "alive/r goes")
    http = HttpClient(listen)
    status = http.json("/status")
    shown = {i["instance"]: i for i in status["instances"]}
    assert shown["r"]["maintenance_owner"] == "ops"
    assert shown["s"]["maintenance"] is False
    assert status["agent"]["maintenance"] == 1
    assert [(m["scope"], m["entry"], m["owner"], m["instances"])
            for m in status["maintenance"]] == [("@agent-1", "r", "ops", 1)]
    why = http.json("/instances/r")
    assert why["document"]["maintenance_until"] == entry["until"]
    assert why["maintenance"] == {"entry": "r", "owner": "ops",
                                  "reason": "kernel", "until": entry["until"]}
    assert http.json("/instances/s")["maintenance"] is None
    metrics = http.text("/metrics")
    assert "sentinel_agent_maintenance_active 1\n" in metrics
    assert 'sentinel_agent_instance_maintenance{instance="r"} 1' in metrics
    # It costs a round nothing.
    stat = tree.get("instances/r")[1]
    calls = redis_server.calls("ping")
    tree.wait_round("agent-1", 5)
    assert tree.get("instances/r")[1].version == stat.version
    assert redis_server.calls("ping") > calls
    own.lift("r")
    in_none(tree, "r")
    wait_until(lambda: tree.alive("r"), "alive/r comes back")
    assert tree.status("s") == other
    assert agent.events("maintenance_set", scope="@agent-1", entry="r",
                        owner="ops", reason="kernel", instances="1")
    assert agent.events("maintenance_lifted", entry="r", owner="ops")
    assert not agent.events("status_changed", instance="r")[1:]
    agent.stop()


def test_set_before_the_first_start_and_while_it_is_down(
        make_agent, redis_server, tree, own):
    own.set("r*")
    agent = make_agent({"r": redis_server.address, "s": redis_server.address},
                       tree, zookeeper=PRESENCE)
    in_maintenance(tree, "r")
    in_none(tree, "s")
    # From the first document on.
    assert tree.status("r")["seq"] <= 2
    assert tree.get("alive/r") is None
    agent.stop()
    own.lift("r*")
    own.set("s", owner="ann")
    versions = tree.status("s")["seq"]
    agent.start()
    in_maintenance(tree, "s", "ann")
    in_none(tree, "r")
    assert tree.status("s")["seq"] == versions + 1
    agent.stop()


def test_its_end_is_enforced_and_its_node_deleted(
        make_agent, redis_server, tree, own):
    agent = make_agent({"r": redis_server.address}, tree, zookeeper=PRESENCE)
    in_none(tree, "r")
    own.set("r", seconds=2)
    in_maintenance(tree, "r")
    in_none(tree, "r")
    wait_until(lambda: not own.there("r"), agent.output)
    agent.wait_event("maintenance_expired", entry="r", owner="ops")
    assert not agent.events("maintenance_lifted")
    # One that ran out while nobody was there counts for nobody.
    agent.stop()
    own.set("r", seconds=-1)
    agent.start()
    wait_until(lambda: not own.there("r"), agent.output)
    agent.wait_event("maintenance_expired", count=2)
    assert tree.status("r")["maintenance"] is False
    agent.stop()


def test_its_end_is_the_ensembles_whatever_our_clock_says(
        make_agent, redis_server, tree, own, tmp_path):
    clock = WallClock(tmp_path / "clock")
    clock.set(3600)
    # Set before, so that it counts before any clock but ours is known.
    own.set("r", seconds=20)
    agent = make_agent({"r": redis_server.address}, tree, prefix=clock.prefix)
    in_maintenance(tree, "r")
    assert not agent.events("maintenance_expired")
    said = agent.wait_event("clock_skew")
    assert -3_610_000 < int(said["skew_ms"]) < -3_590_000
    own.set("r", seconds=2)
    in_none(tree, "r")
    wait_until(lambda: not own.there("r"), agent.output)
    clock.set(-3600)
    entry = own.set("r", seconds=2)
    in_maintenance(tree, "r")
    in_none(tree, "r")
    assert time.time() >= moment(entry["until"])
    wait_until(lambda: not own.there("r"), agent.output)
    agent.stop()


def test_the_later_of_two_wins_and_both_are_in_the_log(
        make_agent, redis_server, tree, own):
    agent = make_agent({"r": redis_server.address}, tree)
    in_none(tree, "r")
    own.set("r", owner="ann", seconds=900)
    in_maintenance(tree, "r", "ann")
    own.set("r", owner="bob", seconds=300)
    in_maintenance(tree, "r", "bob")
    assert [e["owner"] for e in agent.events("maintenance_set")] == \
        ["ann", "bob"]
    agent.stop()


def test_what_nobody_can_read_is_ignored_and_said_once(
        make_agent, redis_server, tree, own):
    secret = make_acl("digest", "ops:x", all=True)
    own.put("secret", b"{}", acl=[secret])
    own.put("r", b'{"schema":1,"owner":"ops","reason":"for ever"}')
    own.put("no json", b"\xff")
    own.set("s")
    agent = make_agent({"r": redis_server.address, "s": redis_server.address},
                       tree)
    in_maintenance(tree, "s")
    in_none(tree, "r")
    tree.wait_round("agent-1", 3)
    said = {e["entry"]: e for e in agent.events("maintenance_ignored")}
    assert sorted(said) == ["no json", "r", "secret"]
    assert len(agent.events("maintenance_ignored")) == 3
    assert '"until"' in said["r"]["detail"]
    assert said["r"]["scope"] == "@agent-1"
    agent.stop()


def test_a_scope_that_may_not_be_read_stops_nothing(
        make_agent, redis_server, tree, own):
    client = tree.client()
    client.ensure_path(f"{tree.root}/maintenance")
    client.create(own.path, acl=[make_acl("digest", "ops:x", all=True)])
    agent = make_agent({"r": redis_server.address}, tree)
    in_none(tree, "r")
    tree.wait_round("agent-1", 3)
    said = agent.events("maintenance_ignored")
    assert [(e["scope"], e["entry"]) for e in said] == [("@agent-1", "*")]
    agent.stop()


def test_it_outlives_a_zookeeper_that_is_away(
        make_agent, own_zookeeper, own_tree, redis_server):
    tree, server = own_tree, own_zookeeper
    entries = Entries(tree, "@agent-1")
    listen = f"127.0.0.1:{reserve_port()}"
    agent = make_agent({"r": redis_server.address, "s": redis_server.address},
                       tree, http=listen)
    entries.set("r", seconds=3)
    entries.set("s")
    in_maintenance(tree, "r")
    in_maintenance(tree, "s")
    tree.wait_round("agent-1", 2)
    server.kill()
    http = HttpClient(listen)

    def owners():
        return {i["instance"]: i.get("maintenance_owner")
                for i in http.json("/status")["instances"]}
    wait_until(lambda: owners() == {"r": None, "s": "ops"}, agent.output)
    server.start()
    in_none(tree, "r")
    in_maintenance(tree, "s")
    wait_until(lambda: not entries.there("r"), agent.output)
    agent.stop()


def test_a_run_of_cron_heeds_it_as_well(write_config, redis_server, tree, own):
    config = write_config({"r": redis_server.address,
                           "s": f"127.0.0.1:{reserve_port()}"}, tree,
                          agent={"id": "agent-1"})

    def check():
        done = run("--check-once", "-c", config, "--format", "json")
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr, {i["instance"]: i["maintenance"] for i in
                             json.loads(done.stdout)["instances"]}
    assert check() == ("", {"r": False, "s": False})
    own.set("s")
    own.set("r", seconds=-1)
    assert check() == ("", {"r": False, "s": True})
    assert tree.status("s")["maintenance_owner"] == "ops"
    assert tree.status("r")["maintenance"] is False
    own.lift("s")
    own.put("r", b"{}")
    stderr, seen = check()
    assert seen == {"r": False, "s": False}
    assert "maintenance_ignored" in stderr and "entry=r" in stderr
    assert tree.status("s")["maintenance"] is False


@pytest.fixture
def fleet(tree, make_agent, redis_server):
    f = Fleet(tree, make_agent, redis_server.address)
    f.write("fleets/cache", SETTINGS)
    f.targets("all", NAMES)
    return f


def start_members(fleet, *idents, **options):
    """Until each acts upon all of them: one that does not know of a join yet
    may write a document that is not its own any more."""
    for ident in idents:
        fleet.agent(ident, **options.get(ident, {}))
    fleet.settled(idents)
    wait_until(lambda: len({fleet.tree.heartbeat(i)["basis"]
                            for i in idents}) == 1, fleet.output)
    fleet.settled(idents)


def test_a_fleets_target_and_a_pattern(fleet, tree):
    entries = Entries(tree, "cache")
    start_members(fleet, "web-1", "web-2")
    entries.set("t-1*", seconds=600)
    covered = [n for n in NAMES if n.startswith("t-1")]
    for name in covered:
        in_maintenance(tree, name)
        wait_until(lambda: tree.alive(name) is None, fleet.output)
    for name in NAMES:
        d = tree.status(name)
        assert d["maintenance"] is (name in covered)
        assert d["agent"] == first(name, ["web-1", "web-2"])
    # Whoever takes it over goes on with it.
    fleet.agents["web-2"].kill()
    fleet.settled(["web-1"])
    for name in covered:
        assert tree.status(name)["maintenance_owner"] == "ops"
        assert tree.alive(name) is None
    entries.lift("t-1*")
    for name in covered:
        in_none(tree, name)
        wait_until(lambda: tree.alive(name), fleet.output)


def test_one_member_deletes_what_is_over(fleet, tree):
    entries = Entries(tree, "cache")
    start_members(fleet, "web-1", "web-2", "web-3")
    keys = ["t-0", "t-*", "nobody", "@web-9"]
    for key in keys:
        entries.set(key, seconds=2)
    for key in keys:
        wait_until(lambda: not entries.there(key), fleet.output)
    for name in NAMES:
        in_none(tree, name)
    for key in keys:
        who = first(key, ["web-1", "web-2", "web-3"])
        fleet.agents[who].wait_event("maintenance_expired", entry=key)
    assert not any(a.events("maintenance_kept") for a in
                   fleet.agents.values()), fleet.output()


def test_a_drained_member_hands_over_and_comes_back(fleet, tree):
    entries = Entries(tree, "cache")
    start_members(fleet, "web-1", "web-2", "web-3")
    wait_until(lambda: all(tree.alive(n) for n in NAMES), fleet.output)
    before = fleet.documents()
    moving = [n for n in NAMES if before[n]["agent"] == "web-2"]
    with watching(tree, *(f"alive/{n}" for n in moving[:2])) as watchers:
        entries.set("@web-2")
        fleet.settled(["web-1", "web-3"])
    for w in watchers:
        w.check_no_gap()
    fleet.agents["web-2"].wait_event("fleet_left", why="drained")
    for name, d in fleet.documents().items():
        assert (d["status"], d["since"]) == ("up", before[name]["since"])
        assert d["maintenance"] is False
    # A restart does not undo it.
    fleet.agents["web-2"].stop()
    fleet.agents["web-2"].start()
    tree.wait_round("web-2", 5)
    assert "web-2" not in {m for members in hold(1, fleet.members)
                           for m in members}
    with watching(tree, *(f"alive/{n}" for n in moving[:2])) as watchers:
        entries.lift("@web-2")
        fleet.settled(["web-1", "web-2", "web-3"])
    for w in watchers:
        w.check_no_gap()
    assert not any(a.events("drift") or a.events("conflict")
                   for a in fleet.agents.values()), fleet.output()


def test_a_member_whose_clock_is_off_leaves(fleet, tree, tmp_path):
    clock = WallClock(tmp_path / "clock")
    start_members(fleet, "web-1", "web-2", **{
        "web-2": {"prefix": clock.prefix}})
    before = fleet.documents()
    clock.set(-3600)
    fleet.settled(["web-1"])
    web_2 = fleet.agents["web-2"]
    web_2.wait_event("fleet_left", why="clock")
    assert int(web_2.wait_event("clock_skew")["skew_ms"]) > 3_500_000
    for name, d in fleet.documents().items():
        assert (d["status"], d["since"]) == ("up", before[name]["since"])
    clock.set(0)
    web_2.wait_event("clock_skew", count=2)
