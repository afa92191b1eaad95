"""The Debian package's life on a machine with systemd as process 1."""

import re
from pathlib import Path

import pytest

from machine import AGENT, CONFIG, INIT, NODES, USER, apt, pids, publish, run
from waiting import wait_until
from watching import watching

LOG = Path("/var/log/sentinel-agent/sentinel-agent.log")

pytestmark = pytest.mark.skipif(not Path("/run/systemd/system").exists(),
                                reason="needs a systemd that runs")


def state():
    return run("systemctl", "is-active", "sentinel-agent", ok=(0, 3)).strip()


def main_pid():
    return run("systemctl", "show", "-P", "MainPID", "sentinel-agent").strip()


def begin():
    run("systemctl", "enable", "--now", "sentinel-agent")
    assert state() == "active"


def test_the_recipe_works_typed_as_it_stands(installed, redis):
    """README: install, systemctl enable --now, --status."""
    assert (state(), pids()) == ("inactive", set())
    begin()
    assert pids() == {main_pid()}
    assert run("ps", "-o", "user:20=", "-p", main_pid()).strip() == USER
    wait_until(lambda: re.search(r"^local .* up ", run(AGENT, "--status"),
                                 re.M), lambda: run(AGENT, "--status"))


def test_the_init_script_hands_over_to_the_unit(installed, redis):
    run(INIT, "start")
    assert state() == "active"
    first = main_pid()
    assert "active" in run(INIT, "status")
    run(INIT, "reload")
    assert main_pid() == first
    run(INIT, "restart")
    assert main_pid() not in (first, "0")
    run(INIT, "stop")
    assert (state(), pids()) == ("inactive", set())


def test_a_reload_with_faults_says_so_and_changes_nothing(installed, redis):
    begin()
    first = main_pid()
    CONFIG.write_text(CONFIG.read_text() + "nonsense = 1\n")
    run("systemctl", "reload", "sentinel-agent", ok=(1,))
    assert (state(), main_pid()) == ("active", first)
    assert "unknown key nonsense" in run("journalctl", "-u", "sentinel-agent",
                                         "--no-pager")


def test_a_rotated_log_is_let_go_of(installed, redis):
    CONFIG.write_text(CONFIG.read_text().replace(
        "[agent]\n", f"[agent]\nlog = {LOG}\ninterval = 200ms\n"))
    begin()
    wait_until(lambda: LOG.exists() and "event=started" in LOG.read_text(),
               "no log")
    run("logrotate", "--force", "/etc/logrotate.d/sentinel-agent")
    old = LOG.with_name(LOG.name + ".1")
    assert "event=started" in old.read_text()
    wait_until(lambda: LOG.exists() and "event=reloaded" in LOG.read_text(),
               lambda: f"{old.read_text()} {run('ls', '-l', LOG.parent)}")
    opened = run("sh", "-c", f"ls -l /proc/{main_pid()}/fd")
    assert str(LOG) in opened and str(old) not in opened


def test_an_upgrade_lets_no_reader_see_a_node_vanish(
        installed, newer, redis, tree):
    publish()
    begin()
    tree.wait_status("local", "up")
    wait_until(lambda: tree.alive("local"), "alive/local")
    before = main_pid()
    with watching(tree, *NODES) as watchers:
        said = apt("install", newer)
        assert main_pid() not in (before, "0"), said
        wait_until(lambda: str(tree.heartbeat("web-1")["pid"]) == main_pid(),
                   "no heartbeat of the new one")
    for w in watchers:
        w.check_untouched()
    assert run("systemctl", "is-enabled", "sentinel-agent").strip() == "enabled"


def test_an_upgrade_leaves_stopped_what_was_stopped(installed, newer):
    apt("install", newer)
    assert (state(), pids()) == ("inactive", set())


def test_removed_it_is_stopped_and_purged_it_leaves_nothing(installed, redis):
    begin()
    apt("remove", "sentinel-agent")
    assert pids() == set()
    apt("purge", "sentinel-agent")
    found = run("find", "/etc", "/var/lib", "/var/log", "/run", "-xdev",
                "-name", "*sentinel-agent*", "-print")
    assert found == ""
