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


# So many instances the first worker probes before the second gets any.
ONE_WORKER = 256


def for_two_workers(address, first, second):
    """Instances at ADDRESS: those named in FIRST are the first worker's, those
    in SECOND the second's."""
    others = [f"other-{i}" for i in range(ONE_WORKER - len(first))]
    return {name: address for name in [*first, *others, *second]}
