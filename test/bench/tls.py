"""What TLS costs: the same Redis, asked in plain and over TLS, by an agent
each that take turns on one core."""

import time

from certificates import Certificates
from cost import us_a_probe
from httpclient import HttpClient
from ports import reserve_port
from redisserver import RedisServer
from rig import BESIDE, Measured, agent_config, names, pinned


class Server(RedisServer):
    def __init__(self, world, n):
        directory = world.folder("tls")
        certificates = Certificates(directory / "certificates").make("server")
        self.keys = {"tls": "yes", "tls_ca_file": certificates.path("ca.pem")}
        self.tls_port = reserve_port()
        self.asking = None
        super().__init__(directory / "redis", tls_port=self.tls_port,
                         maxclients=4 * n + 100,
                         **certificates.server_options("server"))
        self.argv = pinned(BESIDE) + self.argv

    def agent(self, world, n, tls, **agent):
        port = self.tls_port if tls else self.port
        self.http = world.http()
        return Measured(world.folder("agent"), agent_config(
            {name: f"127.0.0.1:{port}" for name in names(n)},
            world.zookeeper_keys(), self.http, **agent,
            defaults=self.keys if tls else {}), env=world.env).start()

    def accepted(self):
        """Connections, of which our own asks are one alone."""
        self.asking = self.asking or self.client()
        return self.asking.info("stats")["total_connections_received"]

    def settle(self):
        """Until hardly anybody connects any more: handshakes are not what is
        measured."""
        before = 0
        while (now := self.accepted()) - before > 40:
            before = now
            time.sleep(2)


def heap(world, server, n, tls):
    """KB in use, once each instance has resumed a session."""
    accepted = server.accepted()
    agent = server.agent(world, n, tls, interval="2s", spread="50%",
                         timeout="1900ms", connect_interval="4s")
    try:
        while server.accepted() < accepted + 2.5 * n:
            time.sleep(0.5)
        return HttpClient(server.http).json("/memory")["heap"]["in_use"] / 1024
    finally:
        agent.kill()


def measure(world, n, windows, rounds):
    """(us of a probe in plain, over TLS, a list each; KB of heap an instance
    above plain)"""
    server = Server(world, n).start()
    agents = []
    try:
        few, many = ([heap(world, server, count, tls)
                      for tls in (False, True)] for count in (n // 10, n))
        memory = (many[1] - few[1] - many[0] + few[0]) / (n - n // 10)
        for tls in (False, True):
            agents.append(server.agent(
                world, n, tls, interval="1s", timeout="900ms",
                connect_interval="10m"))
            time.sleep(0.5)
        server.settle()
        costs = us_a_probe([a.pid for a in agents], n, 1, windows, rounds,
                           time.monotonic() + 1)
        return *costs, memory
    finally:
        for agent in agents:
            agent.kill()
        server.kill()
