"""Processor time a probe: the agent beside the raw loop, in one run.

Both are pinned to the same core and take turns: the raw loop's bursts lie half
an interval after the agent's, so that neither waits for the other and both meet
the same machine.
"""

import time
from statistics import median

from rig import (Measured, Raw, address, agent_config, cpu_s, milliseconds,
                 names, sleep_until, switches)

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


class Pair:
    """An agent and a raw loop on the same N instances of the farm, each with
    connections of its own."""

    def __init__(self, world, n, interval, spread=0, workers=2, others=None,
                 **agent):
        self.n, self.interval = n, interval
        port = world.farm.ports["healthy"]
        self.addresses = {name: address(i, port)
                          for i, name in enumerate(names(n))}
        self.addresses.update(others or {})
        info_every = 10
        config = agent_config(
            self.addresses, world.zookeeper_keys(), world.http(),
            interval=milliseconds(interval), spread=f"{spread}%",
            info_interval=milliseconds(interval * info_every),
            workers=workers, timeout=milliseconds(min(interval * 0.9, 1)),
            retry_interval=milliseconds(interval), **agent)
        self.agent = Measured(world.folder(f"agent-{n}"), config,
                              env=world.env)
        self.agent.start()
        first = self.agent.started + 0.02
        self.raw = Raw(port, n, interval, spread, info_every,
                       first + interval * 0.55)
        # A window's edge lies between the bursts of both.
        self.edge = first + interval * 0.3
        rounds = WARM_UP_ROUNDS + (time.monotonic() - self.edge) // interval
        self.edge += (rounds + 1) * interval

    def costs(self, windows, rounds):
        at = self.edge
        while at < time.monotonic():
            at += self.interval
        return us_a_probe([self.agent.pid, self.raw.pid], self.n,
                          self.interval, windows, rounds, at)

    def end(self):
        self.raw.kill()
        self.agent.kill()


def measure(world, n, interval, windows, rounds, **options):
    """A row: the agent's and the raw loop's costs, and what else is cheap to
    see."""
    pair = Pair(world, n, interval, **options)
    try:
        before = switches(pair.agent.pid)
        agent, raw = pair.costs(windows, rounds)
        after = switches(pair.agent.pid)
        return {"n": n, "agent": agent, "raw": raw,
                "ratio": [a / b for a, b in zip(agent, raw)],
                "switches": (sum(after) - sum(before)) / windows / rounds,
                "rss_kb": pair.agent.rss_kb(),
                "threads": pair.agent.threads(),
                "ratio_median": median(a / b for a, b in zip(agent, raw))}
    finally:
        pair.end()
