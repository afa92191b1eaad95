"""Processor time a probe: the agent beside the raw loop, in one run.

Both are pinned to the same core and take turns: the raw loop's bursts lie half
an interval after the agent's, so that neither waits for the other and both meet
the same machine.
"""

import time
from statistics import median

from rig import (Measured, Raw, address, agent_config, cpu_s, milliseconds,
                 names, sleep_until)

WARM_UP_ROUNDS = 4


def us_a_probe(pids, n, interval, windows, rounds, at):
    """For each pid a list: us of processor time a probe, one for each of
    WINDOWS windows of ROUNDS intervals, from the time AT on."""
    costs = [[] for _ in pids]
    sleep_until(at)
    before = [cpu_s(pid) for pid in pids]
    for window in range(1, windows + 1):
        sleep_until(at + window * rounds * interval)
        now = [cpu_s(pid) for pid in pids]
        for cost, a, b in zip(costs, before, now):
            cost.append((b - a) * 1e6 / n / rounds)
        before = now
    return costs


def healthy(world, n):
    port = world.farm.ports["healthy"]
    return {name: address(i, port) for i, name in enumerate(names(n))}


def start_agent(world, addresses, interval, zookeeper=None, **agent):
    """One that has everything on; ZOOKEEPER and AGENT are further keys."""
    keys = {"interval": milliseconds(interval),
            "info_interval": milliseconds(interval * 10),
            "timeout": milliseconds(min(interval * 0.9, 1)),
            "retry_interval": milliseconds(interval), **agent}
    config = agent_config(
        addresses, {**world.zookeeper_keys(), **(zookeeper or {})},
        world.http(), **keys)
    return Measured(world.folder("agent"), config, env=world.env).start()


class Pair:
    """An agent and a raw loop, each on N instances of a farm of its own.  A
    window of ROUNDS has one with INFO."""

    def __init__(self, world, n, interval, rounds=10, spread=0, **agent):
        self.n, self.interval, self.rounds = n, interval, rounds
        self.agent = start_agent(
            world, healthy(world, n), interval, spread=f"{spread}%",
            info_interval=milliseconds(interval * rounds), **agent)
        first = self.agent.started + 0.02
        self.raw = Raw(world.raw_farm.ports["healthy"], n, interval, spread,
                       rounds, first + interval * 0.55)
        # A window's edge lies between the bursts of both.
        past = (time.monotonic() - first) // interval
        self.edge = first + interval * (0.35 + past + WARM_UP_ROUNDS)

    def costs(self, windows):
        while self.edge < time.monotonic():
            self.edge += self.interval
        return us_a_probe([self.agent.pid, self.raw.pid], self.n,
                          self.interval, windows, self.rounds, self.edge)

    def end(self):
        self.raw.kill()
        self.agent.kill()


class Cost:
    """What one size costs."""

    def __init__(self, world, n, interval, windows, rounds, **options):
        pair = Pair(world, n, interval, rounds, **options)
        try:
            self.n = n
            self.agent, self.raw = pair.costs(windows)
            self.rss_kb = pair.agent.rss_kb()
            self.shared_kb = shared_kb(pair.agent.pid)
            self.threads = pair.agent.threads()
        finally:
            pair.end()

    @property
    def agent_us(self):
        return median(self.agent)

    @property
    def raw_us(self):
        return median(self.raw)

    @property
    def ratios(self):
        return [a / b for a, b in zip(self.agent, self.raw)]


def shared_kb(pid):
    """What of its resident set are files: the program and its libraries."""
    with open(f"/proc/{pid}/status") as f:
        return sum(int(line.split()[1]) for line in f
                   if line.startswith("RssFile"))
