"""What does not depend on time: calls of the kernel and of malloc,
transactions."""

import re
import struct
import subprocess
import time

from cost import healthy, start_agent
from rig import BUILD
from waiting import wait_until

STRACE_ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")


def settled(world, n, interval):
    """Waits until the agent of the last zookeeper_keys has all N up."""
    reader = world.zookeeper.shared_reader()
    path = f"{world.root}/agents/bench"

    def look():
        return reader.exists(path) and \
            b'"up":%d,' % n in reader.get(path)[0]
    wait_until(look, f"{n} instances up", 60)
    time.sleep(2 * interval)


def syscalls(world, n, interval, rounds):
    """{name: calls a probe}, of the probes that were made meanwhile: strace
    makes some rounds late."""
    agent = start_agent(world, healthy(world, n), interval)
    try:
        settled(world, n, interval)
        tracer = subprocess.Popen(
            ["strace", "-c", "-f", "-p", str(agent.pid)],
            stderr=subprocess.PIPE, text=True)
        tracer.stderr.readline()  # attached
        world.farm.say("reset")
        time.sleep(rounds * interval)
        tracer.terminate()
        _, text = tracer.communicate()
        pings, _, _ = world.farm.pings()
    finally:
        agent.kill()
    return {m[2]: int(m[1]) / pings for m in
            map(STRACE_ROW.match, text.splitlines()) if m and m[2] != "total"}


class Mallocs:
    """The counter of mallocs.c."""

    def __init__(self, folder):
        self.path = folder / "mallocs"
        self.env = {"LD_PRELOAD": str(BUILD / "test/bench/mallocs.so"),
                    "MALLOCS": str(self.path)}

    def allocated(self):
        return struct.unpack("QQ", self.path.read_bytes())[0]


def allocations(world, n, interval, rounds):
    """Calls that allocate, a round; without what is read again from ZooKeeper
    in the background, which is N nodes in each `refresh`."""
    mallocs = Mallocs(world.folder("mallocs"))
    world.env = mallocs.env
    try:
        agent = start_agent(world, healthy(world, n), interval,
                            zookeeper={"refresh": "1440m"})
    finally:
        world.env = None
    try:
        settled(world, n, interval)
        before = mallocs.allocated()
        time.sleep(rounds * interval)
        return (mallocs.allocated() - before) / rounds
    finally:
        agent.kill()


def transactions(world, n, interval, rounds):
    """ZooKeeper's, a round in which nothing changed.  By the agent's own count,
    as the sessions of agents before it end meanwhile."""
    agent = start_agent(world, healthy(world, n), interval, log_level="info")

    def written():
        head, _ = agent.dump()
        return int(head["zk_writes_ok"]), int(head["round"])
    try:
        settled(world, n, interval)
        before, first = written()
        time.sleep(rounds * interval)
        after, last = written()
        return (after - before) / (last - first)
    finally:
        agent.kill()
