"""What a monitoring system and a leak hunter see of a real agent."""

import re
import subprocess

import pytest

from agentproc import ROOT, config_text
from common import zookeeper_keys
from documents import REASONS, moment
from prometheus import (RULES, RULES_TESTS, Page, Prometheus, check_metrics)
from waiting import hold, wait_until

P = "sentinel_agent_"

# The contract's, with the labels that they have.
CONTRACT = {
    "instance_up": ("gauge", "instance", "address"),
    "instance_status": ("gauge", "instance", "status"),
    "instance_rtt_seconds": ("gauge", "instance"),
    "instance_last_probe_timestamp_seconds": ("gauge", "instance"),
    "probes_total": ("counter", "instance", "reason"),
    "status_changes_total": ("counter", "instance"),
    "probe_duration_seconds": ("histogram",),
    "rounds_total": ("counter",),
    "round_duration_seconds": ("gauge",),
    "probes_skipped_total": ("counter",),
    "pool_workers": ("gauge",),
    "pool_jobs_active": ("gauge",),
    "pool_jobs_queued": ("gauge",),
    "threads": ("gauge",),
    "zookeeper_connected": ("gauge",),
    "zookeeper_sessions_total": ("counter",),
    "zookeeper_writes_total": ("counter", "result"),
    "zookeeper_pending": ("gauge",),
    "zookeeper_publish_seconds": ("histogram",),
    "objects_live": ("gauge", "kind"),
    "build_info": ("gauge", "version"),
}
PROCESS = {
    "process_cpu_seconds_total": "counter",
    "process_open_fds": "gauge", "process_max_fds": "gauge",
    "process_virtual_memory_bytes": "gauge",
    "process_virtual_memory_max_bytes": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_heap_bytes": "gauge", "process_start_time_seconds": "gauge",
    "process_threads": "gauge",
}
STATUSES = set(REASONS)


@pytest.fixture
def outage(make_served, make_redis, tree):
    """One that is up, one that was killed, one that is paused."""
    killed = make_redis()
    agent, http = make_served(
        {"up-1": make_redis().address, "killed": killed.address,
         "paused": {"address": make_redis().address, "paused": "yes"}},
        tree, agent={"interval": "1s", "retry_interval": "1s"})
    tree.wait_status("killed", "up", "ok")
    killed.kill()
    tree.wait_status("killed", "down", "refused")
    tree.wait_status("paused", "up")
    return agent, http


def page(http):
    return Page(http.text("/metrics"))


def one_moment(http):
    """/status and /metrics between which nothing happened.  Either may be a
    moment old when it is asked for, so each is waited for to be a new one."""
    def newer(ask, old):
        return wait_until(lambda: (new := ask()) != old and new, "a new page")

    def look():
        before = newer(http.status, http.status())
        old = http.text("/metrics")
        metrics = Page(newer(lambda: http.text("/metrics"), old))
        after = newer(http.status, http.status())
        same = all(before[k] == after[k] for k in ("instances", "agent"))
        return same and (before, metrics)
    return wait_until(look, lambda: http.text("/status"))


# -------------------------------------------------------------------- metrics

def test_every_metric_of_the_contract_is_there_with_its_labels(outage):
    agent, http = outage
    metrics = page(http)
    assert check_metrics(metrics.text) == ""
    for name, (kind, *labels) in CONTRACT.items():
        assert metrics.types[P + name] == kind
        assert metrics.help[P + name]
        if kind != "histogram":
            assert metrics.labels(P + name) == tuple(labels), name
    for name, kind in PROCESS.items():
        assert metrics.types[name] == kind
        assert metrics.labels(name) == ()
    for name in ("probe_duration_seconds", "zookeeper_publish_seconds"):
        counts = metrics.samples[P + name + "_bucket"]
        assert metrics.labels(P + name + "_bucket") == ("le",)
        assert list(counts.values()) == sorted(counts.values())
        assert counts[(("le", "+Inf"),)] == metrics.value(P + name + "_count")
        assert metrics.value(P + name + "_sum") > 0
    assert metrics.types.keys() == metrics.help.keys()


def test_instances_agree_with_the_status_page(outage):
    agent, http = outage
    status, metrics = one_moment(http)
    assert len(status["instances"]) == 3
    for i in status["instances"]:
        name = i["instance"]
        is_up = i["status"] in ("up", "degraded")
        assert metrics.value(P + "instance_up", instance=name,
                             address=i["address"]) == is_up
        for s in STATUSES:
            assert metrics.value(P + "instance_status", instance=name,
                                 status=s) == (s == i["status"])
        rtt = metrics.value(P + "instance_rtt_seconds", instance=name)
        assert rtt == (None if i["rtt_us"] is None
                       else pytest.approx(i["rtt_us"] / 1e6))
        assert metrics.value(P + "instance_last_probe_timestamp_seconds",
                             instance=name) == moment(i["checked"])
        assert metrics.value(P + "instance_status_since_timestamp_seconds",
                             instance=name) == moment(i["since"])
        assert metrics.value(P + "instance_maintenance", instance=name) == \
            (name == "paused") == i["maintenance"]
    # A probe that was under way at the kill saw the connection break.
    bad = {dict(k)["reason"]: v
           for k, v in metrics.samples[P + "probes_total"].items()
           if dict(k)["instance"] == "killed" and dict(k)["reason"] != "ok"}
    assert sum(bad.values()) >= 3 and bad["refused"] >= 2
    assert bad.keys() <= {"refused", "closed", "reset"}
    assert metrics.value(P + "status_changes_total", instance="killed") == 2
    assert metrics.value(P + "status_changes_total", instance="up-1") == 1
    # What never happened has no line, but what is fine.
    assert {dict(k)["reason"] for k in metrics.samples[P + "probes_total"]} \
        == {"ok", *bad}


def test_the_agent_agrees_with_the_status_page(outage):
    agent, http = outage
    status, metrics = one_moment(http)
    for metric, figure in {
            "rounds_total": status["agent"]["round"],
            "rounds_overrun_total": status["agent"]["rounds_overrun"],
            "probes_skipped_total": status["agent"]["probes_skipped"],
            "results_void_total": status["agent"]["results_void"],
            "healthy": status["agent"]["healthy"],
            "interval_seconds": status["agent"]["interval_ms"] / 1000,
            "pool_workers": status["pool"]["workers"],
            "threads": status["pool"]["threads"],
            "wedged_threads": len(status["pool"]["wedged"]),
            "zookeeper_connected":
                status["zookeeper"]["state"] == "connected",
            "zookeeper_sessions_total": status["zookeeper"]["sessions"],
            "zookeeper_conflicts": status["zookeeper"]["conflicts"],
            "zookeeper_not_vouched": status["zookeeper"]["not_vouched"],
            "zookeeper_drifts_total": status["zookeeper"]["drifts"],
            "zookeeper_refused": status["zookeeper"]["refused"]}.items():
        assert metrics.value(P + metric) == figure, metric
    assert metrics.value(P + "build_info",
                         version=status["agent"]["version"]) == 1
    results = sum(metrics.samples[P + "probes_total"].values())
    assert metrics.value(P + "probe_duration_seconds_count") == results
    written = metrics.value(P + "zookeeper_writes_total", result="ok")
    assert written >= 3  # killed twice, paused once: the newest wins
    assert metrics.value(P + "zookeeper_publish_seconds_count") <= written
    started = metrics.value("process_start_time_seconds")
    assert abs(started - moment(status["agent"]["started"])) < 60
    assert metrics.value("process_start_time_seconds") == \
        page(http).value("process_start_time_seconds")
    heartbeat = metrics.value(P + "zookeeper_heartbeat_timestamp_seconds")
    last = metrics.value(P + "last_round_timestamp_seconds")
    assert heartbeat > started and last > started


def test_the_process_is_told_as_the_kernel_sees_it(outage):
    agent, http = outage

    def fds():
        metrics = page(http)
        return metrics.value("process_open_fds") == agent.fds() + 1
    # One more: the client's connection.
    wait_until(fds, lambda: (agent.fds(), http.text("/metrics")))
    metrics = page(http)
    assert metrics.value("process_threads") == agent.threads()
    kb = metrics.value("process_resident_memory_bytes") / 1024
    assert abs(kb - agent.rss_kb()) < 2048
    assert metrics.value("process_virtual_memory_bytes") > kb * 1024
    assert metrics.value("process_cpu_seconds_total") > 0


def test_without_zookeeper_there_is_nothing_of_it(make_served, redis_server):
    agent, http = make_served({"r": redis_server.address})
    wait_until(lambda: http.status("r")["status"] == "up", agent.output)
    metrics = page(http)
    assert check_metrics(metrics.text) == ""
    assert not [n for n in metrics.types if "zookeeper" in n]


# ---------------------------------------------------------------- the alerts

def test_the_alerts_look_at_metrics_that_there_are(outage):
    agent, http = outage
    metrics = page(http)
    named = set(re.findall(r"\b(?:sentinel_agent|process)_[a-z_]+\b",
                           re.sub(r"#.*", "", RULES.read_text())))
    assert len(named) > 20
    # Some have samples only where there is TLS.
    # test_fleet.py has those of a fleet.
    named = {name for name in named if not name.startswith(P + "fleet_")}
    assert named <= metrics.samples.keys() | metrics.types.keys()


@pytest.mark.parametrize("file", RULES_TESTS, ids=lambda f: f.name)
def test_the_alerts_fire_when_they_should_and_only_then(file):
    done = subprocess.run(["promtool", "test", "rules", file],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_seen_to_fire():
    alerts = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    tests = "".join(t.read_text() for t in RULES_TESTS)
    fires = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", tests))
    assert fires == alerts


def test_the_manual_names_every_alert_and_every_metric(outage):
    manual = (ROOT / "src" / "sentinel-agent-monitoring.7").read_text()
    for alert in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert re.search(rf"^\.It .*\b{alert}\b", manual, re.M), alert
    for name in page(outage[1]).types:
        word = name.removeprefix(P) if name.startswith(P) else "process_*"
        assert re.search(rf"^\.It .*(?<= ){re.escape(word)}(?=[{{ \n])",
                         manual, re.M), name


def test_a_prometheus_hears_of_an_outage_and_of_its_end(
        make_served, make_redis, tree, tmp_path, request):
    server = make_redis()
    agent, http = make_served({"r": server.address,
                               "s": make_redis().address}, tree)
    prometheus = Prometheus(tmp_path / "prometheus", http.listen)
    request.addfinalizer(prometheus.kill)
    prometheus.start()

    def firing(alert):
        return prometheus.firing(alert)

    def shown(expression):
        return [v for _, v in prometheus.query(expression)]

    wait_until(lambda: shown(P + 'instance_up{instance="r"}') == [1],
               lambda: prometheus.query("up"))
    assert firing("RedisInstanceDown") == []
    server.kill()
    down = wait_until(lambda: firing("RedisInstanceDown"), agent.output)
    assert [(a["instance"], a["severity"]) for a in down] == \
        [("r", "critical")]
    server.start()
    wait_until(lambda: not firing("RedisInstanceDown"), agent.output)
    assert shown(P + 'status_changes_total{instance="r"}') == [3]
    assert [a for a in ("SentinelAgentDown", "SentinelAgentWedged",
                        "SentinelAgentZooKeeperUnreachable",
                        "SentinelAgentThreadsGrow", "SentinelAgentObjectsLeak",
                        "SentinelAgentDescriptorsGrow", "SentinelAgentSilent",
                        "SentinelAgentHeartbeatStale", "SentinelAgentDrift",
                        "SentinelAgentConflict", "SentinelAgentUnwell")
            if firing(a)] == []
    agent.stop()
    wait_until(lambda: firing("SentinelAgentDown"), prometheus.output)


# ---------------------------------------------------------------------- leaks

# What comes and goes with requests and probes, or is kept for the next one (an
# instance that hangs has a new connection each time); and what the history
# remembers.  Each has a bound.
RESTLESS = {"job", "connection", "zk_request", "http_connection",
            "http_response", "reply_reader", "text"}


def live(http):
    objects = http.json("/memory")["objects"]
    for kind, count in objects.items():
        assert count["live"] == count["allocated"] - count["freed"], kind
    return {k: c["live"] for k, c in objects.items() if k not in RESTLESS}


def at_rest(http):
    """The figures once they stay as they are for some rounds."""
    def look():
        seen = hold(1, lambda: live(http))
        return all(s == seen[0] for s in seen) and seen[0]
    return wait_until(look, lambda: live(http))


def assert_back(http, before):
    wait_until(lambda: live(http) == before,
               lambda: f"{before}\n{live(http)}")
    objects = http.json("/memory")["objects"]
    assert objects["job"]["live"] <= before["instance"]
    # A new one may stand beside the kept one for a moment.
    assert objects["connection"]["live"] <= 2 * before["instance"]
    assert objects["reply_reader"]["live"] <= 2 * 8
    assert objects["zk_request"]["live"] <= 128
    # The connection before may be closing, and pages are kept for a moment.
    wait_until(lambda: (o := http.json("/memory")["objects"])
               ["http_connection"]["live"] == 1 and
               o["http_response"]["live"] <= 2, lambda: http.text("/memory"))
    assert objects["text"]["live"] <= 50


@pytest.fixture
def settled(make_served, make_redis, make_peer, own_tree):
    """An agent with what can be had in the config, and two configs: each
    other instance goes, comes, or changes."""
    servers = [make_redis() for _ in range(2)]
    keys = zookeeper_keys(own_tree, presence="yes")
    hung = make_peer(None).address
    first = {"kept": servers[0].address, "goes": servers[0].address,
             "changes": servers[0].address, "moves": servers[0].address,
             "hung": {"address": hung, "timeout": "300ms"},
             "name": f"localhost:{servers[0].port}"}
    second = {"kept": servers[0].address, "comes": servers[1].address,
              "changes": {"address": servers[0].address, "timeout": "1s"},
              "moves": servers[1].address,
              "hung": {"address": hung, "timeout": "200ms"},
              "gone": "127.0.0.1:1"}
    agent, http = make_served(first, own_tree, zookeeper={"presence": "yes"})
    listen = http.listen

    def reload(instances):
        text = config_text(instances, {"pid_file": agent.dir / "pid"}, keys,
                           http=listen)
        event = agent.reload(text)
        assert event["event"] == "reloaded", event
    return agent, http, reload, first, second


def wait_all(http, agent):
    """Each has a verdict, and ZooKeeper has it."""
    def done():
        instances = http.status()["instances"]
        return all(i["published"] and i["status"] in ("up", "down")
                   for i in instances)
    wait_until(done, agent.output)


def test_fifty_reloads_leave_nothing_behind(settled):
    agent, http, reload, first, second = settled
    for instances in (second, first):
        reload(instances)
        wait_all(http, agent)
    before, threads, fds = at_rest(http), agent.threads(), agent.fds()
    heap = http.json("/memory")["heap"]["in_use"]
    assert before["instance"] == before["probe"] == 6
    assert before["zk_slot"] == 2 * 6 + 1
    for _ in range(25):
        reload(second)
        reload(first)
    wait_all(http, agent)
    assert_back(http, before)
    assert http.json("/memory")["objects"]["probe"]["freed"] >= 25 * 4
    assert agent.threads() == threads
    wait_until(lambda: agent.fds() <= fds, agent.fds)
    assert http.json("/memory")["heap"]["in_use"] < heap + (256 << 10)
    agent.stop()


def test_twenty_expired_sessions_leave_nothing_behind(settled, own_tree):
    agent, http, _, _, _ = settled
    wait_all(http, agent)

    def expire_one():
        sessions = http.status()["zookeeper"]["sessions"]
        own_tree.server.expire(own_tree.owner("agents/agent-1"))
        wait_until(lambda: http.status()["zookeeper"]["sessions"] > sessions
                   and own_tree.owner("agents/agent-1"), agent.output)

    expire_one()
    wait_all(http, agent)
    before, threads = at_rest(http), agent.threads()
    assert before["zk_handle"] == 1
    for _ in range(20):
        expire_one()
    wait_all(http, agent)
    assert_back(http, before)
    assert http.json("/memory")["objects"]["zk_handle"]["freed"] >= 21
    assert page(http).value(P + "zookeeper_sessions_total") == 22
    wait_until(lambda: agent.threads() == threads, agent.thread_names)
    agent.stop()


def test_a_dump_carries_the_figures_of_memory(outage):
    agent, http = outage

    def agrees():
        head, _ = agent.dump()
        return all(int(head[f"live_{k}"]) == n
                   for k, n in live(http).items())
    wait_until(agrees, agent.output)
    head, _ = agent.dump()
    assert {k for k in head if k.startswith("live_")} == \
        {f"live_{k}" for k in http.json("/memory")["objects"]}
    assert agent.sanitized() or int(head["heap_in_use"]) > 0
    assert int(head["heap_arena"]) + int(head["heap_mapped"]) >= \
        int(head["heap_in_use"])
