"""Descriptors, disk, memory and rights that run out or are given up."""

import os
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import agentproc
from agentproc import config_text
from common import needs_root, sanitized
from waiting import hold, wait_until

CLOEXEC = 0o2000000


def limit(agent, what, soft):
    """Sets the soft limit of a running agent; returns how to set it back."""
    before = resource.prlimit(agent.pid, what)
    resource.prlimit(agent.pid, what, (soft, before[1]))
    return lambda: resource.prlimit(agent.pid, what, before)


# -- descriptors --------------------------------------------------------------

MANY = {f"r{i}": "127.0.0.1:1" for i in range(100)}
NEEDED = 2 * 100 + 128


def test_the_soft_limit_of_descriptors_is_raised(make_agent):
    agent = make_agent(MANY, prefix=["prlimit", "--nofile=64:4096"])
    assert resource.prlimit(agent.pid, resource.RLIMIT_NOFILE) == \
        (NEEDED, 4096)
    agent.stop()


def test_a_hard_limit_that_is_too_low_is_told_with_the_figures(make_agent):
    agent = make_agent(MANY, start=False, prefix=[
        *([] if os.geteuid() else
          ["setpriv", "--bounding-set=-sys_resource", "--"]),
        "prlimit", "--nofile=64:100"])
    agent.spawn()
    assert agent.wait_exit() == 1
    assert (f"{NEEDED} file descriptors are needed, the limit is 64 (hard "
            "100)") in agent.output()


@needs_root
def test_a_user_without_rights_is_held_to_the_same_limits(
        make_agent, redis_server, open_path):
    agent = make_agent(MANY, start=False,
                       prefix=["prlimit", f"--nofile=64:{NEEDED}"])
    keys = {"user": "nobody", "pid_file": open_path / "pid"}
    agent.config = agent.argv[-1] = open_path / "config.ini"
    agent.rewrite(config_text(MANY, keys))
    agent.start()
    more = config_text({**MANY, "r": redis_server.address}, keys)
    assert agent.reload(more)["event"] == "reload_rejected"
    assert (f"{NEEDED + 2} file descriptors are needed, the limit is "
            f"{NEEDED} (hard {NEEDED})") in \
        agent.events("config_error")[-1]["fault"]
    assert agent.reload(config_text(MANY, keys))["kept"] == "100"
    agent.stop()


def test_without_descriptors_nothing_is_called_down_and_all_comes_back(
        make_agent, make_redis, own_tree, tmp_path):
    """For an address, a name, a socket's path, ZooKeeper and the log."""
    a, b = make_redis(), make_redis()
    log = tmp_path / "agent.log"
    instances = {"address": a.address, "name": f"localhost:{a.port}",
                 "path": f"unix:{a.socket}", "kept": b.address}
    agent = make_agent(instances, own_tree, start=False,
                       agent={"log": log}, log=log)
    agent.start()
    for name in instances:
        own_tree.wait_status(name, "up", "ok")
    raise_again = limit(agent, resource.RLIMIT_NOFILE, 3)
    a.client().execute_command("CLIENT", "KILL", "TYPE", "normal",
                               "SKIPME", "yes")
    agent.wait_event("status_changed", instance="address", reason="doubt")
    agent.wait_event("status_changed", instance="path", reason="doubt")
    agent.wait_event("status_changed", instance="name", to="unknown")
    own_tree.server.kill()
    own_tree.server.start()
    agent.wait_event("zk_disconnected")
    event = agent.reload()
    assert event["event"] == "reload_rejected"
    assert "Too many open files" in agent.events("config_error")[-1]["fault"]
    assert agent.events("log_reopen_failed")
    # Some more rounds, in which it would give in.
    spent = cpu_s(agent)
    hold(2, agent.alive)
    assert cpu_s(agent) - spent < 1.5, "it does not spin"
    raise_again()
    for name in instances:
        agent.wait_event("status_changed", instance=name, to="up",
                         count=1 if name == "kept" else 2)
        own_tree.wait_status(name, "up", "ok")
    own_tree.wait_round("agent-1", 2)
    assert agent.reload()["event"] == "reloaded"
    assert not agent.events("status_changed", to="down")
    agent.stop()


def cpu_s(agent):
    fields = Path(f"/proc/{agent.pid}/stat").read_text().rsplit(")")[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_across_exec(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            text = Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
            name = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue  # closed meanwhile
        flags = int(re.search(r"flags:\s*(\d+)", text)[1], 8)
        if not flags & CLOEXEC and int(fd) > 2:
            found[int(fd)] = name
    return found


def test_all_descriptors_are_close_on_exec(
        make_agent, redis_server, tmp_path):
    agent = make_agent({"r": redis_server.address,
                        "name": f"localhost:{redis_server.port}",
                        "path": f"unix:{redis_server.socket}"},
                       start=False, agent={"log": tmp_path / "x.log"},
                       log=tmp_path / "x.log")
    agent.start()
    for name in ("r", "name", "path"):
        agent.wait_event("status_changed", instance=name, to="up")
    agent.reload()
    assert hold(1, lambda: open_across_exec(agent.pid))[-1] == {}
    agent.stop()


def test_only_the_zookeeper_library_opens_others(
        make_agent, redis_server, tree):
    """Its socket and its pipe (ZOOKEEPER-2338); we never exec."""
    agent = make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    found = open_across_exec(agent.pid)
    kinds = sorted(name.split(":")[0] for name in found.values())
    assert kinds == ["pipe", "pipe", "socket"], found
    agent.stop()


# -- disk ---------------------------------------------------------------------

def test_a_log_that_may_not_grow_is_survived_and_told_of(
        make_agent, redis_server, tmp_path):
    """A full disk that can be emptied."""
    log = tmp_path / "agent.log"
    agent = make_agent({"r": redis_server.address}, start=False, log=log,
                       agent={"log": log, "log_level": "debug",
                              "interval": "50ms"})
    agent.start()
    agent.wait_event("status_changed", instance="r", to="up")
    raise_again = limit(agent, resource.RLIMIT_FSIZE, 1)
    calls = redis_server.calls("ping")
    wait_until(lambda: redis_server.calls("ping") > calls + 20, "more rounds")
    size = log.stat().st_size
    raise_again()
    assert int(agent.wait_event("log_dropped")["count"]) > 0
    assert log.stat().st_size > size
    agent.stop()


@pytest.mark.skipif(sanitized(), reason="its runtime writes before main")
@pytest.mark.parametrize("args", [["--check-once", "--no-publish"],
                                  ["--print-config"], ["-d"]], ids=" ".join)
def test_a_file_that_may_not_grow_kills_no_command(
        write_config, tmp_path, redis_server, args):
    config = write_config({"r": redis_server.address},
                          agent={"pid_file": tmp_path / "pid",
                                 "log": tmp_path / "x.log"})
    with open(tmp_path / "out", "w") as out:
        done = subprocess.run(
            ["prlimit", "--fsize=0", agentproc.agent_bin(), *args, "-c",
             config], stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode in (1, 3), done
    assert "File too large" in done.stderr


# -- memory -------------------------------------------------------------------

@pytest.mark.skipif(sanitized(), reason="its shadow is not to be limited")
@pytest.mark.parametrize("args", [[], ["--check-once"], ["--test-config"]],
                         ids=["run", "once", "test"])
def test_with_little_memory_it_ends_with_a_message_or_runs(
        write_config, tree, redis_server, args):
    """From next to nothing to enough, in steps of all sizes; the dynamic
    linker's word (127) counts as one, too.  In 1 MB the program and the linker
    have no room at all: the kernel ends what it has begun to load."""
    config = write_config(
        {f"r{i}": redis_server.address for i in range(300)}, tree,
        agent={"workers": 4, "stop_timeout": "1s"},
        zookeeper={"publish_timeout": "300ms"})
    text = config.read_text()
    # Gives every malloc of the reading something to do.
    config.write_text(text + "\n".join(
        f"[redis:x{i}]\naddress = {redis_server.address}\npassword = {i}"
        for i in range(300)) + "\n")
    codes = set()
    sizes = [2, 3, *range(4, 16, 3), *range(20, 130, 11), 86, 88, 1000]
    for mb in sizes if args != ["--test-config"] else sizes[:8]:
        code, output = run_limited(mb << 20, [*args, "-c", config])
        assert code in (0, 1, 2, 3, 127), f"{mb} MB: {code} {output[-2000:]}"
        assert output, f"{mb} MB: exit {code} without a word"
        codes.add(code)
    assert 127 in codes and codes & {0, 3}, codes


def run_limited(size, args):
    """The program's exit code (asked to end once it runs) and its words."""
    command = subprocess.Popen(
        ["prlimit", f"--as={size}", agentproc.agent_bin(), *map(str, args)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    try:
        output = b""
        while chunk := os.read(command.stdout.fileno(), 65536):
            output += chunk
            if b"event=started" in output and args[0] == "-c":
                command.terminate()
        return command.wait(30), output.decode()
    finally:
        command.kill()
        command.wait()
        command.stdout.close()


# -- rights -------------------------------------------------------------------

def may_trace():
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"],
                          capture_output=True).returncode == 0


@needs_root
@pytest.mark.skipif(not may_trace() or sanitized(),
                    reason="no strace, or a leak checker that it disturbs")
def test_the_user_is_dropped_before_a_socket_or_a_file_is_opened(
        make_agent, redis_server, tree, open_path):
    """Anything of the config's, but for the config itself; /dev/null is opened
    as the program's first act, for descriptors that are closed."""
    os.chown(open_path, 65534, 65534)
    trace, log = open_path / "trace", open_path / "agent.log"
    log.touch()
    os.chown(log, 65534, 65534)
    calls = ("socket,bind,connect,setresuid,mkdir,mkdirat,unlink,rename,"
             "truncate,chmod,chown,open,openat,creat")
    agent = make_agent({"r": redis_server.address}, tree, start=False,
                       agent={"user": "nobody", "log": log}, log=log,
                       prefix=["strace", "-f", "-o", trace, "-e",
                               f"trace={calls}"])
    agent.start()
    tree.wait_status("r", "up", "ok")
    lines = trace.read_text(errors="replace").splitlines()
    dropped = next(i for i, line in enumerate(lines) if "setresuid" in line)
    early = [line for line in lines[:dropped]
             if re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)|AF_INET|"
                          r"^\d+ +(bind|mkdir|unlink|rename|truncate|chmod|"
                          r"chown|creat)", line)
             and '"/dev/null"' not in line]
    assert early == []
    late = "\n".join(lines[dropped:])
    assert f'"{log}", O_WRONLY' in late and "AF_INET" in late
    pid = int(re.match(r"\d+", lines[dropped])[0])
    os.kill(pid, signal.SIGTERM)
    agent.wait_exit()


# -- a machine that is slow ---------------------------------------------------

@pytest.mark.skipif(not may_trace() or sanitized(),
                    reason="no strace, or a leak checker that it disturbs")
def test_why_a_start_failed_is_said_however_late_the_log_is_written(
        make_agent, redis_server):
    agent = make_agent({"r": redis_server.address}, start=False,
                       http=redis_server.address,
                       prefix=["strace", "-f", "-o", "/dev/null", "-e",
                               "inject=write,writev:delay_enter=300000"])
    agent.spawn()
    assert agent.wait_exit() == 1
    assert "Address already in use" in agent.output()
