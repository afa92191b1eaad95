"""A name server that answers, denies or keeps silent, and a name space of
the file system in which the C library asks it."""

import os
import random
import socket
import struct
import subprocess
import threading


class DnsServer:
    """UDP port 53 on a loopback address of its own (needs root).

    `answer` is a map of names to IPv4 addresses (a name that is not there
    does not exist), or None for silence.
    """

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0
        while True:
            self.host = "127.%d.%d.%d" % (
                random.randrange(64, 127), random.randrange(256),
                random.randrange(1, 255))
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.socket.bind((self.host, 53))
                break
            except PermissionError:
                raise
            except OSError:
                self.socket.close()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(1500)
            except OSError:
                return
            if not query:
                return
            self.asked += 1
            answer = self.answer
            if answer is not None:
                self.socket.sendto(_reply(query, answer), client)

    def wrap(self, directory):
        """A command's prefix: there, names are looked up here and only so."""
        resolv = directory / "resolv.conf"
        resolv.write_text(f"nameserver {self.host}\n"
                          "options timeout:5 attempts:2\n")
        nsswitch = directory / "nsswitch.conf"
        nsswitch.write_text("passwd: files\ngroup: files\nhosts: dns\n")
        script = (f"mount --bind {resolv} /etc/resolv.conf && "
                  f"mount --bind {nsswitch} /etc/nsswitch.conf && "
                  'exec "$0" "$@"')
        return ["unshare", "-m", "sh", "-c", script]

    def stop(self):
        # A datagram wakes the thread; closing alone would not.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", (self.host, 53))
        self.thread.join()
        self.socket.close()


def usable():
    """Whether this machine lets us be a name server for one process."""
    if os.geteuid() != 0:
        return False
    return subprocess.run(
        ["unshare", "-m", "sh", "-c",
         "mount --bind /etc/hosts /etc/resolv.conf"],
        capture_output=True).returncode == 0


def _reply(query, answer):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    question = query[12:at + 5]
    kind, = struct.unpack(">H", query[at + 1:at + 3])
    address = answer.get(".".join(labels).lower())
    records = b""
    if address is not None and kind == 1:
        records = (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) +
                   socket.inet_aton(address))
    flags = 0x8180 if address is not None else 0x8183
    return (query[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0,
                                    0, 0) + question + records)
