"""Restart without a flap: the ZooKeeper session over stop, crash, upgrade."""

import os
import pwd
import re
import shutil
import tempfile
from pathlib import Path

import pytest

import agentproc
from common import needs_root
from waiting import wait_until
from watching import watching

NODES = ("alive/r", "agents/agent-1")


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def make_keeper(make_agent, redis_server, tree, state):
    """An agent with presence and a state_dir, whose nodes are all there."""
    def make(instances=None, tree=tree, agent=None, zookeeper=None, **options):
        a = make_agent(instances or {"r": redis_server.address}, tree,
                       agent={"state_dir": state, **(agent or {})},
                       zookeeper={"presence": "yes", "session_timeout": "8s",
                                  **(zookeeper or {})}, **options)
        settled(a, tree)
        return a
    return make


def settled(agent, tree):
    """AGENT's life, not an earlier one, is in the nodes."""
    wait_until(lambda: (h := tree.heartbeat("agent-1"))
               and h["pid"] == agent.pid, "a heartbeat of this process")
    wait_until(lambda: tree.alive("r"), "alive/r")
    tree.wait_round("agent-1", 2)


def owners(tree):
    return {tree.owner(path) for path in NODES}


def wait_owner(tree, not_in):
    """Waits until both nodes live in one new session; returns it."""
    wait_until(lambda: None not in owners(tree)
               and not owners(tree) & {not_in} and len(owners(tree)) == 1,
               lambda: f"one new owner, but {owners(tree)}, not {not_in}")
    return tree.owner("alive/r")


def saved(state):
    return int(re.search(r"^id ([0-9a-f]{16})$",
                         (state / "agent-1.session").read_text(),
                         re.M).group(1), 16)


def connected(agent, count, **match):
    """The zk_connected of AGENT's life number COUNT, and no earlier one."""
    assert len(agent.events("started")) == count
    return wait_until(
        lambda: [e for e in agent.life_events()
                 if e["event"] == "zk_connected" and
                 all(e[k] == v for k, v in match.items())],
        agent.output)[0]


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_a_restart_resumes_the_session_and_no_node_is_touched(
        make_keeper, tree, state, how):
    agent = make_keeper()
    before = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    session = tree.owner("alive/r")
    assert owners(tree) == {session} == {saved(state)}
    with watching(tree, *NODES) as watchers:
        for life in (2, 3):
            if how == "SIGTERM":
                agent.stop()
                assert agent.wait_event("stopped", life - 1, clean="true",
                                        session="kept")
            else:
                agent.kill()
            assert session in tree.server.sessions()
            agent.start()
            event = connected(agent, life, resumed="true", new="false")
            assert int(event["session"], 16) == session
            settled(agent, tree)
            assert owners(tree) == {session} == {saved(state)}
            after, stat = tree.status_and_stat("r")
            assert after["since"] == before["since"]
            assert after["seq"] == stat.version + 1 >= before["seq"]
    for w in watchers:
        w.check_untouched()
    assert not agent.events("session_not_resumed")
    assert not agent.events("zk_session_expired")
    text = (state / "agent-1.session").read_text()
    assert (state / "agent-1.session").stat().st_mode & 0o7777 == 0o600
    assert re.search(r"^password (\S+)$", text, re.M).group(1) not in \
        agent.output()


def test_what_changed_meanwhile_is_published_in_the_resumed_session(
        make_keeper, make_redis, tree):
    stays, dies = make_redis(), make_redis()
    agent = make_keeper({"r": stays.address, "dies": dies.address})
    wait_until(lambda: tree.alive("dies"), "alive/dies")
    before = tree.wait_status("dies", "up", "ok")
    session = tree.owner("alive/r")
    agent.stop()
    assert tree.alive("dies")
    dies.kill()
    agent.start()
    after = tree.wait_status("dies", "down", "refused")
    assert after["seq"] > before["seq"]
    wait_until(lambda: tree.alive("dies") is None, "alive/dies goes")
    settled(agent, tree)
    assert owners(tree) == {session}
    agent.stop()


def test_the_presence_of_who_left_the_config_goes(
        make_keeper, make_agent, redis_server, tree, state):
    at = redis_server.address
    agent = make_keeper({"r": at, "leaves": at, "also": at})
    for name in ("leaves", "also"):
        wait_until(lambda: tree.alive(name), f"alive/{name}")
    session = tree.owner("alive/r")
    other = make_agent({"theirs": at}, tree, agent={"id": "agent-2"},
                       zookeeper={"presence": "yes"})
    wait_until(lambda: tree.alive("theirs"), "alive/theirs")
    agent.stop()
    agent.rewrite(agent.config.read_text().replace("[redis:leaves]",
                                                   "[redis:comes]")
                  .replace("[redis:also]", "[redis:new]"))
    with watching(tree, *NODES, "alive/theirs") as watchers:
        agent.start()
        wait_until(lambda: tree.children("alive") ==
                   ["comes", "new", "r", "theirs"],
                   lambda: tree.children("alive"))
        settled(agent, tree)
    for w in watchers:
        w.check_untouched()
    wait_until(lambda: len(agent.events("orphan")) >= 2, "orphans said")
    assert owners(tree) == {session}
    agent.stop()
    other.stop()


@pytest.mark.parametrize("before, after", [
    ("presence = yes", "presence = no"), ("root = /", "root = /other-")])
def test_what_another_config_would_not_care_for_ends_with_its_session(
        make_keeper, tree, before, after):
    agent = make_keeper(zookeeper={"session_timeout": "3s"})
    old = tree.owner("alive/r")
    agent.stop()
    text = agent.config.read_text()
    assert before in text
    agent.rewrite(text.replace(before, after))
    agent.start()
    assert "scope" in agent.wait_event("session_not_resumed")["why"]
    connected(agent, 2, new="true")
    wait_until(lambda: tree.alive("r") is None, "alive/r goes")
    assert tree.owner("agents/agent-1") != old
    agent.stop()


def test_another_session_timeout_is_taken_over_by_the_session(
        make_keeper, tree):
    agent = make_keeper()
    session = tree.owner("alive/r")
    with watching(tree, *NODES) as watchers:
        agent.stop()
        agent.rewrite(agent.config.read_text().replace(
            "session_timeout = 8s", "session_timeout = 12s"))
        agent.start()
        assert connected(agent, 2, resumed="true")["timeout_ms"] == "12000"
        settled(agent, tree)
    for w in watchers:
        w.check_untouched()
    assert owners(tree) == {session}
    agent.stop()


def test_a_session_that_expired_meanwhile_is_followed_by_a_new_one(
        make_keeper, tree, state):
    agent = make_keeper()
    before = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    old = tree.owner("alive/r")
    agent.stop()
    tree.server.expire(old)
    assert owners(tree) == {None}
    agent.start()
    new = wait_owner(tree, old)
    agent.wait_event("session_not_resumed", why="session expired")
    assert int(connected(agent, 2, new="true", resumed="false")["session"],
               16) == new == saved(state)
    settled(agent, tree)
    assert tree.status("r")["since"] == before["since"]
    # And that one is kept like any other.
    agent.stop()
    agent.start()
    connected(agent, 3, resumed="true")
    settled(agent, tree)
    assert owners(tree) == {new}
    agent.stop()


def garble(file):
    file.write_bytes(file.read_bytes()[:-5])


def open_to_others(file):
    file.chmod(0o644)


def another_password(file):
    text = file.read_text()
    file.write_text(text[:-5] + ("0000\n" if text[-5:-1] != "0000"
                                 else "1111\n"))


@pytest.mark.parametrize("spoil, why", [
    (garble, "garbled"), (open_to_others, "mode 0644"),
    (another_password, "session expired"), (lambda f: f.unlink(), None)])
def test_without_a_usable_file_the_nodes_are_taken_over_without_a_gap(
        make_keeper, tree, state, spoil, why):
    agent = make_keeper(zookeeper={"session_timeout": "5s"})
    before = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    old = tree.owner("alive/r")
    with watching(tree, *NODES) as watchers:
        agent.kill()
        spoil(state / "agent-1.session")
        agent.start()
        new = wait_owner(tree, old)
        wait_until(lambda: old not in tree.server.sessions(),
                   "the old session ends")
        settled(agent, tree)
    for w in watchers:
        assert w.owners() <= {old, new}
    said = agent.events("session_not_resumed")
    assert [why in e["why"] for e in said] == ([] if why is None else [True])
    assert owners(tree) == {new} == {saved(state)}
    assert tree.status("r")["since"] == before["since"]
    agent.stop()


def test_a_zookeeper_wiped_meanwhile_is_filled_again(
        make_keeper, own_tree, state):
    agent = make_keeper(tree=own_tree)
    server = own_tree.server
    agent.stop()
    server.close_reader()
    server.kill()
    shutil.rmtree(server.dir / "data")
    (server.dir / "data").mkdir()
    server.start()
    agent.start()
    own_tree.wait_status("r", "up", "ok")
    settled(agent, own_tree)
    connected(agent, 2, new="true", resumed="false")
    assert owners(own_tree) == {saved(state)}
    agent.stop()


def test_a_stop_while_zookeeper_hangs_is_bounded_and_keeps_the_session(
        make_keeper, own_tree, state):
    agent = make_keeper(tree=own_tree, agent={"stop_timeout": "2s"})
    session = saved(state)
    own_tree.server.freeze()
    agent.stop()
    event = agent.wait_event("stopped", session="kept", clean="true")
    assert int(event["after_ms"]) <= 2000
    assert saved(state) == session
    own_tree.server.thaw()


def test_the_last_documents_are_published_before_the_session_is_left(
        make_keeper, make_redis, tree):
    agent = make_keeper(zookeeper={"publish": "round"})
    for life in range(2, 5):
        agent.stop()
        left = agent.log_events()[-1]
        assert (left["event"], left["exit"]) == ("stopped", "0")
        document, stat = tree.status_and_stat("r")
        assert document["seq"] == stat.version + 1
        agent.start()
        connected(agent, life, resumed="true")
        settled(agent, tree)
    agent.stop()


def test_a_session_that_cannot_be_saved_is_said_once_and_used(
        make_keeper, tree, state):
    agent = make_keeper()
    shutil.rmtree(state)
    for count in (1, 2):
        old = tree.owner("agents/agent-1")
        tree.server.expire(old)
        agent.wait_event("zk_session_expired", count)
        wait_owner(tree, old)
    settled(agent, tree)
    said, = agent.events("session_not_saved")
    assert str(state) in said["why"] and "No such file" in said["why"]
    # Back in time for the stop, which tries once more.
    state.mkdir(mode=0o700)
    session = tree.owner("alive/r")
    agent.stop()
    assert saved(state) == session
    agent.start()
    connected(agent, 2, resumed="true")
    agent.stop()


def refused(agent, *words):
    assert agent.spawn().wait_exit() == 1, agent.output()
    for word in words:
        assert str(word) in agent.output(), word


@needs_root
def test_a_folder_that_the_user_cannot_write_is_an_error_at_the_start(
        make_agent, redis_server, tree, state):
    agent = make_agent({"r": redis_server.address}, tree, start=False,
                       agent={"state_dir": state, "user": "nobody"})
    refused(agent, state, "Permission denied")


@needs_root
def test_the_session_belongs_to_the_user_that_the_agent_becomes(
        make_keeper, tree, request):
    # pytest's own folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="sentinel-agent-test-"))
    request.addfinalizer(lambda: shutil.rmtree(folder))
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(folder, nobody, -1)
    agent = make_keeper(agent={"state_dir": folder, "user": "nobody"})
    session = saved(folder)
    assert {f.stat().st_uid for f in folder.iterdir()} == {nobody}
    agent.stop()
    agent.start()
    connected(agent, 2, resumed="true")
    settled(agent, tree)
    assert owners(tree) == {session}
    # Nor does one that root left there serve the user.
    agent.stop()
    os.chown(folder / "agent-1.session", 0, 0)
    agent.start()
    refusal = agent.wait_event("session_not_resumed")
    assert "Permission denied" in refusal["why"]
    new = wait_owner(tree, session)
    assert saved(folder) == new
    agent.stop()


def test_a_second_agent_with_the_same_id_and_folder_is_refused(
        make_keeper, make_agent, redis_server, tree, state):
    first = make_keeper()
    session = tree.owner("alive/r")
    second = make_agent({"r": redis_server.address}, tree, start=False,
                        agent={"state_dir": state},
                        zookeeper={"presence": "yes"})
    refused(second, state / "agent-1.lock",
            f"already running (pid {first.pid})")
    tree.wait_round("agent-1", 2)
    assert owners(tree) == {session}
    # Death gives the lock back, and the session with it.
    first.kill()
    second.start()
    connected(second, 1, resumed="true")
    settled(second, tree)
    assert owners(tree) == {session}
    second.stop()


def test_two_agents_share_a_folder_and_no_session(
        make_keeper, make_agent, redis_server, tree, state):
    first = make_keeper()
    other = make_agent({"s": redis_server.address}, tree,
                       agent={"state_dir": state, "id": "agent-2"})
    theirs = wait_until(lambda: tree.owner("agents/agent-2"), "agent-2")
    assert theirs not in owners(tree)
    other.stop()
    first.stop()


def test_without_a_state_dir_a_stop_ends_the_session(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"presence": "yes",
                                  "session_timeout": "20s"})
    settled(agent, tree)
    agent.stop()
    agent.wait_event("stopped", session="closed", clean="true")
    assert owners(tree) == {None}


def test_check_once_leaves_the_session_alone(
        write_config, redis_server, tree, state):
    path = write_config({"r": redis_server.address}, tree,
                        agent={"state_dir": state})
    done = agentproc.run("--check-once", "-c", path)
    assert done.returncode == 0, done.stderr
    assert [p.suffix for p in state.iterdir()] == [".check-once"]
