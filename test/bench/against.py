"""Another build of the program beside this one, in one run: A B A B.

A row about what time or memory it takes is a ratio, this build's figure over
the other's, one for each pair of turns, so that both meet the same machine, and
its spread says what the machine added.  A row with a goal of its own is this
build's figure, with the other's beside it.
"""

import os
import re
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import hung
from cost import Cost, healthy, start_agent
from figures import Figure, show
from httpclient import HttpClient
from noticing import Noticing
from redisserver import RedisServer
from waiting import wait_until


@contextmanager
def program(path):
    before = os.environ["AGENT_BIN"]
    os.environ["AGENT_BIN"] = str(path)
    try:
        yield
    finally:
        os.environ["AGENT_BIN"] = before


class Turns:
    """What MEASURE() returns, a dict of figures, in turns with this program
    and with OTHER."""

    def __init__(self, measure, other, turns):
        self.ours, self.theirs = [], []
        for _ in range(turns):
            self.ours.append(measure())
            with program(other):
                self.theirs.append(measure())

    def of(self, key):
        return ([x[key] for x in self.ours], [x[key] for x in self.theirs])

    def ratio(self, name, key, unit, limit=None):
        """This build's over the other's."""
        ours, theirs = self.of(key)
        return Figure(f"{name}, over the other build's",
                      [a / b for a, b in zip(ours, theirs)], "x", limit,
                      f"{show(median(ours))} {unit}, the other "
                      f"{show(median(theirs))} {unit}".replace(" ,", ","))

    def beside(self, name, key, unit, limit=None):
        """This build's."""
        ours, theirs = self.of(key)
        return Figure(name, ours, unit, limit,
                      f"the other {show(median(theirs))} {unit}".strip())


# ------------------------------------------------------------ what is measured

def probe(world, plan, n, spread):
    c = Cost(world, n, plan.interval, plan.windows, plan.rounds, spread=spread)
    return {"us": c.agent_us, "raw": median(c.ratios), "mb": c.rss_kb / 1024}


def hanging(world, plan):
    """ms of processor a round, by what hangs, and over a healthy one's."""
    def ms_of(percent, *ways):
        return hung.measure(world, 1000, percent, 1, plan.count_rounds,
                            *ways)[0]

    base = ms_of(0)
    ms = {**{percent: ms_of(percent) for percent in HUNG_LIMITS},
          **{way: ms_of(100, [way]) for way in GONE}}
    return {**ms, **{f"{what} over 0": x / base for what, x in ms.items()}}


def heap_in_use(world, n):
    """Once each of N has been asked a few times; without large blocks, which
    malloc counts in whole pages."""
    agent = start_agent(world, healthy(world, n), 1)
    listen = re.search(r"listen = (\S+)", agent.config.read_text())[1]
    try:
        time.sleep(6)
        heap = HttpClient(listen).json("/memory")["heap"]
        return heap["in_use"] - heap["mapped"]
    finally:
        agent.kill()


def own(world):
    few, many = 100, 1100
    return {"bytes": (heap_in_use(world, many) - heap_in_use(world, few)) /
            (many - few)}


def wake_ups(pid):
    """How often the threads of PID went to sleep so far."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def wake_ups_a_round(world, n, interval, rounds):
    """Nothing changes, and everything is as by default."""
    agent = start_agent(world, healthy(world, n), interval, spread="20%")
    try:
        time.sleep(4 * interval)
        before = wake_ups(agent.pid)
        time.sleep(rounds * interval)
        return {"n": (wake_ups(agent.pid) - before) / rounds}
    finally:
        agent.kill()


def accept_queue(port):
    """Connections that the kernel holds for a process to accept."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        row = line.split()
        if row[1].endswith(f":{port:04X}") and row[3] == "0A":
            return int(row[4].split(":")[1], 16)
    raise AssertionError(f"nobody listens at {port}")


def buried(world):
    """Connections of ours that a server that was stopped for 10 s has to
    accept, at one probe each 100 ms."""
    redis = RedisServer(world.folder("redis")).start()
    agent = start_agent(world, {"r": redis.address}, 0.1,
                        connect_interval="30s")
    try:
        time.sleep(2)
        redis.signal(signal.SIGSTOP)
        time.sleep(10)
        return {"n": accept_queue(redis.port)}
    finally:
        redis.signal(signal.SIGCONT)
        agent.kill()
        redis.kill()


def kills(world, plan, fall):
    """ms from kill -9 to `down` in ZooKeeper."""
    n = Noticing(world, interval=10, retry=0.2, fall=fall)
    try:
        return {"ms": median(n.kills(plan.kills)[0])}
    finally:
        n.end()


def goes_on(world, plan):
    """ms from SIGCONT to `up` in ZooKeeper."""
    n = Noticing(world, interval=3, retry=0.2, fall=1, rise=1, timeout=0.5)
    try:
        return {"ms": median(n.stop()[1] for _ in range(plan.kills))}
    finally:
        n.end()


# ---------------------------------------------------------------- the table

PROBE_LIMITS = {10: 1.6, 1000: 1.15, 5000: 1.2, 10000: 1.2}
SPREAD_LIMITS_US = {100: 15, 1000: 9.5}
RSS_LIMITS_MB = {1000: 7.5, 5000: 14, 10000: 24}
HUNG_LIMITS = {10: 1, 50: 1, 100: 0.7}
GONE = {"hung": "all processes hang", "dropped": "all hosts are gone"}


def probe_rows(world, plan, other):
    for size in sorted({*plan.sizes, 10000}):
        n = min(size, world.most)
        t = Turns(lambda n=n: probe(world, plan, n, 0), other, plan.turns)
        yield t.ratio(f"processor a probe, N={n}", "us", "us")
        yield t.beside(f"processor a probe over the raw loop, N={n}", "raw",
                       "x", PROBE_LIMITS.get(size))
        yield t.ratio(f"resident memory, N={n}", "mb", "MB")
        if size in RSS_LIMITS_MB:
            yield t.beside(f"resident memory, N={n}", "mb", "MB",
                           RSS_LIMITS_MB[size])
    for n, limit in SPREAD_LIMITS_US.items():
        t = Turns(lambda n=n: probe(world, plan, n, 20), other, plan.turns)
        yield t.ratio(f"processor a probe with spread = 20%, N={n}", "us",
                      "us")
        yield t.beside(f"processor a probe with spread = 20%, N={n}", "us",
                       "us", limit)


def hung_rows(world, plan, other):
    t = Turns(lambda: hanging(world, plan), other, plan.turns)
    for percent, limit in HUNG_LIMITS.items():
        yield t.ratio(f"processor of a round in which {percent} % hang",
                      percent, "ms")
        yield t.beside("… over a healthy round's", f"{percent} over 0", "x",
                       limit)
    for way, what in GONE.items():
        yield t.ratio(f"… in which {what}", way, "ms")
        yield t.beside("… over a healthy round's", f"{way} over 0", "x",
                       HUNG_LIMITS[100] if way == "hung" else None)
    t = Turns(lambda: buried(world), other, 1)
    yield t.beside("connections in the accept queue of a server that is "
                   "stopped for 10 s, one probe each 100 ms", "n", "", 2)


def few_rows(world, plan, other):
    t = Turns(lambda: wake_ups_a_round(world, 10, 1, 10), other, plan.turns)
    yield t.ratio("wake-ups a round, N=10, nothing changed", "n", "", 0.6)
    t = Turns(lambda: own(world), other, 1)
    yield t.beside("heap an instance, from N=100 to 1,100", "bytes", "bytes",
                   1434)


def noticing_rows(world, plan, other):
    for fall in (3, 1):
        t = Turns(lambda fall=fall: kills(world, plan, fall), other, 1)
        yield t.ratio("kill -9 to down in ZooKeeper, retry_interval = 200ms, "
                      f"fall = {fall}", "ms", "ms")
    t = Turns(lambda: goes_on(world, plan), other, 1)
    yield t.beside("SIGCONT to up, interval = 3s, rise = 1", "ms", "ms", 20)


PARTS = {"cost": probe_rows, "hung": hung_rows, "counts": few_rows,
         "noticing": noticing_rows}


def rows(world, plan, other, only):
    """ONLY: some of PARTS; all of them if it is empty."""
    for name, part in PARTS.items():
        if not only or name in only:
            yield from part(world, plan, other)
