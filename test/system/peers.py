"""Fake Redis servers, for what a real one does not do on demand."""

import itertools
import socket
import struct
import threading

from waiting import wait_until


class Peer:
    """Listens on a port of the kernel's choice; one thread a connection.

    HANDLE(connection) serves one connection until it returns; None hangs
    with every connection for good.
    """

    def __init__(self, handle=None, host="127.0.0.1", backlog=512):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.handle = handle or self.hang
        self.listener = socket.socket(family)
        self.listener.bind((host, 0))
        self.listener.listen(backlog)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.connections = []
        self.accepted = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if self.stopping.is_set():
                    connection.close()
                    return
                self.connections.append(connection)
                self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        try:
            self.handle(connection)
        except OSError:
            pass
        finally:
            with self.lock:
                if connection in self.connections:
                    self.connections.remove(connection)
            connection.close()

    def hang(self, connection):
        self.stopping.wait()

    def wait_accepted(self, count=1):
        wait_until(lambda: self.accepted >= count,
                   lambda: f"{count} connections, but {self.accepted}")

    def stop(self):
        self.stopping.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            connections, self.connections = self.connections, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def end_with_reset(connection):
    """However it is closed: with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))


def reset(connection):
    """Ends a connection with RST."""
    end_with_reset(connection)
    connection.close()


def one_request(connection):
    """Bytes of at least one request; b"" at the end of the connection."""
    return connection.recv(65536)


def says(data, then_close=False):
    """A handler that answers whatever is sent with the same bytes."""
    def handle(connection):
        while one_request(connection):
            connection.sendall(data)
            if then_close:
                connection.shutdown(socket.SHUT_WR)
                while one_request(connection):
                    pass
                return
    return handle


def closes_at_once(connection):
    pass


def closes_after_request(connection):
    one_request(connection)


def resets_after_request(connection):
    one_request(connection)
    reset(connection)


def greets(data):
    """Speaks first, then closes, like a server that is full."""
    def handle(connection):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while one_request(connection):
            pass
    return handle


class Dripping(Peer):
    """A correct answer, at one byte a second."""

    def __init__(self):
        super().__init__(self._drip)

    def _drip(self, connection):
        one_request(connection)
        for byte in itertools.cycle(b"+PONG\r\n"):
            connection.sendall(bytes([byte]))
            if self.stopping.wait(1.0):
                return


class Full:
    """A listener whose queue is full: the kernel drops every SYN."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.callers = []
        while True:
            caller = socket.socket()
            caller.settimeout(0.3)
            self.callers.append(caller)
            try:
                caller.connect(("127.0.0.1", self.port))
            except (TimeoutError, BlockingIOError):
                break
            assert len(self.callers) < 50, "the queue never got full"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        for s in [self.listener] + self.callers:
            s.close()


MASTER_INFO = (
    "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    "master_replid:{replid}\r\nmaster_repl_offset:{offset}\r\n")
REPLICA_INFO = (
    "# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\n"
    "master_port:{port}\r\nmaster_link_status:up\r\n"
    "master_last_io_seconds_ago:0\r\nmaster_sync_in_progress:0\r\n"
    "slave_read_repl_offset:{read}\r\nslave_repl_offset:{applied}\r\n"
    "slave_priority:100\r\nslave_read_only:1\r\nconnected_slaves:0\r\n"
    "master_replid:{replid}\r\nmaster_repl_offset:{applied}\r\n")
SERVER_INFO = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"
REPLID = "0123456789abcdef0123456789abcdef01234567"


class ScriptedRedis(Peer):
    """Speaks RESP.  `replies` maps a command's first or first two words to
    raw bytes (b"" is silence), and may be changed while it runs; what is not
    there is answered as Redis would."""

    def __init__(self, replies=None, info=None):
        self.replies = dict(replies or {})
        self.info = info or MASTER_INFO.format(replid=REPLID, offset=0)
        self.seen = []
        super().__init__(self._talk)

    def _talk(self, connection):
        stream = connection.makefile("rb")
        while command := read_command(stream):
            self.seen.append(command)
            reply = self._reply(command)
            if reply is None:
                return
            connection.sendall(reply)

    def _reply(self, command):
        word = command[0].upper()
        words = " ".join(command[:2]).upper()
        if words in self.replies:
            return self.replies[words]
        if word in self.replies:
            return self.replies[word]
        if word == "PING":
            return b"+PONG\r\n"
        if word == "INFO":
            section = command[1].lower() if len(command) > 1 else ""
            text = SERVER_INFO if section == "server" else self.info
            return bulk(text)
        return b"+OK\r\n"


def bulk(text):
    data = text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def read_command(stream):
    head = stream.readline()
    if not head.startswith(b"*"):
        return head.decode(errors="replace").split()
    words = []
    for _ in range(int(head[1:])):
        length = int(stream.readline()[1:])
        words.append(stream.read(length + 2)[:-2].decode(errors="replace"))
    return words
