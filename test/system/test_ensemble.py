"""Three ZooKeeper servers: what is published survives each of their deaths.

More of the same kind, on one server and on three: test_zookeeper.py.
"""

import pytest

from ensemble import Ensemble
from waiting import wait_until
from watching import watching
from zookeeper import Tree

PRESENCE = {"presence": "yes", "session_timeout": "9s"}
NODES = ("alive/stays", "agents/agent-1")


@pytest.fixture
def pair(make_agent, make_redis, ensemble_tree):
    """An agent on two servers, both up: one that stays and one that goes."""
    class Pair:
        stays, goes = make_redis(), make_redis()

        def start(self, **zookeeper):
            self.agent = make_agent(
                {"stays": self.stays.address, "goes": self.goes.address},
                ensemble_tree, zookeeper={**PRESENCE, **zookeeper})
            for name in ("stays", "goes"):
                ensemble_tree.wait_status(
                    name, "up", "ok", when=lambda d: d["version"])
                wait_until(lambda: ensemble_tree.alive(name), f"alive/{name}")
            wait_until(lambda: ensemble_tree.heartbeat("agent-1"),
                       "a heartbeat")
            self.since = ensemble_tree.wait_status("stays", "up")["since"]
            self.session = wait_until(
                lambda: ensemble_tree.owner("agents/agent-1"), "its owner")
            return self.agent

        def publishes(self, rounds=3):
            """What goes comes and goes, and every reader learns it."""
            if self.goes.alive():
                self.goes.kill()
                ensemble_tree.wait_status("goes", "down", "refused")
                wait_until(lambda: ensemble_tree.alive("goes") is None,
                           "alive/goes goes")
            else:
                self.goes.start()
                ensemble_tree.wait_status("goes", "up", "ok")
                wait_until(lambda: ensemble_tree.alive("goes"), "alive/goes")
            ensemble_tree.wait_round("agent-1", rounds)

        def survived(self):
            """The same session, and nobody ever spoke ill of what stays."""
            for path in NODES:
                owner = wait_until(lambda: ensemble_tree.owner(path), path)
                assert owner == self.session
            stays = ensemble_tree.wait_status("stays", "up", "ok")
            assert stays["since"] == self.since
            assert len(self.agent.events("status_changed",
                                         instance="stays")) == 1
            for name in ("stays", "goes"):
                document, stat = wait_until(
                    lambda: ensemble_tree.status_and_stat(name), name)
                assert document["seq"] == stat.version + 1
    return Pair()


def test_what_is_published_through_any_server_is_read_through_every(
        make_agent, make_redis, ensemble, ensemble_tree):
    server = make_redis()
    agents = [make_agent({f"r-{m.number}": server.address}, ensemble_tree,
                         agent={"id": f"agent-{m.number}"},
                         zookeeper={**PRESENCE, "servers": m.address})
              for m in ensemble.members]

    def read_by_all(status):
        for reader in ensemble.members:
            tree = Tree(reader, ensemble_tree.root)
            for m in ensemble.members:
                tree.wait_status(f"r-{m.number}", status)
                wait_until(lambda: tree.heartbeat(f"agent-{m.number}"),
                           "a heartbeat")
                wait_until(lambda: bool(tree.alive(f"r-{m.number}"))
                           == (status == "up"), "presence")
    try:
        read_by_all("up")
        server.kill()
        read_by_all("down")
    finally:
        for m in ensemble.members:
            m.close_reader()
    for agent in agents:
        agent.stop()


@pytest.mark.parametrize("hurt", ["kill", "freeze"])
def test_a_leader_lost_costs_no_session_and_no_node(
        pair, ensemble, ensemble_tree, hurt):
    agent = pair.start()
    leader = ensemble.leader()
    with watching(ensemble_tree, *NODES):
        getattr(leader, hurt)()
        pair.publishes()
        assert ensemble.wait_quorum() is not leader
        ensemble.mend()
        pair.publishes()
    pair.survived()
    agent.stop()


@pytest.mark.parametrize("hurt", ["kill", "freeze"])
def test_a_lost_server_is_left_for_another_within_the_session(
        pair, ensemble, ensemble_tree, hurt):
    followers = ensemble.followers()
    agent = pair.start(servers=",".join(m.address for m in followers))
    ours = wait_until(
        lambda: [m for m in followers if m.holds(pair.session)],
        "the server that we are connected to")[0]
    with watching(ensemble_tree, *NODES):
        getattr(ours, hurt)()
        pair.publishes()
        ensemble.mend()
        pair.publishes()
    pair.survived()
    agent.stop()


def test_after_a_loss_of_quorum_the_latest_is_published_and_nothing_false(
        pair, ensemble, ensemble_tree):
    agent = pair.start()
    for m in ensemble.followers():
        m.kill()
    agent.wait_event("zk_disconnected")
    for state, act in (("down", pair.goes.kill), ("up", pair.goes.start),
                       ("down", pair.goes.kill)):
        count = len(agent.events("status_changed", instance="goes", to=state))
        act()
        agent.wait_event("status_changed", count + 1, instance="goes",
                         to=state)
    ensemble.mend()
    with watching(ensemble_tree, *NODES):
        ensemble_tree.wait_status("goes", "down", "refused")
        wait_until(lambda: ensemble_tree.alive("goes") is None,
                   "alive/goes goes")
        pair.publishes()
    pair.survived()
    agent.stop()


def test_servers_upgraded_one_after_the_other_go_unnoticed(
        pair, ensemble, ensemble_tree):
    agent = pair.start()
    with watching(ensemble_tree, *NODES):
        for m in ensemble.members:
            m.kill()
            pair.publishes()
            ensemble.mend()
    pair.survived()
    agent.stop()


def test_an_agent_restarted_without_a_quorum_takes_its_nodes_over_later(
        pair, ensemble, ensemble_tree):
    agent = pair.start(session_timeout="5s")
    for m in ensemble.followers():
        m.kill()
    agent.kill()
    pair.goes.kill()
    agent.start()
    agent.wait_event("status_changed", instance="goes", to="down")
    ensemble.mend()
    with watching(ensemble_tree, *NODES) as watchers:
        ensemble_tree.wait_status("goes", "down", "refused")
        wait_until(lambda: ensemble_tree.alive("goes") is None,
                   "alive/goes goes")
        for w in watchers:
            wait_until(lambda: w.owners() - {pair.session},
                       f"{w.path} is taken over")
        wait_until(lambda: pair.session not in ensemble.sessions(),
                   "the old session ends")
        ensemble_tree.wait_round("agent-1", 3)
    stays = ensemble_tree.wait_status("stays", "up", "ok")
    assert stays["since"] == pair.since
    agent.stop()


def test_every_server_restarted_in_turn_under_load_costs_no_write(
        make_agent, make_redis, ensemble, ensemble_tree):
    """A hundred nodes are written every round, whatever goes and comes."""
    server = make_redis()
    names = [f"r-{i}" for i in range(100)]
    agent = make_agent({n: server.address for n in names}, ensemble_tree,
                       zookeeper={**PRESENCE, "publish": "round"})
    for n in (names[0], names[-1]):
        ensemble_tree.wait_status(n, "up", "ok")
    session = wait_until(lambda: ensemble_tree.owner("agents/agent-1"),
                         "its owner")

    def seqs():
        return {n: d["seq"] for n in names
                if (d := ensemble_tree.status(n)) is not None}
    with watching(ensemble_tree, *NODES[1:]):
        for m in ensemble.members:
            m.kill()
            ensemble.mend()
            before = wait_until(lambda: len(s := seqs()) == 100 and s, "all")
            wait_until(lambda: all(seq > before[n]
                                   for n, seq in seqs().items()),
                       "all are written again")
    assert ensemble_tree.owner("agents/agent-1") == session
    # Each goes on from the last one: no write was lost or done twice.
    for n in names:
        document, stat = wait_until(
            lambda: ensemble_tree.status_and_stat(n), n)
        assert document["seq"] == stat.version + 1
    assert len(agent.events("status_changed")) == 100
    agent.stop()


def test_a_server_that_is_taken_out_of_the_ensemble_serves_its_sessions_on(
        make_served, redis_server, tmp_path, request):
    ensemble = Ensemble(tmp_path / "ensemble")
    request.addfinalizer(ensemble.kill)
    request.addfinalizer(ensemble.close_reader)
    for m in ensemble.members:
        m.config += "reconfigEnabled=true\nskipACL=yes\n" \
            "standaloneEnabled=false\n"
        m.write_config()
    ensemble.start()
    tree = Tree(ensemble, "/reconfig")
    agent, http = make_served({"r": redis_server.address}, tree,
                              zookeeper=PRESENCE)
    tree.wait_status("r", "up", "ok")
    session = wait_until(lambda: tree.owner("agents/agent-1"), "its owner")
    # As a follower, for a leader that goes ends all connections.
    ours = wait_until(lambda: [m for m in ensemble.members
                               if m.holds(session)], "our server")[0]
    client = ensemble.client()
    config, _ = client.reconfig(joining=None, leaving=str(ours.number),
                                new_members=None)
    assert f"server.{ours.number}=".encode() not in config
    tree.wait_round("agent-1", 5)
    wait_until(lambda: not http.status()["zookeeper"]["outage"], agent.output)
    assert http.text("/healthz") == "ok\n"
    ours.kill()
    tree.wait_round("agent-1", 3)
    assert tree.owner("agents/agent-1") == session
    wait_until(lambda: http.status()["zookeeper"]["server"] != ours.address,
               agent.output)
    client.stop()
    client.close()
    agent.stop()
