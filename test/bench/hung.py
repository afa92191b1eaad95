"""Neighbours that hang: the process does (it accepts and never answers), or the
host is gone (every SYN is dropped); half of each, unless said."""

import time

from cost import healthy, start_agent
from rig import address, cpu_s


def hung(world, count, ways):
    return {f"hung-{i}": address(i, world.farm.ports[ways[i % len(ways)]])
            for i in range(count)}


def measure(world, n, percent, interval, rounds, ways=("dropped", "hung")):
    """(ms of processor time a round, longest time between two probes of a
    healthy instance in intervals, threads at the begin and at the end)"""
    bad = n * percent // 100
    agent = start_agent(world, {**healthy(world, n - bad),
                                **hung(world, bad, ways)}, interval)
    try:
        time.sleep(4 * interval)
        world.farm.say("reset")
        threads, before = agent.threads(), cpu_s(agent.pid)
        time.sleep(rounds * interval)
        cost_ms = (cpu_s(agent.pid) - before) / rounds * 1000
        _, worst, _ = world.farm.pings()
        return cost_ms, worst / interval, threads, agent.threads()
    finally:
        agent.kill()
