"""What a new client would meet: the daemon, which keeps its connection, and
--check-once, which makes a new one, come to the same."""

import json
import os
import resource
import shutil
import signal
import socket

import pytest

import agentproc
import dnsserver
from dnsserver import DnsServer
from peers import ScriptedRedis
from proxies import ForgetfulNat, HAProxy
from waiting import wait_until

QUICK = {"interval": "200ms", "retry_interval": "100ms",
         "connect_interval": "400ms", "info_interval": "10s",
         "timeout": "1s"}

needs_dns = pytest.mark.skipif(
    not dnsserver.usable(), reason="needs root and a mount name space")
NAME = "cache.example.test"


class Fault:
    """One thing that happens to a service whose old connections go on: what
    the daemon comes to say, and where to find it."""

    status, reason, begins = "degraded", "no_new_clients", ""
    keys = {}
    prefix = ()

    def __init__(self, make_redis, request, tmp_path):
        self.make_redis = make_redis
        self.request = request
        self.tmp_path = tmp_path
        self.server = None
        self.set_up()

    def set_up(self):
        self.server = self.make_redis()
        self.address = self.server.address

    def happen(self):
        raise NotImplementedError

    def noticed(self, agent):
        """Where the status says it, nothing else need."""
        return True


class Rejected(Fault):
    """The status does not say it, as the kept connection is served."""

    status, reason = "up", "ok"

    def noticed(self, agent):
        return agent.events("credentials_rejected", instance="r")


class MaxClients(Fault):
    begins = "maxclients: ERR max number of clients"

    def happen(self):
        self.server.client().config_set("maxclients", 1)


class PortClosed(Fault):
    begins = "refused: "

    def happen(self):
        self.server.client().config_set("port", 0)


class SocketRemoved(Fault):
    begins = "refused: connect: no such file"

    def set_up(self):
        super().set_up()
        self.address = f"unix:{self.server.socket}"

    def happen(self):
        self.server.socket.unlink()


class SocketReplacedByADeadOne(SocketRemoved):
    begins = "refused: connect: connection refused"

    def happen(self):
        self.server.socket.unlink()
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.server.socket))


class OutOfDescriptors(Fault):
    begins = "reply_timeout: "
    keys = {"timeout": "500ms"}

    def happen(self):
        pid = self.server.pid
        used = len(os.listdir(f"/proc/{pid}/fd"))
        # More than are open, and no number is free below it.
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, used))


class PasswordRotated(Rejected):
    keys = {"password": "old"}

    def set_up(self):
        self.server = self.make_redis(requirepass="old")
        self.address = self.server.address

    def happen(self):
        self.server.client().config_set("requirepass", "new")
        self.server.password = "new"


class PasswordSet(Rejected):
    def happen(self):
        self.server.client().config_set("requirepass", "new")
        self.server.password = "new"


class UserOff(Rejected):
    keys = {"username": "probe", "password": "p"}

    def set_up(self):
        super().set_up()
        self.server.client().acl_setuser("probe", enabled=True,
                                         passwords=["+p"], categories=["+@all"])

    def happen(self):
        self.server.client().acl_setuser("probe", enabled=False)


class NameMoved(Fault):
    """A managed failover: the old master lives on as a replica."""

    status, reason = "up", "ok"
    keys = {"expect_role": "master"}

    def set_up(self):
        self.dns = DnsServer({NAME: "127.0.0.1"})
        self.request.addfinalizer(self.dns.stop)
        self.prefix = self.dns.wrap(self.tmp_path)
        self.server = self.make_redis()
        self.address = f"{NAME}:{self.server.port}"

    def happen(self):
        self.successor = self.make_redis(
            port=self.server.port, bind="127.0.0.2", protected_mode="no")
        self.server.client().replicaof("127.0.0.2", self.server.port)
        self.dns.answer = {NAME: "127.0.0.2"}

    def noticed(self, agent):
        return self.successor.calls("client|setname") > 0


class NameMovedToNobody(NameMoved):
    status, reason = "down", "refused"
    keys = {}
    noticed = Fault.noticed

    def happen(self):
        self.dns.answer = {NAME: "127.0.0.2"}


class NameGone(NameMovedToNobody):
    status, reason = "unknown", "dns"

    def happen(self):
        self.dns.answer = {}


class BehindHAProxy(Fault):
    def set_up(self):
        self.server = self.make_redis()
        self.proxy = HAProxy(self.tmp_path, self.server.port)
        self.request.addfinalizer(self.proxy.kill)
        self.address = self.proxy.start().address

    def happen(self):
        self.proxy.tell("set server b/s state maint")


class Killed(Fault):
    status, reason = "down", "refused"

    def happen(self):
        self.server.kill()


class Stopped(Fault):
    """Its kernel still takes connections for it."""

    status, reason = "down", "reply_timeout"
    keys = {"timeout": "500ms"}

    def happen(self):
        self.server.signal(signal.SIGSTOP)
        self.request.addfinalizer(lambda: self.server.signal(signal.SIGCONT))


class StoppedAndFull(Stopped):
    """Its kernel takes no more."""

    status, reason = "down", "connect_timeout"

    def set_up(self):
        self.server = self.make_redis(tcp_backlog=1)
        self.address = self.server.address

    def happen(self):
        super().happen()
        callers = []
        self.request.addfinalizer(lambda: [c.close() for c in callers])
        while True:
            callers.append(socket.socket())
            callers[-1].settimeout(0.5)
            try:
                callers[-1].connect(("127.0.0.1", self.server.port))
            except TimeoutError:
                return


class ServesNoNewOne(Fault):
    """Accepts and serves nobody new, while the old one is served."""

    begins = "reply_timeout: "
    keys = {"timeout": "500ms"}

    def set_up(self):
        self.server = ScriptedRedis()
        self.request.addfinalizer(self.server.stop)
        self.address = self.server.address

    def happen(self):
        self.server.handle = self.server.hang


class ClosesNewOnes(ServesNoNewOne):
    begins = "closed: "
    keys = {}

    def happen(self):
        self.server.handle = lambda connection: connection.recv(65536)


FAULTS = [MaxClients, PortClosed, SocketRemoved, SocketReplacedByADeadOne,
          OutOfDescriptors, PasswordRotated, PasswordSet, UserOff,
          pytest.param(NameMoved, marks=needs_dns),
          pytest.param(NameMovedToNobody, marks=needs_dns),
          pytest.param(NameGone, marks=needs_dns),
          pytest.param(BehindHAProxy, marks=pytest.mark.skipif(
              shutil.which("haproxy") is None, reason="no haproxy")),
          Killed, Stopped, StoppedAndFull, ServesNoNewOne, ClosesNewOnes]


def checked_once(agent, prefix):
    ran = agentproc.run("--check-once", "--no-publish", "--format", "json",
                        "-c", agent.config, prefix=prefix)
    (row,) = json.loads(ran.stdout)["instances"]
    return row


def agree(daemon, once):
    """A kept connection that answers makes `down` of a new one `degraded`,
    and hides credentials that are none any more."""
    if daemon["reason"] == "no_new_clients":
        return once["status"] == "down" and \
            daemon["detail"].startswith(once["reason"] + ": ")
    if once["reason"] in ("noauth", "wrongpass"):
        return daemon["status"] == "up"
    return (daemon["status"], daemon["reason"]) == \
        (once["status"], once["reason"])


@pytest.mark.parametrize("fault", FAULTS,
                         ids=lambda f: getattr(f, "__name__", None))
def test_the_daemon_and_check_once_agree(fault, make_served, make_redis,
                                         request, tmp_path):
    fault = fault(make_redis, request, tmp_path)
    agent, http = make_served(
        {"r": {"address": fault.address, **fault.keys}},
        agent=QUICK, prefix=fault.prefix)
    wait_until(lambda: http.status("r")["status"] == "up",
               lambda: http.status("r"))
    fault.happen()

    def told():
        d = http.status("r")
        return (d["status"], d["reason"]) == (fault.status, fault.reason) and \
            (d["detail"] or "").startswith(fault.begins) and \
            fault.noticed(agent) and d
    d = wait_until(told, lambda: http.status("r"))
    once = checked_once(agent, fault.prefix)
    assert agree(d, once), (d, once)
    # And so it stays.
    rounds = http.status()["agent"]["round"]
    wait_until(lambda: http.status()["agent"]["round"] >= rounds + 4,
               "more rounds")
    assert agree(http.status("r"), once), (http.status("r"), once)


def test_a_nat_that_forgets_costs_no_status(make_served, redis_server,
                                            make_peer):
    """With fall = 1 each bad result would be one."""
    nat = make_peer(ForgetfulNat(redis_server.port))
    agent, http = make_served(
        {"r": nat.address},
        agent={**QUICK, "fall": 1, "connect_interval": "60s"})
    wait_until(lambda: http.status("r")["status"] == "up",
               lambda: http.status("r"))
    for _ in range(3):
        accepted = nat.accepted
        nat.forget()
        nat.wait_accepted(accepted + 1)
        rounds = http.status()["agent"]["round"]
        wait_until(lambda: http.status()["agent"]["round"] >= rounds + 2,
                   "more rounds")
    assert not [e for e in agent.events("status_changed")
                if e["to"] != "up"]


def test_it_says_which_connection_answered(make_served, redis_server):
    agent, http = make_served(
        {"r": redis_server.address},
        agent={**QUICK, "connect_interval": "60s"})
    wait_until(lambda: (c := http.json("/instances/r")["connection"])
               and c["answered"] == "kept" and c["age_ms"] >= 400,
               lambda: http.json("/instances/r"))
    results = http.json("/instances/r")["results"]
    assert results[-1]["connection"] == "new"
    redis_server.kill()
    wait_until(lambda: http.status("r")["status"] == "down",
               lambda: http.status("r"))
    assert http.json("/instances/r")["connection"] == {
        "answered": None, "age_ms": None, "credentials_rejected": False}


def test_rejected_credentials_are_said_once_and_withdrawn(
        make_served, make_redis):
    server = make_redis(requirepass="old")
    agent, http = make_served(
        {"r": {"address": server.address, "password": "old"}}, agent=QUICK)

    def rejected():
        return http.json("/instances/r")["connection"]["credentials_rejected"]
    wait_until(lambda: http.status("r")["status"] == "up",
               lambda: http.status("r"))
    assert not rejected()
    server.client().config_set("requirepass", "new")
    wait_until(rejected, "credentials_rejected")
    assert 'instance_credentials_rejected{instance="r"} 1' in \
        http.text("/metrics")
    server.password = "new"
    asked = server.calls("auth")
    wait_until(lambda: server.calls("auth") >= asked + 3, "more attempts")
    assert http.status("r")["status"] == "up"
    assert len(agent.events("credentials_rejected")) == 1
    server.client().config_set("requirepass", "old")
    wait_until(lambda: not rejected(), "credentials_rejected")


def accept_queue(port):
    """Connections that the kernel holds for a process to accept."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    (queue,) = [int(row[4].split(":")[1], 16) for row in rows
                if row[1].endswith(f":{port:04X}") and row[3] == "0A"]
    return queue


def test_a_stopped_server_is_not_buried_and_is_found_again(
        make_served, make_redis):
    server = make_redis()
    agent, http = make_served(
        {"r": server.address},
        agent={**QUICK, "interval": "100ms", "timeout": "80ms"})
    wait_until(lambda: http.status("r")["status"] == "up",
               lambda: http.status("r"))
    server.signal(signal.SIGSTOP)
    try:
        d = wait_until(lambda: (d := http.status("r"))["status"] == "down"
                       and d, lambda: http.status("r"))
        assert d["reason"] == "reply_timeout"
        rounds = http.status()["agent"]["round"]
        wait_until(lambda: http.status()["agent"]["round"] >= rounds + 30,
                   "more rounds")
        assert accept_queue(server.port) <= 2
        assert "the host acknowledged the request, the process did not" in \
            http.json("/instances/r")["results"][0]["detail"]
    finally:
        server.signal(signal.SIGCONT)
    wait_until(lambda: http.status("r")["status"] == "up",
               lambda: http.status("r"))
