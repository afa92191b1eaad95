"""What several test files say alike."""

import os

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def zookeeper_keys(tree, **keys):
    return {"servers": tree.server.address, "root": tree.root,
            "session_timeout": "6s", **keys}
