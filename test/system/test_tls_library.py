"""OpenSSL is there for those who ask for TLS, and costs nobody else."""

import os
import subprocess

import pytest

from agentproc import agent_bin, run


def mapped(agent):
    """What of OpenSSL is in the process."""
    with open(f"/proc/{agent.pid}/maps") as maps:
        return {name for line in maps for name in ("libssl", "libcrypto")
                if f"/{name}." in line}


def linked():
    """The same, of the program and the libraries that it is linked with."""
    out = subprocess.run(["ldd", agent_bin()], check=True, text=True,
                         capture_output=True).stdout
    return {name for name in ("libssl", "libcrypto") if f"{name}." in out}


def test_the_program_itself_does_not_need_openssl():
    out = subprocess.run(["readelf", "-d", agent_bin()], check=True, text=True,
                         capture_output=True).stdout
    assert "libc.so" in out
    assert "libssl" not in out and "libcrypto" not in out


def test_without_tls_nothing_of_openssl_is_mapped(
        make_served, redis_server, make_tls_redis, tree):
    agent, _ = make_served({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    assert mapped(agent) == linked()
    _, keys = make_tls_redis()
    lines = "".join(f"{k} = {v}\n" for k, v in keys.items())
    agent.reload(agent.config.read_text() + f"[redis:secret]\n{lines}")
    tree.wait_status("secret", "up", "ok")
    assert mapped(agent) == {"libssl", "libcrypto"}


@pytest.fixture
def broken(tmp_path):
    """An environment in which there is no OpenSSL."""
    (tmp_path / "libssl.so.3").write_bytes(b"no library")
    return {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}


def test_where_it_cannot_be_loaded_tls_is_a_fault_of_the_config(
        write_config, broken):
    if "libssl" in linked():
        pytest.skip("another library needs it")
    plain = write_config({"r": "127.0.0.1:6379"})
    assert run("--test-config", "-c", plain, env=broken).returncode == 0
    secret = write_config({"r": {"address": "127.0.0.1:6379", "tls": "yes"}})
    line = secret.read_text().split("\n").index("tls = yes") + 1
    done = run("--test-config", "-c", secret, env=broken)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"{secret}:{line}: tls = yes: cannot load OpenSSL: "), done.stderr
    assert "libssl.so.3: " in done.stderr
