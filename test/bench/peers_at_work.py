"""What others take to watch the same instances, once a second."""

import shutil
import time

from cost import us_a_probe
from rig import MEASURED, address, pinned
from ports import reserve_port
from process import Process

SENTINEL = "sentinel monitor {name} {host} {port} 2\n" \
    "sentinel down-after-milliseconds {name} 1000\n"
HAPROXY = """\
global
    maxconn 100
    nbthread 1
defaults
    mode tcp
    timeout connect 1s
    timeout server 1s
    timeout client 1s
frontend nobody
    bind 127.0.0.1:{port}
    default_backend all
backend all
    option redis-check
    default-server check inter 1s
"""


def instances(world, n):
    for i in range(n):
        host, port = address(i, world.farm.ports["healthy"]).split(":")
        yield {"name": f"cache-{i}", "host": host, "port": port}


def sentinel(world, n):
    folder = world.folder("sentinel")
    config = folder / "sentinel.conf"
    config.write_text(f"port {reserve_port()}\ndir {folder}\n" + "".join(
        SENTINEL.format(**i) for i in instances(world, n)))
    return Process([*pinned(MEASURED), "redis-sentinel", config],
                   folder / "log")


def haproxy(world, n):
    folder = world.folder("haproxy")
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=reserve_port()) + "".join(
        "    server {name} {host}:{port}\n".format(**i)
        for i in instances(world, n)))
    return Process([*pinned(MEASURED), "haproxy", "-db", "-f", config],
                   folder / "log")


PEERS = {"redis-sentinel": sentinel, "haproxy": haproxy}


def measure(world, name, n, windows, seconds):
    """([us a probe], RSS in KB); None when it is not installed."""
    if shutil.which(name) is None:
        return None
    peer = PEERS[name](world, n).spawn()
    try:
        time.sleep(3 + n / 1000)
        costs, = us_a_probe([peer.pid], n, 1, windows, seconds,
                            time.monotonic())
        assert peer.alive(), peer.output()[-2000:]
        return costs, peer.rss_kb()
    finally:
        peer.kill()
