"""TLS to real servers: what is trusted, what is refused, and what is said."""

import datetime
import socket
import threading

import pytest

from agentproc import run
from certificates import RSA
from ports import reserve_port
from process import Process
from waiting import wait_until


def test_a_server_with_a_trusted_certificate_is_up(
        make_agent, make_tls_redis, tree):
    _, keys = make_tls_redis(kind=RSA)
    make_agent({"r": keys,
                "name": {**keys, "address": keys["address"].replace(
                    "127.0.0.1", "localhost")},
                "other": {**keys, "tls_server_name": "localhost"}}, tree)
    for name in "r", "name", "other":
        d = tree.wait_status(name, "up", "ok", when=lambda d: d["role"])
        assert d["role"] == "master"


@pytest.mark.parametrize("how, detail", [
    ({"tls_ca_file": None}, "issuer CN=ca is not "),
    ({"tls_server_name": "cache-1"},
     "name cache-1 is not among: 127.0.0.1, localhost"),
])
def test_what_cannot_be_verified_is_our_fault(
        make_agent, make_tls_redis, tree, how, detail):
    _, keys = make_tls_redis()
    keys = {k: v for k, v in {**keys, **how}.items() if v is not None}
    make_agent({"r": keys}, tree)
    assert detail in tree.wait_status("r", "unknown", "tls")["detail"]


def test_a_certificate_that_has_ended_is_told_with_its_day(
        make_agent, make_tls_redis, tree):
    _, keys = make_tls_redis("old", days=-2)
    make_agent({"r": keys, "loose": {**keys, "tls_verify": "no"}}, tree)
    day = (datetime.datetime.now(datetime.timezone.utc) -
           datetime.timedelta(days=2)).date()
    d = tree.wait_status("r", "unknown", "tls")
    assert d["detail"] == f"certificate has expired on {day}"
    tree.wait_status("loose", "up", "ok")


def test_an_intermediate_that_is_missing_is_told(
        make_agent, make_tls_redis, certificates, tree):
    certificates.make("middle", ca=True).make("leaf", by="middle")
    _, keys = make_tls_redis("leaf")
    make_agent({"r": keys}, tree)
    d = tree.wait_status("r", "unknown", "tls")
    assert "issuer CN=middle is not known" in d["detail"]
    leaf = certificates.dir / "leaf.pem"
    leaf.write_text(leaf.read_text() +
                    (certificates.dir / "middle.pem").read_text())
    _, keys = make_tls_redis("leaf")
    make_agent({"whole": keys}, tree, agent={"id": "agent-2"})
    tree.wait_status("whole", "up", "ok")


def test_a_client_certificate_is_shown_where_it_is_wanted(
        make_agent, make_tls_redis, certificates, tree):
    certificates.make("agent")
    certificates.authority("stranger")
    certificates.make("wrong", by="stranger")
    _, keys = make_tls_redis(clients="yes")

    def shown(name):
        return {**keys, "tls_cert_file": certificates.path(f"{name}.pem"),
                "tls_key_file": certificates.path(f"{name}.key")}
    make_agent({"shown": shown("agent"), "missing": keys,
                "wrong": shown("wrong")}, tree)
    tree.wait_status("shown", "up", "ok")
    d = tree.wait_status("missing", "unknown", "tls")
    assert "certificate required" in d["detail"]
    d = tree.wait_status("wrong", "unknown", "tls")
    assert "unknown CA" in d["detail"]


def test_a_port_that_answers_in_plain_is_told(
        make_agent, make_redis, make_tls_redis, tree):
    plain = make_redis()
    _, keys = make_tls_redis()
    make_agent({"r": {**keys, "address": plain.address},
                "reverse": keys["address"]}, tree,
               agent={"timeout": "300ms"})
    d = tree.wait_status("r", "down", "protocol")
    assert d["detail"] == "no TLS there: it answers in plain"
    assert tree.wait_status("reverse", "down")["reason"] in (
        "reset", "closed", "protocol")


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_either_version_will_do_with_a_login(
        make_agent, make_tls_redis, tree, version):
    _, keys = make_tls_redis(options={"tls_protocols": version,
                                      "requirepass": "geheim"})
    make_agent({"r": {**keys, "password": "geheim"},
                "wrong": {**keys, "password": "falsch"}}, tree)
    tree.wait_status("r", "up", "ok")
    tree.wait_status("wrong", "unknown", "wrongpass")


class Mute:
    """Accepts, and says SAID or nothing."""

    def __init__(self, said=b""):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.said = said
        self.held = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                s, _ = self.listener.accept()
                s.sendall(self.said)
            except OSError:
                return
            self.held.append(s)

    def stop(self):
        self.listener.close()
        for s in self.held:
            s.close()


def test_a_server_that_is_mute_in_the_handshake_is_a_timeout(
        make_agent, make_peer, certificates, tree):
    mute = make_peer(Mute())
    # The start of a record that never ends.
    slow = make_peer(Mute(b"\x16\x03\x03\x00\x7a\x02"))
    make_agent({n: {"address": p.address, "tls": "yes"}
                for n, p in (("mute", mute), ("slow", slow))}, tree,
               agent={"timeout": "200ms"})
    for name in "mute", "slow":
        d = tree.wait_status(name, "down", "reply_timeout")
        assert "TLS handshake" in d["detail"]


def test_a_handshake_that_is_cut_is_closed(
        make_agent, make_peer, tree):
    def cut(s):
        s.recv(1)
        s.shutdown(socket.SHUT_RDWR)
    peer = make_peer(cut)
    make_agent({"r": {"address": peer.address, "tls": "yes"}}, tree)
    d = tree.wait_status("r", "down")
    assert d["reason"] in ("closed", "reset")
    assert "in TLS handshake" in d["detail"]


def test_the_phase_and_the_certificate_are_shown(
        make_served, make_tls_redis, tree):
    _, keys = make_tls_redis(days=10)
    agent, http = make_served({"r": keys, "plain": {
        **keys, "tls_min_days": 3}}, tree)
    tree.wait_status("r", "up", "ok")
    tree.wait_status("plain", "up", "ok")
    why = http.json("/instances/r")
    assert why["results"][-1]["phases"]["tls_us"] > 0
    assert why["tls"]["subject"] == "CN=server"
    assert why["tls"]["issuer"] == "CN=ca"
    assert why["tls"]["names"] == "127.0.0.1, localhost"
    assert why["tls"]["ends_soon"] is True
    assert http.json("/instances/plain")["tls"]["ends_soon"] is False
    event = agent.wait_event("tls_expiring")
    assert (event["instance"], event["days"]) == ("r", "9")
    assert len(agent.events("tls_expiring")) == 1
    metrics = http.text("/metrics")
    assert 'instance_tls_expiring{instance="r"} 1\n' in metrics
    assert 'instance_tls_expiring{instance="plain"} 0\n' in metrics
    assert 'instance_tls_not_after_timestamp_seconds{instance="r"} ' in metrics


def test_a_kept_connection_resumes_its_session(
        make_served, make_tls_redis, certificates):
    server, keys = make_tls_redis()
    _, http = make_served({"r": {**keys, "connect_interval": "200ms",
                                 "interval": "100ms"}})

    def results():
        return http.json("/instances/r")["results"]
    wait_until(lambda: len([r for r in results()
                            if r["connection"] == "new"]) >= 3, results)
    assert {r["reason"] for r in results()} == {"ok"}


def test_new_connections_use_renewed_files_by_themselves(
        make_served, make_tls_redis, certificates):
    server, keys = make_tls_redis()
    certificates.authority("next")
    trusted = certificates.dir / "trusted.pem"
    trusted.write_bytes((certificates.dir / "ca.pem").read_bytes())
    agent, http = make_served({"r": {
        **keys, "tls_ca_file": trusted, "connect_interval": "200ms",
        "interval": "100ms"}})

    def document():
        return http.json("/instances/r")["document"]

    def replace(data):
        new = certificates.dir / "new.pem"
        new.write_bytes(data)
        new.rename(trusted)
    wait_until(lambda: document()["reason"] == "ok", document)
    replace((certificates.dir / "next.pem").read_bytes())
    wait_until(lambda: document()["reason"] == "no_new_clients", document)
    assert "tls: issuer CN=ca is not" in document()["detail"]
    replace(b"-----BEGIN CERTIFICATE-----\nhalf")
    event = agent.wait_event("tls_reload_failed")
    assert event["file"] == str(trusted)
    replace((certificates.dir / "ca.pem").read_bytes())
    wait_until(lambda: document()["reason"] == "ok", document)


def test_a_certificate_of_ours_that_is_refused_leaves_the_status(
        make_served, make_tls_redis, certificates):
    """As a password that no new connection is let in with."""
    certificates.authority("stranger")
    certificates.make("agent").make("wrong", by="stranger")
    _, keys = make_tls_redis(clients="yes")

    def show(name):
        for end in "key", "pem":
            new = certificates.dir / f"new.{end}"
            new.write_bytes((certificates.dir / f"{name}.{end}").read_bytes())
            new.chmod(0o600)
            new.rename(certificates.dir / f"shown.{end}")
    show("agent")
    agent, http = make_served({"r": {
        **keys, "tls_cert_file": certificates.path("shown.pem"),
        "tls_key_file": certificates.path("shown.key"),
        "connect_interval": "200ms", "interval": "100ms"}})

    def document():
        return http.json("/instances/r")["document"]
    wait_until(lambda: document()["reason"] == "ok", document)
    show("wrong")
    agent.wait_event("credentials_rejected", instance="r")
    before = http.status("r")["round"]
    wait_until(lambda: http.status("r")["round"] >= before + 5, document)
    assert document()["reason"] == "ok"
    assert 'instance_credentials_rejected{instance="r"} 1\n' in \
        http.text("/metrics")
    show("agent")
    wait_until(lambda: 'instance_credentials_rejected{instance="r"} 0\n' in
               http.text("/metrics"), document)


def test_a_check_from_cron_tells_of_a_certificate_that_ends(
        write_config, make_tls_redis):
    _, keys = make_tls_redis(days=10)
    config = write_config({"r": keys, "calm": {**keys, "tls_min_days": 3}})
    done = run("--check-once", "-c", config)
    assert done.returncode == 0, done.stderr
    day = (datetime.datetime.now(datetime.timezone.utc) +
           datetime.timedelta(days=10)).date()
    assert f"r: a certificate of its server ends on {day}\n" in done.stdout
    assert "calm: a certificate" not in done.stdout
    assert done.stderr == ""
    done = run("--check-once", "--format", "nagios", "-c", config)
    assert f", 1 certificate ends soon (r {day}) | " in done.stdout


def test_an_unverified_server_is_told_once(make_agent, make_tls_redis):
    _, keys = make_tls_redis()
    agent = make_agent({"r": {**keys, "tls_verify": "no"}})
    assert agent.wait_event("tls_unverified")["instance"] == "r"


class Proxy(Process):
    """stunnel or haproxy in front of a plain Redis."""

    def __init__(self, argv, directory, port):
        super().__init__(argv, directory / "proxy.log", cwd=directory)
        self.port = port

    def start(self):
        self.spawn()
        wait_until(self._listens, self.output)
        return self

    def _listens(self):
        assert self.alive(), self.output()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0


def stunnel(directory, certificates, to, port):
    (directory / "stunnel.conf").write_text(
        f"foreground = yes\npid =\n[r]\naccept = 127.0.0.1:{port}\n"
        f"connect = {to}\ncert = {certificates.path('server.pem')}\n"
        f"key = {certificates.path('server.key')}\n")
    return ["stunnel4", str(directory / "stunnel.conf")]


def haproxy(directory, certificates, to, port):
    both = directory / "both.pem"
    both.write_text("".join((certificates.dir / f"server.{e}").read_text()
                            for e in ("pem", "key")))
    (directory / "haproxy.cfg").write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n"
        f" timeout server 60s\nlisten r\n bind 127.0.0.1:{port} ssl crt "
        f"{both}\n server r {to}\n")
    return ["haproxy", "-db", "-f", str(directory / "haproxy.cfg")]


@pytest.mark.parametrize("proxy", [stunnel, haproxy])
def test_a_proxy_that_speaks_tls_for_redis_will_do(
        make_served, make_redis, certificates, request, tmp_path, proxy):
    server = make_redis()
    certificates.make("server")
    port = reserve_port()
    p = Proxy(proxy(tmp_path, certificates, server.address, port), tmp_path,
              port)
    request.addfinalizer(p.kill)
    p.start()
    _, http = make_served({"r": {
        "address": f"127.0.0.1:{port}", "tls": "yes",
        "tls_ca_file": certificates.path("ca.pem")}})

    def document():
        return http.json("/instances/r")["document"]
    wait_until(lambda: document()["status"] == "up", document)
    server.kill()
    wait_until(lambda: document()["status"] == "down", document)


def test_a_cluster_node_is_asked_for_its_state_over_tls_too(
        make_served, make_tls_redis, tree):
    """CLUSTER INFO follows, on the same connection, what INFO said."""
    _, keys = make_tls_redis(options={"cluster_enabled": "yes",
                                      "cluster_port": reserve_port()})
    _, http = make_served({"r": keys}, tree)
    d = tree.wait_status("r", "degraded", "cluster_down")
    assert d["detail"] == "cluster_state is fail"
    results = http.json("/instances/r")["results"]
    assert {r["reason"] for r in results} == {"cluster_down"}, results


def test_a_server_that_takes_no_session_is_served_in_full(
        make_served, make_tls_redis, certificates, tree):
    """It gives tickets, and refuses them."""
    certificates.make("agent")
    server, keys = make_tls_redis(
        clients="yes", options={"tls_session_caching": "no"})
    _, http = make_served(
        {"r": {**keys, "tls_cert_file": certificates.path("agent.pem"),
               "tls_key_file": certificates.path("agent.key")}}, tree,
        agent={"interval": "100ms", "connect_interval": "200ms"})
    tree.wait_status("r", "up", "ok")

    def accepted():
        return int(server.client().info("stats")["total_connections_received"])
    begun = accepted()
    wait_until(lambda: accepted() > begun + 20, "new connections")
    results = http.json("/instances/r")["results"]
    assert {r["reason"] for r in results} == {"ok"}, results


def test_what_closes_over_info_behind_tls_is_up(
        make_served, make_scripted, certificates, request, tmp_path):
    """stunnel ends the TLS in order; in plain that would be an end, too."""
    server = make_scripted(replies={"INFO": None})
    certificates.make("server")
    port = reserve_port()
    p = Proxy(stunnel(tmp_path, certificates, server.address, port), tmp_path,
              port)
    request.addfinalizer(p.kill)
    p.start()
    _, http = make_served({"r": {
        "address": f"127.0.0.1:{port}", "tls": "yes",
        "tls_ca_file": certificates.path("ca.pem")}})

    def seen():
        return http.json("/instances/r")
    wait_until(lambda: seen()["document"]["status"] == "up", seen)
    assert seen()["info"].startswith("refused: "), seen()
