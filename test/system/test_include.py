"""A config of several files, read at start and at SIGHUP."""

import os
import re
import signal

import pytest

import agentproc
from agentproc import config_text, render
from common import needs_root
from process import proc_status
from waiting import wait_until


def instance(name, address, **keys):
    return render({f"redis:{name}": {"address": address, **keys}})


@pytest.fixture
def split(make_agent):
    """An agent (not started) whose config includes conf.d/*.ini; MAIN are
    the instances of its main file, FILES those of others."""
    def make(main, files=(), tree=None, **options):
        options["agent"] = {"include": "conf.d/*.ini",
                            **options.get("agent", {})}
        agent = make_agent(main, tree, start=False, **options)
        (agent.dir / "conf.d").mkdir()
        for name, text in dict(files).items():
            (agent.dir / "conf.d" / name).write_text(text)
        return agent
    return make


def test_test_config_names_the_files_and_counts_the_instances(split):
    agent = split({"a": "h:1"}, {"2.ini": instance("b", "h:1"),
                                 "1.ini": "[defaults]\nrise = 4\n"})
    done = agentproc.run("--test-config", "-c", agent.config)
    assert done.returncode == 0, done.stderr
    folder = agent.dir / "conf.d"
    assert done.stdout == (
        f"{agent.config} includes {folder}/1.ini\n"
        f"{agent.config} includes {folder}/2.ini\n"
        f"{agent.config} is good: 2 instances\n")
    printed = agentproc.run("--print-config", "-c", agent.config).stdout
    assert printed.count("rise = 4") == 2 and "[redis:b]" in printed
    # It is a config of its own, wherever it lies.
    alone = agent.dir / "conf.d" / "printed"
    alone.write_text(printed)
    assert agentproc.run("--test-config", "-c", alone).stdout == \
        f"{alone} is good: 2 instances\n"


def test_a_relative_config_includes_from_its_own_folder(split):
    agent = split({}, {"1.ini": instance("b", "h:1")})
    for cwd, path in ((agent.dir, "config.ini"),
                      (agent.dir.parent, f"{agent.dir.name}/config.ini")):
        done = agentproc.run("--test-config", "-c", path, cwd=cwd)
        assert done.stdout.endswith(f"{path} is good: 1 instance\n"), \
            done.stderr


def test_every_fault_of_every_file_is_told_in_order(split):
    agent = split({"a": "h:1"}, {
        "1.ini": "[redis:b]\nrise = 0\n[redis:c]\naddress = h:1\n",
        "2.ini": "\n[redis:c]\naddress = h:2\n[agent]\ninclude = x\n",
        "3.ini": "nonsense\n"})
    agent.rewrite("[nonsense]\n" + agent.config.read_text())
    folder = agent.dir / "conf.d"
    os.mkfifo(folder / "4.ini")
    (folder / "5.ini").symlink_to("nowhere")
    done = agentproc.run("--test-config", "-c", agent.config)
    assert done.returncode == 1
    places = re.findall(r"^(\S+?)((?::\d+)?): ", done.stderr, re.M)
    wanted = [("config.ini", ":1"),
              ("1.ini", ":1"), ("1.ini", ":2"),
              ("2.ini", ":2"), ("2.ini", ":3"),
              ("2.ini", ":4"), ("2.ini", ":5"),
              ("3.ini", ":1"), ("4.ini", ""), ("5.ini", "")]
    assert [(os.path.basename(f), line) for f, line in places] == wanted
    assert (f"{folder}/2.ini:2: duplicate section [redis:c], first at "
            f"{folder}/1.ini:3\n") in done.stderr


def test_files_that_come_and_go_bring_and_take_instances(
        split, make_redis, tree):
    main, first, second = (make_redis() for _ in range(3))
    agent = split({"main": main.address},
                  {"1.ini": instance("first", first.address)}, tree)
    folder = agent.dir / "conf.d"
    agent.start()
    for name in ("main", "first"):
        tree.wait_status(name, "up", "ok", when=lambda d: d["version"])
    before = tree.status("main")
    (folder / "2.ini").write_text(instance("second", second.address))
    event = agent.reload()
    assert [event[k] for k in ("kept", "added", "changed", "removed")] == \
        ["2", "1", "0", "0"]
    tree.wait_status("second", "up", "ok")
    (folder / "1.ini").unlink()
    event = agent.reload()
    assert [event[k] for k in ("kept", "added", "changed", "removed")] == \
        ["2", "0", "0", "1"]
    tree.wait_status("first", "unknown", "removed")
    (folder / "2.ini").unlink()
    assert agent.reload()["removed"] == "1"
    assert tree.wait_round("agent-1", 2)["instances"] == 1
    assert tree.status("main") == before
    agent.stop()


def test_a_fault_in_an_included_file_changes_nothing(
        split, redis_server, tree):
    agent = split({"main": redis_server.address}, {}, tree)
    agent.start()
    tree.wait_status("main", "up", "ok")
    folder = agent.dir / "conf.d"
    (folder / "1.ini").write_text(instance("good", redis_server.address))
    (folder / "2.ini").write_text("[redis:bad]\naddress = ?\nrise = 0\n")
    assert agent.reload()["event"] == "reload_rejected"
    assert [e["fault"].split(": ")[0] for e in agent.events("config_error")] \
        == [f"{folder}/2.ini:2", f"{folder}/2.ini:3"]
    assert tree.wait_round("agent-1", 2)["instances"] == 1
    (folder / "2.ini").unlink()
    assert agent.reload()["added"] == "1"
    agent.stop()


@needs_root
def test_a_folder_that_may_not_be_read_is_a_fault_and_not_empty(
        make_agent, redis_server, open_path):
    """Or else a wrong mode would take all its instances away."""
    folder = open_path / "conf.d"
    folder.mkdir()
    (folder / "1.ini").write_text(instance("more", redis_server.address))
    agent = make_agent({"r": redis_server.address}, start=False,
                       agent={"user": "nobody", "include": f"{folder}/*.ini"})
    # Where the user may read it, unlike a folder of pytest's.
    agent.config = agent.argv[-1] = open_path / "config.ini"
    agent.rewrite(config_text({"r": redis_server.address},
                              {"user": "nobody",
                               "include": f"{folder}/*.ini",
                               "pid_file": open_path / "pid"}))
    agent.start()
    agent.wait_event("status_changed", instance="more", to="up")
    folder.chmod(0o700)
    assert agent.reload()["event"] == "reload_rejected"
    assert agent.events("config_error")[-1]["fault"].endswith(
        f"include: {folder}/*.ini: cannot be looked up: Permission denied")
    folder.chmod(0o755)
    assert agent.reload()["kept"] == "2"
    agent.stop()


def test_a_daemon_finds_its_included_files_from_the_root_folder(
        split, redis_server, request):
    agent = split({}, {"1.ini": instance("one", redis_server.address)})
    pid_file, log = agent.dir / "pid", agent.dir / "log"
    agent.rewrite(agent.config.read_text().replace(
        "[agent]\n", f"[agent]\nlog = {log}\n"))

    def stop():
        try:
            pid = int(pid_file.read_text())
        except (OSError, ValueError):
            return
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not proc_status(pid), "it ends")
    request.addfinalizer(stop)
    done = agentproc.run("-d", "-c", "config.ini", cwd=agent.dir)
    assert done.returncode == 0, done.stderr
    (agent.dir / "conf.d" / "2.ini").write_text(
        instance("two", redis_server.address))
    os.kill(int(pid_file.read_text()), signal.SIGHUP)
    agent.wait_event("status_changed", instance="two", to="up")
