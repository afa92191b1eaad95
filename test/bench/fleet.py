"""An agent with a share of a fleet beside one that has the same instances in
its file: processor time in one run, on one core.

The fleet has many members, of which one is real: what a change of the members
costs is not measured here, only what a round does.
"""

import json
import time

from cost import WARM_UP_ROUNDS, start_agent, us_a_probe
from rig import (Measured, address, milliseconds, names, render, wait_until)

FLEET = "bench"
IN_A_CHUNK = 250


def defaults(interval):
    """As start_agent gives them."""
    return {"interval": milliseconds(interval),
            "info_interval": milliseconds(interval * 10),
            "timeout": milliseconds(min(interval * 0.9, 1)),
            "retry_interval": milliseconds(interval)}


def write_fleet(client, root, targets, members, interval):
    base = f"{root}/fleets/{FLEET}"
    client.create(base, render({"fleet": {"observers": 1},
                                "defaults": defaults(interval)}).encode(),
                  makepath=True)
    all_names = list(targets)
    for at in range(0, len(all_names), IN_A_CHUNK):
        client.create(f"{base}/targets/c-{at:05}", render({
            f"redis:{n}": {"address": targets[n]}
            for n in all_names[at:at + IN_A_CHUNK]}).encode(), makepath=True)
    for number in range(1, members):
        ident = f"other-{number}"
        client.create(f"{base}/members/{ident}", json.dumps({
            "schema": 1, "protocol": 1, "agent": ident, "host": ident,
            "zone": "", "since": "2026-01-01T00:00:00.000Z",
            "version": "0"}).encode(), ephemeral=True, makepath=True)


def start_member(world, keys, interval):
    config = render({
        "agent": {"id": "bench", "spread": "0%", "workers": 2,
                  "log_level": "warn", **defaults(interval)},
        "zookeeper": keys, "http": {"listen": world.http()},
        "fleet": {"name": FLEET, "targets_allow": "127.0.0.0/8"}})
    return Measured(world.folder("member"), config, env=world.env).start()


def share(client, root):
    """The targets whose documents the real member has written."""
    path = f"{root}/instances"
    return sorted(client.get_children(path)) if client.exists(path) else []


def settled(client, root, agent):
    """Its share, when that does not grow any more."""
    seen = []

    def look():
        seen.append(len(share(client, root)))
        time.sleep(0.5)
        return seen[-1] > 0 and len(seen) > 6 and seen[-6] == seen[-1]
    wait_until(look, lambda: f"{seen}\n{agent.output()}", 120)
    return share(client, root)


def measure(world, targets, members, interval, windows, rounds):
    """The ratios of the windows, how many targets are the member's, and the
    resident memory of both in KB."""
    port = world.farm.ports["healthy"]
    addresses = {n: address(i, port) for i, n in enumerate(names(targets))}
    keys = world.zookeeper_keys()
    root, client = world.root, world.zookeeper.shared_reader()
    write_fleet(client, root, addresses, members, interval)
    member = start_member(world, keys, interval)
    plain = None
    try:
        mine = settled(client, root, member)
        plain = start_agent(world, {n: addresses[n] for n in mine}, interval)
        at = time.monotonic() + WARM_UP_ROUNDS * interval
        costs = us_a_probe([member.pid, plain.pid], len(mine), interval,
                           windows, rounds, at)
        return ([a / b for a, b in zip(*costs)], costs[1], len(mine),
                member.rss_kb(), plain.rss_kb())
    finally:
        member.kill()
        if plain is not None:
            plain.kill()
