"""TCP ports for servers that must be told theirs.

They come from below the range that the kernel hands out by itself, so that
no outgoing connection takes a port while its server is down, nor connects to
itself there.  A port is reserved for all workers of a test run by an abstract
UNIX socket, which goes with its process.
"""

import random
import socket

_reserved = []
_random = random.SystemRandom()


def _ceiling():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        low = int(f.read().split()[0])
    return min(low, 32768) if low > 12000 else 32768


def _free(port):
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            s = socket.socket(family)
        except OSError:
            continue
        with s:
            if family == socket.AF_INET6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                s.bind((host, port))
            except OSError as e:
                if family == socket.AF_INET:
                    return False
                if e.errno != 99:  # EADDRNOTAVAIL: no IPv6 here
                    return False
    return True


def reserve_port():
    """A port that nobody listens on, ours until the test run ends."""
    while True:
        port = _random.randrange(10240, _ceiling())
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0sentinel-agent-test-port-{port}")
        except OSError:
            lock.close()
            continue
        if _free(port):
            _reserved.append(lock)
            return port
        lock.close()
