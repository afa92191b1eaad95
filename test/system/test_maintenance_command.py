"""--maintenance: what it writes, shows and takes away, without an agent."""

import getpass
import json
import os
import subprocess
import time

import pytest
from kazoo.security import make_digest_acl

import agentproc
from agentproc import agent_bin, write_secret
from documents import moment
from ports import reserve_port
from wallclock import WallClock

DONE, NOT, USAGE = 0, 1, 2
FLEET = {"name": "cache", "targets_allow": "127.0.0.1"}
HOUR = 3600


def maintenance(config, *args, **options):
    return agentproc.run("--maintenance", *args, "-c", config, **options)


def done(config, *args, **options):
    ran = maintenance(config, *args, **options)
    assert ran.returncode == DONE, ran.stdout + ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def refused(config, *args, code=NOT, **options):
    ran = maintenance(config, *args, **options)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stderr


def entry(tree, path):
    node = tree.get(f"maintenance/{path}")
    return None if node is None else json.loads(node[0])


def listed(config, *args, **options):
    return json.loads(done(config, "--format", "json", *args,
                           **options))["maintenance"]


@pytest.fixture
def config(write_config, tree):
    return write_config({"c-1": "127.0.0.1:1", "c-2": "127.0.0.1:1"}, tree,
                        agent={"id": "web-1"})


@pytest.fixture
def in_fleet(write_config, tree):
    return write_config({"own": "127.0.0.1:1"}, tree, agent={"id": "web-1"},
                        fleet=FLEET)


SET = ["--for", "2h", "--reason", "kernel"]


def test_what_is_set_is_there_with_owner_reason_and_end(config, tree):
    before = time.time()
    said = done(config, "set", "c-1", *SET, "--owner", "ops")
    after = time.time()
    found = entry(tree, "@web-1/c-1")
    assert found.pop("schema") == 1
    since, until = moment(found.pop("since")), moment(found.pop("until"))
    assert found == {"owner": "ops", "reason": "kernel"}
    assert before - 60 < since < after + 60
    assert until - since == 2 * HOUR
    assert said.startswith("c-1 of agent web-1: in maintenance until 20")
    assert tree.get("maintenance/@web-1/c-1")[1].ephemeralOwner == 0


def test_who_sets_is_the_owner_unless_it_says_who(config, tree):
    done(config, "set", "c-1", *SET, env={**os.environ, "SUDO_USER": "ops"})
    assert entry(tree, "@web-1/c-1")["owner"] == "ops"
    env = {k: v for k, v in os.environ.items() if k != "SUDO_USER"}
    done(config, "set", "c-1", *SET, env=env)
    assert entry(tree, "@web-1/c-1")["owner"] == getpass.getuser()


def test_who_replaces_an_entry_is_told_whose(config, tree):
    done(config, "set", "c-1", "--for", "30m", "--reason", "disk",
         "--owner", "anna")
    said = done(config, "set", "c-1", *SET, "--owner", "ben")
    assert "; in place of anna: disk, until 20" in said
    assert entry(tree, "@web-1/c-1")["owner"] == "ben"
    assert tree.get("maintenance/@web-1/c-1")[1].version == 1


def test_what_nobody_can_read_is_replaced(config, tree):
    tree.client().create(f"{tree.root}/maintenance/@web-1/c-1", b"nonsense",
                         makepath=True)
    done(config, "set", "c-1", *SET)
    assert entry(tree, "@web-1/c-1")["reason"] == "kernel"


def test_several_names_and_patterns_are_set_and_lifted(config, tree):
    done(config, "set", "c-1", "c-*", *SET)
    assert tree.children("maintenance/@web-1") == ["c-*", "c-1"]
    said = done(config, "lift", "c-1", "c-*")
    assert said.splitlines()[0].startswith(
        "c-1 of agent web-1: maintenance lifted (")
    assert tree.children("maintenance/@web-1") == []


def test_what_is_not_there_cannot_be_lifted(config, tree):
    done(config, "set", "c-*", *SET)
    said = refused(config, "lift", "c-1")
    assert said.startswith("sentinel-agent: c-1: there is no entry of that "
                           "very name")
    assert tree.children("maintenance/@web-1") == ["c-*"]


def test_what_is_not_there_hinders_no_other_lift(in_fleet, tree):
    done(in_fleet, "set", "theirs", "own", *SET)
    said = refused(in_fleet, "lift", "nosuch", "theirs", "own")
    assert "nosuch: there is no entry" in said and said.count("\n") == 1
    assert tree.children("maintenance/cache") == []
    assert tree.children("maintenance/@web-1") == []


def test_a_config_of_no_agent_says_whose_it_is_to_be(write_config, tree):
    bare = write_config({}, tree)
    for verb in ["set", "c-1", *SET], ["lift", "c-1"]:
        said = refused(bare, *verb, code=USAGE)
        assert "say whose with --fleet F or --agent ID" in said
    assert tree.children("maintenance") == []
    done(bare, "set", "c-1", *SET, "--fleet", "cache")
    done(bare, "lift", "c-1", "--fleet", "cache")
    assert done(bare) == "Nothing is in maintenance.\n"


def test_a_member_that_is_not_alive_is_said(in_fleet, tree):
    said = done(in_fleet, "set", "@web-9", *SET)
    assert said.endswith("\n  no agent web-9 is alive just now\n")
    tree.client().create(f"{tree.root}/agents/web-9", b"{}", makepath=True)
    assert "alive" not in done(in_fleet, "set", "@web-9", *SET)


def test_a_name_that_nobody_knows_yet_is_set_and_said(config, tree):
    said = done(config, "set", "later", *SET)
    assert "  nothing of agent web-1 has that name yet\n" in said
    assert entry(tree, "@web-1/later")["reason"] == "kernel"
    # This config knows it, though its agent has never run.
    assert "yet" not in done(config, "set", "c-1", "c-*", *SET)
    tree.client().create(f"{tree.root}/owned/web-1", b"c-1\nlater\n",
                         makepath=True)
    assert "yet" not in done(config, "set", "l*r", *SET)


def test_another_agents_instances_are_set_from_here(config, tree):
    done(config, "set", "theirs", *SET, "--agent", "web-2")
    assert tree.children("maintenance") == ["@web-2"]
    assert entry(tree, "@web-2/theirs")["reason"] == "kernel"
    done(config, "lift", "theirs", "--agent", "web-2")
    assert tree.children("maintenance/@web-2") == []


def test_an_own_name_is_the_agents_and_another_its_fleets(in_fleet, tree):
    done(in_fleet, "set", "own", "target", "@web-7", *SET)
    assert tree.children("maintenance/@web-1") == ["own"]
    assert tree.children("maintenance/cache") == ["@web-7", "target"]
    done(in_fleet, "lift", "own", "target", "@web-7")
    assert tree.children("maintenance/@web-1") == []
    assert tree.children("maintenance/cache") == []


def test_the_list_says_until_when_by_whom_and_what_it_covers(in_fleet, tree):
    client = tree.client()
    client.create(f"{tree.root}/owned/web-1", b"own\n", makepath=True)
    client.create(f"{tree.root}/fleets/cache/targets/a",
                  b"; [redis:not]\n[redis:bad]\n[redis:t-1]\naddress = 127.0.0.1:1\n"
                  b" [redis:t-2]\n[redis:other]\n", makepath=True)
    client.create(f"{tree.root}/maintenance/cache/bad", b"{}", makepath=True)
    done(in_fleet, "set", "own", "t-*", *SET, "--owner", "ops")
    rows = {row["name"]: row for row in listed(in_fleet)}
    assert set(rows) == {"own", "t-*", "bad"}
    assert rows["own"]["agent"] == "web-1"
    assert rows["own"]["covers"] == ["own"]
    assert rows["t-*"]["fleet"] == "cache"
    assert rows["t-*"]["covers"] == ["t-1", "t-2"]
    assert rows["t-*"]["owner"] == "ops" and not rows["t-*"]["over"]
    assert rows["t-*"]["fault"] is None
    assert rows["bad"]["fault"] == '"schema" must be 1'
    assert rows["bad"]["covers"] == []
    assert [row["name"] for row in listed(in_fleet, "--agent", "web-1")] == [
        "own"]
    text = done(in_fleet)
    assert text.splitlines()[0].split() == [
        "SCOPE", "NAME", "UNTIL", "LEFT", "OWNER", "REASON", "COVERS"]
    assert "t-1 t-2" in text and "ignored" in text


def test_where_nothing_is_in_maintenance_that_is_said(config):
    assert done(config) == "Nothing is in maintenance.\n"
    assert listed(config) == []


@pytest.mark.parametrize("args, why", [
    (["set"], "name what is to be in maintenance"),
    (["set", "c-1", "--reason", "x"], "needs an end and a reason"),
    (["set", "c-1", "--for", "2h"], "needs an end and a reason"),
    (["set", "c-1", "--for", "31d", "--reason", "x"],
     '--for must be 1s..30d, as in 90m, 2h or 3d, got "31d"'),
    (["set", "c-1", "--for", "0s", "--reason", "x"], 'got "0s"'),
    (["set", "c-1", "--for", "2", "--reason", "x"], 'got "2"'),
    (["set", "c-1", "--for", "99999999999d", "--reason", "x"], "--for must"),
    (["set", "c-1", "--for", "2h", "--reason", ""], "--reason must be"),
    (["set", "c-1", "--for", "2h", "--reason", "a\nb"], r'got "a\x0ab"'),
    (["set", "c-1", "--for", "2h", "--reason", "x" * 201], "--reason must be"),
    (["set", "c-1", *SET, "--owner", "a\x1b[m"], "--owner must be"),
    (["set", "a/b", *SET], 'got "a/b"'),
    (["set", "..", *SET], 'got ".."'),
    (["set", "@web-7", *SET], "@web-7 is a member of a fleet"),
    (["set", "c-1", *SET, "--agent", "a/b"], '--agent must be'),
    (["set", "c-1", *SET, "--fleet", ".."], "--fleet must be"),
    (["set", "c-1", *SET, "--fleet", "f", "--agent", "a"], "exclude"),
    (["lift"], "name what is to be in maintenance"),
    (["lift", "c-1", "--for", "2h"], "go with --maintenance set"),
    (["drop", "c-1"], "takes set NAME..., lift NAME... or nothing, not drop"),
    (["--format", "nagios"], "text or json"),
    (["--instance", "c-1"], "go with --check-once"),
])
def test_what_cannot_be_meant_writes_nothing(config, tree, args, why):
    assert why in refused(config, *args, code=USAGE)
    assert tree.children("maintenance") == []


def test_a_config_without_zookeeper_is_told(write_config):
    config = write_config({"c-1": "127.0.0.1:1"})
    assert "has no [zookeeper] section" in refused(config, code=USAGE)


def test_without_zookeeper_it_ends_and_says_so(write_config, tree):
    config = write_config({"c-1": "127.0.0.1:1"}, tree, zookeeper={
        "servers": f"127.0.0.1:{reserve_port()}", "publish_timeout": "500ms"})
    assert "ZooKeeper: not written within 500 ms" in refused(
        config, "set", "c-1", *SET)
    assert "ZooKeeper: not read within 500 ms" in refused(config)
    # What hangs is waited for once, not for each name.
    first, second, third = refused(config, "lift", "c-1", "c-2",
                                   "c-3").splitlines()
    assert "c-1: ZooKeeper: not read within 500 ms" in first
    assert [second, third] == ["sentinel-agent: c-2: not tried",
                               "sentinel-agent: c-3: not tried"]


def test_who_has_no_right_is_told_where(write_config, tree, open_path):
    digest = write_secret(open_path / "zk.secret", "agent:geheim")
    strict = write_config({"c-1": "127.0.0.1:1"}, tree, agent={"id": "web-1"},
                          zookeeper={"digest_file": digest, "acl": "read"})
    done(strict, "set", "c-1", *SET)
    plain = open_path / "plain.ini"
    plain.write_text("\n".join(
        line for line in strict.read_text().splitlines()
        if not line.startswith(("digest_file", "acl"))))
    why = refused(plain, "set", "c-1", *SET)
    assert f"{tree.root}/maintenance/@web-1: no right to write it" in why
    # Whoever may read may look.
    assert [row["name"] for row in listed(plain)] == ["c-1"]


def test_many_who_set_the_same_name_at_once_all_succeed(config, tree):
    running = [subprocess.Popen(
        [agent_bin(), "--maintenance", "set", "c-1", *SET, "--owner",
         f"who-{n}", "-c", config], stdout=subprocess.PIPE, text=True)
        for n in range(4)]
    for process in running:
        process.communicate(timeout=60)
        assert process.returncode == DONE
    assert entry(tree, "@web-1/c-1")["owner"].startswith("who-")
    assert tree.get("maintenance/@web-1/c-1")[1].version == 3


def test_names_may_stand_anywhere_and_begin_with_a_dash(config, tree):
    done(config, *SET, "set", "c-1")
    done(config, "set", *SET, "c-2")
    ran = agentproc.run("--maintenance", "-c", config, *SET, "--", "set", "-x")
    assert ran.returncode == DONE, ran.stderr
    assert tree.children("maintenance/@web-1") == ["-x", "c-1", "c-2"]


@pytest.mark.parametrize("off", [-5 * HOUR, 5 * HOUR])
def test_what_is_on_is_told_by_the_ensembles_clock(config, tree, tmp_path, off):
    done(config, "set", "c-1", *SET)
    clock = WallClock(tmp_path / "clock")
    clock.set(off)
    row, = listed(config, prefix=clock.prefix)
    assert not row["over"]
    assert " 1h 59m " in done(config, prefix=clock.prefix)
    # Nor does a clock that is off change what is set by it.
    done(config, "set", "c-2", *SET, prefix=clock.prefix)
    ends = [moment(row["until"]) for row in listed(config)]
    assert abs(ends[0] - ends[1]) < HOUR


def test_one_bad_node_hides_no_entry(in_fleet, tree):
    client = tree.client()

    def make(path, data=b"{}", **options):
        client.create(f"{tree.root}/{path}", data, makepath=True, **options)

    done(in_fleet, "set", "own", *SET)
    done(in_fleet, "set", "*", *SET, "--fleet", "cache")
    for scope in "@", "we ird", "s" * 300, "@@a":
        make(f"maintenance/{scope}/n")
    make("maintenance/cache/huge", b"x" * 900_000)
    make("maintenance/@web-1/@web-2", tree.get("maintenance/@web-1/own")[0])
    make("maintenance/@web-1/hidden",
         acl=[make_digest_acl("who", "else", all=True)])
    make("fleets/cache/targets/a", b"[redis:a b]\n[redis:\x1b[m]\n[redis:t]\n"
         + b"[redis:" + b"n" * 41 + b"]\n")
    rows = {(row["fleet"] if "fleet" in row else row["agent"], row["name"]): row
            for row in listed(in_fleet)}
    assert {key: row["fault"] for key, row in rows.items()} == {
        ("web-1", "own"): None, ("cache", "*"): None,
        ("cache", "huge"): rows["cache", "huge"]["fault"],
        ("web-1", "@web-2"): "only the members of a fleet can be drained",
        ("web-1", "hidden"): "no right to read it"}
    assert rows["cache", "huge"]["fault"]
    assert rows["cache", "*"]["covers"] == ["t"]
    assert "no right to read it" in done(in_fleet)
