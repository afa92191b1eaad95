"""The show behind scripts/demo --fleet: demo_fleet.py AGENT [SECONDS].

Three agents share a dozen Redis servers; one agent is killed, and what it
watched is watched by the others, with no status changed.
"""

import json
import os
import subprocess
import sys
import time

import demo
from demo import Failure, ROOT, colour, heading, say

AGENTS = ["web-1", "web-2", "web-3"]
TARGETS = [f"cache-{n:02}" for n in range(1, 13)]
VICTIM = "web-2"

AGENT_INI = """\
[agent]
id = {name}
interval = 1s
stop_timeout = 10s
log = {dir}/{name}.log
pid_file = {dir}/{name}.pid

[zookeeper]
servers = 127.0.0.1:{zk}
root = {root}
session_timeout = 4s
presence = yes

[http]
listen = 127.0.0.1:{http}

[fleet]
name = shop
targets_allow = 127.0.0.0/8
"""

FLEET_INI = """\
[fleet]
observers = 1
[defaults]
interval = 1s
retry_interval = 250ms
timeout = 500ms
"""


class FleetShow(demo.Show):
    def __init__(self, agent):
        super().__init__(agent)
        self.agents = {}

    # Servers

    def start_targets(self):
        for name in TARGETS:
            self.redis[name] = self.on_free_port(
                name, lambda port, n=name: self.redis_command(n, port))
        ports = sorted(self.ports[n] for n in TARGETS)
        say(f"  started  {len(TARGETS)} Redis on 127.0.0.1, ports "
            f"{ports[0]} ... {ports[-1]}")

    def config(self, name):
        return f"{self.dir}/{name}.ini"

    def member_command(self, name):
        def command(port):
            with open(self.config(name), "w") as f:
                f.write(AGENT_INI.format(
                    name=name, dir=self.dir, root=ROOT, http=port,
                    zk=self.ports["zookeeper"]))
            return [self.agent_bin, "-c", self.config(name)]
        return command

    def start_member(self, name):
        self.agents[name] = self.on_free_port(name, self.member_command(name))
        self.agent = self.agents[name]
        self.started(name, self.agents[name].pid,
                     f"sentinel-agent, page http://127.0.0.1:{self.ports[name]}/")

    def last_words(self):
        return [f"{n}.{what}" for n in AGENTS for what in ("out", "log")]

    # What ZooKeeper says

    def run_agent(self, *args):
        """A command of the program; its output."""
        ran = subprocess.run(
            [self.agent_bin, *args, "-c", self.config(AGENTS[0])],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=demo.PATIENCE_S)
        if ran.returncode != 0:
            raise Failure(f"{' '.join(args)}: {ran.stderr}")
        return ran.stdout

    def fleet(self):
        return json.loads(self.run_agent("--fleet", "--format", "json"))

    def settled(self, members):
        """Waits until these members, and no others, share all targets."""
        begun = time.monotonic()
        while True:
            seen = self.fleet()
            rows = seen["agents"]
            if [r["agent"] for r in rows] == members and seen["agree"] and \
                    seen["moving"] == seen["silent"] == 0:
                return time.monotonic() - begun
            if time.monotonic() - begun > 2 * demo.PATIENCE_S:
                raise Failure(f"expected {members} to share, seen: {seen}")
            time.sleep(0.1)

    def statuses(self):
        docs = {n: self.document(n) for n in TARGETS}
        return {n: (d["status"], d["since"]) if d else None
                for n, d in docs.items()}

    def verdicts(self):
        return {n: d and d[0] for n, d in self.statuses().items()}

    def speakers(self):
        return {n: (self.document(n) or {}).get("agent") for n in TARGETS}

    def all_up(self):
        begun = time.monotonic()
        while set(self.verdicts().values()) != {"up"}:
            if time.monotonic() - begun > demo.PATIENCE_S:
                raise Failure(f"not all are up: {self.verdicts()}")
            time.sleep(0.1)

    def indented(self, text):
        for line in text.splitlines():
            say("  " + line)

    def table(self):
        by = self.speakers()
        for agent in sorted(set(by.values()) - {None}):
            held = [n for n in TARGETS if by[n] == agent]
            say(f"  {agent}  {len(held):>2}  {' '.join(held)}")

    # The show

    def run(self):
        heading("Starting, all of it throw-away, in " + self.dir)
        self.start_targets()
        self.start_zookeeper()
        self.zk.create(f"{ROOT}/fleets/shop", FLEET_INI.encode(),
                       makepath=True)
        for name in AGENTS:
            self.start_member(name)

        heading("1. The targets are put into ZooKeeper, once for all agents")
        chunk = f"{self.dir}/caches.ini"
        with open(chunk, "w") as f:
            f.writelines(f"[redis:{n}]\naddress = 127.0.0.1:{self.ports[n]}\n"
                         for n in TARGETS)
        say("  sentinel-agent --targets put caches.ini")
        self.indented(self.run_agent("--targets", "put", "--yes", chunk)
                      .splitlines()[-1])
        self.settled(AGENTS)
        self.all_up()
        say("\n  Nobody hands them out: each agent computes from the names who "
            "has what.\n  sentinel-agent --fleet")
        self.indented(self.run_agent("--fleet"))

        heading(f"2. One agent is killed: kill -9 {self.agents[VICTIM].pid} "
                f"({VICTIM})")
        before, by = self.statuses(), self.speakers()
        lost = [n for n in TARGETS if by[n] == VICTIM]
        self.table()
        say(f"  Its {len(lost)} targets are looked after by nobody until its "
            "session ends, 4 s, and\n  readers trust them until then; then the "
            "others take over what was its share.")
        begun = time.monotonic()
        self.children.end(self.agents.pop(VICTIM))
        self.settled([a for a in AGENTS if a != VICTIM])
        say(colour("2", f"  ({time.monotonic() - begun:.1f} s later)"))
        self.table()
        self.unchanged(before, "its share moved, and")

        heading(f"3. {VICTIM} is started again")
        self.start_member(VICTIM)
        self.settled(AGENTS)
        self.table()
        self.unchanged(before, "the same share came back, without a gap, and")
        self.how_to_look_further()

    def unchanged(self, before, what):
        changed = [n for n in TARGETS if self.statuses()[n] != before[n]]
        if changed:
            raise Failure(f"the status or since of {changed} changed")
        say(colour("32", f"  {what} no status and no `since` changed."))

    def how_to_look_further(self):
        agent = os.path.relpath(self.agent_bin)
        config = self.config(AGENTS[0])
        heading("4. To look further while this runs")
        say(f"""\
  the page        http://127.0.0.1:{self.ports[AGENTS[0]]}/          (members below)
  the members     {agent} --fleet -c {config}
  the targets     {agent} --targets -c {config}
  statuses        {agent} --status --from-zookeeper --fleet shop -c {config}
  maintenance     {agent} --maintenance set cache-01 --fleet shop \\
                      --for 10m --reason 'a try' -c {config}
  drain a member  {agent} --maintenance set @web-3 --fleet shop \
                      --for 10m --reason 'a try' -c {config}
  the log         tail -f {self.dir}/web-1.log""")

    def finish(self):
        heading("The end: SIGTERM to the agents")
        for name, child in self.agents.items():
            child.terminate()
        for name, child in self.agents.items():
            try:
                code = child.wait(demo.PATIENCE_S)
            except subprocess.TimeoutExpired:
                raise Failure(f"{name} did not stop") from None
            if code != 0:
                raise Failure(f"{name} ended with exit {code}")
        say("  All stopped cleanly (exit 0). Removing everything.")

    def right(self):
        return set(self.verdicts().values()) == {"up"}


if __name__ == "__main__":
    demo.run_show(FleetShow(sys.argv[1]))
