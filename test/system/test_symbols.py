"""What the linker is told: names of ours must not stand in for a library's."""

import subprocess

from agentproc import agent_bin


def defined(path, *options):
    """Global functions and data that PATH defines."""
    lines = subprocess.run(["nm", "--defined-only", "--format=posix",
                            *options, path], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return {words[0] for words in map(str.split, lines)
            if words[1] in "TDBRWV"}


def libraries():
    out = subprocess.run(["ldd", agent_bin()], capture_output=True, text=True,
                         check=True).stdout
    return [line.split("=>")[1].split()[0] for line in out.splitlines()
            if "=>" in line and "/" in line]


def test_no_function_of_ours_replaces_one_of_a_library():
    """libzookeeper_mt calls a log_message of the program's if there is one,
    and a json_string of ours was once called instead of jansson's."""
    # With a version: a library's own data, which the linker copies into the
    # program.  The rest of what is no name of ours begins with _.
    ours = {name for name in defined(agent_bin())
            if "@" not in name and not name.startswith("_")}
    assert {"main", "text_add_bytes"} <= ours
    for library in libraries():
        theirs = {n.partition("@")[0] for n in defined(library, "-D")}
        assert not ours & theirs, library
