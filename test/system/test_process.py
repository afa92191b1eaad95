"""The program as a UNIX process: signals, reload, daemon, threads."""

import os
import pwd
import resource
import signal
import time

import pytest

import agentproc
import freezing
from agentproc import config_text
from common import for_two_workers, needs_root, zookeeper_keys
from peers import Dripping, Peer
from ports import reserve_port
from process import proc_status
from waiting import wait_until

SLACK_S = 2.0


def stop_in_time(agent, bound):
    """SIGTERM; exit 0 within its stop_timeout of BOUND seconds."""
    began = time.monotonic()
    agent.stop()
    assert time.monotonic() - began < bound + SLACK_S


def test_sigterm_and_sigint_end_it_cleanly(make_agent, redis_server, tree):
    for number in (signal.SIGTERM, signal.SIGINT):
        agent = make_agent({"r": redis_server.address}, tree)
        tree.wait_status("r", "up", "ok")
        agent.stop(number=number)
        assert agent.events("stopping") and agent.events("stopped")
        assert agent.log_events()[-1]["event"] == "stopped"


LISTENED_TO = sum(1 << (n - 1) for n in (
    signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGTERM))


def caught_reading(agent):
    """Spawns it until it is seen while it reads its config and holds the
    signals back."""
    for _ in range(20):
        agent.spawn()
        seen = wait_until(lambda: agent.events("started") and "late" or int(
            proc_status(agent.pid)["SigBlk"], 16) == LISTENED_TO and "early",
            agent.output)
        if seen == "early":
            return
        agent.kill()
        os.truncate(agent.log_path, 0)
    pytest.fail("it never held its signals back while it read its config")


@pytest.mark.parametrize("early", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_that_comes_while_the_config_is_read_is_not_lost(
        make_agent, redis_server, early):
    """With so many instances that there is time for it."""
    agent = make_agent({f"r-{i}": redis_server.address for i in range(3000)},
                       start=False, agent={"interval": "60s"})
    caught_reading(agent)
    agent.signal(early)
    if early == signal.SIGHUP:
        agent.wait_event("reloaded")
        agent.signal(signal.SIGTERM)
    assert agent.wait_exit() == 0
    assert agent.events("started") and agent.events("stopped")


def test_sigterm_publishes_the_last_results(make_agent, make_redis, tree):
    """What was seen before the end is in ZooKeeper after it."""
    r = make_redis()
    agent = make_agent({"r": r.address}, tree, agent={"fall": 1})
    tree.wait_status("r", "up", "ok")
    r.kill()
    agent.wait_event("status_changed", instance="r", to="down")
    agent.stop()
    assert tree.status("r")["status"] == "down"
    wait_until(lambda: tree.heartbeat("agent-1") is None,
               "the heartbeat goes with the session")


def test_sigterm_is_bounded_while_everything_hangs(
        make_agent, make_redis, make_peer, own_tree):
    hung, frozen = make_peer(Peer()), make_redis()
    dripping = make_peer(Dripping())
    instances = {f"hung-{i}": hung.address for i in range(50)}
    instances.update(frozen=frozen.address, dripping=dripping.address)
    agent = make_agent(instances, own_tree,
                       agent={"timeout": "60s", "stop_timeout": "2s"})
    own_tree.wait_status("frozen", "up", "ok")
    frozen.freeze()
    hung.wait_accepted(50)
    own_tree.server.freeze()
    wait_until(lambda: int(agent.dump()[0]["jobs_active"]) == 52,
               "all jobs hang")
    stop_in_time(agent, 2)


def test_sigterm_is_bounded_without_any_zookeeper(make_agent, redis_server):
    keys = {"servers": f"127.0.0.1:{reserve_port()},192.0.2.1:2181"}
    text = {"r": redis_server.address}
    agent = make_agent(text, start=False, agent={"stop_timeout": "1s"})
    agent.rewrite(config_text(
        text, {"stop_timeout": "1s", "pid_file": agent.dir / "pid"}, keys))
    agent.start()
    agent.wait_event("status_changed", instance="r", to="up")
    stop_in_time(agent, 1)


def test_sigterm_right_after_the_start_is_clean(make_agent, redis_server):
    for _ in range(5):
        agent = make_agent({"r": redis_server.address})
        agent.stop()


@pytest.mark.skipif(not freezing.allowed(), reason="may not ptrace a child")
def test_a_wedged_worker_makes_its_instances_stuck_and_no_others(
        make_agent, redis_server, tree, request):
    agent = make_agent(for_two_workers(redis_server.address, ["r0", "r1"],
                                       ["r2", "r3"]),
                       tree, agent={"workers": 2, "stop_timeout": "2s"})
    for i in range(4):
        tree.wait_status(f"r{i}", "up", "ok")
    frozen = freezing.FrozenThread(freezing.thread_called(agent, "worker-0"))
    request.addfinalizer(frozen.thaw)

    def split():
        seen = [tree.status(f"r{i}") for i in range(4)]
        stuck = [d for d in seen if d["reason"] == "stuck"]
        return len(stuck) == 2 and stuck
    stuck = wait_until(split, "two instances stuck")
    assert {d["status"] for d in stuck} == {"unknown"}
    assert tree.wait_round("agent-1", 10)["up"] == 2
    frozen.thaw()
    for i in range(4):
        tree.wait_status(f"r{i}", "up", "ok")
    # It hangs again, and the process must end all the same.
    again = freezing.FrozenThread(freezing.thread_called(agent, "worker-0"))
    request.addfinalizer(again.thaw)
    began = time.monotonic()
    agent.signal(signal.SIGTERM)
    wait_until(again.reap, "the thread dies with its process")
    assert agent.wait_exit() == 0, agent.output()
    assert time.monotonic() - began < 2 + SLACK_S


def test_without_descriptors_the_agent_doubts_itself(
        make_agent, redis_server, make_redis, tree):
    """That nothing can be opened is no fault of the servers."""
    other = make_redis()
    agent = make_agent({"r": redis_server.address, "other": other.address},
                       tree)
    tree.wait_status("r", "up", "ok")
    tree.wait_status("other", "up", "ok")
    tree.wait_round("agent-1")
    before = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    redis_server.client().execute_command(
        "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    d = tree.wait_status("r", "unknown", "doubt")
    assert d["detail"]
    assert tree.status("other")["status"] == "up", "its connection is open"
    assert not agent.events("status_changed", to="down")
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, before)
    tree.wait_status("r", "up", "ok")
    agent.stop()


def test_threads_and_descriptors_stay_as_they_were(
        make_agent, make_redis, make_peer, tree):
    r = make_redis()
    agent = make_agent(
        {"r": r.address, "hung": make_peer(Peer()).address,
         "gone": f"127.0.0.1:{reserve_port()}", "name": "localhost:1"},
        tree, agent={"timeout": "300ms", "workers": 3})
    tree.wait_status("r", "up", "ok")
    tree.wait_status("hung", "down", "reply_timeout")
    tree.wait_status("gone", "down", "refused")
    tree.wait_status("name", "down", "refused")
    tree.wait_round("agent-1", 3)
    threads = agent.thread_ids()
    fds = agent.fds()
    for _ in range(3):
        r.kill()
        tree.wait_status("r", "down", "refused")
        r.start()
        tree.wait_status("r", "up", "ok")
        agent.dump()
        assert agent.reload()["event"] == "reloaded"
    assert agent.thread_ids() == threads
    assert int(agent.dump()[0]["threads"]) == len(threads)
    wait_until(lambda: agent.fds() <= fds + 1, "descriptors as before")
    agent.stop()


def test_sigusr1_dumps_what_is_going_on(make_agent, make_peer, redis_server,
                                        tree):
    agent = make_agent({"hung": make_peer(Peer()).address,
                        "r": redis_server.address}, tree,
                       agent={"timeout": "30s", "workers": 2})
    tree.wait_status("r", "up", "ok")
    tree.wait_round("agent-1", 1)

    def hung_job():
        head, jobs = agent.dump()
        found = [j for j in jobs if j["instance"] == "hung"]
        return found and (head, found[0])
    head, job = wait_until(hung_job, "the hung job in a dump")
    assert int(head["workers"]) == 2
    assert int(head["jobs_active"]) >= 1
    assert int(head["jobs_queued"]) >= 0
    assert int(head["threads"]) == agent.threads()
    assert int(head["round"]) > 0
    assert head["zk_state"] == "connected"
    assert int(head["zk_pending"]) >= 0
    assert int(head["rss_kb"]) > 500
    assert job["phase"] in ("auth", "reply")
    assert int(job["age_ms"]) >= 0
    assert 0 <= int(job["worker"]) < 2
    agent.stop()


# -- SIGHUP -------------------------------------------------------------------

def reconfigure(agent, tree, instances, **keys):
    settings = {"pid_file": agent.dir / "pid", **keys}
    return agent.reload(config_text(instances, settings,
                                    zookeeper_keys(tree)))


def test_reload_adds_changes_and_removes_instances(
        make_agent, make_redis, tree):
    kept, changed, removed, added, other = (make_redis() for _ in range(5))
    agent = make_agent({"kept": kept.address, "changed": changed.address,
                        "removed": removed.address}, tree)
    for name in ("kept", "changed", "removed"):
        tree.wait_status(name, "up", "ok", when=lambda d: d["version"])
    before = tree.status("kept")

    def connection():
        return [c["id"] for c in kept.client().client_list()
                if c["name"] == "sentinel-agent"]
    connected = connection()
    event = reconfigure(agent, tree, {
        "added": added.address, "changed": other.address,
        "kept": kept.address})
    assert event["event"] == "reloaded"
    assert [event[k] for k in ("kept", "added", "changed", "removed")] == \
        ["1", "1", "1", "1"]
    tree.wait_status("added", "up", "ok")
    tree.wait_status("changed", "up", "ok",
                     when=lambda d: d["address"] == other.address)
    tree.wait_status("removed", "unknown", "removed")
    h = tree.wait_round("agent-1", 3)
    assert (h["instances"], h["up"]) == (3, 3)
    assert tree.status("kept") == before, "nothing changed for it"
    assert connection() == connected, "nor for its connection"
    calls = removed.calls("ping"), changed.calls("ping")
    tree.wait_round("agent-1", 5)
    assert (removed.calls("ping"), changed.calls("ping")) == calls
    agent.stop()


def test_reload_takes_over_new_times(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       agent={"interval": "10m", "spread": "0%"})
    tree.wait_status("r", "up", "ok")
    reconfigure(agent, tree, {"r": redis_server.address}, interval="100ms")
    calls = redis_server.calls("ping")
    wait_until(lambda: redis_server.calls("ping") > calls + 10, "fast rounds")
    assert tree.wait_round("agent-1", 1)["interval_ms"] == 100
    agent.stop()


def test_reload_of_a_bad_file_changes_nothing_and_names_each_fault(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    before = tree.wait_status("r", "up", "ok", when=lambda d: d["version"])
    event = agent.reload(f"[agent]\nid = agent-1\nrise = 0\ncolour = red\n"
                         f"[redis:new]\naddress = {redis_server.address}\n")
    assert event["event"] == "reload_rejected"
    faults = [e["fault"] for e in agent.events("config_error")]
    assert len(faults) == 2
    for line, fault in zip((3, 4), faults):
        assert fault.startswith(f"{agent.config}:{line}: ")
    tree.wait_round("agent-1", 3)
    assert tree.status("r") == before
    assert tree.status("new") is None
    agent.config.unlink()
    assert agent.reload()["event"] == "reload_rejected"
    tree.wait_round("agent-1", 3)
    agent.stop()


def test_reload_pauses_and_resumes(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"presence": "yes"})
    wait_until(lambda: tree.alive("r"), "alive/r")
    up = tree.wait_status("r", "up", "ok")
    for paused in ("yes", "no", "yes", "no"):
        text = config_text(
            {"r": {"address": redis_server.address, "paused": paused}},
            {"pid_file": agent.dir / "pid"},
            zookeeper_keys(tree, presence="yes"))
        assert agent.reload(text)["needs_restart"] == "nothing"
        d = tree.wait_status("r", "up", "ok", when=lambda d:
                             d["maintenance"] is (paused == "yes"))
        assert d["since"] == up["since"]
        wait_until(lambda: (tree.alive("r") is None) == (paused == "yes"),
                   f"alive/r while paused = {paused}")
    agent.stop()


def test_reload_removes_the_presence_of_what_is_removed(
        make_agent, make_redis, tree):
    stays, goes = make_redis(), make_redis()
    agent = make_agent({"stays": stays.address, "goes": goes.address}, tree,
                       zookeeper={"presence": "yes"})
    for name in ("stays", "goes"):
        wait_until(lambda: tree.alive(name), f"alive/{name}")
    agent.reload(config_text({"stays": stays.address},
                             {"pid_file": agent.dir / "pid"},
                             zookeeper_keys(tree, presence="yes")))
    wait_until(lambda: tree.alive("goes") is None, "alive/goes goes")
    tree.wait_status("goes", "unknown", "removed")
    assert tree.alive("stays")
    agent.stop()


def test_an_instance_taken_out_and_in_again_ends_as_it_is(
        make_agent, make_redis, own_tree):
    """Also while ZooKeeper hangs, so that both writes wait together."""
    a, b = make_redis(), make_redis()
    agent = make_agent({"a": a.address, "b": b.address}, own_tree,
                       zookeeper={"presence": "yes"})
    own_tree.wait_status("b", "up", "ok")
    one = {"a": a.address}
    both = {"a": a.address, "b": b.address}

    def reload(instances):
        agent.reload(config_text(instances, {"pid_file": agent.dir / "pid"},
                                 zookeeper_keys(own_tree, presence="yes")))

    def out_and_in():
        for instances in (one, both, one):
            reload(instances)
        # While it is out: it may be up before the last reload was seen.
        changes = len(agent.events("status_changed", instance="b", to="up"))
        reload(both)
        agent.wait_event("status_changed", count=changes + 1, instance="b",
                         to="up")
    out_and_in()
    own_tree.wait_status("b", "up", "ok")
    own_tree.server.freeze()
    out_and_in()
    own_tree.server.thaw()
    wait_until(lambda: int(agent.dump()[0]["zk_pending"]) == 0, "all written")
    own_tree.wait_status("b", "up", "ok")
    wait_until(lambda: own_tree.alive("b"), "alive/b")
    document, stat = own_tree.status_and_stat("b")
    assert document["seq"] == stat.version + 1
    agent.stop()


def test_a_storm_of_signals_is_survived(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    threads = agent.threads()
    for _ in range(200):
        agent.signal(signal.SIGHUP)
        agent.signal(signal.SIGUSR1)
    tree.wait_round("agent-1", 3)
    assert agent.threads() == threads
    assert len(agent.events("status_changed", instance="r")) == 1
    agent.stop()


def test_reload_says_what_needs_a_restart(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    tree.wait_round("agent-1")
    threads = agent.threads()
    event = reconfigure(agent, tree, {"r": redis_server.address}, workers=5)
    assert event["event"] == "reloaded"
    assert "workers" in event["needs_restart"]
    tree.wait_round("agent-1", 2)
    assert int(agent.dump()[0]["workers"]) == 2
    wait_until(lambda: agent.threads() == threads, "the same threads")
    agent.stop()


def test_what_needs_a_restart_is_said_until_it_was_done(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    for _ in range(2):
        event = reconfigure(agent, tree, {"r": redis_server.address},
                            workers=5)
        assert event["needs_restart"] == "agent.workers"
        assert event["level"] == "warn"
    event = reconfigure(agent, tree, {"r": redis_server.address})
    assert event["needs_restart"] == "nothing"
    agent.stop()


def test_reload_to_a_longer_interval_renews_the_heartbeat(
        make_agent, redis_server, tree):
    """Nobody may lose trust because the next round is far away now."""
    agent = make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    tree.wait_round("agent-1", 2)
    reconfigure(agent, tree, {"r": redis_server.address}, interval="10m")
    wait_until(lambda: tree.heartbeat("agent-1")["interval_ms"] == 600000,
               "a heartbeat for the new interval")
    agent.stop()


def test_reload_that_needs_more_descriptors_than_there_are_is_rejected(
        make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    soft = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)[0]
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (soft, soft))
    many = {f"r{i}": redis_server.address for i in range(soft)}
    event = reconfigure(agent, tree, many)
    if event["event"] == "reloaded":
        pytest.skip("this root may raise its hard limit")
    assert event["event"] == "reload_rejected"
    assert str(soft) in agent.events("config_error")[-1]["fault"]
    tree.wait_round("agent-1", 2)
    assert tree.heartbeat("agent-1")["instances"] == 1
    agent.stop()


def test_a_new_address_is_not_advertised_before_it_is_known_to_serve(
        make_agent, redis_server, make_peer, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       zookeeper={"presence": "yes"})
    wait_until(lambda: tree.alive("r"), "the alive node")
    agent.reload(config_text({"r": make_peer(Peer()).address},
                             {"pid_file": agent.dir / "pid"},
                             zookeeper_keys(tree, presence="yes")))
    wait_until(lambda: tree.alive("r") is None, "no alive node")
    agent.stop()


def test_reload_under_fire_survives(make_agent, make_peer, redis_server,
                                    tree):
    """Instances come and go while their probes hang and fly."""
    peer = make_peer(Peer())
    hung = {f"hung-{i}": peer.address for i in range(20)}
    agent = make_agent({"r": redis_server.address, **hung}, tree)
    tree.wait_status("r", "up", "ok")
    for i in range(10):
        some = dict(list(hung.items())[i:i + 10])
        event = reconfigure(agent, tree, {"r": redis_server.address, **some})
        assert event["event"] == "reloaded"
    h = tree.wait_round("agent-1", 2)
    assert h["instances"] == 11
    assert len(agent.events("status_changed", instance="r")) == 1
    agent.stop()


# -- daemon -------------------------------------------------------------------

def test_d_returns_when_the_daemon_is_up(daemon, redis_server):
    done = daemon({"r": redis_server.address})
    assert done.returncode == 0, done.stderr
    pid = daemon.running()
    assert pid
    daemon.wait_event("started")
    status = proc_status(pid)
    assert int(status["PPid"]) != os.getpid()
    assert os.getsid(pid) != os.getsid(0)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{pid}/fd/{n}") for n in range(3)} == \
        {"/dev/null"}
    # The config was given by a relative path, and is found from /.
    os.kill(pid, signal.SIGHUP)
    daemon.wait_event("reloaded")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not proc_status(pid), "it ends")
    assert not daemon.pid_file.exists()


def test_a_second_daemon_is_refused(daemon, redis_server):
    assert daemon({"r": redis_server.address}).returncode == 0
    pid = daemon.running()
    again = daemon({"r": redis_server.address})
    assert again.returncode == 1
    assert str(pid) in again.stderr and "running" in again.stderr
    assert daemon.running() == pid


def test_a_stale_pid_file_is_no_obstacle(daemon, redis_server):
    daemon.pid_file.write_text(f"{os.getpid()}\n")
    assert daemon({"r": redis_server.address}).returncode == 0
    assert daemon.running() != os.getpid()


def test_d_with_a_bad_config_fails_before_it_forks(daemon):
    done = daemon({"r": "nonsense"})
    assert done.returncode == 2
    assert "config.ini:" in done.stderr
    assert not daemon.pid_file.exists() and not daemon.log_text()


def test_d_that_cannot_log_says_so_and_fails(daemon, redis_server):
    """Nobody reads the FIFO: not to be seen in the config."""
    os.mkfifo(daemon.dir / "unread")
    done = daemon({"r": redis_server.address},
                  agent={"log": daemon.dir / "unread"})
    assert done.returncode == 1
    assert "unread" in done.stderr


def test_d_that_cannot_write_its_pid_file_says_so(daemon, redis_server):
    """A link there is followed by nobody."""
    (daemon.dir / "link").symlink_to(daemon.dir / "elsewhere")
    done = daemon({"r": redis_server.address},
                  agent={"pid_file": daemon.dir / "link"})
    assert done.returncode == 1
    assert "link" in done.stderr


@needs_root
def test_user_is_dropped_to_for_good(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       agent={"user": "nobody"})
    tree.wait_status("r", "up", "ok")
    who = pwd.getpwnam("nobody")
    status = proc_status(agent.pid)
    assert status["Uid"].split() == [str(who.pw_uid)] * 4
    assert status["Gid"].split() == [str(who.pw_gid)] * 4
    assert "0" not in status["Groups"].split()
    assert int(status["CapEff"], 16) == 0
    agent.stop()


@needs_root
def test_a_daemon_of_another_user_can_be_stopped_and_started_again(
        daemon, redis_server):
    who = pwd.getpwnam("nobody")
    os.chown(daemon.dir, who.pw_uid, who.pw_gid)
    for _ in range(2):
        done = daemon({"r": redis_server.address}, agent={"user": "nobody"})
        assert done.returncode == 0, done.stderr
        pid = daemon.running()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not proc_status(pid), "it ends")


@needs_root
def test_an_unknown_user_is_refused(make_agent, redis_server):
    agent = make_agent({"r": redis_server.address}, start=False,
                       agent={"user": "no-such-user"})
    agent.spawn()
    assert agent.wait_exit() in (1, 2)
    assert "no-such-user" in agent.output()


# -- command line -------------------------------------------------------------

def test_help_and_version():
    for flag in ("--help", "--version"):
        done = agentproc.run(flag)
        assert done.returncode == 0 and done.stdout and not done.stderr
    assert "sentinel-agent" in agentproc.run("--version").stdout
    text = agentproc.run("--help").stdout
    for word in ("-c", "-d", "--check-once", "--test-config",
                 "--print-config", "--instance", "--format", "--no-publish"):
        assert word in text


@pytest.mark.parametrize("args", [
    ["--bogus"], ["-x"], ["surplus"], ["-c"], ["--instance", "x"],
    ["--format", "json"], ["--no-publish"],
    ["--test-config", "--print-config"], ["-d", "--test-config"],
], ids=" ".join)
def test_wrong_usage_is_exit_2(args, write_config):
    if args != ["-c"]:
        config = write_config({"r": "127.0.0.1:1"})
        args = ["-c", config, *args]
    done = agentproc.run(*args)
    assert done.returncode == 2, done.stdout
    assert done.stderr


def test_a_config_that_is_not_there_is_exit_2(tmp_path):
    done = agentproc.run("-c", tmp_path / "no-such.ini")
    assert done.returncode == 2
    assert "no-such.ini" in done.stderr
