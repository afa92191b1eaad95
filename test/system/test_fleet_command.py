"""--fleet: the members of a fleet, as ZooKeeper knows them."""

import json
import re

import pytest

import agentproc
from agentproc import render
from ports import reserve_port
from waiting import wait_until

FLEET = {"name": "cache", "zone": "a", "targets_allow": "127.0.0.0/8"}
NAMES = [f"t-{n}" for n in range(9)]
SHOWN, NOT, USAGE = 0, 1, 2


def fleet(config, *args):
    return agentproc.run("--fleet", *args, "-c", config)


def shown(config, *args):
    ran = fleet(config, *args)
    assert ran.returncode == SHOWN, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def read(config):
    return json.loads(shown(config, "--format", "json"))


@pytest.fixture
def config(write_config, tree):
    return write_config({}, tree, fleet=FLEET)


@pytest.fixture
def member(make_agent, tree, redis_server):
    client = tree.client()
    client.create(f"{tree.root}/fleets/cache", render({
        "fleet": {"observers": 1},
        "defaults": {"interval": "500ms", "retry_interval": "100ms"},
    }).encode(), makepath=True)
    client.create(f"{tree.root}/fleets/cache/targets/all", render({
        f"redis:{n}": {"address": redis_server.address} for n in NAMES
    }).encode(), makepath=True)

    def start(ident):
        return make_agent({}, tree, fleet=FLEET, zookeeper={
            "session_timeout": "4s"}, agent={"id": ident, "interval": "500ms"})
    return start


def settled(config, members):
    def look():
        found = read(config)
        return len(found["agents"]) == members and found["agree"] and \
            found["moving"] == found["silent"] == 0 and found
    return wait_until(look, lambda: read(config), 60)


def test_members_have_shares_and_agree(config, member):
    first = read(config)
    assert (first["targets"], first["silent"], first["agents"]) == (9, 9, [])
    assert "There are no members" in shown(config)
    member("web-1")
    member("web-2")
    found = settled(config, 2)
    rows = {row["agent"]: row for row in found["agents"]}
    assert set(rows) == {"web-1", "web-2"}
    assert sum(row["share"] for row in rows.values()) == 9
    for row in rows.values():
        assert row["member"] and row["zone"] == "a"
        assert row["share"] == row["speaking"]
        assert row["heartbeat"] in ("valid", "late")
        assert re.fullmatch("[0-9a-f]{8}", row["basis"])
    lines = shown(config).splitlines()
    assert lines[0] == "Fleet cache: 2 members, 9 targets in 1 chunks"
    assert lines[1].split() == ["MEMBER", "HOST", "ZONE", "SHARE", "SPEAKS",
                                "HEARTBEAT", "BASIS", "VERSION"]
    assert [line.split()[0] for line in lines[2:4]] == ["web-1", "web-2"]


def test_who_is_gone_and_still_named_is_shown(config, member, tree):
    gone = member("web-1")
    settled(config, 1)
    gone.kill()
    wait_until(lambda: tree.children("fleets/cache/members") == [],
               "its session is over", 60)
    row, = read(config)["agents"]
    assert (row["agent"], row["member"], row["speaking"]) == (
        "web-1", False, 9)
    assert row["heartbeat"] == "gone"
    text = shown(config)
    assert "(no member)" in text
    assert "9 documents are not by the member that is first for them" in text


def test_another_fleet_is_named(write_config, tree):
    plain = write_config({"r": "127.0.0.1:1"}, tree)
    ran = fleet(plain)
    assert ran.returncode == USAGE
    assert "name the fleet with --fleet" in ran.stderr
    said = shown(plain, "other")
    assert said.startswith("Fleet other: 0 members, 0 targets")
    assert "knows no fleet of that name" in said
    assert fleet(plain, "a/b").returncode == USAGE
    assert tree.children("fleets") == []


def test_without_zookeeper_it_ends_and_says_so(write_config, tree):
    config = write_config({}, tree, fleet=FLEET, zookeeper={
        "servers": f"127.0.0.1:{reserve_port()}", "publish_timeout": "500ms"})
    ran = fleet(config)
    assert ran.returncode == NOT and ran.stdout == ""
    assert "ZooKeeper: not read within 500 ms" in ran.stderr


@pytest.mark.parametrize("args", [
    ["--test-config", "--fleet"], ["--targets", "--fleet"],
    ["--status", "--fleet", "cache"], ["--fleet", "cache", "more"],
    ["--fleet", "--watch"], ["--fleet", "--format", "nagios"]])
def test_what_cannot_be_meant_is_usage(args):
    assert agentproc.run(*args).returncode == USAGE
