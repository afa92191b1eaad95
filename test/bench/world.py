"""The farm, a ZooKeeper, a folder: once for all measurements."""

import itertools
import os
import subprocess
import tempfile
from pathlib import Path

from rig import BESIDE, BUILD, Farm, PinnedZooKeeper, raise_descriptor_limit


class World:
    def __init__(self, words=("healthy", "hung", "dropped")):
        raise_descriptor_limit()
        os.sched_setaffinity(0, {BESIDE})
        self.scratch = tempfile.TemporaryDirectory(prefix="bench-")
        self.dir = Path(self.scratch.name)
        self.roots = itertools.count(1)
        self.env = None
        self.farm = Farm(*words)
        self.zookeeper = PinnedZooKeeper(self.dir / "zookeeper")
        self.zookeeper.start()
        self.has_http = None

    def folder(self, name):
        path = self.dir / f"{next(self.roots)}-{name}"
        path.mkdir()
        return path

    def zookeeper_keys(self):
        """For an agent with a tree of its own."""
        self.root = f"/bench-{next(self.roots)}"
        return {"servers": self.zookeeper.address, "root": self.root,
                "session_timeout": "10s"}

    def http(self):
        """Where to listen; None while the program has no HTTP."""
        if self.has_http is None:
            path = self.folder("http") / "config.ini"
            path.write_text("[http]\nlisten = 127.0.0.1:1\n"
                            "[redis:a]\naddress = 127.0.0.1:1\n")
            self.has_http = subprocess.run(
                [BUILD / "sentinel-agent", "--test-config", "-c", path],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL).returncode == 0
        return f"unix:{self.folder('http')}/http.sock" if self.has_http \
            else None

    def end(self):
        self.zookeeper.close_reader()
        self.zookeeper.kill()
        self.farm.kill()
        self.scratch.cleanup()
