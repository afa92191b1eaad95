"""--check-once: what it prints, writes and exits with, and that it ends."""

import fcntl
import json
import os
import re
import subprocess

import pytest
from kazoo.exceptions import NoNodeError
from kazoo.security import make_digest_acl

import agentproc
from common import needs_root
from peers import Peer, says
from ports import reserve_port
from process import Process
from waiting import wait_until
from zookeeper import Tree

UP, DEGRADED, DOWN, UNKNOWN = 0, 1, 2, 3


@pytest.fixture
def matrix(make_redis, make_peer):
    """One instance of each status."""
    server, locked = make_redis(), make_redis(requirepass="geheim")
    return {
        "up": server.address,
        "degraded": {"address": server.address, "expect_role": "replica"},
        "down": f"127.0.0.1:{reserve_port()}",
        "unknown": locked.address,
    }


def check(config, *args, **options):
    return agentproc.run("--check-once", "-c", config, *args, **options)


@pytest.mark.parametrize("names, code", [
    (["up"], UP), (["degraded"], DEGRADED), (["down"], DOWN),
    (["unknown"], UNKNOWN), (["up", "degraded"], DEGRADED),
    (["degraded", "down"], DOWN), (["unknown", "up"], UNKNOWN),
    (["unknown", "degraded"], DEGRADED), (["unknown", "down"], DOWN),
    ([], DOWN),
], ids=lambda v: "+".join(v) or "all" if isinstance(v, list) else None)
def test_the_worst_status_decides_and_instances_can_be_chosen(
        matrix, write_config, names, code):
    config = write_config(matrix)
    args = [a for name in names for a in ("--instance", name)]
    done = check(config, *args, "--format", "json")
    assert done.returncode == code, done.stdout + done.stderr
    seen = {i["instance"]: i for i in json.loads(done.stdout)["instances"]}
    assert set(seen) == set(names or matrix)
    for name, instance in seen.items():
        assert instance["status"] == name
    if "down" in seen:
        assert seen["down"]["reason"] == "refused"
    if "up" in seen:
        assert seen["up"]["rtt_us"] > 0
        assert seen["up"]["role"] == "master"


@pytest.mark.parametrize("form", ["text", "json", "nagios"])
def test_the_formats(matrix, write_config, form):
    done = check(write_config(matrix), "--format", form)
    assert done.returncode == DOWN
    if form == "json":
        json.loads(done.stdout)
        return
    for name in matrix:
        assert name in done.stdout
    assert "refused" in done.stdout
    if form == "nagios":
        assert len(done.stdout.splitlines()) == 1
        text, perfdata = done.stdout.split("|")
        assert "CRITICAL" in text
        assert re.fullmatch(r"( ?[\w./-]+=(U|[\d.]+s?)(;[\d.:@~]*)*)+",
                            perfdata.strip()), perfdata
    else:
        assert len(done.stdout.splitlines()) >= 5


def test_text_is_the_default_format(matrix, write_config):
    config = write_config({"up": matrix["up"]})
    assert "up" in check(config).stdout
    assert not check(config).stdout.startswith("{")


@pytest.mark.parametrize("args", [
    ["--instance", "no-such"], ["--format", "xml"], ["--bogus"],
    ["--instance"], ["surplus"], ["-d"]], ids=" ".join)
def test_bad_usage_is_3(matrix, write_config, args):
    done = check(write_config(matrix), *args)
    assert done.returncode == UNKNOWN
    assert done.stderr and not done.stdout


def test_an_unknown_instance_is_named(matrix, write_config):
    done = check(write_config(matrix), "--instance", "no-such")
    assert "no-such" in done.stderr


def test_a_bad_result_is_retried_until_fall_agree(
        make_scripted, write_config):
    server = make_scripted(replies={"PING": b"-LOADING x\r\n"})
    config = write_config({"r": server.address}, agent={"fall": 4})
    assert check(config).returncode == DEGRADED
    assert server.accepted == 4, "one new connection a probe"


def test_one_good_result_is_enough_and_one_bad_is_forgiven(
        make_scripted, make_peer, write_config):
    server = make_scripted()
    config = write_config({"r": server.address},
                          agent={"rise": 5, "retry_interval": "10ms"})
    assert check(config).returncode == UP
    assert server.seen.count(["PING"]) == 1
    answers = [b"-LOADING x\r\n"]

    class Once(dict):
        def __contains__(self, word):
            return word == "PING" and bool(answers)

        def __getitem__(self, word):
            return answers.pop()
    server.replies = Once()
    assert check(config).returncode == UP


def test_it_publishes_statuses_and_a_heartbeat_that_stays(
        matrix, write_config, tree, agent_id):
    config = write_config(matrix, tree, agent={"interval": "5m"})
    done = check(config)
    assert done.returncode == DOWN, done.stderr
    for name in matrix:
        d, stat = tree.status_and_stat(name)
        assert d["status"] == name
        assert d["agent"] == agent_id
        assert stat.ephemeralOwner == 0
    h, stat = tree.heartbeat_and_stat(agent_id)
    assert stat.ephemeralOwner == 0, "nobody keeps a session under cron"
    assert (h["interval_ms"], h["instances"]) == (300_000, 4)
    assert (h["up"], h["degraded"], h["down"], h["unknown"]) == (1, 1, 1, 1)


def test_the_next_run_goes_on_where_the_last_one_was(
        redis_server, write_config, tree):
    config = write_config({"r": redis_server.address}, tree)
    assert check(config).returncode == UP
    first, stat = tree.status_and_stat("r")
    assert first["seq"] == 1
    assert check(config).returncode == UP
    second, stat = tree.status_and_stat("r")
    assert second["since"] == first["since"]
    assert second["seq"] == stat.version + 1
    redis_server.kill()
    assert check(config).returncode == DOWN
    third, stat = tree.status_and_stat("r")
    assert third["since"] > second["since"]
    assert third["seq"] == second["seq"] + 1 == stat.version + 1


def test_no_publish_writes_nothing(matrix, write_config, tree):
    done = check(write_config(matrix, tree), "--no-publish")
    assert done.returncode == DOWN
    with pytest.raises(NoNodeError):
        tree.client().get(tree.root)


def test_without_zookeeper_it_only_prints(matrix, write_config):
    done = check(write_config({"up": matrix["up"]}))
    assert done.returncode == UP and "up" in done.stdout


def test_chosen_instances_only_are_published(matrix, write_config, tree):
    check(write_config(matrix, tree), "--instance", "up")
    assert tree.children("instances") == ["up"]


@pytest.mark.parametrize("where", ["absent", "stopped", "mute"])
def test_a_zookeeper_that_does_not_answer_is_3_in_bounded_time(
        matrix, write_config, own_zookeeper, make_peer, where):
    tree = Tree(own_zookeeper, "/sentinel-agent")
    keys = {"publish_timeout": "1s"}
    if where == "stopped":
        own_zookeeper.start().freeze()
    elif where == "mute":
        keys["servers"] = make_peer(Peer()).address
    config = write_config({"up": matrix["up"]}, tree, zookeeper=keys)
    done = check(config, timeout=20)
    assert done.returncode == UNKNOWN, done.stdout
    assert "up" in done.stdout, "what was seen is printed all the same"
    assert "not published" in done.stderr, "cron mails it"
    bad = write_config({"down": matrix["down"]}, tree, zookeeper=keys)
    assert check(bad, timeout=20).returncode == DOWN


def test_everything_hangs_and_it_ends_all_the_same(
        write_config, make_peer, make_redis, own_zookeeper):
    tree = Tree(own_zookeeper, "/sentinel-agent")
    own_zookeeper.start().freeze()
    frozen = make_redis()
    frozen.freeze()
    hung = make_peer(Peer())
    instances = {f"hung-{i}": hung.address for i in range(100)}
    instances["frozen"] = frozen.address
    config = write_config(instances, tree, agent={"timeout": "300ms"},
                          zookeeper={"publish_timeout": "1s"})
    done = check(config, timeout=20)
    assert done.returncode == DOWN


def test_a_refused_write_is_3(redis_server, write_config, tree, tmp_path):
    tree.client().create(tree.root)
    tree.client().create(
        f"{tree.root}/instances",
        acl=[make_digest_acl("other", "geheim", all=True)])
    done = check(write_config({"r": redis_server.address}, tree), timeout=30)
    assert done.returncode == UNKNOWN, done.stdout


def test_beside_a_living_daemon_it_prints_and_writes_nothing(
        make_agent, redis_server, write_config, tree, agent_id):
    instances = {"r": redis_server.address}
    agent = make_agent(instances, tree, agent={"id": agent_id})
    tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    tree.wait_round(agent_id, 2)
    before = tree.status_and_stat("r")
    done = check(write_config(instances, tree))
    assert done.returncode == UP
    assert agent_id in done.stdout + done.stderr
    assert "conflict" not in done.stderr, "for cron to mail each minute"
    after = tree.status_and_stat("r")
    assert after[0] == before[0]
    assert after[1].version == before[1].version
    h, stat = tree.heartbeat_and_stat(agent_id)
    assert stat.ephemeralOwner != 0 and h["pid"] == agent.pid
    agent.stop()


def test_after_the_daemon_is_gone_it_publishes(
        make_agent, redis_server, write_config, tree, agent_id):
    instances = {"r": redis_server.address}
    agent = make_agent(instances, tree, agent={"id": agent_id})
    tree.wait_status("r", "up", "ok")
    agent.stop()
    done = check(write_config(instances, tree))
    assert done.returncode == UP
    h, stat = tree.heartbeat_and_stat(agent_id)
    assert stat.ephemeralOwner == 0 and h["pid"] != agent.pid


def test_a_daemon_takes_over_after_a_check_once(
        make_agent, redis_server, write_config, tree, agent_id):
    """Its persistent heartbeat gives way to an ephemeral one."""
    instances = {"r": redis_server.address}
    assert check(write_config(instances, tree)).returncode == UP
    assert tree.owner(f"agents/{agent_id}") == 0
    agent = make_agent(instances, tree, agent={"id": agent_id})
    wait_until(lambda: tree.owner(f"agents/{agent_id}"), "an ephemeral one")
    h = tree.wait_round(agent_id, 2)
    assert h["pid"] == agent.pid
    agent.stop()


@pytest.fixture
def start_slow(make_peer, write_config, tmp_path, request, tree):
    """A --check-once that waits for a server, holding what it holds."""
    def start(*args, **agent):
        peer = make_peer(Peer())
        config = write_config({"hung": peer.address}, tree,
                              agent={"timeout": "20s", "fall": 1, **agent})
        slow = Process([agentproc.agent_bin(), "--check-once", *args, "-c",
                        config], tmp_path / "slow")
        request.addfinalizer(slow.kill)
        slow.spawn()
        peer.wait_accepted()
        return slow
    return start


@pytest.mark.parametrize("place", ["pid_file", "state_dir"])
def test_a_second_one_of_the_same_id_that_publishes_is_3(
        start_slow, redis_server, write_config, tree, tmp_path, agent_id,
        place):
    keys = {}
    lock = tmp_path / f"sentinel-agent-{agent_id}.check-once"
    if place == "state_dir":
        (tmp_path / "state").mkdir()
        keys["state_dir"] = tmp_path / "state"
        lock = tmp_path / "state" / f"{agent_id}.check-once"
    instances = {"r": redis_server.address}
    config = write_config(instances, tree, agent=keys)
    slow = start_slow(**keys)
    assert lock.stat().st_mode & 0o777 == 0o600
    second = check(config, "--format", "nagios")
    assert second.returncode == UNKNOWN
    assert agent_id in second.stderr
    assert "another --check-once" in second.stdout
    other = check(write_config(instances, tree,
                               agent={"id": agent_id + "-b", **keys}))
    assert other.returncode == UP, other.stderr
    # It holds nothing once it is gone, however it went.
    slow.kill()
    assert check(config).returncode == UP


def test_nobody_waits_for_one_that_does_not_publish(
        start_slow, redis_server, write_config, tree):
    config = write_config({"r": redis_server.address}, tree)
    silent = write_config({"r": redis_server.address})
    start_slow("--no-publish")
    assert check(config).returncode == UP
    start_slow()
    assert check(config).returncode == UNKNOWN
    assert check(config, "--no-publish").returncode == UP
    assert check(silent).returncode == UP, "it has nothing to publish"


@needs_root
def test_a_lock_that_another_user_holds_is_none(
        redis_server, write_config, tree, tmp_path, agent_id):
    state = tmp_path / "state"
    state.mkdir()
    config = write_config({"r": redis_server.address}, tree,
                          agent={"state_dir": state})
    theirs = state / f"{agent_id}.check-once"
    theirs.touch(0o600)
    os.chown(theirs, 65534, 65534)
    with open(theirs) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert check(config).returncode == UP
    # One that others can open could be held by them.
    os.chown(theirs, 0, 0)
    theirs.chmod(0o644)
    with open(theirs) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert check(config).returncode == UP


@needs_root
def test_a_lock_is_had_before_root_becomes_the_user(
        start_slow, redis_server, write_config, tree):
    """Whom the folder of the pid file does not belong to."""
    start_slow(user="nobody")
    config = write_config({"r": redis_server.address}, tree,
                          agent={"user": "nobody"})
    assert check(config).returncode == UNKNOWN


def test_what_is_not_redis_is_down(make_peer, write_config):
    config = write_config({"r": make_peer(says(b"nonsense\r\n")).address})
    done = check(config, "--format", "json")
    assert done.returncode == DOWN
    assert json.loads(done.stdout)["instances"][0]["reason"] == "protocol"


def test_a_closed_stdout_is_no_crash(matrix, write_config):
    config = write_config({"up": matrix["up"]})
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" --check-once -c "$1" >&-',
         agentproc.agent_bin(), config], timeout=30)
    assert done.returncode >= 0, "killed by a signal"
