"""What TLS costs: the same Redis, asked in plain and over TLS, by an agent
each that take turns on one core."""

import time

from certificates import Certificates
from cost import us_a_probe
from ports import reserve_port
from redisserver import RedisServer
from rig import BESIDE, Measured, agent_config, names, pinned


class Server(RedisServer):
    def __init__(self, world, n):
        directory = world.folder("tls")
        certificates = Certificates(directory / "certificates").make("server")
        self.keys = {"tls": "yes", "tls_ca_file": certificates.path("ca.pem")}
        self.tls_port = reserve_port()
        super().__init__(directory / "redis", tls_port=self.tls_port,
                         maxclients=4 * n + 100,
                         **certificates.server_options("server"))
        self.argv = pinned(BESIDE) + self.argv

    def agent(self, world, n, tls, **agent):
        port = self.tls_port if tls else self.port
        return Measured(world.folder("agent"), agent_config(
            {name: f"127.0.0.1:{port}" for name in names(n)},
            world.zookeeper_keys(), world.http(), **agent,
            defaults=self.keys if tls else {}), env=world.env).start()


def resident(world, server, n, tls):
    """KB, once each instance has resumed a session."""
    accepted = server.client().info("stats")["total_connections_received"]
    agent = server.agent(world, n, tls, interval="4s", spread="50%",
                         timeout="3s", connect_interval="8s")
    try:
        while server.client().info("stats")["total_connections_received"] < \
                accepted + 3 * n:
            time.sleep(0.5)
        return agent.rss_kb()
    finally:
        agent.kill()


def measure(world, n, windows, rounds):
    """(us of a probe in plain, over TLS, a list each; KB an instance above
    plain)"""
    server = Server(world, n).start()
    agents = []
    try:
        plain, secret = (resident(world, server, n, tls)
                         for tls in (False, True))
        few = [resident(world, server, n // 10, tls)
               for tls in (False, True)]
        memory = ((secret - few[1]) - (plain - few[0])) / (n - n // 10)
        for tls in (False, True):
            agents.append(server.agent(
                world, n, tls, interval="1s", timeout="900ms",
                connect_interval="10m"))
            time.sleep(0.5)
        costs = us_a_probe([a.pid for a in agents], n, 1, windows, rounds,
                           time.monotonic() + 4)
        return *costs, memory
    finally:
        for agent in agents:
            agent.kill()
        server.kill()
