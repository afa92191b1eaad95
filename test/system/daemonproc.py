"""The program with -d: a supervisor that nobody is the parent of."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import agentproc
from agentproc import config_text
from process import proc_status
from waiting import wait_until


class Daemon:
    """Called, it starts the daemon; what stays behind is killed by its pid.

    In a folder that other users can reach, which pytest's own are not.
    """

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="sentinel-agent-test-"))
        self.pid_file = self.dir / "pid"
        self.config = self.dir / "config.ini"
        self.pids = set()  # all that we have seen

    def __call__(self, instances, agent=None, zookeeper=None, **options):
        self.write_config(instances, agent, zookeeper)
        options.setdefault("cwd", self.dir)
        return agentproc.run("-d", "-c", "config.ini", **options)

    def write_config(self, instances, agent=None, zookeeper=None):
        keys = {"pid_file": self.pid_file, "log": self.dir / "log",
                **(agent or {})}
        new = self.config.with_suffix(".new")
        new.write_text(config_text(instances, keys, zookeeper))
        new.rename(self.config)

    def running(self):
        """The pid of the supervisor, or None."""
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None
        if not proc_status(pid).get("Name"):
            return None
        self.pids.add(pid)
        return pid

    def worker(self):
        """The pid of the agent itself, or None while there is none."""
        pid = self.running()
        children = children_of(pid) if pid else []
        self.pids.update(children)
        return children[0] if children else None

    def wait_worker(self, other_than=None):
        """Of an agent that is up, and not that one."""
        def look():
            pid = self.worker()
            return pid and pid != other_than and \
                self.events("started", pid=str(pid)) and pid
        return wait_until(look, lambda: f"a worker:\n{self.log_text()}")

    def log_text(self):
        try:
            return (self.dir / "log").read_text()
        except FileNotFoundError:
            return ""

    def events(self, name, **match):
        lines = [agentproc.parse_logfmt(line) for line in
                 self.log_text().splitlines(keepends=True) if line[-1] == "\n"]
        return [e for e in lines if e["event"] == name and
                all(e.get(k) == v for k, v in match.items())]

    def wait_event(self, name, count=1, **match):
        return wait_until(
            lambda: (found := self.events(name, **match))
            and len(found) >= count and found[-1],
            lambda: f"event {name} {match}:\n{self.log_text()}")

    def clean_up(self):
        self.worker()
        ours = os.path.realpath(agentproc.agent_bin())
        for pid in self.pids:
            try:
                if os.readlink(f"/proc/{pid}/exe") == ours:
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # it is gone
        for pid in self.pids:
            wait_gone(pid)
        shutil.rmtree(self.dir)


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def wait_gone(pid):
    """Also a zombie is gone: whose child it became may not care."""
    wait_until(lambda: proc_status(pid).get("State", "Z")[0] == "Z",
               f"process {pid} ends")
