"""The farm, a ZooKeeper, a folder: once for all measurements."""

import itertools
import os
import tempfile
from pathlib import Path

from rig import BESIDE, Farm, PinnedZooKeeper, raise_descriptor_limit


class World:
    def __init__(self, words=("healthy", "hung", "dropped")):
        self.most = raise_descriptor_limit()
        os.sched_setaffinity(0, {BESIDE})
        self.scratch = tempfile.TemporaryDirectory(prefix="bench-")
        self.dir = Path(self.scratch.name)
        self.roots = itertools.count(1)
        self.env = None
        self.farm = Farm(*words)
        self.raw_farm = Farm("healthy")
        self.zookeeper = PinnedZooKeeper(self.dir / "zookeeper")
        self.zookeeper.start()

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
        return f"unix:{self.folder('http')}/http.sock"

    def end(self):
        self.zookeeper.close_reader()
        self.zookeeper.kill()
        self.farm.kill()
        self.raw_farm.kill()
        self.scratch.cleanup()
