"""Started with some of descriptors 0, 1 and 2 closed, as cron, ssh and some
init systems do."""

import itertools
import os
import signal

import pytest

import agentproc
from process import Process
from waiting import wait_until

CLOSED = [set(some) for n in (1, 2, 3)
          for some in itertools.combinations((0, 1, 2), n)]
closed = pytest.mark.parametrize(
    "closed", CLOSED, ids=lambda some: "".join(map(str, sorted(some))))


def without(some):
    """As a command's beginning: those descriptors are closed behind it."""
    words = " ".join(f"{fd}>&-" for fd in sorted(some))
    return ["sh", "-c", f'exec "$@" {words}', "sh"]


@closed
@pytest.mark.parametrize("args, wanted", [
    (["--check-once"], 0),
    (["--check-once", "--format", "nagios"], 0),
    (["--check-once", "--format", "json"], 0),
    (["--check-once", "--instance", "none"], 3),
    (["--test-config"], 0),
    (["--print-config"], 0),
    (["--status"], 1),  # the config has no [http]
    (["--help"], 0),
    (["--version"], 0),
    (["--wrong"], 2),
], ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_a_command_ends_as_it_does_with_all_of_them(
        redis_server, write_config, closed, args, wanted):
    config = write_config({"r": redis_server.address})
    before = config.read_text()
    done = agentproc.run(*args, "-c", config, prefix=without(closed))
    assert done.returncode == wanted, done.stdout + done.stderr
    if closed == {0}:
        assert done.stdout + done.stderr != ""
    assert config.read_text() == before


@closed
def test_a_run_in_the_foreground_stops_as_it_should(
        redis_server, write_config, tmp_path, request, closed):
    log = tmp_path / "the-log"
    config = write_config({"r": redis_server.address}, agent={"log": log})
    agent = Process([*without(closed), agentproc.agent_bin(), "-c", config],
                    tmp_path / "agent")
    request.addfinalizer(agent.kill)
    agent.spawn()

    def logged(event):
        return log.exists() and f" event={event} " in log.read_text()

    wait_until(lambda: logged("status_changed"), agent.output)
    held = {fd: os.readlink(f"/proc/{agent.pid}/fd/{fd}") for fd in closed}
    assert set(held.values()) == {"/dev/null"}
    agent.signal(signal.SIGTERM)
    agent.wait_exit(30)
    assert agent.proc.returncode == 0, agent.output()
    lines = log.read_text().splitlines()
    assert all(line.startswith("ts=") for line in lines)


@closed
def test_a_daemon_starts_and_its_pid_file_holds_a_pid(
        redis_server, daemon, closed):
    started = daemon({"r": redis_server.address}, prefix=without(closed))
    assert started.returncode == 0, started.stderr
    pid = daemon.running()
    assert daemon.pid_file.read_text().strip() == str(pid)
    daemon.wait_worker()
    os.kill(pid, signal.SIGTERM)
    daemon.wait_event("stopped")
    wait_until(lambda: not daemon.running(), "it ends")


@closed
def test_a_daemon_that_cannot_start_leaves_the_other_ones_pid_file_alone(
        redis_server, daemon, closed):
    instances = {"r": redis_server.address}
    assert daemon(instances).returncode == 0
    pid = daemon.running()
    failed = daemon(instances, prefix=without(closed))
    assert failed.returncode == 1
    assert ("already running" in failed.stderr) == (2 not in closed)
    assert daemon.pid_file.read_text().strip() == str(pid)
