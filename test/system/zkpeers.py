"""What stands where a ZooKeeper should: holes, relays and bad servers."""

import contextlib
import socket
import struct
import threading

from peers import Peer


def serves(port):
    """Whether anybody listens there."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    return False


class BlackHole:
    """An address that answers no SYN: its backlog is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.fill = []
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.connect(self.listener.getsockname())
            self.fill.append(s)

    @property
    def address(self):
        return "127.0.0.1:%d" % self.listener.getsockname()[1]

    def stop(self):
        for s in [self.listener, *self.fill]:
            s.close()


def _pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for s in (source, sink):
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)


class Relay(Peer):
    """Stands before SERVER; its connections can be cut."""

    def __init__(self, server):
        self.server = server
        super().__init__(self.relay)

    def relay(self, connection):
        host, _, port = self.server.address.rpartition(":")
        with socket.create_connection((host, int(port)), 10) as there:
            back = threading.Thread(target=_pump, args=(there, connection),
                                    daemon=True)
            back.start()
            _pump(connection, there)
            back.join()

    def cut(self):
        """Every connection; new ones are relayed again."""
        with self.lock:
            for c in self.connections:
                with contextlib.suppress(OSError):
                    c.shutdown(socket.SHUT_RDWR)


class Granting(Peer):
    """Grants every session with TIMEOUT ms, and then says nothing."""

    def __init__(self, timeout):
        self.timeout = timeout
        super().__init__(self.grant)

    def grant(self, connection):
        head = connection.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return
        connection.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)
        answer = struct.pack(">iiqi", 0, self.timeout, 0x1234567890, 16) + \
            b"p" * 16 + b"\0"
        connection.sendall(struct.pack(">i", len(answer)) + answer)
        self.hang(connection)
