"""A child process that cannot outlive the tests."""

import os
import re
import signal
import subprocess

from waiting import wait_until


class Process:
    """Started once or more; stopped by its pid.

    setpriv asks the kernel to kill the child when its parent ends, so that
    nothing is left even when the test run itself is killed.
    """

    def __init__(self, argv, log_path, cwd=None, env=None, **popen):
        self.argv = [str(a) for a in argv]
        self.log_path = log_path
        self.cwd = cwd
        self.env = env
        self.popen = popen
        self.proc = None
        self.killed = False  # by us

    def spawn(self):
        assert self.proc is None or self.proc.poll() is not None
        self.killed = False
        options = dict(stdin=subprocess.DEVNULL)
        out = open(self.log_path, "ab")
        options.update(stdout=out, stderr=out)
        options.update(self.popen)
        try:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--"] + self.argv,
                cwd=self.cwd, env=self.env, start_new_session=True, **options)
        finally:
            out.close()
        return self

    @property
    def pid(self):
        return self.proc.pid

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def signal(self, number):
        self.proc.send_signal(number)

    def freeze(self):
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self.state() == "T", "process did not stop")

    def thaw(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """kill -9, and waits until it is gone.  Harmless when it is."""
        if self.alive():
            self.killed = True
            self.proc.send_signal(signal.SIGCONT)
            self.proc.kill()
        if self.proc is not None:
            self.proc.wait()

    def wait_exit(self, timeout=30):
        return self.proc.wait(timeout)

    def output(self):
        try:
            with open(self.log_path, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def state(self):
        return proc_status(self.pid)["State"][0]

    def threads(self):
        return int(proc_status(self.pid)["Threads"])

    def thread_ids(self):
        return {int(t) for t in os.listdir(f"/proc/{self.pid}/task")}

    def thread_names(self):
        """A thread names itself, a moment after it began."""
        names = {}
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/comm") as f:
                    names[int(tid)] = f.read().strip()
            except OSError:
                pass  # it ended meanwhile
        return names

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_kb(self):
        return int(proc_status(self.pid)["VmRSS"].split()[0])


def proc_status(pid):
    """/proc/PID/status as a dict of strings; {} when there is no such pid."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return dict(re.findall(r"^(\w+):\s*(.*)$", f.read(), re.M))
    except OSError:
        return {}
