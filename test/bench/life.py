"""Start, stop, reload, and all statuses at once."""

import signal
import time
from datetime import datetime

from cost import healthy, start_agent
from counts import settled
from rig import cpu_s
from waiting import wait_until


def moment(event):
    return datetime.fromisoformat(event["ts"].replace("Z", "+00:00")).timestamp()


def last_change(agent, status, count):
    """When the last of COUNT instances became STATUS."""
    def events():
        return agent.events("status_changed", to=status)
    wait_until(lambda: len(events()) >= count, f"{count} {status}", 60)
    return max(map(moment, events()))


def life(world, n, retry=0.1, rise=2):
    """(ms to the last first status beyond the probes' own time, ms to stop)"""
    begin = time.time()
    agent = start_agent(world, healthy(world, n), 2, log_level="info",
                        retry_interval=f"{round(retry * 1000)}ms", rise=rise)
    try:
        known = last_change(agent, "up", n) - begin - (rise - 1) * retry
        settled(world, n, 0.5)
        begin = time.monotonic()
        agent.signal(signal.SIGTERM)
        agent.wait_exit()
        return known * 1000, (time.monotonic() - begin) * 1000
    finally:
        agent.kill()


def burst(world, n, interval=1):
    """All statuses change in one round.  (ms from the last verdict to the last
    node, longest time between two probes in intervals, ms of the server's
    processor time)"""
    agent = start_agent(world, healthy(world, n), interval, log_level="info",
                        rise=1, fall=1)
    client = world.zookeeper.shared_reader()
    nodes = [f"{world.root}/instances/cache-{i}" for i in range(n)]
    try:
        settled(world, n, interval)
        world.farm.say("reset")
        time.sleep(interval)
        zxid, cpu = world.zookeeper.zxid(), cpu_s(world.zookeeper.pid)
        world.farm.say("loading")
        verdict = last_change(agent, "degraded", n)
        wait_until(lambda: world.zookeeper.zxid() >= zxid + n, "all nodes")
        cpu = cpu_s(world.zookeeper.pid) - cpu
        time.sleep(2 * interval)
        written = max(client.get(node)[1].mtime for node in nodes)
        _, worst, _ = world.farm.pings()
        return written - verdict * 1000, worst / interval, cpu * 1000
    finally:
        world.farm.say("serving")
        agent.kill()


def reload(world, n, changed, interval=1):
    """The longest time between two probes around a reload, in intervals."""
    addresses = healthy(world, n)
    agent = start_agent(world, addresses, interval, log_level="info")
    try:
        settled(world, n, interval)
        text = agent.config.read_text()
        for i in range(changed):
            text = text.replace(f"[redis:cache-{i}]\n",
                                f"[redis:cache-{i}]\nfall = 4\n")
        world.farm.say("reset")
        time.sleep(1.4 * interval)
        event = agent.reload(text)
        assert event["changed"] == str(changed), event
        time.sleep(2.2 * interval)
        _, worst, _ = world.farm.pings()
        return worst / interval
    finally:
        agent.kill()
