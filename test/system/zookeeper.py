"""A real ZooKeeper, what is in it, and the end of a session."""

import json
import shutil
import socket
import struct

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

import documents
from ports import reserve_port
from process import Process
from waiting import wait_until

JAR = "/usr/share/java/zookeeper.jar"
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
CONFIG = """\
dataDir={dir}/data
clientPort={port}
clientPortAddress=127.0.0.1
tickTime=500
minSessionTimeout=1000
maxSessionTimeout=60000
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
"""


class Clients:
    """Clients of what has an `address`; one of them is kept for all readers."""

    reader = None

    def client(self, timeout=20, **options):
        """A started kazoo client; the caller stops it."""
        client = KazooClient(hosts=self.address, timeout=timeout, **options)
        client.start(30)
        return client

    def shared_reader(self):
        if self.reader is None:
            self.reader = self.client()
        return self.reader

    def close_reader(self):
        if self.reader is not None:
            self.reader.stop()
            self.reader.close()
            self.reader = None


class ZooKeeper(Clients, Process):
    """One server, started straight from Debian's jar; standalone unless a
    subclass says otherwise."""

    modes = ("standalone",)
    config = CONFIG

    def __init__(self, directory, properties=()):
        """PROPERTIES: of the server's JVM, as NAME=VALUE."""
        self.dir = directory
        (self.dir / "data").mkdir(parents=True, exist_ok=True)
        self.port = None
        argv = ["java", "-Xmx128m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-Dzookeeper.forceSync=no",
                *(f"-D{p}" for p in properties), "-cp", JAR, MAIN,
                self.dir / "zoo.cfg"]
        super().__init__(argv, self.dir / "log", cwd=self.dir)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def choose_port(self):
        """A ZooKeeper that is not running yet has an address already."""
        if self.port is None:
            self.port = reserve_port()
            self.write_config()
        return self

    def write_config(self):
        (self.dir / "zoo.cfg").write_text(
            self.config.format(dir=self.dir, port=self.port))

    def start(self):
        self.choose_port()
        self.spawn()
        wait_until(self.serves, self.output)
        return self

    def wipe(self):
        """Kills it, forgets all it knew, and starts it again."""
        self.close_reader()  # it would be refused for ever
        self.kill()
        self.forget()
        self.start()

    def forget(self):
        shutil.rmtree(self.dir / "data")
        (self.dir / "data").mkdir()

    def mode(self):
        """standalone, leader or follower; "" while it serves nobody."""
        for line in self.four_letters("srvr").splitlines():
            if line.startswith("Mode: "):
                return line.removeprefix("Mode: ")
        return ""

    def serves(self):
        assert self.alive(), self.output()
        return self.mode() in self.modes

    def four_letters(self, word, timeout=1):
        """The answer to one of the server's words; "" while it is away."""
        try:
            with socket.create_connection(("127.0.0.1", self.port),
                                          timeout) as s:
                s.sendall(word.encode())
                answer = b""
                while chunk := s.recv(65536):
                    answer += chunk
                return answer.decode(errors="replace")
        except OSError:
            return ""

    def sessions(self):
        """The ids of all sessions that the server still counts as alive."""
        text = wait_until(lambda: self.four_letters("dump", 10),
                          "an answer to dump")
        return {int(word, 16) for line in text.splitlines()
                for word in [line.strip().rstrip(":")]
                if word.startswith("0x")}

    def expire(self, session):
        expire("127.0.0.1", self.port, session)


class Tree:
    """What an agent keeps under one root, as another program reads it.

    Every document that is read is checked against the contract's shape.
    """

    def __init__(self, server, root, credentials=None):
        self.server = server
        self.root = root
        self.own = None
        self.credentials = credentials

    def client(self):
        if self.credentials is None:
            return self.server.shared_reader()
        if self.own is None:
            self.own = self.server.client(
                auth_data=[("digest", self.credentials)])
        return self.own

    def close(self):
        if self.own is not None:
            self.own.stop()
            self.own.close()

    def get(self, path):
        """(bytes, stat) of <root>/PATH, or None; also while it is away."""
        try:
            return self.client().get(f"{self.root}/{path}")
        except NoNodeError:
            return None
        except (KazooException, KazooTimeoutError):
            return None

    def children(self, path):
        try:
            return sorted(self.client().get_children(f"{self.root}/{path}"))
        except NoNodeError:
            return []

    def status_and_stat(self, name):
        node = self.get(f"instances/{name}")
        if node is None:
            return None
        return documents.check_status(node[0], name), node[1]

    def status(self, name):
        found = self.status_and_stat(name)
        return found[0] if found else None

    def heartbeat_and_stat(self, agent):
        node = self.get(f"agents/{agent}")
        if node is None:
            return None
        return documents.check_heartbeat(node[0], agent), node[1]

    def heartbeat(self, agent):
        found = self.heartbeat_and_stat(agent)
        return found[0] if found else None

    def owner(self, path):
        node = self.get(path)
        return node[1].ephemeralOwner if node else None

    def alive(self, name):
        node = self.get(f"alive/{name}")
        return json.loads(node[0]) if node else None

    def wait_status(self, name, status, reason=None, when=None, timeout=30):
        """Waits until NAME is published so; returns the document."""
        def look():
            document = self.status(name)
            return document if (
                document is not None and document["status"] == status
                and reason in (None, document["reason"])
                and (when is None or when(document))) else None
        return wait_until(
            look, lambda: f"{name} {status} {reason}, "
            f"but {self.status(name)}", timeout)

    def wait_round(self, agent, rounds=1):
        """Waits until that many more rounds are in the heartbeat."""
        first = wait_until(lambda: self.heartbeat(agent), "a heartbeat")
        return wait_until(
            lambda: (h := self.heartbeat(agent))
            and h["pid"] == first["pid"]
            and h["round"] >= first["round"] + rounds and h,
            lambda: f"{rounds} rounds after {first}, "
            f"but {self.heartbeat(agent)}")


# The server accepts a session's id with its password only.  It computes the
# password from the id with java.util.Random and a constant
# (ZooKeeperServer.generatePasswd), so that a test needs the id alone, which
# is every ephemeral node's owner.
_SUPER_SECRET = 0xB3415C00


def session_password(session):
    seed = ((session ^ _SUPER_SECRET) ^ 0x5DEECE66D) & ((1 << 48) - 1)
    password = b""
    for _ in range(4):
        seed = (seed * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
        password += struct.pack("<I", (seed >> 16) & 0xFFFFFFFF)
    return password


def _receive(s, count):
    data = b""
    while len(data) < count:
        chunk = s.recv(count - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def _close_session(host, port, session, password):
    """True when the server says that there is no such session."""
    connect = struct.pack(">iqiqi", 0, 0, 4000, session, 16) + password + b"\0"
    close = struct.pack(">ii", 1, -11)
    with socket.create_connection((host, port), 5) as s:
        # Both in one write: the owner has no time to take the session back.
        s.sendall(struct.pack(">i", len(connect)) + connect +
                  struct.pack(">i", len(close)) + close)
        try:
            length, = struct.unpack(">i", _receive(s, 4))
            answer = _receive(s, length)
            if struct.unpack(">q", answer[8:16])[0] == 0:
                return True
            length, = struct.unpack(">i", _receive(s, 4))
            _receive(s, length)
        except (EOFError, OSError):
            pass
    return False


def expire(host, port, session):
    """Ends SESSION for certain, whoever holds it."""
    if session >= 1 << 63:
        session -= 1 << 64
    password = session_password(session & ((1 << 64) - 1))
    wait_until(lambda: _close_session(host, port, session, password),
               f"session {session:x} could not be ended")
