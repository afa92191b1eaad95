"""Where the log goes, and that it never holds up a thread."""

import fcntl
import json
import os

import pytest

from agentproc import parse_logfmt
from documents import moment
from waiting import wait_until


def full_pipe(request):
    """The write end of a pipe that has no room, and its read end."""
    read, write = os.pipe()
    request.addfinalizer(lambda: os.close(read))
    flags = fcntl.fcntl(write, fcntl.F_GETFL)
    fcntl.fcntl(write, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(write, b"x" * 4096)
    except BlockingIOError:
        pass
    try:
        while True:
            os.write(write, b"x")
    except BlockingIOError:
        pass
    fcntl.fcntl(write, fcntl.F_SETFL, flags)
    return read, write


def read_all(fd):
    """What is in the pipe now."""
    os.set_blocking(fd, False)
    data = b""
    try:
        while chunk := os.read(fd, 1 << 20):
            data += chunk
    except BlockingIOError:
        pass
    return data


def test_a_full_pipe_on_stderr_blocks_nothing(
        make_agent, redis_server, tree, request):
    read, write = full_pipe(request)
    agent = make_agent({f"r{i}": redis_server.address for i in range(60)},
                       tree, start=False, stderr=write,
                       agent={"log_level": "debug", "interval": "50ms"})
    agent.spawn()
    os.close(write)
    for i in range(60):
        tree.wait_status(f"r{i}", "up", "ok")
    tree.wait_round("agent-1", 60)
    redis_server.kill()
    for i in range(60):
        tree.wait_status(f"r{i}", "down", "refused")
    # What was dropped is counted, and told once there is room.
    seen = b""

    def told():
        nonlocal seen
        seen += read_all(read)
        return b"event=log_dropped" in seen
    wait_until(told, "the count of dropped lines")
    agent.stop()


def test_a_full_pipe_does_not_hold_up_the_end(
        make_agent, redis_server, tree, request):
    read, write = full_pipe(request)
    agent = make_agent({"r": redis_server.address}, tree, start=False,
                       stderr=write, agent={"stop_timeout": "1s"})
    agent.spawn()
    os.close(write)
    tree.wait_status("r", "up", "ok")
    agent.stop(timeout=5)


def test_a_reader_that_went_away_does_not_kill_it(
        make_agent, redis_server, tree):
    read, write = os.pipe()
    agent = make_agent({"r": redis_server.address}, tree, start=False,
                       stderr=write, agent={"log_level": "debug"})
    agent.spawn()
    os.close(write)
    tree.wait_status("r", "up", "ok")
    os.close(read)
    tree.wait_round("agent-1", 5)
    agent.stop()


def test_a_full_disk_blocks_nothing(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree, start=False,
                       agent={"log": "/dev/full", "log_level": "debug"})
    agent.spawn()
    tree.wait_status("r", "up", "ok")
    tree.wait_round("agent-1", 10)
    redis_server.kill()
    tree.wait_status("r", "down", "refused")
    agent.stop()


def test_a_file_is_appended_to_and_reopened_at_sighup(
        make_agent, redis_server, tmp_path):
    log = tmp_path / "agent.log"
    log.write_text("before\n")
    agent = make_agent({"r": redis_server.address}, start=False,
                       agent={"log": log})
    agent.spawn()
    wait_until(lambda: "event=status_changed" in log.read_text(), "events")
    assert log.read_text().startswith("before\n")
    rotated = tmp_path / "agent.log.1"
    log.rename(rotated)
    agent.signal(1)
    wait_until(lambda: log.exists() and "event=reloaded" in log.read_text(),
               "the new file")
    agent.stop()
    assert "event=stopped" in log.read_text()
    assert "event=stopped" not in rotated.read_text()
    assert not agent.output(), "nothing on stderr beside it"


def test_json_lines_carry_the_same_events(make_agent, redis_server):
    agent = make_agent({"r": redis_server.address}, start=False,
                       agent={"log_format": "json"})
    agent.spawn()
    wait_until(lambda: '"status_changed"' in agent.output(), "events")
    agent.stop()
    events = [json.loads(line) for line in agent.output().splitlines()]
    assert all(list(e)[:4] == ["ts", "level", "thread", "event"]
               for e in events)
    names = [e["event"] for e in events]
    assert names[0] == "started" and names[-1] == "stopped"
    change = events[names.index("status_changed")]
    assert (change["instance"], change["to"]) == ("r", "up")
    assert all(moment(e["ts"]) for e in events)


def test_logfmt_lines_are_well_formed(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree,
                       agent={"log_level": "debug"})
    tree.wait_status("r", "up", "ok")
    agent.stop()
    lines = agent.output().splitlines()
    events = [parse_logfmt(line) for line in lines]
    assert {e["level"] for e in events} <= {"error", "warn", "info", "debug"}
    assert all(moment(e["ts"]) for e in events)
    assert events[0]["event"] == "started"


@pytest.mark.parametrize("level, present, absent", [
    ("info", "started", "result"), ("error", None, "started")])
def test_the_level_leaves_out_what_is_below(
        make_agent, redis_server, level, present, absent):
    agent = make_agent({"r": redis_server.address}, start=False,
                       agent={"log_level": level})
    agent.spawn()
    wait_until(lambda: redis_server.calls("ping") > 5, "probes")
    agent.stop()
    assert not agent.events(absent)
    assert present is None or agent.events(present)


def test_syslog_starts_and_stops(make_agent, redis_server, tree):
    """There may be no syslog daemon to read it; it must run all the same."""
    agent = make_agent({"r": redis_server.address}, tree, start=False,
                       agent={"log": "syslog"})
    agent.spawn()
    tree.wait_status("r", "up", "ok")
    agent.stop()
    assert not agent.output()
