"""Another build of the program beside this one, in one run: A B A B.

Every row is a ratio, this build's figure over the other's, one for each pair of
turns, so that both meet the same machine, and its spread says what the machine
added.
"""

import os
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import hung
from cost import Cost, healthy, start_agent
from figures import Figure, show


@contextmanager
def program(path):
    before = os.environ["AGENT_BIN"]
    os.environ["AGENT_BIN"] = str(path)
    try:
        yield
    finally:
        os.environ["AGENT_BIN"] = before


def compare(name, measure, other, turns, unit, limit=None):
    """MEASURE() in turns with this program and with OTHER."""
    ours, theirs = [], []
    for _ in range(turns):
        ours.append(measure())
        with program(other):
            theirs.append(measure())
    return Figure(f"{name}, over the other build's",
                  [a / b for a, b in zip(ours, theirs)], "x", limit,
                  f"{show(median(ours))} {unit}, the other "
                  f"{show(median(theirs))} {unit}")


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
        return (wake_ups(agent.pid) - before) / rounds
    finally:
        agent.kill()


def rows(world, plan, other):
    turns = plan.turns

    def probe_us(n, spread):
        return lambda: Cost(world, n, plan.interval, plan.windows,
                            plan.rounds, spread=spread).agent_us

    def resident_mb(n):
        return lambda: Cost(world, n, plan.interval, 1,
                            plan.rounds).rss_kb / 1024

    def round_ms(percent):
        return lambda: hung.measure(world, 1000, percent, 1,
                                    plan.count_rounds)[0]

    for n in [min(n, world.most) for n in plan.sizes]:
        yield compare(f"processor a probe, N={n}", probe_us(n, 0), other,
                      turns, "us")
    for n in (100, 1000):
        yield compare(f"processor a probe with spread = 20%, N={n}",
                      probe_us(n, 20), other, turns, "us")
    for percent in (0, 50, 100):
        yield compare(f"processor of a round in which {percent} % hang",
                      round_ms(percent), other, turns, "ms")
    yield compare("wake-ups a round, N=10, nothing changed", lambda:
                  wake_ups_a_round(world, 10, 1, 10), other, turns, "", 0.6)
    for n in [min(n, world.most) for n in plan.sizes]:
        yield compare(f"resident memory, N={n}", resident_mb(n), other, 1,
                      "MB")
