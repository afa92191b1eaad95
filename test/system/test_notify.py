"""What a service manager is told, by sd_notify's protocol."""

import os
import re
import socket
import uuid

import pytest

from waiting import wait_until


class Manager:
    """The receiving end; NAME is what goes into $NOTIFY_SOCKET."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(name.replace("@", "\0", 1))
        self.messages = []
        self.pids = set()

    def stop(self):
        self.socket.close()

    def heard(self):
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(
                    4096, 1024, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self.messages
            self.messages.append(data.decode())
            self.pids.add(int.from_bytes(ancillary[0][2][:4], "little"))

    def wait(self, pattern, after=0):
        """The index of the first such message from AFTER on."""
        def look():
            for i, message in enumerate(self.heard()[after:], after):
                if re.fullmatch(pattern, message):
                    return i + 1
            return None
        return wait_until(look, lambda: f"{pattern}: {self.messages}") - 1

    def states(self):
        """Without status and watchdog."""
        return [m.split("\n")[0] for m in self.heard()
                if not m.startswith(("STATUS=", "WATCHDOG="))]


@pytest.fixture
def manager(tmp_path, make_peer):
    return make_peer(Manager(str(tmp_path / "notify")))


def environment(manager, **more):
    return {**os.environ, "NOTIFY_SOCKET": manager.name,
            **{k: str(v) for k, v in more.items()}}


def test_a_manager_hears_of_the_whole_life(make_agent, redis_server, manager):
    agent = make_agent({"r": redis_server.address}, env=environment(manager))
    manager.wait("READY=1")
    agent.reload()
    agent.reload("nonsense")
    manager.wait("READY=1", after=manager.wait(
        "READY=1", after=manager.wait("READY=1") + 1) + 1)
    agent.stop()
    assert manager.states() == ["READY=1", "RELOADING=1", "READY=1",
                                "RELOADING=1", "READY=1", "STOPPING=1"]
    reloading = [m for m in manager.messages if m.startswith("RELOADING")]
    assert all(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", m)
               for m in reloading)
    assert manager.pids == {agent.pid}


def test_an_abstract_socket_is_a_manager_too(
        make_agent, redis_server, make_peer):
    manager = make_peer(Manager(f"@sentinel-agent-{uuid.uuid4().hex}"))
    agent = make_agent({"r": redis_server.address}, env=environment(manager))
    agent.stop()
    assert manager.states() == ["READY=1", "STOPPING=1"]


def test_the_status_line_says_how_it_stands(
        make_agent, make_redis, manager, tree):
    up, goes = make_redis(), make_redis()
    agent = make_agent({"up": up.address, "goes": goes.address}, tree,
                       env=environment(manager))
    at = manager.wait("STATUS=2 up, 0 degraded, 0 down, 0 unknown; "
                      "ZooKeeper connected")
    tree.wait_round("agent-1", 5)
    goes.kill()
    manager.wait("STATUS=1 up, 0 degraded, 1 down, 0 unknown; "
                 "ZooKeeper connected", after=at)
    statuses = [m for m in manager.heard() if m.startswith("STATUS=")]
    assert all(a != b for a, b in zip(statuses, statuses[1:]))
    agent.stop()


def test_without_zookeeper_the_status_line_says_off(
        make_agent, redis_server, manager):
    agent = make_agent({"r": redis_server.address}, env=environment(manager))
    manager.wait("STATUS=1 up, .*; ZooKeeper off")
    agent.stop()


def test_the_watchdog_is_fed(make_agent, redis_server, manager):
    agent = make_agent({"r": redis_server.address}, env=environment(
        manager, WATCHDOG_USEC=200000))
    at = manager.wait("WATCHDOG=1")
    manager.wait("WATCHDOG=1", after=at + 1)
    agent.freeze()
    manager.heard()
    count = len(manager.messages)
    assert len(manager.heard()) == count, "a stopped process is not well"
    agent.thaw()
    manager.wait("WATCHDOG=1", after=count)
    agent.stop()


def test_a_watchdog_for_another_process_is_left_alone(
        make_agent, redis_server, manager):
    agent = make_agent({"r": redis_server.address}, env=environment(
        manager, WATCHDOG_USEC=2000, WATCHDOG_PID=1))
    manager.wait("STATUS=1 up, .*")
    agent.stop()
    assert "WATCHDOG=1" not in manager.heard()


def test_a_manager_that_is_gone_does_no_harm(
        make_agent, redis_server, manager):
    manager.stop()
    os.unlink(manager.name)
    agent = make_agent({"r": redis_server.address}, env=environment(
        manager, WATCHDOG_USEC=100000))
    agent.wait_event("status_changed", instance="r", to="up")
    agent.stop()


def test_a_manager_that_never_reads_does_no_harm(
        make_agent, redis_server, manager):
    agent = make_agent({"r": redis_server.address}, env=environment(
        manager, WATCHDOG_USEC=2000))
    agent.wait_event("status_changed", instance="r", to="up")
    for _ in range(20):
        assert agent.reload()["event"] == "reloaded"
    agent.stop()


def test_the_commands_that_end_by_themselves_say_nothing(
        make_agent, redis_server, manager):
    agent = make_agent({"r": redis_server.address}, start=False,
                       args=["--check-once"], env=environment(manager))
    agent.spawn()
    assert agent.wait_exit() == 0
    assert manager.heard() == []
