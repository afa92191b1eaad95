"""ZooKeeper behind stunnel, as the manual says: TLS for a client that has
none."""

import subprocess

import pytest

from ports import reserve_port
from process import Process
from waiting import wait_until
from zkpeers import serves

CLIENT = """\
foreground = yes
pid =
[zookeeper-1]
client = yes
accept = 127.0.0.1:{accept}
connect = 127.0.0.1:{connect}
CAfile = {dir}/cert.pem
verifyChain = yes
checkHost = zk1.example.net
"""
SERVER = """\
foreground = yes
pid =
[zookeeper]
accept = 127.0.0.1:{accept}
connect = {connect}
cert = {dir}/cert.pem
key = {dir}/key.pem
"""


@pytest.fixture
def make_stunnel(tmp_path, request):
    def make(name, text):
        config = tmp_path / f"{name}.conf"
        config.write_text(text)
        p = Process(["stunnel4", config], tmp_path / f"{name}.log")
        request.addfinalizer(p.kill)
        return p.spawn()
    return make


def test_the_way_to_zookeeper_can_be_a_tunnel(
        make_served, redis_server, tree, tmp_path, make_stunnel):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "2", "-subj", "/CN=zk1.example.net", "-addext",
         "subjectAltName=DNS:zk1.example.net", "-keyout",
         tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True)
    near, far = reserve_port(), reserve_port()
    there = make_stunnel("there", SERVER.format(
        accept=far, connect=tree.server.address, dir=tmp_path))
    here = make_stunnel("here", CLIENT.format(
        accept=near, connect=far, dir=tmp_path))
    wait_until(lambda: serves(near) and serves(far), here.log_path.read_text)
    agent, http = make_served(
        {"r": redis_server.address}, tree,
        zookeeper={"servers": f"127.0.0.1:{near}", "presence": "yes"})
    tree.wait_status("r", "up", "ok")
    session = tree.owner("agents/agent-1")
    there.kill()
    event = agent.wait_event("zk_disconnected")
    assert event["server"] == f"127.0.0.1:{near}"
    there.spawn()
    agent.wait_event("zk_connected", 2)
    tree.wait_round("agent-1", 2)
    assert tree.owner("agents/agent-1") == session
    agent.stop()
