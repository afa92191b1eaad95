"""The package's tests are made of the system tests' helpers."""

import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from machine import DEB, apt, pids, run  # noqa: E402
from redisserver import RedisServer  # noqa: E402
from zookeeper import Tree, ZooKeeper  # noqa: E402


@pytest.fixture
def installed():
    apt("install", DEB)
    yield
    # Which bears with one that a test has purged.
    run("dpkg", "--purge", "sentinel-agent")
    assert pids() == set()


@pytest.fixture
def newer(tmp_path):
    """The same again, as the next version."""
    tree, deb = tmp_path / "tree", tmp_path / "newer.deb"
    run("dpkg-deb", "-R", DEB, tree)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+newer",
                              control.read_text(), flags=re.M))
    run("dpkg-deb", "-b", tree, deb)
    os.chmod(tmp_path, 0o755)
    return deb


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path / "redis", port=6379).start()
    yield server
    server.kill()


@pytest.fixture
def tree(tmp_path):
    """ZooKeeper where the package's config looks for it."""
    server = ZooKeeper(tmp_path / "zookeeper")
    server.port = 2181
    server.write_config()
    server.start()
    tree = Tree(server, "/sentinel-agent")
    yield tree
    tree.close()
    server.close_reader()
    server.kill()
