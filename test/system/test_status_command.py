"""--status: what it shows of a running agent, and of ZooKeeper alone."""

import json
import os
import pwd
import re
import signal
import socket
import subprocess
import time

import pytest

import agentproc
from agentproc import agent_bin, config_text, write_secret
from common import needs_root, zookeeper_keys
from documents import moment
from peers import Peer, says
from ports import reserve_port
from process import Process
from pseudoterminal import ENTER, LEAVE, Terminal
from waiting import wait_until
from zookeeper import Tree

SHOWN, NOT_SHOWN, USAGE = 0, 1, 2


def status(config, *args, **options):
    return agentproc.run("--status", "-c", config, *args, **options)


def shown(config, *args, **options):
    done = status(config, *args, **options)
    assert done.returncode == SHOWN, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def refused(config, *args, code=NOT_SHOWN, **options):
    """The one line that says why."""
    done = status(config, *args, **options)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    line, = done.stderr.splitlines()
    return line


def rows(text, first="INSTANCE"):
    """The table that begins with the column FIRST, as a dict of dicts."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(first))
    columns = [(m.start(), m.group()) for m in
               re.finditer(r"\S+( \S+)*", lines[at])]
    table = {}
    for line in lines[at + 1:]:
        if not line:
            break
        row = {}
        for i, (start, title) in enumerate(columns):
            end = columns[i + 1][0] if i + 1 < len(columns) else None
            row[title] = line[start:end].strip()
        table[row[first]] = row
    return table


@pytest.fixture
def listen():
    return f"127.0.0.1:{reserve_port()}"


@pytest.fixture
def watched(make_agent, redis_server, listen, tree):
    """An agent with one instance up, one down, one paused."""
    agent = make_agent({"up": redis_server.address,
                        "down": f"127.0.0.1:{reserve_port()}",
                        "paused": {"address": redis_server.address,
                                   "paused": "yes"}},
                       tree, http=listen, zookeeper={"session_timeout": "2s"})
    tree.wait_status("up", "up", when=lambda d: d["version"])
    tree.wait_status("down", "down")
    tree.wait_status("paused", "up", when=lambda d: d["version"])
    tree.wait_round("agent-1")
    return agent


@pytest.fixture
def terminal(request):
    def make(*args, **options):
        t = Terminal([agent_bin(), "--status", *args], **options)
        request.addfinalizer(t.stop)
        return t
    return make


# ------------------------------------------------------------------ the agent

def test_a_config_that_waits_for_a_restart_is_said(watched):
    sound = watched.config.read_text()
    assert "restart" not in shown(watched.config)
    watched.reload(sound.replace("workers = 2", "workers = 3"))
    # The page may be that of a moment before.
    wait_until(lambda: "waiting for a restart: agent.workers\n"
               in shown(watched.config), "it is said")
    page = json.loads(shown(watched.config, "--format", "json"))
    assert page["agent"]["needs_restart"] == "agent.workers"
    watched.reload(sound)
    wait_until(lambda: "restart" not in shown(watched.config), "it is over")


def test_the_running_agent_is_shown(watched, tree, listen):
    text = shown(watched.config)
    head = text.split("\n\n")[0]
    assert "2 up, 0 degraded, 1 down, 0 unknown (1 in maintenance)" in head
    assert "agent is well" in head and f"pid {watched.pid}" in head
    assert f"connected to {tree.server.address}" in head
    table = rows(text)
    assert list(table) == ["down", "paused", "up"]
    assert table["down"]["STATUS"] == "down"
    assert table["down"]["REASON"] == "refused"
    assert table["down"]["DETAIL"] == "connect: connection refused"
    assert re.fullmatch(r"\d+s", table["down"]["SINCE"])
    assert table["up"]["ROLE"] == "master"
    assert table["up"]["VERSION"] == tree.status("up")["version"]
    assert re.fullmatch(r"[\d.]+ (us|ms|s)", table["up"]["RTT"])
    assert "maintenance" in table["paused"]["NOTE"]
    assert "\x1b" not in text


def test_it_is_the_same_as_json(watched):
    page = json.loads(shown(watched.config, "--format", "json"))
    assert page["agent"]["pid"] == watched.pid
    assert {i["instance"]: i["status"] for i in page["instances"]} == \
        {"up": "up", "down": "down", "paused": "up"}
    assert len(shown(watched.config, "--format", "json").splitlines()) == 1


@pytest.mark.parametrize("kind", ["any", "v6", "unix"])
def test_it_finds_the_agent_wherever_it_listens(make_agent, redis_server,
                                                 open_path, kind):
    if kind == "any":
        listen = f"0.0.0.0:{reserve_port()}"
    elif kind == "v6":
        listen = f"[::1]:{reserve_port()}"
    else:
        listen = f"unix:{open_path}/http.sock"
    agent = make_agent({"r": redis_server.address}, http=listen)
    wait_until(lambda: rows(shown(agent.config))["r"]["STATUS"] == "up",
               "up")
    assert "ZooKeeper: not configured" in shown(agent.config)
    agent.kill()
    assert f"{listen}: connect: Connection refused" in refused(agent.config)


def test_a_conflict_and_what_is_not_published_are_said(
        make_agent, redis_server, own_tree, listen):
    own_tree.client().ensure_path(f"{own_tree.root}/agents")
    own_tree.client().create(f"{own_tree.root}/agents/other",
                             b'{"schema":1,"agent":"other","host":"h2"}')
    own_tree.client().ensure_path(f"{own_tree.root}/instances")
    own_tree.client().create(
        f"{own_tree.root}/instances/theirs",
        b'{"schema":1,"instance":"theirs","agent":"other","status":"up"}')
    agent = make_agent({"theirs": redis_server.address,
                        "ours": redis_server.address}, own_tree, http=listen)
    wait_until(lambda: "conflict: held by other on h2" in
               rows(shown(agent.config))["theirs"].get("NOTE", ""),
               lambda: shown(agent.config))
    own_tree.server.freeze()
    redis_server.kill()
    wait_until(lambda: "not yet published" in
               rows(shown(agent.config))["ours"].get("NOTE", ""),
               lambda: shown(agent.config))
    own_tree.server.thaw()


def test_an_agent_that_hangs_is_told_in_time(watched, listen):
    watched.freeze()
    try:
        line = refused(watched.config, timeout=30)
    finally:
        watched.thaw()
    assert line == f"sentinel-agent: {listen}: receive: " \
        "no answer within 5000 ms"


def test_an_agent_that_does_not_run_is_told_with_what_to_do(write_config,
                                                             tree):
    port = reserve_port()
    config = write_config({"r": "127.0.0.1:1"}, tree)
    line = refused(config)
    assert "has no [http] section" in line and "--from-zookeeper" in line
    config.write_text(config.read_text() +
                      f"[http]\nlisten = 127.0.0.1:{port}\n")
    assert refused(config) == (
        f"sentinel-agent: 127.0.0.1:{port}: connect: Connection refused "
        "(does the agent run? --http names another address; "
        "--from-zookeeper needs no agent)")


@pytest.mark.parametrize("answer, why", [
    (b"-ERR \x1b[2J\r\n\r\n", r"no HTTP server: -ERR \x1b[2J"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
     "no sentinel-agent's status page"),
    (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 404 Not Found"),
])
def test_what_is_no_agent_is_told(write_config, make_peer, answer, why):
    peer = make_peer(says(answer))
    config = write_config({"r": "127.0.0.1:1"})
    config.write_text(config.read_text() + f"[http]\nlisten = {peer.address}\n")
    assert why in refused(config)


@pytest.mark.parametrize("args", [
    ["--status", "--format", "nagios"], ["--status", "--no-publish"],
    ["--status", "-d"], ["--status", "--test-config"], ["--watch"],
    ["--from-zookeeper"], ["--status", "--instance", "r"],
    ["--status", "more"], ["--status", "-c", "/nonexistent"],
    ["--http", "127.0.0.1:1"], ["--status", "--http", "nonsense"],
    ["--status", "--http", "h:1", "--from-zookeeper"],
    ["--status", "--http", "h:1", "-c", "/nonexistent"]])
def test_bad_usage_is_told(args):
    done = agentproc.run(*args)
    assert done.returncode == USAGE
    assert done.stderr and done.stdout == ""


@needs_root
@pytest.mark.parametrize("source", ["agent", "zookeeper"])
def test_any_user_who_can_read_the_config_can_look(
        make_agent, make_redis, tree, open_path, listen, source):
    """Not the passwords, and nothing else of the agent's is touched."""
    server = make_redis(requirepass="geheim")
    secret = write_secret(open_path / "r.secret", "geheim")
    agent = make_agent({"r": {"address": server.address,
                              "password_file": secret}}, tree, http=listen,
                       agent={"state_dir": open_path,
                              "pid_file": open_path / "pid"})
    tree.wait_status("r", "up")
    config = open_path / "config.ini"
    config.write_text(agent.config.read_text())
    before = {p: p.stat().st_mtime_ns for p in open_path.iterdir()}
    nobody = pwd.getpwnam("nobody")
    args = ["--from-zookeeper"] if source == "zookeeper" else []
    # What others cannot reach is no part of what is tested.
    program = open_path / "sentinel-agent"
    program.write_bytes(open(agent_bin(), "rb").read())
    program.chmod(0o755)
    done = subprocess.run([program, "--status", "-c", config, *args],
                          user=nobody.pw_uid, group=nobody.pw_gid,
                          extra_groups=[], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == SHOWN, done.stderr
    assert rows(done.stdout)["r"]["STATUS"] == "up"
    assert "geheim" not in done.stdout + done.stderr
    assert {p: p.stat().st_mtime_ns for p in open_path.iterdir()
            if p in before} == before
    agent.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_is_all_that_it_needs(watched, listen, host):
    """Also where `listen` was edited since, or the config cannot be read."""
    address = f"{host}:{listen.split(':')[1]}"
    done = agentproc.run("--status", "--http", address)
    assert (done.returncode, done.stderr) == (SHOWN, "")
    assert rows(done.stdout)["up"]["STATUS"] == "up"
    as_json = agentproc.run("--status", "--http", address, "--format", "json")
    assert json.loads(as_json.stdout)["agent"]["id"] == "agent-1"


def test_a_name_without_an_address_is_told(tmp_path):
    done = agentproc.run("--status", "--http", "no.such.invalid:1")
    assert done.returncode == NOT_SHOWN
    assert "no.such.invalid" in done.stderr


FAULTS = """
[zookeeper]
rot = /x
[agent]
id = is no id
log = nowhere
[redis:b]
[redis:c]
address = nonsense
password_file = /nonexistent
[typo]
"""


def test_faults_elsewhere_are_warnings(watched, listen):
    sound = watched.config.read_text()
    watched.config.write_text(
        f"stray = 1\n[http]\nlisten = {listen}\n" + FAULTS)
    done = status(watched.config)
    assert done.returncode == SHOWN, done.stderr
    assert rows(done.stdout)["down"]["STATUS"] == "down"
    told = done.stderr.splitlines()
    assert all(line.startswith(f"warning: {watched.config}:") for line in told)
    # Each of those that the check names, but for files that only it opens.
    faults = agentproc.run("--test-config", "-c", watched.config).stderr
    assert {line.removeprefix("warning: ") for line in told} == {
        line for line in faults.splitlines() if "/nonexistent" not in line}
    watched.config.write_text(sound)


def test_a_fault_of_where_it_is_to_look_is_one(watched, listen, tree):
    sound = watched.config.read_text()
    watched.config.write_text(sound.replace(listen, "nonsense"))
    assert ": listen must be" in refused(watched.config, code=USAGE)
    # ZooKeeper is asked by another section.
    done = status(watched.config, "--from-zookeeper")
    assert done.returncode == SHOWN, done.stderr
    assert done.stderr.startswith("warning: ")
    assert rows(done.stdout)["up"]["STATUS"] == "up"
    watched.config.write_text(sound.replace("servers =", "server ="))
    done = status(watched.config, "--from-zookeeper")
    assert done.returncode == USAGE and done.stdout == ""
    assert status(watched.config).returncode == SHOWN
    watched.config.write_text(sound)


def test_zookeeper_is_looked_at_in_spite_of_faults_elsewhere(watched, tree):
    sound = watched.config.read_text()
    keys = "\n".join(f"{k} = {v}" for k, v in zookeeper_keys(tree).items())
    faults = FAULTS.replace("[zookeeper]\nrot = /x\n", "")
    watched.config.write_text(f"[zookeeper]\n{keys}\n" + faults)
    done = status(watched.config, "--from-zookeeper")
    assert done.returncode == SHOWN, done.stderr
    assert {"up", "down", "b", "c"} <= rows(done.stdout).keys()
    watched.config.write_text(sound)


@needs_root
def test_a_config_that_one_may_not_read_is_told_with_the_way_out(
        watched, listen, open_path):
    config = open_path / "config.ini"
    config.write_text(watched.config.read_text())
    config.chmod(0o600)
    program = open_path / "sentinel-agent"
    program.write_bytes(open(agent_bin(), "rb").read())
    program.chmod(0o755)
    nobody = pwd.getpwnam("nobody")

    def as_nobody(*args):
        return subprocess.run([program, "--status", *args],
                              user=nobody.pw_uid, group=nobody.pw_gid,
                              extra_groups=[], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)

    done = as_nobody("-c", config)
    assert done.returncode == USAGE
    assert "Permission denied" in done.stderr and "--http" in done.stderr
    done = as_nobody("--http", listen)
    assert done.returncode == SHOWN and "up" in rows(done.stdout)


@pytest.mark.parametrize("args", [
    ["--status"], ["--status", "--from-zookeeper"],
    ["--status", "--format", "json"], ["--print-config"]])
def test_a_reader_that_has_enough_is_no_error(watched, args):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([agent_bin(), *args, "-c", watched.config],
                          stdout=write, stderr=subprocess.PIPE, text=True,
                          timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_is_one(watched):
    with open("/dev/full", "w") as full:
        done = subprocess.run([agent_bin(), "--status", "-c", watched.config],
                              stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=60)
    assert done.returncode == NOT_SHOWN
    assert "No space left" in done.stderr


# ----------------------------------------------------------------- ZooKeeper

def from_zookeeper(config, *args, **options):
    return shown(config, "--from-zookeeper", *args, **options)


def test_zookeeper_alone_shows_the_same_with_who_says_it(watched, tree):
    text = from_zookeeper(watched.config)
    assert "2 up, 0 degraded, 1 down, 0 unknown (1 in maintenance)" in text
    assert f"{tree.server.address}, root {tree.root}" in text
    assert "1 of 1 agents alive" in text
    table = rows(text)
    assert list(table) == ["down", "paused", "up"]
    for row in table.values():
        assert row["AGENT"] == "agent-1" and row["TRUSTED"] == "yes"
        assert re.fullmatch(r"\d+s ago", row["HEARTBEAT"])
    agent = rows(text, "AGENT")["agent-1"]
    assert agent["HOST"] == socket.gethostname()
    assert agent["HEARTBEAT"].startswith("valid for ")
    assert moment(agent["VALID UNTIL"]) <= \
        moment(tree.heartbeat("agent-1")["valid_until"])


def test_a_reader_leaves_no_trace(watched, tree):
    """No node and no session; the agent's stay as they are."""
    nodes = ["instances/up", "instances/down"]
    before = [tree.get(node)[1].mzxid for node in nodes]
    owner = tree.owner("agents/agent-1")
    sessions = tree.server.sessions()
    from_zookeeper(watched.config)
    assert [tree.get(node)[1].mzxid for node in nodes] == before
    assert tree.owner("agents/agent-1") == owner
    wait_until(lambda: tree.server.sessions() <= sessions, "its session ends")


def test_when_the_agent_was_killed_nothing_is_trusted(watched, tree):
    watched.kill()
    wait_until(lambda: tree.get("agents/agent-1") is None,
               "its session ends")
    text = from_zookeeper(watched.config)
    assert "0 up, 0 degraded, 0 down, 3 unknown" in text
    assert "(3 not to be trusted)" in text
    assert "0 of 1 agents alive" in text
    table = rows(text)
    assert list(table) == ["down", "paused", "up"]
    assert table["up"]["STATUS"] == "unknown (was up)"
    assert table["up"]["REASON"] == "(ok)"
    assert table["down"]["STATUS"] == "unknown (was down)"
    assert table["down"]["TRUSTED"] == "NO: heartbeat of agent-1 gone"
    assert rows(text, "AGENT")["agent-1"]["HEARTBEAT"] == "GONE"
    said = json.loads(from_zookeeper(watched.config, "--format", "json"))
    assert said["root"] == tree.root
    assert said["agents"][0]["heartbeat"] == "gone"
    up = next(i for i in said["instances"] if i["instance"] == "up")
    assert (up["status"], up["was"], up["trusted"], up["why"]) == \
        ("unknown", "up", False, "heartbeat of agent-1 gone")


def test_what_check_once_wrote_is_trusted_until_it_is_too_old(
        write_config, redis_server, tree, agent_id):
    config = write_config({"r": redis_server.address}, tree,
                          agent={"interval": "1s"})
    done = agentproc.run("--check-once", "-c", config)
    assert done.returncode == 0, done.stdout + done.stderr
    text = from_zookeeper(config)
    # A busy machine may be late to look.
    if moment(tree.heartbeat(agent_id)["valid_until"]) > time.time():
        assert rows(text)["r"]["TRUSTED"] == "yes"
    assert rows(text, "AGENT")[agent_id]["NOTE"].startswith("by --check-once")
    wait_until(lambda: time.time() >
               moment(tree.heartbeat(agent_id)["valid_until"]), "it is old")
    text = from_zookeeper(config)
    row = rows(text)["r"]
    assert row["STATUS"] == "unknown (was up)"
    assert re.fullmatch(rf"NO: heartbeat of {agent_id} expired \d+s ago",
                        row["TRUSTED"])
    assert rows(text, "AGENT")[agent_id]["HEARTBEAT"].startswith("EXPIRED")


def test_what_stands_there_besides_is_named(watched, tree):
    put = tree.client().create
    at = f"{tree.root}/instances"
    put(f"{at}/junk\u00fc", b"\x1b[2J")
    put(f"{at}/nobodys", b'{"schema":1,"status":"up","agent":""}')
    put(f"{at}/left", b'{"schema":1,"status":"unknown","reason":"removed",'
        b'"agent":"agent-1"}')
    put(f"{at}/stray", b'{"schema":1,"status":"up","reason":"ok",'
        b'"agent":"agent-1"}')
    text = from_zookeeper(watched.config)
    table = rows(text)
    assert table[r"junk\xc3\xbc"]["TRUSTED"] == "NO: no status document"
    assert table["nobodys"]["TRUSTED"] == "NO: no agent named"
    assert table["left"]["NOTE"] == "removed: no longer watched"
    assert table["stray"]["NOTE"] == "not in this config"
    assert list(table)[-1] == "left" and "(and 1 removed)" in text
    assert all(c == "\n" or " " <= c <= "~" for c in text)


@pytest.mark.parametrize("acl", ["read", "private"])
def test_it_reads_with_the_digest(make_agent, redis_server, shared_zookeeper,
                                  request, tmp_path, acl, tree):
    secret = write_secret(tmp_path / "zk.secret", "user:geheim")
    mine = Tree(shared_zookeeper, tree.root, credentials="user:geheim")
    request.addfinalizer(mine.close)
    agent = make_agent({"r": redis_server.address}, mine,
                       zookeeper={"acl": acl, "digest_file": secret})
    mine.wait_status("r", "up")
    mine.wait_round("agent-1")
    text = from_zookeeper(agent.config)
    assert rows(text)["r"]["TRUSTED"] == "yes"
    assert "geheim" not in text
    open_config = tmp_path / "open.ini"
    open_config.write_text(re.sub(r"(acl|digest_file) = .*\n", "",
                                  agent.config.read_text()))
    if acl == "read":
        assert rows(from_zookeeper(open_config))["r"]["TRUSTED"] == "yes"
    else:
        assert refused(open_config, "--from-zookeeper").endswith(
            f"{tree.root}/instances: no right to read it")


@pytest.mark.parametrize("trouble", ["frozen", "away"])
def test_a_zookeeper_that_does_not_answer_is_told_in_time(
        write_config, own_zookeeper, trouble):
    own_zookeeper.start()
    config = write_config({"r": "127.0.0.1:1"}, Tree(own_zookeeper, "/s"),
                          zookeeper={"publish_timeout": "1s"})
    if trouble == "frozen":
        own_zookeeper.freeze()
    else:
        own_zookeeper.kill()
    line = refused(config, "--from-zookeeper", timeout=30)
    assert line.startswith("sentinel-agent: ZooKeeper: not read within "
                           "1000 ms: connecting")


def test_without_a_zookeeper_there_is_nothing_to_read(write_config):
    config = write_config({"r": "127.0.0.1:1"})
    assert "has no [zookeeper] section" in refused(config, "--from-zookeeper")


# ------------------------------------------------------------- on a terminal

def paints(text):
    return re.findall(r"\x1b\[[0-9;]+m", text)


def test_colours_are_for_terminals_that_want_them(watched, terminal):
    for env, wanted in [({}, True), ({"NO_COLOR": "1"}, False),
                        ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)]:
        t = terminal("-c", watched.config, **env)
        assert t.wait() == SHOWN
        assert bool(paints(t.output())) == wanted, env
        assert "\x1b[1;31mdown\x1b[0m" in t.output() or not wanted
        assert ENTER not in t.output()


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_no_line_is_wider_than_the_terminal(watched, terminal, columns):
    t = terminal("-c", watched.config, columns=columns)
    assert t.wait() == SHOWN
    lines = t.lines()
    assert max(map(len, lines)) <= columns
    table = rows("\n".join(lines))
    assert table["down"]["STATUS"] == "down"
    assert ("RTT" in table["down"]) == (columns == 300)


def test_a_watch_draws_what_changes(watched, terminal, redis_server):
    t = terminal("--watch", "-c", watched.config)
    t.wait_screen(lambda s: "2 up, 0 degraded, 1 down" in s)
    redis_server.kill()
    text = t.wait_screen(lambda s: "0 up, 0 degraded, 3 down" in s)
    assert list(rows(text)) == ["down", "paused", "up"]
    t.signal(signal.SIGINT)
    assert t.wait() == SHOWN
    assert t.output().count(ENTER) == t.output().count(LEAVE) == 1
    assert t.output().endswith("\x1b[?25h" + LEAVE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP,
                                    signal.SIGQUIT])
def test_a_watch_leaves_the_terminal_as_it_was(watched, terminal, number):
    t = terminal("--watch", "-c", watched.config)
    t.wait_screen(lambda s: "1 down" in s)
    t.signal(number)
    assert t.wait() == SHOWN
    assert t.output().endswith("\x1b[?25h" + LEAVE)


def test_a_watch_can_be_suspended_and_resized(watched, terminal):
    t = terminal("--watch", "-c", watched.config)
    t.wait_screen(lambda s: "cache" not in s and "1 down" in s)
    t.signal(signal.SIGTSTP)
    wait_until(lambda: t.output().count(LEAVE) == 1, t.output)
    wait_until(t.stopped, "it stops")
    t.signal(signal.SIGCONT)
    wait_until(lambda: t.output().count(ENTER) == 2, t.output)
    t.resize(60, 8)
    t.signal(signal.SIGWINCH)
    wait_until(lambda: re.search(r"more lines\x1b\[J", t.output()), t.output)
    assert "more lines" in t.screen()[-1]
    t.signal(signal.SIGTERM)
    assert t.wait() == SHOWN


def test_a_watch_says_when_the_agent_is_gone_and_recovers(watched, terminal,
                                                          listen):
    t = terminal("--watch", "-c", watched.config)
    t.wait_screen(lambda s: "1 down" in s)
    watched.kill()
    text = t.wait_screen(lambda s: "NO ANSWER since " in s)
    assert f"{listen}: connect: Connection refused" in " ".join(text.split())
    assert "What was seen last:" in text
    assert rows(text)["up"]["STATUS"] == "up"
    before = t.output()
    wait_until(lambda: "(1s)" in t.output() or "(2s)" in t.output()
               or len(t.output()) > len(before) + 2000, "it counts on")
    watched.start()
    t.wait_screen(lambda s: "NO ANSWER" not in s and "1 down" in s)
    t.signal(signal.SIGINT)
    assert t.wait() == SHOWN


def test_a_watch_can_begin_before_the_agent(watched, terminal):
    watched.kill()
    t = terminal("--watch", "-c", watched.config)
    t.wait_screen(lambda s: "NO ANSWER since " in s)
    watched.start()
    t.wait_screen(lambda s: "NO ANSWER" not in s and "1 down" in s)
    watched.freeze()
    t.wait_screen(lambda s: "no answer within 5000 ms" in
                  " ".join(s.split()))
    watched.thaw()
    t.wait_screen(lambda s: "NO ANSWER" not in s and "1 down" in s)
    t.signal(signal.SIGINT)
    assert t.wait() == SHOWN


def test_zookeeper_is_watched_too(watched, tree, terminal):
    t = terminal("--watch", "--from-zookeeper", "-c", watched.config,
                 columns=200)
    t.wait_screen(lambda s: "1 of 1 agents alive" in s)
    watched.kill()
    text = t.wait_screen(lambda s: "heartbeat of agent-1 gone" in s)
    assert "unknown (was up)" in text
    sessions = tree.server.sessions()
    t.signal(signal.SIGINT)
    assert t.wait() == SHOWN
    wait_until(lambda: len(tree.server.sessions()) < len(sessions),
               "its session ends")


@pytest.mark.parametrize("trouble", ["frozen", "restarted", "wiped"])
def test_a_watch_of_zookeeper_recovers(make_agent, redis_server, own_tree,
                                       terminal, trouble):
    agent = make_agent({"r": redis_server.address}, own_tree,
                       zookeeper={"session_timeout": "2s",
                                  "publish_timeout": "1s"})
    own_tree.wait_status("r", "up")
    own_tree.wait_round("agent-1")
    t = terminal("--watch", "--from-zookeeper", "-c", agent.config)
    t.wait_screen(lambda s: "1 of 1 agents alive" in s)
    server = own_tree.server
    if trouble == "frozen":
        server.freeze()
    else:
        server.close_reader()
        server.kill()
    t.wait_screen(lambda s: "NO ANSWER since " in s and
                  "not read within 1000 ms" in " ".join(s.split()))
    if trouble == "frozen":
        server.thaw()
    else:
        if trouble == "wiped":
            server.forget()
        server.start()
    t.wait_screen(lambda s: "NO ANSWER" not in s and
                  "1 of 1 agents alive" in s)
    t.signal(signal.SIGINT)
    assert t.wait() == SHOWN


# --------------------------------------------------- a watch without terminal

@pytest.fixture
def piped(tmp_path, request):
    def make(*args):
        p = Process([agent_bin(), "--status", "--watch", *args],
                    tmp_path / "watch.log").spawn()
        request.addfinalizer(p.kill)
        return p
    return make


def test_a_watch_in_a_pipe_prints_only_news(watched, piped, redis_server,
                                            tree):
    p = piped("-c", watched.config)
    wait_until(lambda: "2 up, 0 degraded, 1 down" in p.output(), p.output)
    before = p.output()
    tree.wait_round("agent-1", 15)
    assert p.output() == before
    redis_server.kill()
    wait_until(lambda: "0 up, 0 degraded, 3 down" in p.output(), p.output)
    watched.kill()
    wait_until(lambda: "NO ANSWER since " in p.output(), p.output)
    watched.start()
    wait_until(lambda: p.output().split("NO ANSWER")[-1].count(" 3 down"),
               p.output)
    p.signal(signal.SIGTERM)
    p.wait_exit(30)
    assert p.proc.returncode == SHOWN
    assert "\x1b" not in p.output()
    assert p.output().count("NO ANSWER") == 1


def test_a_watch_as_json_is_an_object_a_line(watched, piped, redis_server):
    p = piped("-c", watched.config, "--format", "json")
    wait_until(lambda: p.output().count("\n") >= 1, p.output)
    redis_server.kill()

    def last():
        lines = p.output().splitlines(keepends=True)
        return json.loads(lines[-1]) if lines[-1].endswith("\n") else None
    wait_until(lambda: (page := last()) and page["agent"]["down"] == 3,
               p.output)
    for line in p.output().splitlines():
        assert json.loads(line)["schema"] == 1
    p.signal(signal.SIGTERM)
    p.wait_exit(30)


def test_a_watch_ends_with_its_reader(watched):
    p = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", agent_bin(), "--status",
         "--watch", "-c", str(watched.config)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert p.stdout.readline()
        p.stdout.close()
        assert p.wait(30) == SHOWN
    finally:
        p.kill()
        p.wait()
