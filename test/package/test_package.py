"""The Debian package's life on a machine without systemd."""

import os
import pwd
import re
import shutil
from pathlib import Path

from machine import (AGENT, CONFIG, DEB, INIT, NODES, USER, apt, pids, publish,
                     run)
from waiting import wait_until
from watching import watching

def begin():
    """As an administrator does on a machine without systemd."""
    run("update-rc.d", "sentinel-agent", "enable")
    run(INIT, "start")


def started(tree):
    """Begins it, and waits for its nodes."""
    begin()
    tree.wait_status("local", "up")
    wait_until(lambda: tree.alive("local"), "alive/local")
    return pids()


def test_this_release_has_all_that_it_depends_on():
    """As on a machine with nothing installed at all."""
    out = run("apt-get", "-s", "-o", "Dir::State::status=/dev/null",
              "--no-install-recommends", "install", DEB)
    assert re.search(r"^Inst libhiredis", out, re.M), out


def test_what_it_brings_lies_where_it_is_looked_for(installed):
    here = set(run("dpkg", "-L", "sentinel-agent").split())
    assert {
        AGENT, INIT, str(CONFIG), "/etc/logrotate.d/sentinel-agent",
        "/usr/share/bash-completion/completions/sentinel-agent",
        "/usr/share/man/man8/sentinel-agent.8.gz",
        "/usr/share/man/man5/sentinel-agent.conf.5.gz",
        "/usr/share/man/man7/sentinel-agent-status.7.gz",
        "/usr/share/man/man7/sentinel-agent-fleet.7.gz",
        "/usr/share/man/man7/sentinel-agent-monitoring.7.gz",
        "/usr/share/doc/sentinel-agent/changelog.gz",
        "/usr/share/doc/sentinel-agent/examples/config.example.ini",
        "/usr/share/doc/sentinel-agent/examples/sentinel-agent.rules.yml",
    } <= here
    assert any(path.endswith("/systemd/system/sentinel-agent.service")
               for path in here)
    assert str(CONFIG) in run("dpkg-query", "-W", "-f", "${Conffiles}",
                              "sentinel-agent")
    assert ".symtab" not in run("readelf", "-S", AGENT)


def test_its_version_is_the_programs(installed):
    version = run("dpkg-query", "-W", "-f", "${Version}", "sentinel-agent")
    assert run(AGENT, "--version").split()[-1] == version
    assert run("dpkg-parsechangelog", "-l", "scripts/debian/changelog", "-S",
               "Version").strip() == version


def test_nothing_is_started_or_enabled_before_somebody_asks(installed):
    assert pids() == set()
    run(INIT, "status", ok=(3,))
    assert not list(Path("/etc").glob("rc[2-5].d/S*sentinel-agent"))
    assert not list(Path("/etc/systemd/system").glob(
        "*.wants/sentinel-agent.service"))


def test_the_config_works_at_once_for_the_redis_of_this_machine(
        installed, redis):
    user = pwd.getpwnam(USER)
    assert (CONFIG.stat().st_mode & 0o777, CONFIG.stat().st_gid) == \
        (0o640, user.pw_gid)
    run(AGENT, "--test-config")
    # As the user of the unit, too.
    run("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups",
        AGENT, "--test-config")
    run(INIT, "start")
    assert re.search(r"^local .* up ", wait_until(
        lambda: (out := run(AGENT, "--status")) and " up " in out and out,
        lambda: run(AGENT, "--status")), re.M)
    assert all(os.stat(f"/proc/{pid}").st_uid in (0, user.pw_uid)
               for pid in pids())
    run(INIT, "stop")


def test_an_upgrade_lets_no_reader_see_a_node_vanish(
        installed, newer, redis, tree):
    publish()
    before = started(tree)
    edited = CONFIG.read_text()
    with watching(tree, *NODES) as watchers:
        said = apt("install", newer)
        after = wait_until(lambda: (now := pids()) and not now & before
                           and now, f"the old program still runs: {said}")
        wait_until(lambda: str(tree.heartbeat("web-1")["pid"]) in after,
                   "no heartbeat of the new one")
    for w in watchers:
        w.check_untouched()
    assert CONFIG.read_text() == edited


def test_an_upgrade_leaves_stopped_what_was_stopped(installed, newer):
    apt("install", newer)
    assert pids() == set()


def test_an_upgrade_goes_through_while_the_config_has_faults(
        installed, newer, redis):
    begin()
    running = pids()
    CONFIG.write_text(CONFIG.read_text() + "nonsense\n")
    apt("install", newer)
    assert running <= pids()
    assert "ok installed" in run("dpkg-query", "-W", "-f", "${Status}",
                                 "sentinel-agent")


def test_removed_it_is_stopped_and_its_config_stays(
        installed, redis, tree):
    publish()
    started(tree)
    apt("remove", "sentinel-agent")
    assert pids() == set()
    assert CONFIG.exists()
    # It is no crash: the verdict stays, and the reader knows.
    assert tree.status("local")["status"] == "up"


def test_purged_it_leaves_nothing(redis, tree):
    def of_it():
        found = run("find", "/etc", "/usr", "/var", "/run", "/lib",
                    "-xdev", "(", "-path", "/usr/src", "-o", "-path",
                    "/var/cache/apt", "-o", "-path", "/var/log/apt", ")",
                    "-prune", "-o", "-name", "*sentinel-agent*", "-print")
        return set(found.split())

    before = of_it()
    passwd = Path("/etc/passwd").read_text()
    apt("install", DEB)
    publish()
    started(tree)
    (CONFIG.parent / "local.secret").write_text("sesame\n")
    assert Path("/var/lib/sentinel-agent/web-1.session").exists()
    apt("purge", "sentinel-agent")
    assert of_it() == before
    assert Path("/etc/passwd").read_text() == passwd
    assert not shutil.which("sentinel-agent")
