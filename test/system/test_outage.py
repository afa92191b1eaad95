"""One outage, and everybody who tells of it tells the same."""

import json
import re

import pytest

from agentproc import run
from documents import moment
from httpclient import HttpClient
from waiting import wait_until

ALL_UP = {"main": ("up", "ok"), "replica": ("up", "ok"), "other": ("up", "ok")}
MAIN_DOWN = {"main": ("down", "refused"),
             "replica": ("degraded", "replica_link_down"),
             "other": ("up", "ok")}

_SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$', re.M)


class Metrics:
    def __init__(self, text):
        self.samples = [(name, dict(re.findall(r'(\w+)="([^"]*)"', labels)),
                         float(value))
                        for name, labels, value in _SAMPLE.findall(text)]

    def __call__(self, name, **labels):
        """The one sample with these labels."""
        found = [v for n, has, v in self.samples
                 if n == f"sentinel_agent_{name}"
                 and labels.items() <= has.items()]
        assert len(found) == 1, (name, labels, found)
        return found[0]

    def statuses(self):
        return {has["instance"]: has["status"] for n, has, v in self.samples
                if n == "sentinel_agent_instance_status" and v == 1}


class Tellers:
    """Each of them as {NAME: (status, reason)}, or {NAME: status} of those
    that tell no reason."""

    def __init__(self, agent, tree, page):
        self.agent = agent
        self.tree = tree
        self.page = page
        self.http = HttpClient(agent.http)

    def metrics(self):
        return Metrics(self.http.text("/metrics"))

    def command(self, *args):
        done = run("--status", *args, "--format", "json", "-c",
                   self.agent.config)
        assert done.returncode == 0, done.stderr
        return verdicts(json.loads(done.stdout)["instances"])

    def all(self):
        documents = [self.tree.status(name) or {} for name in ALL_UP]
        whys = [self.http.json(f"/instances/{name}")["document"]
                for name in ALL_UP]
        seen = self.page.see()
        return {
            "zookeeper": verdicts(documents),
            "/status": verdicts(self.http.status()["instances"]),
            "/instances": verdicts(whys),
            "/metrics": self.metrics().statuses(),
            "page": {r["name"]: r["status"] for r in seen.rows},
            "--status": self.command(),
            "--from-zookeeper": self.command("--from-zookeeper"),
        }

    def wait(self, wanted):
        """Until all of them tell WANTED, if not all at once."""
        statuses = {name: status for name, (status, _) in wanted.items()}

        def agree():
            return all(told in (wanted, statuses)
                       for told in self.all().values())
        wait_until(agree, self.all, timeout=60)


def verdicts(documents):
    return {d.get("instance"): (d.get("status"), d.get("reason"))
            for d in documents}


@pytest.fixture
def told(watch, make_redis, tree, open_page):
    main = make_redis()
    replica = make_redis(replicaof=f"127.0.0.1 {main.port}")
    wait_until(lambda: replica.client().info()["master_link_status"] == "up",
               "a replica")
    servers = {"main": main, "replica": replica, "other": make_redis()}
    agent = watch({name: s.address for name, s in servers.items()}, tree)
    tellers = Tellers(agent, tree, open_page(agent))
    tellers.wait(ALL_UP)
    return servers, tellers


def assert_same_facts(tellers, wanted):
    """What stands still between two changes, told in each one's words."""
    http, tree = tellers.http, tellers.tree
    metrics = tellers.metrics()
    status = http.status()
    seen = tellers.page.see()
    heartbeat = tree.heartbeat("agent-1")
    counts = {s: sum(v[0] == s for v in wanted.values())
              for s in ("up", "degraded", "down", "unknown")}
    for teller in (status["agent"], heartbeat):
        assert {s: teller[s] for s in counts} == counts
    for name, (verdict, _) in wanted.items():
        document, stat = tree.status_and_stat(name)
        listed = next(i for i in status["instances"]
                      if i["instance"] == name)
        why = http.json(f"/instances/{name}")
        for key in ("address", "status", "reason", "since", "role", "version",
                    "seq", "agent", "maintenance"):
            assert document[key] == listed[key] == why["document"][key], key
        assert listed["published"] and listed["conflict"] is None
        assert why["zookeeper"]["document"] == document
        assert why["zookeeper"]["znode_version"] == stat.version
        assert (why["zookeeper"]["state"], why["judgement"]["settled"]) == \
            ("clean", True)
        assert metrics("instance_up", instance=name) == \
            (verdict in ("up", "degraded"))
        assert metrics("instance_status_since_timestamp_seconds",
                       instance=name) == pytest.approx(
                           moment(document["since"]), abs=0.002)
        row = seen.row(name)
        assert row.reason == status["reasons"][document["reason"]]
        assert (row.address, row.role, row.version) == (
            document["address"], document["role"], document["version"])


def assert_same_history(tellers):
    """Each change once, in the page's events, the log and the metrics."""
    events = tellers.http.json("/events")["events"]
    assert [e["seq"] for e in events] == list(range(len(events), 0, -1))
    told = [(e["instance"], e["from"], e["to"], e["reason"])
            for e in reversed(events) if e["kind"] == "status"]
    logged = [(e["instance"], e["from"], e["to"], e["reason"])
              for e in tellers.agent.events("status_changed")]
    assert told == logged
    metrics = tellers.metrics()
    for name in ALL_UP:
        assert metrics("status_changes_total", instance=name) == \
            sum(t[0] == name for t in told)
    assert tellers.page.see().events.count("\u2192") == len(told)


def agree_in_the_end(check, *args):
    """A document may just be written again, with a version just learnt."""
    last = []

    def holds():
        try:
            check(*args)
        except AssertionError as e:
            last[:] = [e]
            return False
        return True
    wait_until(holds, lambda: last)


def test_everybody_tells_the_same_of_an_outage(told):
    servers, tellers = told
    agree_in_the_end(assert_same_facts, tellers, ALL_UP)
    servers["main"].kill()
    tellers.wait(MAIN_DOWN)
    agree_in_the_end(assert_same_facts, tellers, MAIN_DOWN)
    servers["main"].start()
    tellers.wait(ALL_UP)
    agree_in_the_end(assert_same_facts, tellers, ALL_UP)
    agree_in_the_end(assert_same_history, tellers)
    assert tellers.http.text("/healthz") == "ok\n"
    tellers.page.may_miss_answers = True
    tellers.agent.stop()
