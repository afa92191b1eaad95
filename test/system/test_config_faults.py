"""Every class of fault in a config: said with its place, all of them."""

import os
import re
import shutil
import subprocess

import pytest

import agentproc
from agentproc import write_secret
from common import needs_root

GOOD = "[redis:r]\naddress = 127.0.0.1:6379\n"
ZK = "[zookeeper]\nservers = 127.0.0.1:2181\n"


def fault(name, text, line, word):
    return pytest.param(text, line, word, id=name)


def agent_key(key, value):
    return f"{GOOD}[agent]\n{key} = {value}\n", 4, key


def redis_key(key, value):
    return f"{GOOD}{key} = {value}\n", 3, key


def zookeeper_key(key, value):
    return f"{GOOD}{ZK}{key} = {value}\n", 5, key


FAULTS = [
    fault("unknown key of agent", *agent_key("colour", "red")),
    fault("unknown key of zookeeper", *zookeeper_key("colour", "red")),
    fault("unknown key of an instance", *redis_key("colour", "red")),
    fault("unknown key of defaults",
          f"{GOOD}[defaults]\nworkers = 2\n", 4, "workers"),
    fault("unknown section", f"{GOOD}[colours]\nred = 1\n", 3, "colours"),
    fault("unknown empty section", f"{GOOD}[colours]\n", 3, "colours"),
    fault("duplicate key", f"{GOOD}address = 127.0.0.1:1\n", 3, "address"),
    fault("duplicate section", f"{GOOD}[agent]\nrise = 1\n[agent]\n", 5,
          "agent"),
    fault("duplicate instance", f"{GOOD}{GOOD}", 3, "r"),
    fault("duplicate empty section", f"{GOOD}[redis:r]\n", 3, "r"),
    fault("key before any section", "rise = 2\n" + GOOD, 1, "rise"),
    fault("line without =", f"{GOOD}nonsense\n", 3, ""),
    fault("key without a name", f"{GOOD}= 5\n", 3, ""),
    fault("section without ]", f"{GOOD}[agent\nrise = 2\n", 3, ""),
    fault("text after a section", f"{GOOD}[agent] rise = 2\n", 3, ""),
    fault("section without a name", f"{GOOD}[]\n", 3, ""),
    fault("no address", "[redis:r]\nrise = 2\n", 1, "address"),
    fault("empty instance", f"{GOOD}[redis:q]\n", 3, "address"),
    fault("no servers", f"{GOOD}[zookeeper]\nroot = /x\n", 3, "servers"),
    fault("empty zookeeper", f"{GOOD}[zookeeper]\n", 3, "servers"),
    fault("empty value", *agent_key("id", "")),
    fault("indented fault", f"{GOOD}[agent]\nrise = 2\n  fall = 0\n", 5,
          "fall"),
    fault("long section", f"{GOOD}[redis:{'x' * 60}]\naddress = a:1\n", 3,
          ""),
    fault("long line", f"{GOOD}username = {'x' * 5000}\n", 3, ""),
    fault("a NUL", f"{GOOD}username = a\0b\n", 3, ""),
    fault("control character", *redis_key("username", "a\x01b")),
    fault("not UTF-8", *redis_key("username", "a\udcffb")),
    fault("name of 41", f"[redis:{'x' * 41}]\naddress = 127.0.0.1:1\n", 1,
          ""),
    fault("name with a slash", "[redis:a/b]\naddress = 127.0.0.1:1\n", 1,
          "a/b"),
    fault("name of dots", "[redis:..]\naddress = 127.0.0.1:1\n", 1, ".."),
    fault("no name", "[redis:]\naddress = 127.0.0.1:1\n", 1, ""),
    fault("duration without a unit", *agent_key("interval", "10")),
    fault("duration of another unit", *agent_key("interval", "10h")),
    fault("duration of 0", *agent_key("interval", "0s")),
    fault("negative duration", *agent_key("timeout", "-1s")),
    fault("no duration", *agent_key("timeout", "soon")),
    fault("fraction", *agent_key("timeout", "1.5s")),
    fault("overflow", *agent_key("timeout", "99999999999999999999s")),
    fault("rise of 0", *agent_key("rise", "0")),
    fault("rise of 101", *agent_key("rise", "101")),
    fault("rise of words", *agent_key("rise", "two")),
    fault("rise and more", *agent_key("rise", "2 3")),
    fault("fall of -1", *agent_key("fall", "-1")),
    fault("workers of 0", *agent_key("workers", "0")),
    fault("workers of 65", *agent_key("workers", "65")),
    fault("spread of 51 %", *agent_key("spread", "51%")),
    fault("spread without %", *agent_key("spread", "20")),
    fault("log to a relative path", *agent_key("log", "x/y.log")),
    fault("log level", *agent_key("log_level", "loud")),
    fault("log format", *agent_key("log_format", "xml")),
    fault("id with a slash", *agent_key("id", "a/b")),
    fault("address without a port", "[redis:r]\naddress = 127.0.0.1\n", 2,
          "address"),
    fault("port 0", "[redis:r]\naddress = 127.0.0.1:0\n", 2, "address"),
    fault("port 65536", "[redis:r]\naddress = 127.0.0.1:65536\n", 2,
          "address"),
    fault("port of letters", "[redis:r]\naddress = host:redis\n", 2,
          "address"),
    fault("IPv6 without brackets", "[redis:r]\naddress = ::1:6379\n", 2,
          "address"),
    fault("IPv6 of nonsense", "[redis:r]\naddress = [zz]:6379\n", 2,
          "address"),
    fault("no path", "[redis:r]\naddress = unix:\n", 2, "address"),
    fault("long path", f"[redis:r]\naddress = unix:/{'x' * 110}\n", 2,
          "address"),
    fault("role", *redis_key("expect_role", "queen")),
    fault("size", *redis_key("max_lag", "10X")),
    fault("negative size", *redis_key("max_lag", "-1K")),
    fault("bool", *redis_key("paused", "perhaps")),
    fault("username alone", *redis_key("username", "probe")),
    fault("password twice", f"{GOOD}password = a\npassword_file = /etc/passwd"
          "\n", 4, "password"),
    fault("no such password file",
          *redis_key("password_file", "/no/such/file")),
    fault("server without a port", f"{GOOD}[zookeeper]\nservers = host\n", 4,
          "servers"),
    fault("server list with a hole",
          f"{GOOD}[zookeeper]\nservers = a:1,,b:2\n", 4, "servers"),
    fault("relative root", *zookeeper_key("root", "x")),
    fault("root with //", *zookeeper_key("root", "/a//b")),
    fault("root with ..", *zookeeper_key("root", "/a/../b")),
    fault("short session", *zookeeper_key("session_timeout", "1ms")),
    fault("publish", *zookeeper_key("publish", "often")),
    fault("presence", *zookeeper_key("presence", "maybe")),
    fault("acl", *zookeeper_key("acl", "shut")),
    fault("no such digest file",
          *zookeeper_key("digest_file", "/no/such/file")),
    fault("state_dir must be", *agent_key("state_dir", "/no/such/folder")),
    fault("wedge_timeout must be", *agent_key("wedge_timeout", "10ms")),
    fault("include", *agent_key("include", "conf.d/no-such.ini")),
    fault("refresh must be", *zookeeper_key("refresh", "5")),
    fault("a name to listen on", f"{GOOD}[http]\nlisten = localhost:1\n", 4,
          "listen"),
    fault("nothing to listen on", f"{GOOD}[http]\nlisten =\n", 4, "listen"),
    fault("tls must be", *redis_key("tls", "maybe")),
    *[fault(f"{key} needs tls", *redis_key(key, value)) for key, value in (
        ("tls_ca_file", "/x"), ("tls_cert_file", "/x"), ("tls_key_file", "/x"),
        ("tls_server_name", "x"))],
]


def write(tmp_path, text):
    path = tmp_path / "agent.ini"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def said(done):
    """The lines FILE:LINE: message, as (line, message)."""
    found = re.findall(r"^(.+?):(\d+): (.+)$", done.stdout + done.stderr,
                       re.M)
    return [(int(line), message) for _, line, message in found]


@pytest.mark.parametrize("text, line, word", FAULTS)
def test_a_fault_is_told_with_its_place(tmp_path, text, line, word):
    path = write(tmp_path, text)
    done = agentproc.run("--test-config", "-c", path)
    assert done.returncode == 1, done.stdout + done.stderr
    faults = said(done)
    assert [f for f in faults if f[0] == line and word in f[1]], \
        done.stdout + done.stderr
    assert str(path) in done.stdout + done.stderr


@pytest.mark.parametrize("key, value, line", [
    ("acl", "read", 5), ("acl", "private", 5)])
def test_an_acl_without_a_digest_is_a_fault(tmp_path, key, value, line):
    text, line, _ = zookeeper_key(key, value)
    done = agentproc.run("--test-config", "-c", write(tmp_path, text))
    assert done.returncode == 1
    assert "digest_file" in done.stdout + done.stderr


@pytest.mark.parametrize("text", ["nocolon\n", "", "a:b\nc:d\n", ":b\n",
                                  "\n"])
def test_a_digest_file_without_user_and_password_is_a_fault(tmp_path, text):
    digest = write_secret(tmp_path / "digest", text)
    path = write(tmp_path, f"{GOOD}{ZK}digest_file = {digest}\n")
    done = agentproc.run("--test-config", "-c", path)
    assert done.returncode == 1
    assert [line for line, _ in said(done)] == [5]


def test_all_faults_are_reported_in_the_order_of_their_lines(tmp_path):
    path = write(tmp_path, "[agent]\nrise = 0\ncolour = red\nfall = many\n"
                 "[redis:a]\n[redis:b]\naddress = x\nrise = 2\nrise = 3\n"
                 "[nonsense]\nx = 1\n")
    done = agentproc.run("--test-config", "-c", path)
    assert done.returncode == 1
    lines = [line for line, _ in said(done)]
    assert lines == sorted(lines)
    assert {2, 3, 4, 5, 7, 9, 10} <= set(lines)


def test_a_bad_config_is_exit_2_of_the_run_and_3_of_check_once(tmp_path):
    path = write(tmp_path, f"{GOOD}rise = 0\n")
    for args, code in (([], 2), (["-d"], 2), (["--check-once"], 3),
                       (["--print-config"], 1)):
        done = agentproc.run(*args, "-c", path)
        if args == ["--print-config"]:
            assert done.returncode in (1, 2)
        else:
            assert done.returncode == code, args
        assert f"{path}:3: " in done.stderr, args


def test_a_good_config_is_exit_0(tmp_path):
    text = ("# comment\n; comment\n\n[agent]\r\n  \nrise=1\r\nfall = 5 ; why\n"
            "interval = 1m\nlog_level = debug\n"
            "[defaults]\ntimeout = 500ms\nmax_lag = 10M\n"
            "[redis:a]\naddress = [::1]:6379\npassword = a=b;c#d\n"
            "[redis:b]\naddress = unix:/run/redis.sock\n"
            "[redis:c]\naddress = some-host.example:1\nusername = p\n"
            "password = q")
    done = agentproc.run("--test-config", "-c", write(tmp_path, text))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("make", ["missing", "directory"])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path, make):
    path = tmp_path / "there.ini"
    if make == "directory":
        path.mkdir()
    done = agentproc.run("--test-config", "-c", path)
    assert done.returncode == 1
    assert str(path) in done.stdout + done.stderr


@pytest.mark.parametrize("key, value", [
    ("user", "no-such-user"), ("log", "/no-such-folder/agent.log"),
    ("log", "/tmp"), ("pid_file", "/no-such-folder/pid")])
def test_what_could_not_start_is_a_fault(tmp_path, key, value):
    """So that a restart with it changes nothing."""
    path = write(tmp_path, f"{GOOD}[agent]\n{key} = {value}\n")
    done = agentproc.run("--test-config", "-c", path)
    assert done.returncode == 1
    assert f"{path}:4: {key} " in done.stdout + done.stderr


def test_a_fifo_is_not_waited_for(tmp_path):
    """Nobody may ever write to it."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    done = agentproc.run("--test-config", "-c", fifo)
    assert done.returncode == 1
    assert f"{fifo}: " in done.stdout + done.stderr
    path = write(tmp_path, f"[redis:a]\naddress = 127.0.0.1:1\n"
                           f"password_file = {fifo}\n")
    done = agentproc.run("--test-config", "-c", path)
    assert done.returncode == 1
    assert f"{path}:3: " in done.stdout + done.stderr


# -- --print-config -----------------------------------------------------------

def test_print_config_fills_in_defaults_and_hides_secrets(tmp_path):
    secret = write_secret(tmp_path / "secret", "geheim-1\n")
    digest = write_secret(tmp_path / "digest", "agent:geheim-2\n")
    path = write(tmp_path, f"[agent]\nid = web-1\nrise = 7\n{ZK}acl = read\n"
                 f"digest_file = {digest}\n[defaults]\ntimeout = 500ms\n"
                 "[redis:a]\naddress = 127.0.0.1:6379\npassword = geheim-3\n"
                 "[redis:b]\naddress = 127.0.0.1:6380\nusername = p\n"
                 f"password_file = {secret}\n")
    done = agentproc.run("--print-config", "-c", path)
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout + done.stderr
    keys = re.findall(r"^(?:#.*|\[(.+)\]|(\S+) = ?(.*?)\s*)$", done.stdout,
                      re.M)
    section, values = None, {}
    for head, key, value in keys:
        if head:
            section = head
        elif key:
            values[section, key] = value
    for key, value in {
            ("agent", "id"): "web-1", ("agent", "rise"): "7",
            ("agent", "fall"): "3", ("agent", "interval"): "10s",
            ("agent", "spread"): "20%", ("agent", "log"): "stderr",
            ("zookeeper", "root"): "/sentinel-agent",
            ("zookeeper", "publish"): "change",
            ("zookeeper", "digest_file"): str(digest),
            ("redis:a", "timeout"): "500ms", ("redis:a", "rise"): "7",
            ("redis:a", "password"): "***", ("redis:a", "paused"): "no",
            ("redis:b", "password_file"): str(secret),
            ("redis:b", "username"): "p"}.items():
        assert values.get(key) == value, f"{key}\n{done.stdout}"


def test_an_indented_line_is_no_continuation(tmp_path):
    path = write(tmp_path, f"[agent]\nid = a\n  rise = 7\n{GOOD}")
    done = agentproc.run("--print-config", "-c", path)
    assert "\nid = a\n" in done.stdout and "\nrise = 7\n" in done.stdout


def test_print_config_prints_what_it_can_read(tmp_path):
    path = write(tmp_path, f"{ZK}{GOOD}password = geheim\nmax_lag = 10M\n")
    first = agentproc.run("--print-config", "-c", path)
    assert first.returncode == 0, first.stderr
    again = agentproc.run("--print-config", "-c",
                          write(tmp_path, first.stdout))
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout


# -- places, as the user who is to write there --------------------------------

@needs_root
def test_places_that_the_user_cannot_write_are_told_with_their_remedy(
        open_path):
    """And what is told, typed as it stands, mends it."""
    state, log, missing = (open_path / n for n in ("state", "log", "gone"))
    new, shut = open_path / "shut" / "new", open_path / "shut"
    state.mkdir(mode=0o700)
    shut.mkdir(mode=0o755)
    log.touch(mode=0o600)
    config = open_path / "config.ini"

    def faults(state_dir, log):
        config.write_text(f"[agent]\nuser = nobody\nstate_dir = {state_dir}\n"
                          f"log = {log}\n{GOOD}")
        done = agentproc.run("--test-config", "-c", config)
        lines = done.stderr.splitlines()
        assert (done.returncode == 0) == (not lines), done
        return [line.removeprefix(f"{config}:") for line in lines]

    def remedy(line):
        command = re.search(r"\((.*)\)$", line)[1]
        subprocess.run(command, shell=True, check=True)

    told = faults(state, log)
    assert told == [
        f"3: state_dir: nobody cannot write in {state} "
        f"(install -d -o nobody -m 700 {state})",
        f"4: log: nobody cannot write to {log} (chown nobody {log})"]
    for line in told:
        remedy(line)
    assert not faults(state, log)
    told = faults(missing, new)
    assert told == [
        f"3: state_dir must be a folder that is there, got {missing} "
        f"(install -d -o nobody -m 700 {missing})",
        f"4: log: nobody cannot make {new} "
        f"(install -o nobody -m 640 /dev/null {new})"]
    for line in told:
        remedy(line)
    assert not faults(missing, new)
    # Nothing was made by trying.
    shutil.rmtree(missing)
    os.chown(shut, 65534, 65534)
    new.unlink()
    state.chmod(0o700)
    assert not faults(state, new)
    assert not new.exists()
