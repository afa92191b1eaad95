"""The servers under watch, and what can be done to each of them.

The truth about a server is set around every deed: while it is done anything
may be said of it, from then on its bound runs.
"""

import itertools
import time

import redis

from peers import ScriptedRedis, end_with_reset, read_command
from ports import reserve_port
from redisserver import RedisServer
from rules import Truth, truth

# What a harmed server must be called; of the locked one alone it is not
# known whether it serves.
STATUS = {"kill": "down", "refuse": "down", "stop": "down", "lock": "unknown",
          "drip": "down", "hang": "down", "reset": "down"}
PASSWORD = "sesame"


class Target:
    harms = ()
    keys = {}  # in the config, beside its address

    def __init__(self, name):
        self.name = name
        self.harm = None
        self.truth = truth("up", time.monotonic(), True)

    def hurt(self, harm):
        self.truth = Truth(None, time.monotonic(), cause=harm)
        getattr(self, harm)()
        self.harm = harm
        status = STATUS[harm]
        self.truth = truth(status, time.monotonic(),
                           False if status == "down" else None, harm,
                           "noauth" if harm == "lock" else None)

    def heal(self):
        harm = self.harm
        cause = f"{harm}, healed"
        self.truth = Truth(None, time.monotonic(), cause=cause)
        getattr(self, f"un{harm}")()
        self.harm = None
        self.truth = truth("up", time.monotonic(), True, cause)


class RedisTarget(Target):
    harms = ("kill", "stop", "refuse", "lock")

    def __init__(self, name, directory, **options):
        super().__init__(name)
        # 40 of them on a small machine: idle ones must cost nothing.
        self.server = RedisServer(directory / name, hz=1, **options)
        self.address = self.server.address
        self.listens = "port", self.server.port

    def start(self):
        self.server.start()

    def end(self):
        self.server.kill()

    def kill(self):
        self.server.kill()

    def unkill(self):
        self.server.start()

    def stop(self):
        self.server.freeze()

    def unstop(self):
        self.server.thaw()

    def refuse(self):
        self.configure(self.listens[0], 0)

    def unrefuse(self):
        self.configure(*self.listens)

    def lock(self):
        self.configure("requirepass", PASSWORD)
        self.server.password = PASSWORD

    def unlock(self):
        self.configure("requirepass", "")
        self.server.password = None

    def configure(self, key, value):
        """Also for those who are connected already."""
        with self.server.client() as client:
            client.config_set(key, value)
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")

    def ping(self):
        with self.server.client() as client:
            try:
                client.ping()
            except redis.exceptions.ConnectionError:
                pass  # it is ended at the very end


class TlsRedisTarget(RedisTarget):
    """One that is asked over TLS alone."""

    def __init__(self, name, directory, certificates):
        port = reserve_port()
        super().__init__(name, directory, tls_port=port,
                         **certificates.server_options("server"))
        self.address = f"127.0.0.1:{port}"
        self.listens = "tls-port", port
        self.keys = {"tls": "yes", "tls_ca_file": certificates.path("ca.pem")}


class Moody(ScriptedRedis):
    """A Redis whose answers can be spoilt; `mood` may change any time."""

    mood = None

    def _talk(self, connection):
        with connection.makefile("rb") as stream:
            while command := read_command(stream):
                reply = self._reply(command)
                if self.mood == "hang":
                    continue
                if self.mood == "reset":
                    end_with_reset(connection)
                    return
                if self.mood == "drip":
                    self.drip(connection, reply)
                    return
                connection.sendall(reply)

    def drip(self, connection, reply):
        for byte in itertools.cycle(reply):
            connection.sendall(bytes([byte]))
            if self.stopping.wait(1.0):
                return


class PeerTarget(Target):
    harms = ("drip", "hang", "reset")

    def __init__(self, name):
        super().__init__(name)
        self.peer = Moody()
        self.address = self.peer.address

    def start(self):
        pass  # it listens from the beginning

    def end(self):
        self.peer.stop()

    def set_mood(self, mood):
        self.peer.mood = mood

    def drip(self):
        self.set_mood("drip")

    def hang(self):
        self.set_mood("hang")

    def reset(self):
        self.set_mood("reset")

    def heal_mood(self):
        self.set_mood(None)

    undrip = unhang = unreset = heal_mood
