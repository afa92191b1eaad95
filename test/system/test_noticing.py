"""What is noticed between two rounds.

The rounds are so far apart that none of them can be what noticed.
"""

from peers import ScriptedRedis
from waiting import hold, wait_until

SELDOM = {"interval": "30m", "info_interval": "30m", "spread": "0%",
          "retry_interval": "100ms"}


def test_a_redis_that_ends_is_asked_at_once(make_agent, redis_server, tree):
    agent = make_agent({"r": redis_server.address}, tree, agent=SELDOM)
    tree.wait_status("r", "up", "ok")
    for _ in range(2):
        redis_server.kill()
        tree.wait_status("r", "down", "refused")
        redis_server.start()
        tree.wait_status("r", "up", "ok")
    agent.stop()


class Hasty(ScriptedRedis):
    """Closes when it has answered all that a new connection asks."""

    def _reply(self, command):
        reply = super()._reply(command)
        self.last = command == ["INFO", "replication"]
        return reply

    def _talk(self, connection):
        class Closing:
            def makefile(_, mode):
                return connection.makefile(mode)

            def sendall(_, data):
                connection.sendall(data)
                if self.last:
                    raise OSError("closes")
        super()._talk(Closing())


def test_a_server_that_always_closes_is_not_asked_without_end(
        make_agent, make_peer, tree):
    peer = make_peer(Hasty())
    agent = make_agent({"r": peer.address}, tree, agent=SELDOM)
    tree.wait_status("r", "up", "ok")
    # Two for `rise`, and one that the loss of a settled one hastened.
    hold(1.5, lambda: peer.accepted)
    assert peer.accepted == 3
    assert not agent.events("status_changed", to="down")
    agent.stop()


def test_what_closes_after_each_answer_rises_at_the_pace_of_retries(
        make_agent, make_peer, tree):
    peer = make_peer(Hasty())
    agent = make_agent({"r": peer.address}, tree,
                       agent={**SELDOM, "retry_interval": "10m"})
    wait_until(lambda: peer.accepted > 0, "was never asked")
    hold(1.5, lambda: peer.accepted)
    assert peer.accepted == 1
    assert not agent.events("status_changed", to="up")
    agent.stop()
