"""What the linker is told: names of ours must not stand in for a library's."""

import subprocess
from pathlib import Path

import pytest

from agentproc import agent_bin


def defined(path, *options):
    """The functions and data that PATH defines for others."""
    lines = subprocess.run(["nm", "--defined-only", "--format=posix",
                            *options, path], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return {words[0] for words in map(str.split, lines)
            if len(words) > 1 and words[1] in "TDBRWV"}


def libraries():
    out = subprocess.run(["ldd", agent_bin()], capture_output=True, text=True,
                         check=True).stdout
    return [line.split("=>")[1].split()[0] for line in out.splitlines()
            if "=>" in line and "/" in line]


def test_no_function_of_ours_replaces_one_of_a_library():
    """libzookeeper_mt calls a log_message of the program's if there is one,
    and a json_string of ours was once called instead of jansson's."""
    archives = list(Path(agent_bin()).parent.glob("src/lib*.a"))
    if not archives:
        pytest.skip("the program stands alone, without what it is built of")
    ours = set().union(*(defined(a) for a in archives))
    assert "text_add_bytes" in ours
    for library in libraries():
        theirs = {n.partition("@")[0] for n in defined(library, "-D")}
        assert not ours & theirs, library
