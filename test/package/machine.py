"""The machine that the package's tests change: they want it for themselves,
with its ports.  See scripts/test-package."""

import os
import re
import subprocess
from pathlib import Path

DEB = Path(os.environ.get("PACKAGE", "build-package/missing.deb")).resolve()
CONFIG = Path("/etc/sentinel-agent/config.ini")
USER = "sentinel-agent"
AGENT = "/usr/sbin/sentinel-agent"
INIT = "/etc/init.d/sentinel-agent"
NODES = ("alive/local", "agents/web-1")

ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def run(*argv, ok=(0,)):
    """What ARGV printed; its exit status must be one of OK."""
    done = subprocess.run(
        list(map(str, argv)), stdin=subprocess.DEVNULL, text=True, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **ENVIRONMENT})
    assert done.returncode in ok, f"{argv}: {done.returncode}\n{done.stdout}"
    return done.stdout


def apt(*argv):
    return run("apt-get", "-q", "-y", "--no-install-recommends", *argv)


def pids():
    """Of all processes that run the installed program."""
    return set(run("pidof", AGENT, ok=(0, 1)).split())


def publish(**agent):
    """What the config's own words tell an administrator to do; AGENT: more
    keys."""
    text = CONFIG.read_text()
    text, lines = re.subn(r"^;(\[zookeeper\]|servers = 127)", r"\1", text,
                          flags=re.M)
    assert lines == 2
    text = text.replace("\n[http]", "presence = yes\n\n[http]")
    keys = {"id": "web-1", "interval": "200ms", "retry_interval": "100ms",
            **agent}
    CONFIG.write_text(text.replace("[agent]\n", "[agent]\n" + "".join(
        f"{k} = {v}\n" for k, v in keys.items())))
