"""Passwords: who may read them where they lie, and where they never show."""

import os
import re
import secrets
import shutil
import signal
from pathlib import Path

import pytest

import agentproc
from agentproc import config_text, write_secret
from common import needs_root, zookeeper_keys
from waiting import wait_until

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


# -- files --------------------------------------------------------------------

@pytest.mark.parametrize("key", ["password_file", "digest_file"])
def test_a_secret_file_that_others_can_read_is_refused(
        tmp_path, write_config, redis_server, key):
    secret = write_secret(tmp_path / "secret", "user:geheim\n")
    secret.chmod(0o644)
    text = f"[redis:r]\naddress = {redis_server.address}\n"
    if key == "digest_file":
        text += "[zookeeper]\nservers = 127.0.0.1:1\n"
    path = tmp_path / "agent.ini"
    path.write_text(f"{text}{key} = {secret}\n")
    done = agentproc.run("--test-config", "-c", path)
    assert done.returncode == 1
    line = path.read_text().count("\n")
    assert done.stderr == (f"{path}:{line}: {key}: {secret}: mode 0644 lets "
                           "others read it (chmod o-rwx)\n")
    secret.chmod(0o640)
    assert agentproc.run("--test-config", "-c", path).returncode == 0


def test_a_secret_file_opened_to_others_is_refused_by_a_reload(
        make_agent, make_redis, tmp_path):
    server = make_redis(requirepass="geheim")
    secret = write_secret(tmp_path / "secret", "geheim\n")
    agent = make_agent({"r": {"address": server.address,
                              "password_file": secret}})
    agent.wait_event("status_changed", instance="r", to="up")
    secret.chmod(0o604)
    assert agent.reload()["event"] == "reload_rejected"
    assert "mode 0604" in agent.events("config_error")[-1]["fault"]
    secret.chmod(0o600)
    assert agent.reload()["event"] == "reloaded"
    agent.stop()


def test_a_config_with_a_password_that_others_can_read_is_warned_of(
        make_agent, redis_server):
    def exposed():
        return [(e["file"], e["mode"], e["level"])
                for e in agent.events("config_exposed")]
    agent = make_agent({"r": {"address": redis_server.address,
                              "password": "geheim"}}, start=False)
    agent.config.chmod(0o644)
    agent.start()
    told = (str(agent.config), "0644", "warn")
    wait_until(lambda: exposed() == [told], agent.output)
    agent.reload()
    wait_until(lambda: exposed() == [told] * 2, agent.output)
    agent.config.chmod(0o640)
    assert agent.reload()["event"] == "reloaded"
    agent.stop()
    assert exposed() == [told] * 2


# -- output -------------------------------------------------------------------

def test_no_secret_is_ever_shown(
        make_agent, make_redis, make_scripted, tree, tmp_path):
    """Not even where a server repeats what it was sent."""
    passwords = {"right": "geheim-right", "wrong": "geheim-wrong",
                 "renamed": "geheim-renamed", "file": "geheim-file",
                 "repeats": "geheim-repeats"}
    digest = write_secret(tmp_path / "digest", "agent:geheim-digest\n")
    secret = write_secret(tmp_path / "secret", passwords["file"] + "\n")
    right = make_redis(requirepass=passwords["right"])
    in_file = make_redis(requirepass=passwords["file"])
    renamed = make_redis(rename_command='AUTH ""')
    repeats = make_scripted(
        replies={"AUTH": b"-WRONGPASS geheim-repeats is not it\r\n"})
    addresses = {"right": right, "wrong": right, "renamed": renamed,
                 "repeats": repeats}
    instances = {name: {"address": s.address, "password": passwords[name]}
                 for name, s in addresses.items()}
    instances["file"] = {"address": in_file.address, "password_file": secret}
    agent = make_agent(instances, tree,
                       agent={"log_level": "debug", "fall": 1},
                       zookeeper={"acl": "read", "digest_file": digest})
    tree.wait_status("right", "up", "ok")
    tree.wait_status("file", "up", "ok")
    tree.wait_status("wrong", "unknown", "wrongpass")
    tree.wait_status("repeats", "unknown", "wrongpass")
    tree.wait_status("renamed", "unknown", "noperm")
    agent.dump()
    agent.reload("[redis:r]\npassword = geheim-fault\npassword geheim-fault\n")
    shown = agentproc.run("--print-config", "-c", agent.config).stderr
    agent.rewrite(config_text(instances, {"pid_file": agent.dir / "pid"},
                              zookeeper_keys(tree, acl="read",
                                             digest_file=digest)))
    agent.reload()
    for args in (["--print-config"], ["--test-config"],
                 ["--check-once", "--no-publish", "--format", "json"]):
        done = agentproc.run(*args, "-c", agent.config)
        shown += done.stdout + done.stderr
    assert "password = ***" in shown
    for name in ("cmdline", "environ"):
        shown += Path(f"/proc/{agent.pid}/{name}").read_text()
    for name in instances:
        shown += str(tree.status(name))
    agent.stop()
    shown += agent.output()
    assert "event=dump" in shown
    found = re.search(r".{0,200}geheim-.{0,20}", shown)
    assert not found, found[0]


# -- memory -------------------------------------------------------------------

ARENA = 64 << 20


def heap(pid):
    """What malloc hands out.  Stacks keep pieces of a register for a while,
    which is nothing that can be wiped."""
    data = []
    with open(f"/proc/{pid}/maps") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            place, rights, *_ = line.split()
            begin, end = (int(x, 16) for x in place.split("-"))
            # glibc's arenas of threads begin at multiples of their size.
            if rights[:2] == "rw" and ("[heap]" in line or
                                       begin % ARENA == 0):
                mem.seek(begin)
                data.append(mem.read(end - begin))
    return data


@needs_root
def test_what_is_no_longer_configured_is_wiped(
        make_agent, make_redis, tmp_path):
    """Looked for by their ends: what is freed loses its first bytes to the
    allocator."""
    inline, in_file = secrets.token_hex(150), secrets.token_hex(151)
    secret = write_secret(tmp_path / "secret", in_file + "\n")
    a, b = make_redis(requirepass=inline), make_redis(requirepass=in_file)
    instances = {"a": {"address": a.address, "password": inline},
                 "b": {"address": b.address, "password_file": secret}}
    agent = make_agent(instances, defaults={"password": inline})
    for name in instances:
        agent.wait_event("status_changed", instance=name, to="up")
    if agent.sanitized():
        pytest.skip("a sanitizer has a heap of its own")

    def kept(word):
        return sum(part.count(word[-40:].encode())
                   for part in heap(agent.pid))
    assert kept(inline) and kept(in_file), "this test sees its memory"
    text = config_text({"a": a.address, "b": b.address},
                       {"pid_file": agent.dir / "pid"})
    # Far behind, where the next file will not be written over it.
    agent.reload(f"{text};{'x' * 3000}\n[redis:c]\naddress = ?\n"
                 f"password = {inline}\n")
    assert agent.reload(text)["changed"] == "2"
    agent.wait_event("status_changed", instance="a", reason="noauth")
    agent.wait_event("status_changed", instance="b", reason="noauth")
    wait_until(lambda: not kept(inline) and not kept(in_file),
               lambda: f"{kept(inline)}, {kept(in_file)} copies are left")
    agent.stop()


def owner(agent):
    """Of what the kernel shows of it: root's, where it may not be dumped."""
    return os.stat(f"/proc/{agent.pid}/environ").st_uid


@needs_root
def test_with_a_secret_there_is_no_core_and_no_trace(
        make_agent, make_redis, open_path):
    """Seen as another user than root, who owns everything anyway."""
    program = shutil.copy(agentproc.agent_bin(), open_path / "agent")
    server = make_redis(requirepass="geheim")
    secret = {"r": {"address": server.address, "password": "geheim"}}
    os.chown(open_path, 65534, 65534)
    plain = {"r": server.address}
    for instances, who in ((plain, 65534), (secret, 0)):
        agent = make_agent(instances, start=False, prefix=NOBODY,
                           agent={"pid_file": open_path / "pid"})
        agent.argv = [program if a == agentproc.agent_bin() else a
                      for a in agent.argv]
        agent.argv[-1] = open_path / "config.ini"
        agent.config = agent.argv[-1]
        agent.rewrite(config_text(instances,
                                  {"pid_file": open_path / "pid"}))
        os.chown(agent.config, 65534, 65534)
        agent.start()
        assert owner(agent) == who
        if instances is plain:
            # What comes with a reload is as secret.
            agent.reload(config_text(secret,
                                     {"pid_file": open_path / "pid"}))
            assert owner(agent) == 0
        agent.stop()


@needs_root
def test_a_change_of_user_does_not_bring_the_core_back(
        make_agent, make_redis, open_path):
    """The kernel forgets it at setuid; whether there would be a core then is
    a setting of the machine (fs.suid_dumpable)."""
    server = make_redis(requirepass="geheim")
    agent = make_agent({"r": {"address": server.address,
                              "password": "geheim"}},
                       agent={"user": "nobody"})
    assert owner(agent) == 0
    agent.signal(signal.SIGTERM)
    assert agent.wait_exit() == 0
