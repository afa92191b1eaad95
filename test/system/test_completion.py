"""What a shell offers after a tab."""

import re
import subprocess

import pytest

import agentproc

SCRIPT = agentproc.ROOT / "scripts" / "sentinel-agent.bash"


def offered(*words):
    """For the last of WORDS, as far as it was typed."""
    done = subprocess.run(
        ["bash", "-c", 'source "$1"; shift; COMP_WORDS=("$@"); '
         "COMP_CWORD=$(($# - 1)); compopt() { :; }; "
         '_sentinel_agent "$1"; printf "%s\\n" "${COMPREPLY[@]}"',
         "bash", SCRIPT, agentproc.agent_bin(), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        timeout=30)
    return done.stdout.split()


def test_every_option_of_the_help_is_offered():
    text = subprocess.run([agentproc.agent_bin(), "--help"], check=True,
                          capture_output=True, text=True).stdout
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
    assert "--check-once" in options
    assert set(offered("--")) == options
    assert {"-c", "-d"} <= set(offered("-"))


def test_formats_are_offered():
    assert offered("--check-once", "--format", "n") == ["nagios"]


@pytest.mark.parametrize("fault", ["", "nonsense = 1\n"])
def test_the_instances_of_the_config_are_offered(tmp_path, fault):
    config = tmp_path / "config.ini"
    config.write_text("[redis:alpha]\naddress = 127.0.0.1:1\n"
                      f"[redis:beta]\naddress = 127.0.0.1:2\n{fault}")
    asked = ("-c", str(config), "--check-once", "--instance")
    assert offered(*asked, "") == ["alpha", "beta"]
    assert offered(*asked, "b") == ["beta"]
