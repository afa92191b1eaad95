"""What several test files say alike."""

import os
from pathlib import Path

import pytest

from agentproc import agent_bin

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def zookeeper_keys(tree, **keys):
    return {"servers": tree.server.address, "root": tree.root,
            "session_timeout": "6s", **keys}


def sanitized():
    """Whether the program under test was built with a sanitizer."""
    data = Path(agent_bin()).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data
