"""The manual and the README against the program and its sources."""

import json
import re
import shutil
import subprocess

import pytest

from agentproc import ROOT, agent_bin
from documents import HEARTBEAT_KEYS, STATUS_KEYS

SOURCES = ROOT / "src"
PAGES = sorted(SOURCES.glob("*.[0-9]"))


def source_text():
    return "\n".join(p.read_text() for p in SOURCES.rglob("*.c"))


def read(name):
    return (SOURCES / name).read_text()


def section(page, head):
    """From its head to the next section's."""
    return page.split(f"\n.Sh {head}\n")[1].split("\n.Sh ")[0]


def items(text):
    """The names that the list's heads have, with commas between them."""
    heads = re.findall(r"^\.It Cm (.*)$", text, re.M)
    return {word for head in heads for word in re.split(r"[ ,]+", head)}


def test_every_event_is_in_the_manual_and_nothing_else():
    code = source_text()
    # An event follows its level, or is a member, or ends a session.
    events = set(re.findall(r"LOG_LEVEL_\w+,\s*\"(\w+)\"", code)
                 + re.findall(r"\.event = \"(\w+)\"", code)
                 + re.findall(r"LOG_LEVEL_\w+,[^;\"]*\? \"(\w+)\"", code)
                 + re.findall(r"session_over\([^;]*?\"(\w+)\"", code))
    told = items(section(read("sentinel-agent-monitoring.7"), "LOG"))
    assert events - told == set(), "not in sentinel-agent-monitoring.7"
    # By another way than those above, an event is a word of the code.
    gone = {e for e in told - events if f'"{e}"' not in code}
    assert gone == set(), "no longer in the code"


def test_every_option_of_the_help_is_in_the_manual():
    text = subprocess.run([agent_bin(), "--help"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    options = set(re.findall(r"(?<![a-z])--?([a-zA-Z][a-z-]*)", text))
    assert {"d", "c", "check-once", "status"} <= options
    page = read("sentinel-agent.8")
    for option in options:
        dashed = option if len(option) == 1 else f"-{option}"
        assert re.search(rf"^\.It Fl .*{dashed}(?= |\n)", page, re.M), option


def test_every_page_of_the_manual_is_named_by_the_help():
    text = subprocess.run([agent_bin(), "--help"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    for page in PAGES:
        name, chapter = page.name.rsplit(".", 1)
        assert f"{name}({chapter})" in text


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc")
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_page_of_the_manual_is_clean_and_fits_80_columns(page):
    lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning", page],
                          stdout=subprocess.PIPE, text=True, check=False)
    assert lint.stdout == ""
    shown = subprocess.run(["mandoc", "-Tascii", "-O", "width=80", page],
                           stdout=subprocess.PIPE, text=True, check=True)
    plain = re.sub(r".\x08", "", shown.stdout)
    assert [line for line in plain.split("\n") if len(line) > 80] == []


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 300
    assert [line for line in lines if len(line) > 120] == []


def test_the_readme_and_the_manual_read_a_status_alike():
    def reader(text, end):
        return text.split("\nimport datetime, json\n")[1].split(end)[0]

    assert reader(read("sentinel-agent-status.7"), "\n.Ed") == reader(
        (ROOT / "README.md").read_text(), "\n```")


def test_help_and_version_have_short_names():
    for short, long in (("-h", "--help"), ("-V", "--version")):
        done = [subprocess.run([agent_bin(), option], capture_output=True,
                               text=True) for option in (short, long)]
        assert done[0].returncode == done[1].returncode == 0
        assert done[0].stdout == done[1].stdout != ""


def test_a_first_start_is_told_of_the_example(tmp_path):
    for args in ([], ["-d"], ["--test-config"], ["--check-once"]):
        done = subprocess.run([agent_bin(), *args, "-c", tmp_path / "none"],
                              capture_output=True, text=True)
        assert done.returncode != 0
        example, = re.findall(r"\S+/config\.example\.ini", done.stderr)
        help_text = subprocess.run([agent_bin(), "-h"], capture_output=True,
                                   text=True).stdout
        assert example in help_text


@pytest.mark.parametrize("name", ["README.md", "src/sentinel-agent-status.7"])
def test_the_documents_that_are_shown_have_every_member(name):
    text = (ROOT / name).read_text()
    shown = [json.loads(d) for d in
             re.findall(r'^\{"schema":1,[^{}]*\}$', text, re.M)]
    assert set(shown[0]) == set(STATUS_KEYS)
    if len(shown) > 1:
        assert set(shown[1]) == set(HEARTBEAT_KEYS)
    if len(shown) > 2:
        assert set(shown[2]) == {"schema", "owner", "reason", "since", "until"}
    assert len(shown) == (1 if name == "README.md" else 3)
