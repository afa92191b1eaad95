"""What the packaging and the recipes say twice is the same twice."""

import re
import subprocess

import agentproc
from ports import reserve_port

SCRIPTS = agentproc.ROOT / "scripts"
# Which every Debian that builds packages has, or meson brings.
TAKEN_FOR_GRANTED = {"gcc", "libc6-dev", "ninja-build", "pkg-config"}


def test_the_package_is_built_with_what_a_build_needs():
    listed = re.search(r'^BUILD="(.*?)"', (SCRIPTS / "packages").read_text(),
                       re.M | re.S)[1]
    needed = {entry.split("|")[0] for entry in listed.split()}
    control = (SCRIPTS / "debian" / "control").read_text()
    declared = set(re.findall(
        r"[\w.+-]+", re.search(r"^Build-Depends:(.*?)^\S", control,
                               re.M | re.S)[1]))
    assert needed - TAKEN_FOR_GRANTED <= declared


def test_its_changelog_begins_with_the_version_of_the_program():
    log = (SCRIPTS / "debian" / "changelog").read_text()
    build = (agentproc.ROOT / "meson.build").read_text()
    assert re.match(r"sentinel-agent \((.*?)\)", log)[1] == \
        re.search(r"version: '(.*?)'", build)[1]


def test_cron_mails_the_table_when_something_is_not_up_and_only_then(
        write_config, redis_server):
    readme = (agentproc.ROOT / "README.md").read_text()
    line = re.search(r"^\* \* \* \* \* root (.*)$", readme, re.M)[1]
    assert "/usr/sbin/sentinel-agent --check-once" in line

    def mailed(address):
        config = write_config({"r": address}, agent={"fall": 1})
        done = subprocess.run(
            ["/bin/sh", "-c", line.replace(
                "/usr/sbin/sentinel-agent --check-once",
                f"{agentproc.agent_bin()} --check-once -c {config}")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.stdout

    assert mailed(redis_server.address) == ""
    assert " down " in mailed(f"127.0.0.1:{reserve_port()}")


def test_the_files_that_ci_chooses_are_there():
    """A name that fits nothing would choose nothing, without a word."""
    for script in (".ci/run", "scripts/test"):
        text = (agentproc.ROOT / script).read_text()
        names = re.findall(r"\btest_\w+\.py\b", text)
        assert names
        for name in names:
            assert (agentproc.ROOT / "test" / "system" / name).exists(), name
