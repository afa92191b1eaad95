"""What is measured, what it is measured against, and its surroundings.

The measured programs run on one core; the farm, ZooKeeper and this script on
the other (on a machine with one core alone all share it, and figures of time
say little).
"""

import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BENCH_BUILD", ROOT / "build-bench"))
os.environ["AGENT_BIN"] = str(BUILD / "sentinel-agent")
sys.path.insert(0, str(ROOT / "test" / "system"))

from agentproc import Agent, render  # noqa: E402
from process import Process  # noqa: E402
from waiting import wait_until  # noqa: E402
from zookeeper import ZooKeeper  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
MEASURED, BESIDE = CORES[-1], CORES[0]


def raise_descriptor_limit(wanted=65536):
    """The agent wants two an instance; who may raises the hard limit.  Returns
    how many instances it suffices for."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            hard = wanted
        except (ValueError, OSError):
            pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return (hard - 400) // 2


def pinned(core):
    return ["taskset", "-c", str(core)]


def address(i, port):
    """As farm_address in address.h."""
    return f"127.{1 + i // 250 // 250}.{i // 250 % 250}.{1 + i % 250}:{port}"


def cpu_s(pid):
    """The processor time of a process, all threads, in s, to the ns."""
    return time.clock_gettime((~pid << 3) | 2)


def sleep_until(moment):
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)


class Farm:
    """The fake instances of farm.c."""

    def __init__(self, *words):
        self.proc = subprocess.Popen(
            [*pinned(BESIDE), BUILD / "test/bench/farm", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = {}
        for _ in words:
            word, port = self.proc.stdout.readline().split()
            self.ports[word] = int(port)

    @property
    def pid(self):
        return self.proc.pid

    def say(self, command):
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()
        return self.proc.stdout.readline().split()

    def pings(self):
        """Of PINGs since the reset: how many, the longest gap between two of
        one instance, in s, and the median of those."""
        _, n, worst, median = self.say("stats")
        return int(n), int(worst) / 1e6, int(median) / 1e6

    def kill(self):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()


class Raw:
    """The limit: raw.c."""

    def __init__(self, port, n, period_s, spread=0, info_every=10, start=0.0):
        self.proc = subprocess.Popen(
            [*pinned(MEASURED), BUILD / "test/bench/raw", str(port), str(n),
             str(round(period_s * 1000)), str(spread), str(info_every),
             str(round(start * 1000))],
            stdout=subprocess.PIPE, text=True)
        assert self.proc.stdout.readline() == "ready\n"

    @property
    def pid(self):
        return self.proc.pid

    def kill(self):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()


def names(n):
    return [f"cache-{i}" for i in range(n)]


def milliseconds(s):
    return f"{round(s * 1000)}ms"


def agent_config(addresses, zookeeper, http, defaults=None, **agent):
    return render({
        "agent": {"id": "bench", "spread": "0%", "workers": 2,
                  "log_level": "warn", **agent},
        "zookeeper": zookeeper,
        "http": {"listen": http},
        "defaults": defaults or {},
        **{f"redis:{name}": {"address": a} for name, a in addresses.items()}})


class Measured(Agent):
    """The agent on its own core."""

    def __init__(self, directory, config, env=None):
        super().__init__(directory, config, env={**os.environ, **(env or {})},
                         prefix=pinned(MEASURED))

    def start(self):
        """Without the log, which at `warn` is empty: until it has threads."""
        self.started = time.monotonic()
        self.spawn()
        wait_until(lambda: self.threads() > 4, self.output)
        return self


class PinnedZooKeeper(ZooKeeper):
    def __init__(self, directory):
        super().__init__(directory)
        self.argv = pinned(BESIDE) + self.argv

    def zxid(self):
        """The last transaction of the running server."""
        text = wait_until(lambda: self.four_letters("srvr", 10), "srvr")
        return int(re.search(r"Zxid: 0x([0-9a-f]+)", text)[1], 16)
