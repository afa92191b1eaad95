"""TLS with servers that hang, drip, break off and change their files."""

import re

import pytest

from peers import Peer
from tlspeers import Between, TlsScripted, cut_at, drip_from, server_context
from waiting import wait_until


def port_of(keys):
    return int(keys["address"].rsplit(":", 1)[1])


def behind(keys, peer):
    return {**keys, "address": peer.address}


def test_half_of_a_thousand_that_hang_in_the_handshake_delay_no_other(
        make_served, make_tls_redis, make_peer):
    """Slow to begin, since 500 verify a certificate each."""
    _, keys = make_tls_redis()
    mute = make_peer(Peer(backlog=4096))
    hung = {f"hung-{i}": behind(keys, mute) for i in range(500)}
    well = {f"well-{i}": keys for i in range(500)}
    _, http = make_served({**hung, **well}, agent={
        "interval": "2s", "timeout": "1900ms", "connect_interval": "10m",
        "rise": 1, "fall": 1})

    def told():
        seen = {i["instance"]: i for i in http.status()["instances"]}
        return all(seen[n]["status"] == "up" for n in well) and \
            all(seen[n]["reason"] == "reply_timeout" for n in hung)
    wait_until(told, "all told", 120)
    before = http.status()

    def three_rounds_on():
        now = http.status()
        return now if min(
            i["round"] for i in now["instances"]
            if i["instance"] in well) >= before["agent"]["round"] + 3 else None
    now = wait_until(three_rounds_on, "three rounds")
    # Nobody was left out of a round meanwhile.
    ahead = {now["agent"]["round"] - i["round"] for i in now["instances"]
             if i["instance"] in well}
    assert ahead <= {0, 1}, ahead
    assert told()


def test_a_handshake_cut_anywhere_is_closed(make_served, make_tls_redis,
                                            make_peer):
    """The last of them cut what is said after it."""
    _, keys = make_tls_redis()
    instances = {f"cut-{at}": behind(keys, make_peer(
        Between(port_of(keys), cut_at(at)))) for at in range(0, 1400, 50)}
    _, http = make_served(instances, agent={"interval": "500ms"})

    def documents():
        return http.status()["instances"]
    wait_until(lambda: all(d["status"] == "down" for d in documents()),
               documents)
    for d in documents():
        assert d["reason"] in ("closed", "reset"), d
    assert "in TLS handshake" in http.status("cut-500")["detail"]


@pytest.mark.parametrize("at", [0, 100, 700])
def test_a_handshake_of_one_byte_a_second_is_a_timeout(
        make_agent, make_tls_redis, make_peer, tree, at):
    _, keys = make_tls_redis()
    slow = make_peer(Between(port_of(keys), drip_from(at)))
    make_agent({"r": behind(keys, slow)}, tree,
               agent={"timeout": "300ms", "interval": "500ms"})
    d = tree.wait_status("r", "down", "reply_timeout")
    assert "in TLS handshake" in d["detail"]


def test_an_answer_of_one_byte_a_second_is_a_timeout(
        make_agent, make_peer, certificates, tree):
    certificates.make("server")
    slow = make_peer(TlsScripted(server_context(certificates), slow=True))
    make_agent({"r": {"address": slow.address, "tls": "yes",
                      "tls_ca_file": certificates.path("ca.pem")}}, tree,
               agent={"timeout": "900ms", "interval": "1s"})
    d = tree.wait_status("r", "down", "reply_timeout")
    assert "handshake" not in d["detail"]


@pytest.mark.parametrize("polite", [True, False])
def test_the_end_of_a_connection_is_the_end_with_and_without_a_word(
        make_served, make_peer, certificates, polite):
    certificates.make("server")
    peer = make_peer(TlsScripted(server_context(certificates), polite,
                                 replies={"PING": None, "INFO": None}))
    _, http = make_served({"r": {
        "address": peer.address, "tls": "yes",
        "tls_ca_file": certificates.path("ca.pem")}})

    def document():
        return http.json("/instances/r")["document"]
    wait_until(lambda: document()["status"] == "down", document)
    assert document()["reason"] == "closed", document()
    # And it is well again as soon as it answers.
    peer.replies.clear()
    wait_until(lambda: document()["status"] == "up", document)


def test_a_server_with_tls_1_1_alone_has_no_common_version(
        make_agent, make_tls_redis, tree):
    _, keys = make_tls_redis(options={"tls_protocols": "TLSv1.1",
                                      "tls_ciphers": "DEFAULT@SECLEVEL=0"})
    make_agent({"r": keys}, tree)
    d = tree.wait_status("r", "unknown", "tls")
    assert "no common version of TLS" in d["detail"]


def reasons(http):
    """How many results there were of each."""
    return {r: float(n) for r, n in re.findall(
        r'probes_total\{[^}]*reason="(\w+)"[^}]*\} (\S+)',
        http.text("/metrics"))}


def test_files_that_are_renewed_under_load_fail_no_probe(
        make_served, make_tls_redis, certificates):
    """In place and one after the other, as the simplest of scripts do."""
    names = [f"agent-{i}" for i in range(4)]
    for name in names:
        certificates.make(name)
    _, keys = make_tls_redis(clients="yes")

    def renew(name):
        for end in "pem", "key":
            path = certificates.dir / f"shown.{end}"
            path.touch(0o600)
            path.write_bytes((certificates.dir / f"{name}.{end}").read_bytes())
    renew(names[0])
    agent, http = make_served({f"r-{i}": {
        **keys, "tls_cert_file": certificates.path("shown.pem"),
        "tls_key_file": certificates.path("shown.key"),
        "connect_interval": "200ms", "interval": "200ms"} for i in range(50)},
        agent={"timeout": "5s"})
    wait_until(lambda: all(i["status"] == "up"
                           for i in http.status()["instances"]), http.status)
    for turn in range(1, 9):
        renew(names[turn % len(names)])
        wait_until(lambda: len(agent.events("tls_reloaded")) >= turn,
                   agent.output)
    before = http.status()["agent"]["round"]
    wait_until(lambda: http.status()["agent"]["round"] >= before + 5, "rounds")
    assert set(reasons(http)) == {"ok"}, reasons(http)


def test_a_server_may_leave_the_client_certificate_to_us(
        make_agent, make_tls_redis, certificates, tree):
    certificates.make("agent").make("ended", days=-2)
    _, keys = make_tls_redis(clients="optional")
    _, strict = make_tls_redis(clients="yes")

    def shown(keys, name):
        return {**keys, "tls_cert_file": certificates.path(f"{name}.pem"),
                "tls_key_file": certificates.path(f"{name}.key")}
    make_agent({"none": keys, "some": shown(keys, "agent"),
                "ended": shown(strict, "ended")}, tree)
    tree.wait_status("none", "up", "ok")
    tree.wait_status("some", "up", "ok")
    d = tree.wait_status("ended", "unknown", "tls")
    assert "certificate expired" in d["detail"]


def test_ipv6_a_wildcard_and_a_user_of_its_own_will_do(
        make_agent, make_tls_redis, certificates, tree):
    certificates.make("six", names="IP:::1,DNS:*.wild.example")
    _, keys = make_tls_redis("six", options={
        "bind": "127.0.0.1 ::1", "user": [
            "probe on >geheim +ping +info +auth", "default off"]})
    login = {"username": "probe", "password": "geheim"}
    make_agent({
        "six": {**keys, **login, "address": f"[::1]:{port_of(keys)}"},
        "wild": {**keys, **login, "tls_server_name": "cache-1.wild.example"},
        "deep": {**keys, **login, "tls_server_name": "a.b.wild.example"}}, tree)
    tree.wait_status("six", "up", "ok")
    tree.wait_status("wild", "up", "ok")
    tree.wait_status("deep", "unknown", "tls")
