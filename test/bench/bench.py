"""scripts/bench: measures, and prints the table."""

import argparse
import os
import platform
import time
from pathlib import Path

import against
import counts
import fleet
import hung
import life
import noticing
import peers_at_work
import plot
import tls
from cost import Cost
from figures import Figure, bars, table
from rig import BUILD, CORES
from world import World

COST_LIMIT = {10: 2, 100: 2, 1000: 1.3, 5000: 1.3}
RSS_LIMIT_MB = {100: 8, 1000: 11, 5000: 30}
BURST_LIMIT_MS = {1000: 300, 5000: 1500}


class Plan:
    """How much of each: in two minutes, or until the figures are good."""

    def __init__(self, quick):
        self.interval = 0.5 if quick else 1
        self.sizes = [10, 100, 1000, 5000] + ([] if quick else [10000])
        self.spread_sizes = [1000] if quick else [100, 1000, 5000]
        self.windows, self.rounds = (3, 3) if quick else (5, 10)
        self.count_rounds = 3 if quick else 10
        self.big = 1000 if quick else 5000  # where 5,000 take long
        self.hung_percents = [50] if quick else [10, 50, 100]
        self.kills = 3 if quick else 20
        self.lives = 1 if quick else 5
        self.peer_sizes = [1000] if quick else [10, 100, 1000]
        self.peer_seconds = 2 if quick else 10
        self.turns = 2 if quick else 4


def cost(world, plan, plots):
    costs = [Cost(world, min(n, world.most), plan.interval, plan.windows,
                  plan.rounds) for n in plan.sizes]
    for c in costs:
        yield Figure(f"processor a probe, N={c.n}, over the raw loop",
                     c.ratios, "x", COST_LIMIT.get(c.n),
                     f"{c.agent_us:.1f} us, the raw loop {c.raw_us:.1f} us")
    for n in plan.spread_sizes:
        c = Cost(world, n, plan.interval, plan.windows, plan.rounds,
                 spread=20)
        yield Figure(f"processor a probe with spread = 20%, N={n}", c.agent,
                     "us", None, f"the raw loop, every ms: {c.raw_us:.1f} us")
    for c in costs:
        yield Figure(f"resident memory, N={c.n}", [c.rss_kb / 1024], "MB",
                     RSS_LIMIT_MB.get(c.n),
                     f"of it {c.shared_kb / 1024:.1f} MB are files: program "
                     "and libraries")
    few, many = costs[1], costs[3]
    yield Figure("memory an instance", [(
        many.rss_kb - few.rss_kb) * 1024 / (many.n - few.n)], "bytes", 2048,
        f"resident, from N={few.n} to N={many.n}")
    plots["cost"] = {"agent": [(c.n, c.agent_us) for c in costs],
                     "raw loop": [(c.n, c.raw_us) for c in costs]}
    plots["memory"] = {"agent": [(c.n, c.rss_kb / 1024) for c in costs]}


def count(world, plan, plots):
    calls = counts.syscalls(world, 1000, plan.interval, plan.count_rounds)
    most = sorted(calls, key=calls.get, reverse=True)[:4]
    yield Figure("system calls a probe, N=1000", [sum(calls.values())], "",
                 2.1, ", ".join(f"{k} {calls[k]:.3f}" for k in most))
    for n in (100, 5000):
        yield Figure(f"allocations a round, N={n}", [counts.allocations(
            world, n, 1, plan.count_rounds)], "", 200)
    yield Figure("ZooKeeper transactions a round, nothing changed, N=1000",
                 [counts.transactions(world, 1000, plan.interval,
                                      plan.count_rounds)], "", 1.2)


def hang(world, plan, plots):
    n = 1000
    base, _, _, _ = hung.measure(world, n, 0, 1, plan.count_rounds)
    for percent in plan.hung_percents:
        ms, worst, before, after = hung.measure(world, n, percent, 1,
                                                plan.count_rounds)
        if percent < 100:
            yield Figure(f"{percent} % hang: between two probes of a healthy "
                         "instance, at most", [worst], "intervals", 1.1)
        yield Figure(f"{percent} % hang: processor over a healthy round's",
                     [ms / base], "x", 1, f"{ms:.1f} ms a round")
        yield Figure(f"{percent} % hang: threads more than at the begin",
                     [after - before], "", 0)


def notice(world, plan, plots):
    n = noticing.Noticing(world, interval=10, retry=0.2, fall=3)
    try:
        down, up = n.kills(plan.kills)
    finally:
        n.end()
    yield Figure("kill -9 to down in ZooKeeper, retry_interval = 200ms, "
                 "fall = 3", down, "ms", 2 * 200 + 50)
    yield Figure("a restarted Redis listens to up, rise = 2", up, "ms",
                 2 * 200 + 50)
    n = noticing.Noticing(world, interval=10, retry=0.2, fall=1)
    try:
        down, _ = n.kills(plan.kills)
    finally:
        n.end()
    yield Figure("kill -9 to down in ZooKeeper, fall = 1", down, "ms", 20)
    n = noticing.Noticing(world, interval=2, retry=0.2, fall=3, timeout=0.5)
    try:
        stopped, _ = n.stop()
    finally:
        n.end()
    yield Figure("SIGSTOP to down, interval = 2s, timeout = 500ms, fall = 3",
                 [stopped], "ms", 2000 + 500 + 2 * (500 + 200))
    n = noticing.Noticing(world, interval=10, retry=0.2, fall=1, rise=1,
                          timeout=0.5)
    try:
        on = [n.stop()[1] for _ in range(plan.lives)]
    finally:
        n.end()
    yield Figure("SIGCONT to up, interval = 10s, rise = 1", on, "ms", 20)


def lives(world, plan, plots):
    for n, limit in ((1000, 300), (5000, 1500)):
        if n > plan.big:
            continue
        known, stop = zip(*[life.life(world, n) for _ in range(plan.lives)])
        yield Figure(f"start to the last first status, N={n}, beyond the "
                     "probes' own time", known, "ms", limit)
        yield Figure(f"stop, N={n}", stop, "ms", 100)
    for n, limit in BURST_LIMIT_MS.items():
        if n > plan.big:
            continue
        late, worst, cpu = zip(*[life.burst(world, n)
                                 for _ in range(plan.lives)])
        yield Figure(f"all {n} statuses change: last verdict to last node",
                     late, "ms", limit,
                     f"ZooKeeper's server: {max(cpu):.0f} ms of processor")
        yield Figure("… meanwhile, between two probes, at most", worst,
                     "intervals", 1.1)
    yield Figure(f"reload of {plan.big}, 10 changed: between two probes, at "
                 "most", [life.reload(world, plan.big, 10)], "intervals", 1.1)


def peers(world, plan, plots):
    for n in plan.peer_sizes:
        for name in peers_at_work.PEERS:
            seen = peers_at_work.measure(world, name, n, plan.windows,
                                         plan.peer_seconds)
            if seen is not None:
                yield Figure(f"{name}: processor a probe, N={n}", seen[0],
                             "us", None, f"{seen[1] / 1024:.1f} MB resident")


def secret(world, plan, plots):
    n = 1000
    plain, over, kb = tls.measure(world, n, plan.windows, plan.rounds)
    yield Figure(f"a probe on a kept TLS connection over a plain one, N={n}",
                 [b / a for a, b in zip(plain, over)], "x", 1.5,
                 f"{min(over):.1f} us, in plain {min(plain):.1f} us")
    yield Figure("heap in use of an instance with TLS above a plain one, N="
                 f"{n // 10} to {n}", [kb], "KB", 12,
                 "once a session was resumed")


def share(world, plan, plots):
    ratios, plain, mine, kb, plain_kb = fleet.measure(
        world, targets=10000, members=50, interval=1,
        windows=2 * plan.windows, rounds=plan.rounds)
    yield Figure("an agent of a fleet of 50 with 10,000 targets over one with "
                 f"the same {mine} instances in its file", ratios, "x", 1.1,
                 f"{min(plain):.1f} us a probe")
    yield Figure("resident memory of an agent of that fleet", [kb / 1024],
                 "MB", 15, f"the other one {plain_kb / 1024:.1f} MB")


PARTS = {"cost": cost, "counts": count, "hung": hang, "noticing": notice,
         "life": lives, "tls": secret, "fleet": share, "peers": peers}


def write_plots(plots, folder):
    titles = {"cost": "processor a probe, in us, over N",
              "memory": "resident memory, in MB, over N"}
    for name, curves in plots.items():
        path = folder / f"{name}.svg"
        path.write_text(plot.svg(titles[name], curves))
        print()
        print(bars(f"{titles[name]} ({path})", curves["agent"]))


def measured(world, args, plots):
    plan = Plan(args.quick)
    if args.against:
        yield from against.rows(world, plan, args.against.resolve(),
                                args.only)
        return
    for name, part in PARTS.items():
        if not args.only or name in args.only:
            yield from part(world, plan, plots)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--against", type=Path, metavar="PROGRAM")
    parser.add_argument("--output", type=Path, default=BUILD)
    args = parser.parse_args()
    if args.against and not os.access(args.against, os.X_OK):
        parser.error(f"--against: {args.against} is no program")
    began = time.monotonic()
    world = World()
    plots, figures = {}, []
    try:
        for figure in measured(world, args, plots):
            print(f"{figure.name}: {figure.text()} {figure.verdict()}",
                  flush=True)
            figures.append(figure)
    finally:
        world.end()
    print(f"\n{platform.machine()}, {len(CORES)} cores, Linux "
          f"{platform.release()}, load {os.getloadavg()[0]:.1f}, "
          f"{time.monotonic() - began:.0f} s\n")
    print(table(figures))
    write_plots(plots, args.output)


if __name__ == "__main__":
    main()
