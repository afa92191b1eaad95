"""What a round costs, as far as it can be counted: that does not depend on how
fast the machine is.  How much time it takes is for scripts/bench."""

import json
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import agentproc
from common import sanitized
from entries import Entries
from waiting import wait_until

pytestmark = pytest.mark.skipif(
    sanitized(), reason="a sanitizer's runtime makes calls of its own")
BENCH = Path(agentproc.agent_bin()).parent / "test" / "bench"
# Far more than a test takes: what is asked now and then is apart.
QUIET = {"interval": "1s", "spread": "0%", "info_interval": "60m",
         "timeout": "900ms"}
ROUNDS = 3


class Farm:
    def __init__(self):
        self.proc = subprocess.Popen(
            [BENCH / "farm", "healthy"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.port = int(self.proc.stdout.readline().split()[1])

    def instances(self, n):
        return {f"r{i}": f"127.1.{i // 250}.{1 + i % 250}:{self.port}"
                for i in range(n)}

    def say(self, command):
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()
        return self.proc.stdout.readline().split()

    def pings(self):
        return int(self.say("stats")[1])

    def wait_pings(self, count):
        self.say("reset")
        wait_until(lambda: self.pings() >= count, f"{count} pings")

    def stop(self):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()


@pytest.fixture
def farm(make_peer):
    return make_peer(Farm())


@pytest.fixture
def steady(make_agent, farm, tree):
    """An agent on N instances that are all up, and have been for a round."""
    def start(n, **options):
        agent = make_agent(farm.instances(n), tree, agent=QUIET,
                           zookeeper={"refresh": "1440m"}, **options)
        wait_until(lambda: (tree.heartbeat("agent-1") or {}).get("up") == n,
                   f"{n} instances up")
        tree.wait_round("agent-1", 2)
        return agent
    return start


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_probe_is_one_write_and_one_read(steady, farm, tmp_path):
    n = 100
    agent = steady(n)
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", trace, "-p", str(agent.pid)],
        stderr=subprocess.PIPE, text=True)
    tracer.stderr.readline()  # it is attached
    farm.wait_pings(ROUNDS * n)
    tracer.terminate()
    tracer.communicate()
    probes = farm.pings()
    lines = trace.read_text().splitlines()
    assert sum('"*1\\r\\n$4\\r\\nPING' in x for x in lines) <= probes
    # What begins, and not what goes on after another thread's call.
    calls = [x for x in lines if "(" in x and "resumed>" not in x]
    # A round's own: some wakes of some threads, and the heartbeat.
    assert len(calls) <= 2 * probes + (ROUNDS + 1) * 80, "\n".join(calls)
    assert len(calls) >= 2 * probes - n
    agent.stop()


def sleeps(agent):
    """How often each thread went to sleep so far, by its name and id."""
    counts = {}
    for task in Path(f"/proc/{agent.pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        counts[f"{name} {task.name}"] = int(re.search(
            r"^voluntary_ctxt_switches:\s*(\d+)",
            (task / "status").read_text(), re.MULTILINE)[1])
    return counts


def test_a_quiet_round_wakes_few_threads_and_no_worker_without_instances(
        make_agent, farm, tree):
    n = 10
    agent = make_agent(
        farm.instances(n), tree, zookeeper={"refresh": "1440m"},
        agent={**QUIET, "spread": "20%", "workers": 4,
               "wedge_timeout": "10m", "connect_interval": "10m"})
    tree.wait_round("agent-1", 3)

    def round_of():
        return tree.heartbeat("agent-1")["round"]

    first, before = round_of(), sleeps(agent)
    wait_until(lambda: round_of() >= first + 2 * ROUNDS, "some rounds")
    after, rounds = sleeps(agent), round_of() - first
    woke = {t: after[t] - before.get(t, 0) for t in after
            if after[t] > before.get(t, 0)}
    workers = [t for t in after if t.startswith("worker-")]
    assert len(workers) == 4
    assert len([t for t in workers if t in woke]) == 1, woke
    # A busy machine lets the answers come one by one.
    assert sum(woke.values()) <= rounds * (n + 20), woke
    agent.stop()


class Mallocs:
    """The counter of test/bench/mallocs.c."""

    def __init__(self, path):
        self.path = path
        self.env = {"LD_PRELOAD": str(BENCH / "mallocs.so"),
                    "MALLOCS": str(path), "PATH": "/usr/bin:/bin"}

    def allocated(self):
        return struct.unpack("QQ", self.path.read_bytes())[0]


def round_allocates(start, farm, tmp_path, n):
    mallocs = Mallocs(tmp_path / "mallocs")
    agent = start(n, env=mallocs.env)
    before = mallocs.allocated()
    farm.wait_pings(ROUNDS * n)
    after = mallocs.allocated()
    agent.stop()
    return (after - before) / ROUNDS


@pytest.mark.parametrize("n", [10, 400])
def test_a_round_allocates_the_same_whatever_it_watches(
        steady, farm, tmp_path, n):
    assert round_allocates(steady, farm, tmp_path, n) <= 150


def test_an_instance_takes_little_memory(steady, farm):
    """By the heap's own count, so that no page is half ours."""
    few, many = 100, 1100
    used = {}
    for n in (few, many):
        agent = steady(n)
        head, _ = agent.dump()
        used[n] = int(head["heap_in_use"]) - int(head["heap_mapped"])
        agent.kill()
    assert (used[many] - used[few]) / (many - few) <= 3400


@pytest.mark.parametrize("covered", [False, True],
                         ids=["as ever", "in maintenance"])
def test_a_round_without_news_is_one_transaction(steady, tree, covered):
    if covered:
        Entries(tree, "@agent-1").set("*")
    agent = steady(50)
    assert len(agent.events("maintenance_set")) == covered

    def heartbeat():
        data, stat = tree.get("agents/agent-1")
        return json.loads(data)["round"], stat.version

    def counted():
        """A moment at which the agent has heard of all that it wrote: two
        dumps of one round, and the same heartbeat around them."""
        def look():
            before = heartbeat()
            dumps = [agent.dump()[0] for _ in range(2)]
            same = dumps[0]["zk_writes_ok"] == dumps[1]["zk_writes_ok"] and \
                dumps[0]["round"] == dumps[1]["round"] == str(before[0])
            return same and heartbeat() == before and (dumps[1], *before)
        return wait_until(look, agent.output)

    first, round_, version = counted()
    wait_until(lambda: heartbeat()[0] >= round_ + ROUNDS, "some rounds")
    last, last_round, last_version = counted()
    written = int(last["zk_writes_ok"]) - int(first["zk_writes_ok"])
    assert last_version - version == last_round - round_
    assert written <= last_round - round_
    agent.stop()
