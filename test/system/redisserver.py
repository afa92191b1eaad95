"""A real redis-server of one's own, or its relative in $REDIS_SERVER."""

import os

import redis

from ports import reserve_port
from process import Process
from waiting import wait_until


# Such as valkey-server: one that takes the same options.
PROGRAM = os.environ.get("REDIS_SERVER", "redis-server")


class RedisServer(Process):
    """redis-server with data in DIR; keyword arguments are its options.

    A name's underscore becomes a dash, a list gives several arguments; the
    option `user` and `save` may be given several times with a list of lists.
    """

    def __init__(self, directory, port=None, **options):
        self.dir = directory
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = reserve_port() if port is None else port
        self.socket = self.dir / "redis.sock"
        self.password = options.get("requirepass")
        self.options = {"bind": "127.0.0.1", "save": "", "appendonly": "no",
                        "daemonize": "no", "databases": 1,
                        "repl-diskless-sync-delay": 0}
        for key, value in options.items():
            self.options[key.replace("_", "-")] = value
        super().__init__([PROGRAM, self.dir / "redis.conf"],
                         self.dir / "log", cwd=self.dir)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _write_config(self):
        lines = [f"port {self.port}", f"unixsocket {self.socket}",
                 f"dir {self.dir}"]
        for key, value in self.options.items():
            values = value if isinstance(value, list) else [value]
            lines += [f'{key} {v}' if v != "" else f'{key} ""'
                      for v in values]
        (self.dir / "redis.conf").write_text("\n".join(lines) + "\n")

    def start(self, ready=None):
        """Spawns it and waits until it answers (or READY() says so)."""
        self._write_config()
        self.spawn()
        wait_until(ready or self.answers, self.output)
        assert self.alive(), self.output()
        return self

    def answers(self):
        assert self.alive(), self.output()
        try:
            self.client().ping()
        except (redis.exceptions.AuthenticationError,
                redis.exceptions.BusyLoadingError,
                redis.exceptions.ResponseError):
            pass  # it speaks, whatever it says
        except (redis.exceptions.ConnectionError, OSError):
            return False
        return True

    def client(self, **options):
        options.setdefault("password", self.password)
        return redis.Redis(unix_socket_path=str(self.socket),
                           socket_timeout=20, **options)

    def identity(self):
        """What it calls itself, and its own version of that."""
        info = self.client().info("server")
        name = info.get("server_name", "redis")
        return name, info[f"{name}_version"]

    def calls(self, command):
        """How often COMMAND ran, by the server's own count."""
        stats = self.client().info("commandstats")
        return stats.get(f"cmdstat_{command}", {}).get("calls", 0)

    def restart(self):
        self.kill()
        return self.start()
