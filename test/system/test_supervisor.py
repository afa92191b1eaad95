"""The supervisor of -d: an agent that dies is started again, and told of."""

import os
import re
import secrets
import signal
import socket
import subprocess

import pytest

import documents
from agentproc import agent_bin, write_secret
from common import needs_root, zookeeper_keys
from daemonproc import children_of, wait_gone
from ports import reserve_port
from process import proc_status
from waiting import hold, wait_until
from watching import watching


def start(daemon, redis_server, **options):
    done = daemon({"r": redis_server.address}, **options)
    assert done.returncode == 0, done.stderr
    return daemon.running(), daemon.wait_worker()


def is_sanitized(pid):
    with open(f"/proc/{pid}/maps") as f:
        text = f.read()
    return "libasan" in text or "libtsan" in text


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV],
                         ids=lambda n: n.name)
def test_a_crashed_agent_is_started_again_and_its_end_logged(
        daemon, redis_server, tree, number):
    supervisor, worker = start(daemon, redis_server,
                               zookeeper=zookeeper_keys(tree))
    tree.wait_status("r", "up", "ok")
    sanitized = is_sanitized(worker)
    os.kill(worker, number)
    again = daemon.wait_worker(other_than=worker)
    event, = daemon.events("child_ended")
    assert event["level"] == "error"
    assert event["pid"] == str(worker) and event["restarts"] == "1"
    assert event["core"] in ("true", "false") and int(event["ran_ms"]) >= 0
    # A sanitizer's own handler makes another end of SIGSEGV.
    if number == signal.SIGKILL or not sanitized:
        assert event["signal"] == number.name
    assert daemon.running() == supervisor
    before = tree.heartbeat("agent-1")
    assert tree.wait_status("r", "up", "ok")
    wait_until(lambda: (h := tree.heartbeat("agent-1")) and
               h["pid"] == again and h != before, "its heartbeat goes on")


def test_five_crashes_in_a_row_change_no_status(
        daemon, redis_server, tree):
    """A malformed answer can end the process; what it knew survives it."""
    seen = {"r": [], "gone": []}

    def look(name):
        def changed(data, stat):
            if data:
                d = documents.check_status(data, name)
                verdict = (d["status"], d["reason"], d["since"])
                if verdict not in seen[name]:
                    seen[name].append(verdict)
        return changed
    done = daemon({"r": redis_server.address,
                   "gone": f"127.0.0.1:{reserve_port()}"},
                  # Its heartbeat outlives the longest pause, as by default.
                  {"interval": "3s"}, zookeeper=zookeeper_keys(tree, presence="yes",
                                           publish="round"))
    assert done.returncode == 0, done.stderr
    worker = daemon.wait_worker()
    tree.wait_status("r", "up", "ok")
    tree.wait_status("gone", "down", "refused")
    for name in seen:
        tree.client().DataWatch(f"{tree.root}/instances/{name}", look(name))
    with watching(tree, "alive/r"):
        for _ in range(5):
            os.kill(worker, signal.SIGSEGV)
            worker = daemon.wait_worker(other_than=worker)
            wait_until(lambda: (h := tree.heartbeat("agent-1")) and
                       h["pid"] == worker and h["up"] == h["down"] == 1,
                       "it knows both again")
    assert len(daemon.events("child_ended")) == 5
    assert {name: len(verdicts) for name, verdicts in seen.items()} == \
        {"r": 1, "gone": 1}, seen


def test_the_pauses_between_restarts_grow(daemon, redis_server):
    supervisor, worker = start(daemon, redis_server)
    for _ in range(4):
        os.kill(worker, signal.SIGKILL)
        worker = daemon.wait_worker(other_than=worker)
    ends = daemon.events("child_ended")
    assert [e["restarts"] for e in ends] == ["1", "2", "3", "4"]
    # Since the last one of these was 1.6 s and no agent ran meanwhile.
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not children_of(supervisor), "it is buried")
    assert not any(hold(1, daemon.worker))
    daemon.wait_worker(other_than=worker)


def test_term_in_a_pause_ends_it_with_its_pid_file(daemon, redis_server):
    supervisor, worker = start(daemon, redis_server)
    for _ in range(3):
        os.kill(worker, signal.SIGKILL)
        worker = daemon.wait_worker(other_than=worker)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not children_of(supervisor), "it is buried")
    os.kill(supervisor, signal.SIGTERM)
    wait_gone(supervisor)
    assert not daemon.pid_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT],
                         ids=lambda n: n.name)
def test_a_stop_ends_all_of_it(daemon, redis_server, number):
    supervisor, worker = start(daemon, redis_server)
    os.kill(supervisor, number)
    wait_gone(supervisor)
    assert not proc_status(worker), "the worker went first"
    assert daemon.wait_event("stopping")["why"] == number.name
    assert daemon.wait_event("stopped")["exit"] == "0"
    assert not daemon.pid_file.exists()
    assert len(daemon.events("started")) == 1


def test_an_agent_that_ends_well_is_not_started_again(daemon, redis_server):
    supervisor, worker = start(daemon, redis_server)
    os.kill(worker, signal.SIGTERM)
    wait_gone(supervisor)
    assert not daemon.pid_file.exists()
    assert len(daemon.events("started")) == 1


def test_an_agent_that_cannot_stop_is_killed(daemon, redis_server):
    supervisor, worker = start(daemon, redis_server,
                               agent={"stop_timeout": "100ms"})
    os.kill(worker, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGTERM)
    wait_gone(supervisor)
    assert not proc_status(worker)
    assert not daemon.pid_file.exists()
    assert not daemon.events("stopped")


def test_the_time_for_a_stop_follows_a_reload(daemon, redis_server):
    """An agent that got more time to stop is not killed by the old one."""
    supervisor, worker = start(daemon, redis_server,
                               agent={"stop_timeout": "100ms"})
    daemon.write_config({"r": redis_server.address},
                        {"stop_timeout": "60s"})
    os.kill(supervisor, signal.SIGHUP)
    daemon.wait_event("reloaded")
    os.kill(worker, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGTERM)
    hold(2.5, lambda: None)
    os.kill(worker, signal.SIGCONT)
    wait_gone(supervisor)
    assert daemon.wait_event("stopped")["clean"] == "true"


def test_signals_are_passed_on(daemon, redis_server):
    supervisor, worker = start(daemon, redis_server)
    os.kill(supervisor, signal.SIGUSR1)
    daemon.wait_event("dump")
    os.kill(supervisor, signal.SIGHUP)
    daemon.wait_event("reloaded")
    assert daemon.worker() == worker


def test_a_killed_supervisor_leaves_no_orphan(daemon, redis_server):
    supervisor, worker = start(daemon, redis_server)
    os.kill(supervisor, signal.SIGKILL)
    wait_gone(worker)
    assert daemon.wait_event("stopped")["exit"] == "0"


@needs_root
def test_a_killed_supervisor_leaves_no_orphan_of_another_user(
        daemon, redis_server):
    """The kernel forgets such a wish when the user changes."""
    os.chown(daemon.dir, 65534, -1)
    supervisor, worker = start(daemon, redis_server, agent={"user": "nobody"})
    assert proc_status(supervisor)["Uid"].split()[0] == "0"
    assert proc_status(worker)["Uid"].split()[0] == "65534"
    os.kill(supervisor, signal.SIGKILL)
    wait_gone(worker)


def test_a_start_waits_for_the_orphan_of_a_killed_supervisor(
        daemon, redis_server):
    supervisor, worker = start(daemon, redis_server,
                               agent={"stop_timeout": "60s"})
    os.kill(worker, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    wait_gone(supervisor)
    starter = subprocess.Popen([agent_bin(), "-d", "-c", daemon.config],
                               stdin=subprocess.DEVNULL)
    assert hold(0.5, starter.poll)[-1] is None
    os.kill(worker, signal.SIGCONT)
    assert starter.wait(timeout=60) == 0
    assert daemon.running() != supervisor
    assert daemon.wait_worker() != worker
    order = re.findall("event=(started|stopped)", daemon.log_text())
    assert order == ["started", "stopped", "started"]


def test_a_config_broken_meanwhile_is_told_and_tried_again(
        daemon, redis_server):
    supervisor, worker = start(daemon, redis_server)
    good = daemon.config.read_text()
    daemon.config.write_text(good + "colour = red\nrise = 0\n")
    os.kill(worker, signal.SIGKILL)
    daemon.wait_event("config_error", count=4)
    faults = [e["fault"] for e in daemon.events("config_error")]
    assert all(f.startswith(f"{daemon.config}:") for f in faults)
    assert any("colour" in f for f in faults)
    assert daemon.events("child_ended", signal="SIGKILL", pid=str(worker))
    assert daemon.events("child_ended", exit="2")
    daemon.config.write_text(good)
    assert daemon.wait_worker(other_than=worker)
    assert daemon.running() == supervisor


def test_a_restarted_agent_takes_the_config_that_is_there(
        daemon, make_redis, tree):
    old, new = make_redis(), make_redis()
    _, worker = start(daemon, old, zookeeper=zookeeper_keys(tree))
    daemon.write_config({"new": new.address},
                        zookeeper=zookeeper_keys(tree))
    os.kill(worker, signal.SIGKILL)
    daemon.wait_worker(other_than=worker)
    tree.wait_status("new", "up", "ok")


def test_faults_go_where_the_log_went_last(daemon, redis_server):
    _, worker = start(daemon, redis_server)
    moved = daemon.dir / "moved"
    daemon.write_config({"r": redis_server.address}, {"log": moved})
    os.kill(worker, signal.SIGHUP)
    wait_until(lambda: moved.exists() and "event=reloaded" in
               moved.read_text(), "the log moves")
    daemon.config.unlink()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "event=config_error" in moved.read_text(), "a fault")


@needs_root
def test_faults_are_logged_by_the_user_who_owns_the_log(daemon, redis_server):
    os.chown(daemon.dir, 65534, -1)
    _, worker = start(daemon, redis_server, agent={"user": "nobody"})
    daemon.config.unlink()
    (daemon.dir / "log").unlink()
    os.kill(worker, signal.SIGKILL)
    daemon.wait_event("config_error")
    assert (daemon.dir / "log").stat().st_uid == 65534


def test_a_first_start_that_fails_leaves_nothing(daemon, redis_server):
    os.mkfifo(daemon.dir / "unread")
    done = daemon({"r": redis_server.address},
                  agent={"log": daemon.dir / "unread"})
    assert done.returncode == 1
    assert "unread" in done.stderr
    assert not daemon.pid_file.exists()


def test_the_supervisor_is_small_and_keeps_no_secret(daemon, redis_server):
    """Nor a part of one, such as a register leaves on the stack."""
    inline, in_file, digest = (secrets.token_hex(60) for _ in range(3))
    places = {key: write_secret(daemon.dir / key, text) for key, text in (
        ("password_file", in_file), ("digest_file", f"agent:{digest}\n"))}
    instances = {
        "r": {"address": redis_server.address, "password": inline},
        "f": {"address": redis_server.address,
              "password_file": places["password_file"]}}
    zookeeper = {"servers": "127.0.0.1:1", "acl": "read",
                 "digest_file": places["digest_file"]}
    assert daemon(instances, zookeeper=zookeeper).returncode == 0
    supervisor = daemon.running()
    daemon.wait_worker()
    # A sanitizer has a thread of its own, and terabytes to search.
    if not is_sanitized(supervisor):
        assert proc_status(supervisor)["Threads"] == "1"
        assert private_kb(supervisor) < 512
        kept, known = memory_of(supervisor), memory_of(daemon.worker())
        for secret in (inline, in_file, digest):
            parts = {secret[i:i + 8].encode() for i in range(len(secret) - 7)}
            assert not [part for part in parts if part in kept]
            assert secret[40:].encode() in known, "it is found"
    fds = [os.readlink(f"/proc/{supervisor}/fd/{n}")
           for n in os.listdir(f"/proc/{supervisor}/fd")]
    assert str(daemon.config) not in fds and str(daemon.dir / "log") not in fds


def private_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(n) for n in re.findall(r"Private_\w+: +(\d+)",
                                              f.read()))


def memory_of(pid):
    found = b""
    with open(f"/proc/{pid}/maps") as maps, \
            open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            words = line.split()
            start, end = (int(w, 16) for w in words[0].split("-"))
            if not words[1].startswith("rw"):
                continue
            try:
                memory.seek(start)
                found += memory.read(end - start)
            except OSError:
                pass
    return found


@pytest.fixture
def private_dev(tmp_path):
    """A command's prefix: there, /dev holds null and, if told so, log."""
    def make(log=None):
        dev = tmp_path / "dev"
        dev.mkdir()
        script = (f"mount -t tmpfs none {dev} && mknod -m 666 {dev}/null c 1 3")
        if log is not None:
            script += f" && touch {dev}/log && mount --bind {log} {dev}/log"
        return ["unshare", "-m", "sh", "-c",
                f'{script} && mount --rbind {dev} /dev && exec "$0" "$@"']
    return make


@needs_root
@pytest.mark.parametrize("target", ["stderr", "syslog"])
@pytest.mark.parametrize("there", [False, True])
def test_a_daemon_that_nobody_would_hear_says_so_first(
        daemon, redis_server, tmp_path, private_dev, target, there):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "log"))
        prefix = private_dev(tmp_path / "log" if there else None)
        done = daemon({"r": redis_server.address}, agent={"log": target},
                      prefix=prefix)
        assert done.returncode == 0, done.stderr
        assert daemon.running() and daemon.worker()
        if there:
            assert done.stderr == ""
        else:
            assert f"log = {target}" in done.stderr
            assert "/dev/log" in done.stderr
