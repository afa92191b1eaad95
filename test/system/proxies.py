"""What may stand between a client and its server."""

import select
import socket
import threading

from peers import Peer
from ports import reserve_port
from process import Process
from waiting import wait_until


class ForgetfulNat(Peer):
    """Passes bytes on, until it forgets a connection without a word: then what
    either end sends on it is lost."""

    def __init__(self, port):
        self.target = port
        self.forgotten = threading.Event()
        super().__init__(self._pass_on)

    def forget(self):
        """All connections of now."""
        self.forgotten.set()
        self.forgotten = threading.Event()

    def _pass_on(self, client):
        forgotten = self.forgotten
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for end in readable:
                    data = end.recv(65536)
                    if forgotten.is_set():
                        continue_until_closed(end, data)
                        return self.hang(client)
                    if not data:
                        return None
                    (server if end is client else client).sendall(data)


def continue_until_closed(end, data):
    """Swallows what comes."""
    while data:
        data = end.recv(65536)


class HAProxy(Process):
    """A TCP proxy in front of one server, told what to do by its socket."""

    def __init__(self, directory, port):
        self.port = reserve_port()
        self.control = directory / "haproxy.sock"
        config = directory / "haproxy.cfg"
        config.write_text(f"""
global
    stats socket {self.control} level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend f
    bind 127.0.0.1:{self.port}
    default_backend b
backend b
    server s 127.0.0.1:{port}
""")
        super().__init__(["haproxy", "-db", "-f", config],
                         directory / "haproxy.log", cwd=directory)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.spawn()
        wait_until(lambda: self.control.exists() and
                   self.tell("show info") or not self.alive(), self.output)
        assert self.alive(), self.output()
        return self

    def tell(self, command):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.control))
                s.sendall(command.encode() + b"\n")
                return s.makefile().read()
        except OSError:
            return None
