"""--targets: what it checks, writes, shows and takes away."""

import json
import os

import pytest

import agentproc
from agentproc import agent_bin, render
from ports import reserve_port
from pseudoterminal import Terminal
from waiting import wait_until

DONE, NOT, USAGE = 0, 1, 2
FLEET = {"name": "cache", "targets_allow": "127.0.0.0/8"}
SETTINGS = render({"fleet": {"observers": 1, "brake": "50%", "brake_min": 2}})


def targets(config, *args, **options):
    return agentproc.run("--targets", *args, "-c", config, **options)


def done(config, *args, **options):
    ran = targets(config, *args, **options)
    assert ran.returncode == DONE, ran.stdout + ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def refused(config, *args, code=NOT, **options):
    ran = targets(config, *args, **options)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stderr


def put(config, *files):
    return done(config, "put", "--yes", *files)


def shown(config, *args):
    return json.loads(done(config, "--format", "json", *args))


@pytest.fixture
def config(write_config, tree):
    return write_config({}, tree, agent={"id": "web-1"}, fleet=FLEET)


@pytest.fixture
def chunks(tree):
    """The chunks in ZooKeeper, by name."""
    def read():
        return {name: tree.get(f"fleets/cache/targets/{name}")[0].decode()
                for name in tree.children("fleets/cache/targets")}
    return read


@pytest.fixture
def write(tmp_path):
    """A file of targets; returns its path."""
    def text(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path
    return text


@pytest.fixture
def many(write):
    """A file with targets of these NAMES."""
    def targets_of(name, *names, address="127.0.0.1:1"):
        return write(name, render({f"redis:{n}": {"address": address}
                                   for n in names}))
    return targets_of


def test_a_file_becomes_a_chunk_byte_for_byte(config, tree, write, chunks):
    text = "; shop\n\n[redis:s-1] ; first\naddress = 127.0.0.1:1\n\n"
    said = put(config, write("shop.ini", text))
    assert chunks() == {"shop": text}
    assert said.splitlines() == [
        "fleet cache: new",
        f"chunk shop: new, {len(text)} bytes", "+ s-1: 127.0.0.1:1",
        "1 added, 0 removed, 0 changed; 1 targets then",
        "chunk shop: written"]
    assert b"observers = 1" in tree.get("fleets/cache")[0]
    assert done(config, "get", "shop") == text
    assert "chunk shop: unchanged" in put(config, write("shop.ini", text))
    assert tree.get("fleets/cache/targets/shop")[1].version == 0


def test_differences_are_shown(config, many, write, chunks):
    put(config, many("a.ini", "t-1", "t-2", "t-3"))
    said = put(config, write("a.ini", render({
        "redis:t-1": {"address": "127.0.0.1:2"},
        "redis:t-2": {"address": "127.0.0.1:1", "fall": 9, "rise": 3},
        "redis:t-3": {"address": "127.0.0.1:2", "fall": 9},
        "redis:t-4": {"address": "127.0.0.1:1"}})), many("b.ini", "t-5"))
    assert said.splitlines()[2:-2] == [
        "~ t-1: address 127.0.0.1:2, was 127.0.0.1:1",
        "~ t-2: other rise, fall",
        "~ t-3: address 127.0.0.1:2, was 127.0.0.1:1, and other settings",
        "+ t-4: 127.0.0.1:1", "+ t-5: 127.0.0.1:1",
        "2 added, 0 removed, 3 changed; 5 targets then"]
    assert sorted(chunks()) == ["a", "b"]


@pytest.mark.parametrize("text, why", [
    ("[redis:t]\naddress = 127.0.0.1:1\nfall = many\n",
     ":3: fall must be"),
    ("[redis:t]\naddress = 127.0.0.1:1\nfal = 2\n", ":3: unknown key"),
    ("[redis:t]\n", ":1: "),
    ("[redis:t]\naddress = unix:/run/redis\n", ":2: address is not for a "),
    ("[redis:t]\naddress = 127.0.0.1:1\npassword = geheim\n", ":3: "),
    ("[redis:t]\naddress = 127.0.0.1:1\npaused = yes\n", ":3: "),
    ("[redis:u]\naddress = 127.0.0.1:1\n\n[redis:t]\naddress = 192.0.2.1:1\n",
     ":4: [redis:t]: address 192.0.2.1:1 is not in targets_allow = "),
    ("[redis:a b]\naddress = 127.0.0.1:1\n", ":1: "),
    ("[agent]\nid = x\n", ":1: "),
    ("nonsense\n", ":1: "),
])
def test_a_bad_file_writes_nothing_and_is_told_by_line(
        config, write, many, chunks, tree, text, why):
    bad = write("bad.ini", text)
    said = refused(config, "put", "--yes", many("good.ini", "g"), bad)
    assert f"{bad}{why}" in said
    assert "geheim" not in said
    assert chunks() == {}
    assert tree.get("fleets/cache") is None


def test_a_file_that_is_too_large_is_told_with_its_size(config, many, chunks):
    large = many("large.ini", *(f"target-{n}" for n in range(700)))
    size = os.path.getsize(large)
    assert refused(config, "put", "--yes", large) == (
        f"{large}: {size} bytes, and a chunk has at most 16384: divide it\n")
    assert chunks() == {}


def test_files_that_cannot_be_chunks_are_told(config, many, tmp_path, chunks):
    assert "No such file" in refused(
        config, "put", "--yes", tmp_path / "none.ini")
    assert "its name is to be that of a chunk" in refused(
        config, "put", "--yes", many("a b.ini", "t"))
    (tmp_path / "d").mkdir()
    one, two = many("a.ini", "t"), many("d/a.ini", "u")
    assert f"{two}: would be chunk a, as {one}" in refused(
        config, "put", "--yes", one, two)
    assert "directory" in refused(config, "put", "--yes", tmp_path / "d")
    assert chunks() == {}


def test_a_name_stands_in_one_chunk(config, many, chunks):
    put(config, many("a.ini", "t-1", "t-2"))
    again = many("b.ini", "t-3", "t-2")
    assert refused(config, "put", "--yes", again) == (
        f"{again}:4: [redis:t-2] stands in chunk a as well\n")
    two = many("c.ini", "t-3")
    three = many("d.ini", "t-3")
    assert f"[redis:t-3] stands in {two} as well" in refused(
        config, "put", "--yes", two, three)
    assert sorted(chunks()) == ["a"]
    # It moves.
    said = put(config, many("a.ini", "t-1"), many("b.ini", "t-2"))
    assert "0 added, 0 removed, 0 changed; 2 targets then" in said
    # What gains it first: at no time it is gone.
    assert said.splitlines()[-2:] == ["chunk b: written", "chunk a: written"]


def test_to_take_away_many_needs_force(config, tree, many, chunks):
    tree.client().create(f"{tree.root}/fleets/cache", SETTINGS.encode(),
                         makepath=True)
    put(config, many("a.ini", "t-1", "t-2", "t-3"), many("b.ini", "t-4"))
    fewer = many("a.ini", "t-1")
    put(config, fewer)  # half of them is not more than half
    put(config, many("a.ini", "t-1", "t-2", "t-3"))
    said = refused(config, "put", "--yes", many("a.ini"))
    assert ("nothing written: 3 of 4 targets would go, more than brake = 50% "
            "allows: --force") in said
    assert "3 of 4" in refused(config, "remove", "--yes", "a")
    assert sorted(chunks()) == ["a", "b"]
    done(config, "remove", "--yes", "--force", "a")
    assert sorted(chunks()) == ["b"]


def test_what_is_not_there_cannot_be_had_or_removed(config, many, chunks):
    put(config, many("a.ini", "t-1"))
    why = "sentinel-agent: fleet cache has no chunk none\n"
    assert refused(config, "get", "none") == why
    assert refused(config, "remove", "--yes", "a", "none") == why
    assert sorted(chunks()) == ["a"]


def test_without_terminal_and_yes_nothing_is_written(config, many, chunks):
    assert "--yes" in refused(config, "put", many("a.ini", "t"), code=USAGE)
    assert chunks() == {}


def test_settings_that_hinder_all_are_told(config, tree, many, chunks):
    tree.client().create(f"{tree.root}/fleets/cache",
                         b"[defaults]\nfall = many\n", makepath=True)
    said = put(config, many("a.ini", "t"))
    assert "fault: fleets/cache:2: fall must be" in said
    assert sorted(chunks()) == ["a"]


@pytest.mark.parametrize("answer, code", [("y", DONE), ("n", NOT), ("", NOT)])
def test_a_person_is_asked(config, many, chunks, request, answer, code):
    terminal = Terminal([agent_bin(), "--targets", "put", many("a.ini", "t"),
                         "-c", config])
    request.addfinalizer(terminal.stop)
    wait_until(lambda: "Write that? [y/N]" in terminal.output(),
               terminal.output)
    assert chunks() == {}
    os.write(terminal.master, f"{answer}\n".encode())
    assert terminal.wait() == code
    assert sorted(chunks()) == (["a"] if code == DONE else [])


def test_faults_of_others_are_shown_and_in_nobodys_way(
        config, tree, many, chunks):
    client = tree.client()
    client.create(f"{tree.root}/fleets/cache/targets/theirs",
                  b"[redis:x]\naddress = 127.0.0.1:1\nfall = many\n",
                  makepath=True)
    put(config, many("a.ini", "t"))
    found = shown(config)
    assert [t["name"] for t in found["targets"]] == ["t", "x"]
    assert found["faults"][0].startswith("theirs:3: fall must be")
    assert found["targets"][1]["fault"].startswith("theirs:3: fall must be")
    assert "fault: theirs:3: fall must be" in done(config)


def test_another_fleet_is_named(write_config, tree, many):
    plain = write_config({}, tree)
    assert "name the fleet with --fleet" in refused(plain, code=USAGE)
    assert 'got "a/b"' in refused(plain, "--fleet", "a/b", code=USAGE)
    assert "knows no fleet of that name" in done(plain, "--fleet", "other")
    said = put(plain, "--fleet", "other", many("a.ini", "t",
                                               address="192.0.2.1:1"))
    assert said.startswith("fleet other: new\n")
    assert "no fleet" not in done(plain, "--fleet", "other")
    assert "no document yet" in done(plain, "--fleet", "other")
    said = put(plain, "--fleet", "other", many("b.ini", "u",
                                               address="192.0.2.1:1"))
    assert "fleet other" not in said
    done(plain, "remove", "--yes", "b", "--fleet", "other")
    assert "addresses were not checked" in said
    assert tree.children("fleets/other/targets") == ["a"]
    assert shown(plain, "--fleet", "other")["fleet"] == "other"


def test_who_observes_what_and_what_it_says(make_agent, config, tree, many,
                                            redis_server):
    put(config, many("a.ini", "up", address=redis_server.address),
        many("b.ini", "down", address=f"127.0.0.1:{reserve_port()}"))
    assert [t["observers"] for t in shown(config)["targets"]] == [[], []]
    make_agent({}, tree, agent={"id": "web-1", "interval": "500ms"},
               fleet=FLEET)
    tree.wait_status("up", "up")
    tree.wait_status("down", "down")
    found = {t["name"]: t for t in shown(config)["targets"]}
    assert found["up"]["observers"] == found["down"]["observers"] == ["web-1"]
    assert (found["up"]["status"], found["down"]["status"]) == ("up", "down")
    assert found["down"]["reason"] == "refused" and found["down"]["trusted"]
    lines = done(config).splitlines()
    assert lines[0] == "2 targets in 2 chunks, 1 members"
    assert lines[1].split() == ["NAME", "ADDRESS", "OBSERVERS", "STATUS",
                                "REASON"]
    assert lines[3].split() == ["up", redis_server.address, "web-1", "up",
                                "ok"]


def test_the_status_of_a_fleet_is_that_of_its_targets(
        make_agent, config, tree, many, redis_server):
    put(config, many("a.ini", "t", "u", address=redis_server.address))
    tree.client().create(f"{tree.root}/instances/foreign", b"{}",
                         makepath=True)
    make_agent({"own": redis_server.address}, tree,
               agent={"id": "web-1", "interval": "500ms"}, fleet=FLEET)
    for name in ("t", "u", "own"):
        tree.wait_status(name, "up")

    def status(*args):
        ran = agentproc.run("--status", "--from-zookeeper", "--fleet", "cache",
                            "-c", config, *args)
        assert ran.returncode == DONE, ran.stderr
        return ran.stdout
    found = json.loads(status("--format", "json"))
    assert {i["instance"]: (i["status"], i["trusted"])
            for i in found["instances"]} == {"t": ("up", True),
                                             "u": ("up", True)}
    assert [a["agent"] for a in found["agents"]] == ["web-1"]
    assert "fleet cache" in status().splitlines()[0]


def test_a_target_can_be_checked_once(config, tree, many, redis_server):
    put(config, many("a.ini", "up", address=redis_server.address),
        many("b.ini", "down", address=f"127.0.0.1:{reserve_port()}"))
    tree.client().create(f"{tree.root}/fleets/cache/targets/c",
                         b"[redis:bad]\naddress = 127.0.0.1:1\nfal = 2\n"
                         b"[redis:far]\naddress = 192.0.2.1:1\n")

    def once(*names):
        ran = agentproc.run("--check-once", "-c", config, "--format", "json",
                            *(a for n in names for a in ("--instance", n)))
        return ran.returncode, {
            i["instance"]: (i["status"], i["reason"], i["detail"])
            for i in json.loads(ran.stdout)["instances"]}
    code, found = once("up")
    assert (code, list(found)) == (0, ["up"])
    code, found = once("up", "down")
    assert code == 2 and found["down"][:2] == ("down", "refused")
    code, found = once("bad", "far")
    assert code == 3
    assert found["bad"][:2] == ("unknown", "settings")
    assert "c:3: unknown key" in found["bad"][2]
    assert found["far"][:2] == ("unknown", "settings")
    assert tree.children("instances") == tree.children("agents") == []
    ran = agentproc.run("--check-once", "-c", config, "--instance", "none")
    assert ran.returncode == 3
    assert "no instance named none in" in ran.stderr
    assert "nor a target in fleet cache" in ran.stderr


@pytest.mark.parametrize("args, why", [
    (["put"], "name what: --targets put FILE..."),
    (["get"], "name what: --targets get CHUNK"),
    (["get", "a", "b"], "takes one chunk, not also b"),
    (["drop", "a"], "takes put FILE..., get CHUNK, remove CHUNK... or nothing"),
    (["get", "a", "--yes"], "--yes and --force go with"),
    (["--yes"], "--yes and --force go with"),
    (["--fleet", "a/b"], "--fleet must be"),
    (["put", "x", "--format", "json"], "--format goes with --targets alone"),
])
def test_what_cannot_be_meant_is_usage(config, args, why):
    assert why in refused(config, *args, code=USAGE)


def test_without_zookeeper_it_ends_and_says_so(write_config, tree, many):
    config = write_config({}, tree, fleet=FLEET, zookeeper={
        "servers": f"127.0.0.1:{reserve_port()}", "publish_timeout": "500ms"})
    assert "ZooKeeper: not read within 500 ms" in refused(config)
    assert "ZooKeeper: not read within 500 ms" in refused(
        config, "put", "--yes", many("a.ini", "t"))
