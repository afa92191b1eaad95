"""Agents that share the targets of a fleet."""

import json
import random
import re
import time

import pytest

import freezing
from agentproc import render, run
from httpclient import HttpClient
from ports import reserve_port
from prometheus import RULES
from ranks import first
from waiting import hold, wait_until
from watching import watching

FLEET = {"name": "cache", "targets_allow": "127.0.0.0/8"}
KEYS = {"presence": "yes", "session_timeout": "4s"}
SETTINGS = render({"fleet": {"observers": 1, "brake": "50%", "brake_min": 5,
                             "brake_hold": "60s"},
                   "defaults": {"interval": "500ms", "timeout": "2s",
                                "retry_interval": "100ms", "rise": 2,
                                "fall": 2}})
NAMES = [f"t-{i}" for i in range(12)]


class Fleet:
    def __init__(self, tree, make_agent, address):
        self.tree = tree
        self.make_agent = make_agent
        self.address = address
        self.agents = {}

    def write(self, path, text):
        """As somebody's own tool does."""
        client, full = self.tree.client(), f"{self.tree.root}/{path}"
        client.ensure_path(full)
        client.set(full, text.encode())

    def targets(self, chunk, names, **keys):
        self.write(f"fleets/cache/targets/{chunk}", render(
            {f"redis:{n}": {"address": self.address, **keys} for n in names}))

    def agent(self, ident, instances=None, **options):
        agent = {"id": ident, "interval": "500ms",
                 **options.pop("agent", {})}
        a = self.make_agent(instances or {}, self.tree, agent=agent,
                            zookeeper=KEYS, fleet=FLEET, **options)
        self.agents[ident] = a
        return a

    def documents(self, names=NAMES):
        return {n: self.tree.status(n) for n in names}

    def speakers(self, names=NAMES):
        return {n: d and d["agent"] for n, d in self.documents(names).items()}

    def members(self):
        return self.tree.children("fleets/cache/members")

    def output(self):
        return "".join(f"--- {i}\n{a.output()[-3000:]}"
                       for i, a in self.agents.items())

    def settled(self, idents, names=NAMES, timeout=60):
        """All names are spoken for as the ranks say, by these members."""
        def look():
            found = self.speakers(names)
            return all(found[n] == first(n, idents) for n in names) and \
                self.members() == sorted(idents) and found
        return wait_until(look, lambda: f"{self.speakers(names)}\n"
                          f"{self.members()}\n{self.output()}", timeout)


def wait_owned(tree, ident, names):
    """The list of what it would have to look at after a crash."""
    wanted = "".join(f"{n}\n" for n in sorted(names)).encode()
    wait_until(lambda: (tree.get(f"owned/{ident}") or [None])[0] == wanted,
               lambda: f"{wanted}, but {tree.get(f'owned/{ident}')}")


@pytest.fixture
def fleet(tree, make_agent, redis_server):
    f = Fleet(tree, make_agent, redis_server.address)
    f.write("fleets/cache", SETTINGS)
    f.targets("all", NAMES)
    return f


def test_a_member_whose_heir_takes_nothing_ends_in_time(fleet, tree):
    a = fleet.agent("web-1", agent={"stop_timeout": "1s"})
    fleet.settled(["web-1"])
    member = json.loads(tree.get("fleets/cache/members/web-1")[0])
    fleet.write("fleets/cache/members/ghost",
                json.dumps({**member, "agent": "ghost"}))
    a.wait_event("fleet_changed", members="2")
    a.stop()


def test_a_single_member_speaks_for_all(fleet, tree):
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    for name in NAMES:
        d = tree.wait_status(name, "up", "ok")
        assert d["fleet"] == "cache" and d["by"] == "web-1"
    member = json.loads(tree.get("fleets/cache/members/web-1")[0])
    assert member["agent"] == "web-1" and member["protocol"] == 1
    wait_until(lambda: all(tree.alive(n) for n in NAMES), a.output)
    beat = wait_until(lambda: tree.heartbeat("web-1"), a.output)
    assert beat["fleet"] == "cache" and len(beat["basis"]) == 8
    wait_owned(tree, "web-1", NAMES)
    a.stop()


def test_agents_that_begin_together_share_from_the_start(fleet, tree):
    """None of them takes everything because it saw nobody yet."""
    idents = [f"web-{i}" for i in range(1, 6)]
    for ident in idents:
        fleet.agent(ident)
    fleet.settled(idents)
    for name in NAMES:
        assert tree.get(f"instances/{name}")[1].version == 0, fleet.output()
    for a in fleet.agents.values():
        assert a.events("fleet_changed", members="5", came="5"), a.output()


def test_a_join_moves_its_share_and_nothing_else(fleet, tree):
    fleet.agent("web-1")
    fleet.settled(["web-1"])
    wait_until(lambda: all(tree.alive(n) for n in NAMES), fleet.output)
    before = fleet.documents()
    versions = {n: tree.get(f"instances/{n}")[1].version for n in NAMES}
    moving = [n for n in NAMES if first(n, ["web-1", "web-2"]) == "web-2"]
    with watching(tree, *(f"alive/{n}" for n in moving[:2])):
        fleet.agent("web-2")
        fleet.settled(["web-1", "web-2"])
        wait_until(lambda: all(tree.alive(n)["agent"] == "web-2"
                               for n in moving), fleet.output)
    after = fleet.documents()
    for name in NAMES:
        assert after[name]["since"] == before[name]["since"]
        moved = first(name, ["web-1", "web-2"]) == "web-2"
        assert tree.get(f"instances/{name}")[1].version == \
            versions[name] + moved, name
        wait_until(lambda: tree.alive(name)["agent"] ==
                   after[name]["agent"], fleet.output)
    wait_until(lambda: tree.heartbeat("web-1")["basis"] ==
               tree.heartbeat("web-2")["basis"], fleet.output)
    for a in fleet.agents.values():
        assert not a.events("drift") and not a.events("conflict"), a.output()


def test_who_leaves_waits_for_its_heirs(fleet, tree):
    for ident in ("web-1", "web-2", "web-3"):
        fleet.agent(ident, agent={"stop_timeout": "20s"})
    fleet.settled(["web-1", "web-2", "web-3"])
    before = fleet.documents()
    fleet.agents["web-2"].stop()
    # It was gone only when nothing was left to it.
    assert "web-2" not in fleet.speakers().values()
    fleet.settled(["web-1", "web-3"])
    for name, d in fleet.documents().items():
        assert (d["status"], d["since"]) == ("up", before[name]["since"])
    assert fleet.agents["web-2"].events("fleet_left", why="stop")


def test_the_dead_ones_share_is_taken_over(fleet, tree):
    for ident in ("web-1", "web-2", "web-3"):
        fleet.agent(ident)
    fleet.settled(["web-1", "web-2", "web-3"])
    before = fleet.documents()
    fleet.agents["web-2"].kill()
    fleet.settled(["web-1", "web-3"])
    for name, d in fleet.documents().items():
        assert (d["status"], d["since"]) == ("up", before[name]["since"])
        if before[name]["agent"] != "web-2":
            assert d["seq"] == before[name]["seq"], name
        wait_until(lambda: tree.alive(name), fleet.output)
    fleet.agents["web-2"].start()
    fleet.settled(["web-1", "web-2", "web-3"])


def test_a_restart_with_a_state_dir_moves_nothing(fleet, tree, tmp_path):
    for ident in ("web-1", "web-2"):
        state = tmp_path / f"state-{ident}"
        state.mkdir(mode=0o700)
        fleet.agent(ident, agent={"state_dir": state})
    fleet.settled(["web-1", "web-2"])
    before = fleet.documents()
    member = tree.get("fleets/cache/members/web-1")[1]
    fleet.agents["web-1"].stop()
    fleet.agents["web-1"].start()
    wait_until(lambda: tree.heartbeat("web-1")["pid"] ==
               fleet.agents["web-1"].pid, fleet.output)
    tree.wait_round("web-1", 5)
    after = fleet.settled(["web-1", "web-2"])
    assert after == {n: d["agent"] for n, d in before.items()}
    for name, d in fleet.documents().items():
        assert (d["status"], d["since"]) == ("up", before[name]["since"])
    assert tree.get("fleets/cache/members/web-1")[1].czxid == member.czxid
    assert not fleet.agents["web-2"].events("fleet_changed", went="1")


def test_who_was_stopped_for_long_takes_nothing_back_unseen(fleet, tree):
    for ident in ("web-1", "web-2", "web-3"):
        fleet.agent(ident)
    fleet.settled(["web-1", "web-2", "web-3"])
    before = fleet.documents()
    fleet.agents["web-1"].freeze()
    fleet.settled(["web-2", "web-3"])
    taken = fleet.documents()
    fleet.agents["web-1"].thaw()
    # Where its publisher found the loop silent first, it is back after a
    # minute of health.
    fleet.settled(["web-1", "web-2", "web-3"], timeout=120)
    for name, d in fleet.documents().items():
        assert (d["status"], d["since"]) == ("up", before[name]["since"])
        if before[name]["agent"] != "web-1":
            assert d["seq"] == taken[name]["seq"], name


def test_targets_come_change_and_go(fleet, tree, make_redis):
    for ident in ("web-1", "web-2"):
        fleet.agent(ident)
    fleet.settled(["web-1", "web-2"])
    other = make_redis()
    more = [f"m-{i}" for i in range(4)]
    fleet.address = other.address
    fleet.targets("more", more)
    fleet.settled(["web-1", "web-2"], NAMES + more)
    for name in more:
        assert tree.status(name)["address"] == other.address
    fleet.targets("more", more[:2])
    for name in more[2:]:
        tree.wait_status(name, "unknown", "removed")
    for name in NAMES + more[:2]:
        assert tree.status(name)["status"] == "up"


def test_a_target_at_another_address_stays_the_fleets(fleet, tree, make_redis):
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    fleet.address = make_redis().address
    fleet.targets("all", NAMES)
    for name in NAMES:
        d = tree.wait_status(name, "up", "ok",
                             when=lambda d: d["address"] == fleet.address)
        assert d["fleet"] == "cache" and d["by"] == "web-1"
    assert not a.events("target_is_own")
    wait_owned(tree, "web-1", NAMES)


def test_a_large_chunk_is_read_whole(fleet, tree):
    """Cut, it would name another port, and fewer targets."""
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    fleet.targets("large", ["cut", "beyond"])
    tree.wait_status("beyond", "up")
    cut = f"\n[redis:cut]\naddress = {fleet.address}"
    filler = (";" * 99 + "\n") * 170
    fleet.write("fleets/cache/targets/large",
                filler[:16 * 1024 + 2 - len(cut)] + cut +
                "".join(f"\n[redis:{n}]\naddress = {fleet.address}\n"
                        for n in ("beyond", "late")))
    tree.wait_status("late", "up")
    for name in ("cut", "beyond"):
        d = tree.status(name)
        assert d["address"] == fleet.address and d["status"] == "up"
    assert not a.events("targets_rejected")


def test_a_bad_section_breaks_itself_alone(fleet, tree):
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    fleet.targets("bad", ["good"])
    fleet.write("fleets/cache/targets/bad", render({
        "redis:good": {"address": fleet.address},
        "redis:bad": {"address": fleet.address, "timeout": "soon"},
        "redis:far": {"address": "192.0.2.1:6379"}}))
    tree.wait_status("good", "up")
    bad = tree.wait_status("bad", "unknown", "settings")
    assert bad["detail"] == "bad:6: timeout must be 1ms..10m (ms, s or m), got soon"
    far = tree.wait_status("far", "unknown", "settings")
    assert far["detail"] == "192.0.2.1 is not within targets_allow" or \
        "192.0.2.1" in far["detail"]
    a.wait_event("targets_rejected")
    # Who had good ones keeps them.
    fleet.targets("all", NAMES, timeout="soon")
    a.wait_event("targets_rejected", count=3)
    assert tree.status(NAMES[0])["status"] == "up"


def test_a_section_that_is_mended_is_watched(fleet, tree):
    """Also where its values are the same with and without what was refused."""
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    fleet.write("fleets/cache/targets/bad", render({
        "redis:bad": {"address": fleet.address, "password": "sesame"},
        "redis:soon": {"address": fleet.address, "timeout": "soon"}}))
    bad = tree.wait_status("bad", "unknown", "settings")
    assert bad["detail"] == "bad:3: password is not for a target: " \
        "it names credentials"
    tree.wait_status("soon", "unknown", "settings")
    fleet.write("fleets/cache/targets/bad", render({
        "redis:bad": {"address": fleet.address},
        "redis:soon": {"address": fleet.address, "timeout": "never"}}))
    tree.wait_status("bad", "up")
    tree.wait_status("soon", "unknown", "settings",
                     when=lambda d: d["detail"].endswith("got never"))
    fleet.write("fleets/cache/targets/bad", render({
        "redis:bad": {"address": fleet.address},
        "redis:soon": {"address": fleet.address}}))
    tree.wait_status("soon", "up")
    assert not a.events("fleet_trouble")


SECRETS = {"credentials:probe": {"username": "probe",
                                 "password": "geheim-eins"}}


@pytest.fixture
def locked(fleet, make_redis):
    """A target that wants the login of credentials, and its server."""
    server = make_redis()
    for password in ("geheim-eins", "geheim-zwei"):
        server.client().acl_setuser("probe", enabled=True, keys="*",
                                    passwords=[f"+{password}"],
                                    commands=["+ping", "+info"])
    server.client().acl_setuser("default", enabled=False)
    fleet.write("fleets/cache/targets/locked", render({
        "redis:locked": {"address": server.address, "credentials": "probe"}}))
    return server


def with_secrets(fleet, secrets, **options):
    """A member whose config has these sections at its end."""
    agent = fleet.agent("web-1", start=False, **options)
    agent.plain = agent.config.read_text()
    agent.config.write_text(agent.plain + render(secrets))
    agent.config.chmod(0o600)
    return agent.start()


def test_a_target_gets_a_login_by_the_name_of_credentials(
        fleet, tree, locked):
    http = f"127.0.0.1:{reserve_port()}"
    a = with_secrets(fleet, SECRETS, http=http)
    tree.wait_status("locked", "up")
    # A secret that is taken away is not used any more.
    a.config.write_text(a.plain)
    a.reload()
    gone = tree.wait_status("locked", "unknown", "settings")
    assert gone["detail"] == ("locked:3: credentials = probe: the config of "
                              "this agent has no [credentials:probe]")
    # Nor because there is another fault.
    a.config.write_text(a.plain + render(SECRETS))
    a.reload()
    tree.wait_status("locked", "up")
    fleet.write("fleets/cache/targets/locked", render({
        "redis:locked": {"address": locked.address, "credentials": "probe",
                         "timeout": "soon"}}))
    a.wait_event("targets_rejected", count=2)
    assert tree.status("locked")["status"] == "up"
    a.config.write_text(a.plain)
    a.reload()
    tree.wait_status("locked", "unknown", "settings")
    # It is nowhere.
    shown = run("--print-config", "-c", a.config).stdout
    pages = "".join(HttpClient(http).text(p) for p in (
        "/status", "/metrics", "/fleet", "/instances/locked", "/"))
    nodes = json.dumps(tree.status("locked"))
    assert "geheim" not in shown + pages + nodes + a.output()


def test_a_new_secret_of_credentials_counts_with_a_reload(
        fleet, tree, locked):
    a = with_secrets(fleet, {"credentials:probe": {
        "username": "probe", "password": "geheim-falsch"}})
    tree.wait_status("locked", "unknown", "wrongpass")
    a.config.write_text(a.plain + render({"credentials:probe": {
        "username": "probe", "password": "geheim-zwei"}}))
    a.reload()
    tree.wait_status("locked", "up")
    assert "geheim" not in a.output()


def test_when_half_of_all_targets_go_at_once_it_is_held(fleet, tree):
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    fleet.write("fleets/cache", SETTINGS.replace("60s", "5s"))
    a.wait_event("targets_changed")
    fleet.targets("all", NAMES[:2])
    held = a.wait_event("targets_held")
    assert held["gone"] == "10"
    assert tree.status(NAMES[5])["status"] == "up"
    tree.wait_status(NAMES[5], "unknown", "removed")


def test_a_target_that_goes_while_nobody_watches_is_removed_by_who_did(
        fleet, tree):
    """Its agent is back before another one has taken it over, and vouches for
    nothing before it has looked."""
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    wait_owned(tree, "web-1", NAMES)
    a.kill()
    wait_until(lambda: tree.heartbeat("web-1") is None, "its session is over")
    gone, *stay = NAMES
    fleet.targets("all", stay)
    assert tree.status(gone)["status"] == "up"
    a.start()
    wait_until(lambda: tree.heartbeat("web-1"), a.output)
    assert tree.status(gone)["reason"] == "removed"
    assert tree.status(gone)["fleet"] == "cache"
    fleet.settled(["web-1"], stay)
    wait_owned(tree, "web-1", stay)


def test_what_moved_away_is_left_alone_by_who_had_it(fleet, tree):
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    wait_owned(tree, "web-1", NAMES)
    a.kill()
    fleet.agent("web-2")
    fleet.settled(["web-2"])
    wait_owned(tree, "web-2", NAMES)
    a.start()
    fleet.settled(["web-1", "web-2"])
    ours = [n for n in NAMES if first(n, ["web-1", "web-2"]) == "web-1"]
    wait_owned(tree, "web-1", ours)
    wait_owned(tree, "web-2", [n for n in NAMES if n not in ours])
    assert all(tree.status(n)["status"] == "up" for n in NAMES)


def test_what_comes_is_watched_while_what_is_gone_is_held(fleet, tree):
    a = fleet.agent("web-1")
    fleet.settled(["web-1"])
    fleet.targets("all", NAMES[:2])
    a.wait_event("targets_held")
    fleet.targets("new", ["new"])
    tree.wait_status("new", "up")
    fleet.targets("new", [f"new-{n}" for n in range(30)])
    tree.wait_status("new-29", "up")
    # Among so many that is no half any more, and was one.
    assert tree.status(NAMES[5])["status"] == "up"
    fleet.targets("all", NAMES)
    wait_until(lambda: tree.status("new")["reason"] == "removed",
               fleet.output)
    assert tree.status(NAMES[5])["status"] == "up"
    assert len(a.events("targets_held")) == 1


def test_when_most_are_gone_nobody_takes_over_for_a_while(fleet, tree):
    idents = [f"web-{i}" for i in range(1, 5)]
    for ident in idents:
        fleet.agent(ident)
    fleet.settled(idents)
    before = fleet.speakers()
    for ident in idents[1:]:
        fleet.agents[ident].kill()
    wait_until(lambda: fleet.members() == ["web-1"], fleet.output)
    assert all(hold(2.5, lambda: fleet.speakers() == before))
    for ident in idents[1:]:
        fleet.agents[ident].start()
    fleet.settled(idents)


def test_an_agent_of_a_config_keeps_its_instance(fleet, tree, make_agent):
    """Of the same NAME, in a config: one writer, and one conflict."""
    alone = make_agent({NAMES[0]: fleet.address}, tree, agent={"id": "alone"},
                       zookeeper=KEYS)
    tree.wait_status(NAMES[0], "up", "ok", when=lambda d: d["version"])
    a = fleet.agent("web-1")
    fleet.settled(["web-1"], NAMES[1:])
    a.wait_event("conflict", agent="alone")
    assert all(hold(2, lambda: tree.status(NAMES[0])["agent"] == "alone"))
    assert not alone.events("conflict")
    alone.stop()
    wait_until(lambda: tree.status(NAMES[0])["agent"] == "web-1", a.output)


def test_a_name_goes_from_a_config_into_the_fleet_of_another(fleet, tree):
    names = [n for n in NAMES if first(n, ["web-1", "web-2"]) == "web-2"][:1]
    a = fleet.agent("web-1", {names[0]: fleet.address})
    tree.wait_status(names[0], "up", "ok", when=lambda d: d["version"])
    b = fleet.agent("web-2")
    fleet.settled(["web-1", "web-2"], [n for n in NAMES if n not in names])
    b.wait_event("conflict", agent="web-1")
    before = tree.status(names[0])
    text = a.config.read_text()
    with watching(tree, f"alive/{names[0]}"):
        a.reload(text[:text.index("[redis:")])
        fleet.settled(["web-1", "web-2"])
    after = tree.status(names[0])
    assert (after["status"], after["since"]) == ("up", before["since"])


def test_an_own_instance_wins_over_a_target_of_its_name(fleet, tree):
    a = fleet.agent("web-1", {NAMES[0]: fleet.address})
    fleet.settled(["web-1"], NAMES)
    a.wait_event("target_is_own", instance=NAMES[0])
    d = tree.status(NAMES[0])
    assert "fleet" not in d and d["agent"] == "web-1"
    wait_owned(tree, "web-1", NAMES)
    # It goes over to the fleet, and its document goes on.
    since, seq = d["since"], d["seq"]
    text = a.config.read_text()
    a.reload(text[:text.index("[redis:")])
    moved = tree.wait_status(NAMES[0], "up", when=lambda d: "fleet" in d)
    assert moved["since"] == since and moved["seq"] > seq
    a.reload(text)
    back = tree.wait_status(NAMES[0], "up", when=lambda d: "fleet" not in d)
    assert back["since"] == since


def test_without_a_fleet_nothing_of_it_is_written(tree, make_agent,
                                                  redis_server):
    make_agent({"r": redis_server.address}, tree, agent={"id": "a"})
    tree.wait_round("a", 3)
    assert tree.children("") == ["agents", "instances", "owned"]


def test_the_page_tells_of_the_fleet(fleet, tree):
    listen = f"127.0.0.1:{reserve_port()}"
    fleet.agent("web-1", http=listen)
    fleet.agent("web-2")
    fleet.settled(["web-1", "web-2"])
    http = HttpClient(listen)
    share = sum(first(n, ["web-1", "web-2"]) == "web-1" for n in NAMES)
    page = wait_until(lambda: (p := http.json("/fleet"))["speaking"] == share
                      and p["observing"] == share and p, fleet.output)
    assert (page["name"], page["member"], page["held"]) == \
        ("cache", True, False)
    assert {m["agent"]: m["share"] for m in page["members"]} == \
        {"web-1": share, "web-2": len(NAMES) - share}
    assert page["targets"]["count"] == len(NAMES)
    assert [c["name"] for c in page["targets"]["chunks"]] == ["all"]
    wait_until(lambda: page["basis"] == tree.heartbeat("web-1")["basis"],
               fleet.output)
    for i in http.json("/status")["instances"]:
        assert (i["fleet"], i["share"], i["rank"], i["speaker"]) == \
            ("cache", "speaking", 0, "web-1")
    metrics = http.text("/metrics")
    assert f"\nsentinel_agent_fleet_speaking {share}\n" in metrics
    assert "\nsentinel_agent_fleet_members 2\n" in metrics
    for name in re.findall(r"sentinel_agent_fleet_\w+", RULES.read_text()):
        assert f"\n{name} " in metrics
    assert http.json(f"/instances/{i['instance']}")["speaker"] == "web-1"


def test_the_dashboard_shows_members_and_shares(fleet, open_page):
    listen = f"127.0.0.1:{reserve_port()}"
    a = fleet.agent("web-1", http=listen)
    a.http = listen
    fleet.agent("web-2")
    fleet.settled(["web-1", "web-2"])
    share = sum(first(n, ["web-1", "web-2"]) == "web-1" for n in NAMES)
    page = open_page(a)
    # Also while it still lets go of what web-2 has taken over.
    seen = page.wait(lambda s: f"web-1 (this): {share} targets" in s.fleet
                     and f"speaks for {share} of {len(NAMES)}" in s.fleet,
                     "the members and the shares")
    assert "Fleet cache" in seen.fleet
    assert f"web-2: {len(NAMES) - share} targets" in seen.fleet


@pytest.mark.skipif(not freezing.allowed(), reason="may not ptrace a child")
def test_a_member_whose_loop_hangs_is_taken_for_none(fleet, tree, request):
    """Its session lives on, so the publisher's thread takes its node away."""
    a = fleet.agent("web-1")
    fleet.agent("web-2")
    fleet.settled(["web-1", "web-2"])
    before = fleet.documents()
    frozen = freezing.FrozenThread(a.pid)
    request.addfinalizer(frozen.thaw)
    fleet.settled(["web-2"])
    assert tree.heartbeat("web-1"), "its session lives"
    taken = fleet.documents()
    frozen.thaw()
    a.wait_event("fleet_left", why="wedged")
    # It lets go of all, and takes nothing back.
    assert all(hold(2, lambda: fleet.members() == ["web-2"]))
    for name, d in fleet.documents().items():
        assert (d["status"], d["since"]) == ("up", before[name]["since"])
        assert (d["agent"], d["seq"]) == ("web-2", taken[name]["seq"])


class Versions:
    """Every version of the documents that could be seen, and what of it could
    not be true: Redis is up all the time."""

    def __init__(self, tree, names):
        self.wrong = []
        self.first = {}
        self.client = tree.server.client()
        for name in names:
            self.client.DataWatch(f"{tree.root}/instances/{name}",
                                  self.look(name))

    def look(self, name):
        def on_change(data, stat):
            if data is None:
                return
            d = json.loads(data)
            first = self.first.setdefault(name, d)
            if d["status"] != "up" or d["since"] != first["since"]:
                self.wrong.append((name, stat.version, d))
        return on_change

    def close(self):
        self.client.stop()
        self.client.close()


@pytest.mark.parametrize("seed", [1])
def test_whatever_happens_to_members_no_status_changes(fleet, tree, seed,
                                                       request):
    rng = random.Random(seed)
    idents = [f"web-{i}" for i in range(1, 6)]
    for ident in idents:
        fleet.agent(ident, agent={"stop_timeout": "10s"})
    fleet.settled(idents)
    for name in NAMES:
        tree.wait_status(name, "up", "ok")
    versions = Versions(tree, NAMES)
    request.addfinalizer(versions.close)
    until = time.monotonic() + 40
    while time.monotonic() < until:
        a = fleet.agents[rng.choice(idents)]
        what = rng.choice(["kill", "stop", "freeze", "restart"])
        if what == "freeze":
            a.freeze()
            time.sleep(rng.uniform(0, 7))
            a.thaw()
        elif what == "restart":
            a.restart()
        else:
            a.kill() if what == "kill" else a.stop()
            time.sleep(rng.uniform(0, 7))
            a.start()
    fleet.settled(idents, timeout=150)
    assert versions.wrong == []
    for a in fleet.agents.values():
        assert not a.events("drift") and not a.events("conflict"), a.output()


def test_a_single_check_writes_nothing(fleet, tree):
    """Its heartbeat would vouch for documents that nobody looks at."""
    a = fleet.agent("web-1", {"own": fleet.address})
    fleet.settled(["web-1"])
    tree.wait_status("own", "up")
    a.kill()
    wait_until(lambda: not tree.heartbeat("web-1"), a.output)
    once = run("--check-once", "-c", a.config)
    assert once.returncode == 0 and "member of a fleet" in once.stdout
    assert tree.heartbeat("web-1") is None
