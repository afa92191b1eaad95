"""The systemd unit, as far as it can be judged without running systemd."""

import re
import subprocess

import pytest

import agentproc

UNIT = agentproc.ROOT / "scripts" / "sentinel-agent.service"
SYSUSERS = agentproc.ROOT / "scripts" / "sentinel-agent.sysusers"

# As systemd-analyze counts: 0 is none, 10 is all of it. What is left are the
# sockets without which there would be nothing to watch.
EXPOSURE_BELOW = 1.5


@pytest.fixture
def unit(tmp_path):
    """As installed, but for the program that is tested here."""
    text = UNIT.read_text()
    assert "/usr/sbin/sentinel-agent" in text
    path = tmp_path / UNIT.name
    path.write_text(text.replace("/usr/sbin/sentinel-agent",
                                 agentproc.agent_bin()))
    return path


def analyze(*args):
    done = subprocess.run(["systemd-analyze", "--no-pager", *map(str, args)],
                          stdin=subprocess.DEVNULL, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def settings():
    """Each key with its values, in the order of the lines."""
    found = {}
    for line in UNIT.read_text().splitlines():
        if m := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(m[1], []).append(m[2])
    return found


def test_systemd_finds_nothing_wrong_with_the_unit(unit):
    # A man page that is not installed here is no fault of the unit.
    code, out = analyze("verify", "--man=no", unit)
    assert (code, out) == (0, "")


def test_the_unit_exposes_little(unit):
    code, out = analyze("security", "--offline=true",
                        f"--threshold={int(EXPOSURE_BELOW * 10)}", unit)
    assert code == 0, out
    level = float(re.search(r"Overall exposure level.*: ([0-9.]+)", out)[1])
    assert level < EXPOSURE_BELOW


def test_the_times_of_the_unit_leave_room_for_those_of_the_agent():
    """It stops and gives up by itself, before the manager has to."""
    keys = settings()
    config = (agentproc.ROOT / "config.example.ini").read_text()

    def default_s(key):
        return int(re.search(rf"^;{key} = (\d+)s$", config, re.M)[1])

    def unit_s(key):
        return int(keys[key][0].removesuffix("s"))
    assert unit_s("TimeoutStopSec") > default_s("stop_timeout")
    assert unit_s("WatchdogSec") > default_s("wedge_timeout")
    assert unit_s("RestartSec") < default_s("session_timeout") / 2
    assert keys["StartLimitIntervalSec"] == ["0"]


def test_the_unit_asks_for_what_the_agent_offers():
    keys = settings()
    assert keys["Type"] == ["notify"]
    assert keys["Restart"] == ["on-failure"]
    assert keys["ExecReload"][-1] == "kill -HUP $MAINPID"
    assert "--test-config" in keys["ExecReload"][0]
    config = (agentproc.ROOT / "config.example.ini").read_text()
    state = re.search(r"^;state_dir = (\S+)$", config, re.M)[1]
    assert state == f"/var/lib/{keys['StateDirectory'][0]}"


def test_the_user_of_the_unit_can_be_made(tmp_path):
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", SYSUSERS],
                   check=True, timeout=60, stdin=subprocess.DEVNULL,
                   capture_output=True)
    name, _, uid, *_, shell = \
        (tmp_path / "etc" / "passwd").read_text().strip().split(":")
    assert [name] == settings()["User"] == settings()["Group"]
    assert int(uid) < 1000 and shell.endswith("nologin")
