"""How the program that is installed was built: see the linker's marks in it."""

import os
import subprocess
from pathlib import Path

import pytest

from agentproc import agent_bin


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = Path(agent_bin()).parent
    if not (folder / "build.ninja").exists():
        return agent_bin()
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", folder],
                   env=dict(os.environ, DESTDIR=str(root)), check=True,
                   capture_output=True)
    [program] = root.glob("**/sbin/sentinel-agent")
    return program


def marks(program, *options):
    return subprocess.run(["readelf", "--wide", *options, program],
                          capture_output=True, text=True, check=True).stdout


def sanitized(program):
    return "__asan_init" in (text := marks(program, "--dyn-syms")) or \
        "__tsan_init" in text


def test_it_lies_elsewhere_in_each_process(installed):
    assert "Type:                              DYN" in marks(
        installed, "--file-header")
    assert "PIE" in marks(installed, "--dynamic")


def test_nothing_of_the_linkers_can_be_written_once_it_runs(installed):
    """And no call is looked up late: that leaves registers, with parts of a
    secret in them, on the stack."""
    assert "GNU_RELRO" in marks(installed, "--program-headers")
    assert "BIND_NOW" in marks(installed, "--dynamic")


def test_no_memory_can_be_both_written_and_run(installed):
    for line in marks(installed, "--program-headers").splitlines():
        assert " RWE " not in line


def test_overflows_are_noticed(installed):
    symbols = marks(installed, "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    if not sanitized(installed):
        assert "__snprintf_chk" in symbols
        assert "__memcpy_chk" in symbols
