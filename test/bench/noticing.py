"""How soon what happens to a Redis is in ZooKeeper."""

import json
import signal
import socket
import time

from redisserver import RedisServer
from rig import milliseconds
from cost import start_agent
from waiting import wait_until


class Watch:
    """The status document of one instance, as it changes."""

    def __init__(self, world, name):
        self.seen = []
        self.client = world.zookeeper.shared_reader()
        self.path = f"{world.root}/instances/{name}"
        wait_until(lambda: self.client.exists(self.path), self.path)
        self.look()

    def look(self, event=None):
        now = time.monotonic()
        data, _ = self.client.get(self.path, watch=self.look)
        self.seen.append((now, json.loads(data)["status"]))

    def after(self, begin, status, timeout):
        """Seconds from BEGIN until it was STATUS."""
        def found():
            return [t for t, s in list(self.seen) if t > begin and s == status]
        wait_until(found, f"{status}: {self.seen}", timeout)
        return found()[0] - begin


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def start(redis):
    """Returns when it began to listen, to the ms."""
    redis._write_config()
    redis.spawn()
    while not listening(redis.port):
        time.sleep(0.001)
    return time.monotonic()


class Noticing:
    def __init__(self, world, interval, retry, fall, rise=2, timeout=1.0):
        self.redis = RedisServer(world.folder("redis")).start()
        self.limit_s = 5 * interval
        self.agent = start_agent(
            world, {"r": self.redis.address}, interval, rise=rise, fall=fall,
            retry_interval=milliseconds(retry), timeout=milliseconds(timeout))
        self.watch = Watch(world, "r")
        self.watch.after(0, "up", self.limit_s)

    def kills(self, times):
        """([down after a kill], [up after the restart listens]), in ms."""
        down, up = [], []
        for _ in range(times):
            time.sleep(0.4)  # between two rounds, at rest
            begin = time.monotonic()
            self.redis.kill()
            down.append(self.watch.after(begin, "down", self.limit_s) * 1000)
            begin = start(self.redis)
            up.append(self.watch.after(begin, "up", self.limit_s) * 1000)
        return down, up

    def stop(self):
        """ms until a stopped one is down, and until it is up once it goes
        on."""
        begin = time.monotonic()
        self.redis.signal(signal.SIGSTOP)
        try:
            down = self.watch.after(begin, "down", self.limit_s) * 1000
        finally:
            begin = time.monotonic()
            self.redis.signal(signal.SIGCONT)
        return down, self.watch.after(begin, "up", self.limit_s) * 1000

    def end(self):
        self.agent.kill()
        self.redis.kill()
