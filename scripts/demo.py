"""The show behind scripts/demo: demo.py AGENT [SECONDS].

Starts throw-away servers and the agent, and after each thing done to them
waits until ZooKeeper holds the statuses that it must lead to.  Everything
runs in one temporary directory and as children of this process; whatever
ends it, both go.
"""

import ctypes
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError

ROOT = "/sentinel-agent"
JAVA = "/usr/share/java"
# Each awaited change takes 1 to 4 s; a busy machine gets this long.
PATIENCE_S = 30

ALL_UP = {n: ("up", "ok") for n in ("main", "replica", "cache")}
MAIN_DOWN = {
    "main": ("down", "refused"),
    "replica": ("degraded", "replica_link_down"),
    "cache": ("up", "ok"),
}

AGENT_INI = """\
[agent]
id = demo
interval = 1s
retry_interval = 250ms
info_interval = 1s
timeout = 500ms
log = {dir}/agent.log
pid_file = {dir}/agent.pid

[zookeeper]
servers = 127.0.0.1:{zk}
root = {root}
session_timeout = 4s
presence = yes

[http]
listen = 127.0.0.1:{http}

[redis:main]
address = 127.0.0.1:{main}
expect_role = master

[redis:replica]
address = 127.0.0.1:{replica}
expect_role = replica
max_lag = 1M

[redis:cache]
address = 127.0.0.1:{cache}
"""

ZOOKEEPER_CFG = """\
dataDir={dir}/zookeeper
clientPort={port}
clientPortAddress=127.0.0.1
tickTime=1000
admin.enableServer=false
"""


class Failure(Exception):
    """Something was not as the show promises."""


class Stopped(Exception):
    """A signal asks for the end."""


def say(text=""):
    print(text, flush=True)


def colour(code, text):
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return f"\033[{code}m{text}\033[0m"
    return text


def heading(text):
    say("\n" + colour("1", text))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def die_with_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Children:
    """The processes and the directory that go when the show ends."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sentinel-demo.")
        self.running = []

    def start(self, name, command):
        # A session of its own: Ctrl-C reaches only us, and we decide.
        with open(f"{self.dir}/{name}.out", "ab") as out:
            child = subprocess.Popen(
                command, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True,
                preexec_fn=die_with_parent)
        self.running.append(child)
        return child

    def start_server(self, name, port, command):
        """Returns the child once it listens, None if it ended instead."""
        child = self.start(name, command)
        deadline = time.monotonic() + PATIENCE_S
        while child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return child
            except OSError:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
        self.end(child)
        return None

    def output(self, name):
        try:
            with open(f"{self.dir}/{name}", errors="replace") as f:
                return "".join(f.readlines()[-15:])
        except OSError:
            return ""

    def end(self, child):
        child.kill()
        child.wait()
        self.running.remove(child)

    def end_all(self):
        for child in reversed(self.running[:]):
            self.end(child)
        shutil.rmtree(self.dir, ignore_errors=True)


class Show:
    def __init__(self, agent):
        self.agent_bin = os.path.abspath(agent)
        self.children = Children()
        self.dir = self.children.dir
        self.ports = {}
        self.redis = {}
        self.agent = None
        self.zk = None

    # Servers

    def on_free_port(self, name, command):
        """Somebody else may take the free port first: so try a few."""
        for _ in range(5):
            port = free_port()
            child = self.children.start_server(name, port, command(port))
            if child:
                self.ports[name] = port
                return child
        raise Failure(f"{name} does not start:\n"
                      + self.children.output(f"{name}.out"))

    def redis_command(self, name, port):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port),
                   "--save", "", "--repl-diskless-sync-delay", "0",
                   "--dbfilename", f"{name}.rdb"]
        if name == "replica":
            command += ["--replicaof", "127.0.0.1", str(self.ports["main"])]
        return command

    def started(self, name, pid, where):
        say(f"  started  {name:<10} pid {pid:<8} {where}")

    def start_redis(self, name):
        self.redis[name] = self.on_free_port(
            name, lambda port: self.redis_command(name, port))
        note = "  (replica of main)" if name == "replica" else ""
        self.started(name, self.redis[name].pid,
                     f"Redis on 127.0.0.1:{self.ports[name]}{note}")

    def restart_redis(self, name):
        port = self.ports[name]
        self.redis[name] = self.children.start_server(
            name, port, self.redis_command(name, port))
        if not self.redis[name]:
            raise Failure(f"{name} does not start again:\n"
                          + self.children.output(f"{name}.out"))

    def start_zookeeper(self):
        def command(port):
            with open(f"{self.dir}/zookeeper.cfg", "w") as f:
                f.write(ZOOKEEPER_CFG.format(dir=self.dir, port=port))
            return ["java", "-Xmx128m", "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-cp",
                    f"{JAVA}/zookeeper.jar:{JAVA}/slf4j-simple.jar",
                    "org.apache.zookeeper.server.ZooKeeperServerMain",
                    f"{self.dir}/zookeeper.cfg"]

        child = self.on_free_port("zookeeper", command)
        self.started("zookeeper", child.pid,
                     f"ZooKeeper on 127.0.0.1:{self.ports['zookeeper']}")
        self.zk = KazooClient(f"127.0.0.1:{self.ports['zookeeper']}",
                              read_only=False, timeout=10)
        self.zk.start(timeout=PATIENCE_S)

    def agent_command(self, port):
        config = f"{self.dir}/agent.ini"
        with open(config, "w") as f:
            f.write(AGENT_INI.format(dir=self.dir, root=ROOT, http=port,
                                     zk=self.ports["zookeeper"],
                                     **{n: self.ports[n] for n in ALL_UP}))
        return [self.agent_bin, "-c", config]

    def start_agent(self):
        self.agent = self.on_free_port("agent", self.agent_command)
        self.started("agent", self.agent.pid,
                     f"sentinel-agent -c {self.dir}/agent.ini")
        say("\n  " + colour("1", f"The page: {self.page()}"))

    def page(self):
        return f"http://127.0.0.1:{self.ports['agent']}/"

    def ask(self, path):
        """What the agent's own HTTP says."""
        with urllib.request.urlopen(self.page() + path, timeout=10) as answer:
            return answer.read().decode()

    def last_words(self):
        """The files that hold them."""
        return ["agent.out", "agent.log"]

    # What ZooKeeper says

    def document(self, name):
        try:
            return json.loads(self.zk.get(f"{ROOT}/instances/{name}")[0])
        except NoNodeError:
            return None

    def verdicts(self):
        docs = {n: self.document(n) for n in ALL_UP}
        return {n: (d["status"], d["reason"]) if d else None
                for n, d in docs.items()}

    def table(self):
        codes = {"up": "32", "degraded": "33", "down": "31", "unknown": "35"}
        say(colour("2", f"  {'INSTANCE':<10}{'STATUS':<10}{'REASON':<19}"
                        f"{'SINCE (UTC)':<14}{'ALIVE':<7}DETAIL"))
        for name in ALL_UP:
            d = self.document(name)
            if not d:
                say(f"  {name:<10}-")
                continue
            alive = self.zk.exists(f"{ROOT}/alive/{name}")
            status = colour(codes.get(d["status"], "0"),
                            f"{d['status']:<10}")
            say((f"  {name:<10}{status}{d['reason']:<19}"
                 f"{d['since'][11:23]:<14}{'yes' if alive else 'no':<7}"
                 f"{d['detail'] or ''}").rstrip())

    def expect(self, wanted):
        """Waits until ZooKeeper holds exactly these; shows the table."""
        begun = time.monotonic()
        while (seen := self.verdicts()) != wanted:
            if self.agent.poll() is not None:
                raise Failure(f"the agent ended, exit {self.agent.returncode}")
            if time.monotonic() - begun > PATIENCE_S:
                self.table()
                raise Failure(f"expected {wanted}, ZooKeeper holds {seen}")
            time.sleep(0.05)
        self.table()
        say(colour("2", f"  ({time.monotonic() - begun:.1f} s later)"))

    # The show

    def run(self):
        heading("Starting, all of it throw-away, in " + self.dir)
        for name in ALL_UP:
            self.start_redis(name)
        self.start_zookeeper()
        self.start_agent()

        heading("1. The first verdicts")
        say("  Each instance is `up` after rise = 2 good probes, never by "
            "default.\n  This is what ZooKeeper holds under "
            f"{ROOT}/instances:")
        self.expect(ALL_UP)

        heading(f"2. main is killed: kill -9 {self.redis['main'].pid}")
        say("  After fall = 3 bad probes it is `down`. Its replica still "
            "answers PING, but says\n  that it lost its master, so it is "
            "`degraded`. cache is not concerned.")
        self.children.end(self.redis["main"])
        self.expect(MAIN_DOWN)

        seen = {i["instance"]: (i["status"], i["reason"])
                for i in json.loads(self.ask("status"))["instances"]}
        if seen != MAIN_DOWN:
            raise Failure(f"ZooKeeper holds {MAIN_DOWN}, the page shows {seen}")
        why = json.loads(self.ask("instances/main"))
        say("\n  Why, as its page says: "
            f"{why['judgement']['last_change']['cause']}; the last of them: "
            f"{why['document']['detail']}.")

        heading("3. main is started again")
        say("  Two good probes, and the replica's link is back too:")
        self.restart_redis("main")
        self.expect(ALL_UP)
        self.how_to_look_further()

    def how_to_look_further(self):
        config = f"{self.dir}/agent.ini"
        zkcli = (f"java -cp {JAVA}/zookeeper.jar:{JAVA}/slf4j-nop.jar "
                 "org.apache.zookeeper.ZooKeeperMain "
                 f"-server 127.0.0.1:{self.ports['zookeeper']}")
        agent = os.path.relpath(self.agent_bin)
        heading("4. To look further while this runs")
        say(f"""\
  the page        {self.page()}
  the config      cat {config}
  the log         tail -f {self.dir}/agent.log
  a dump to it    kill -USR1 {self.agent.pid}
  its table       {agent} --status -c {config}          (--watch)
  from ZooKeeper  {agent} --status --from-zookeeper -c {config}
  one check now   {agent} --check-once --no-publish -c {config}
  for a monitor   curl {self.page()}metrics
  why             curl {self.page()}instances/main
  one document    {zkcli} get {ROOT}/instances/main
  the heartbeat   {zkcli} get {ROOT}/agents/demo
  try yourself    kill -STOP {self.redis['cache'].pid}     (and -CONT)""")

    def stay(self, until):
        """Shows each further change; until None: for ever."""
        before = self.verdicts()
        while until is None or time.monotonic() < until:
            time.sleep(0.1)
            if self.agent.poll() is not None:
                raise Failure(f"the agent ended, exit {self.agent.returncode}")
            try:
                now = self.verdicts()
                if now != before:
                    say("\n  " + time.strftime("%H:%M:%S", time.gmtime()))
                    self.table()
                    before = now
            except KazooException:
                # The onlooker may have stopped ZooKeeper to see what happens.
                continue

    def right(self):
        return self.verdicts() == ALL_UP

    def finish(self):
        """The agent's own clean end is part of what is shown."""
        heading("The end: SIGTERM to the agent")
        self.agent.send_signal(signal.SIGTERM)
        try:
            code = self.agent.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failure("the agent did not stop") from None
        if code != 0:
            raise Failure(f"the agent ended with exit {code}")
        if self.zk.exists(f"{ROOT}/agents/demo"):
            raise Failure("its heartbeat outlived the agent")
        say("  It stopped cleanly (exit 0) and its heartbeat is gone: readers "
            "know that nobody\n  watches any more. Removing everything.")


def stop(signum, _frame):
    raise Stopped(signum)


def main(show):
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else None
    logging.getLogger("kazoo").addHandler(logging.NullHandler())
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, stop)
    settled = False
    try:
        begun = time.monotonic()
        show.run()
        settled = True
        if seconds is None:
            say("\n  Every change is shown below. Ctrl-C ends the demo and "
                "removes everything.")
            show.stay(None)
        else:
            show.stay(begun + seconds)
            if not show.right():
                raise Failure("the statuses did not stay as they were")
            show.finish()
    except Stopped as e:
        say("\nStopping; removing everything.")
        # To end an endless show by Ctrl-C is no failure.
        by_ctrl_c = e.args[0] == signal.SIGINT and seconds is None
        return 0 if settled and by_ctrl_c else 128 + e.args[0]
    except (Failure, KazooException) as e:
        say(colour("31", f"\nNot right: {e}"))
        for name in show.last_words():
            say(f"The last words in {name}:\n" + show.children.output(name))
        return 1
    finally:
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        show.children.end_all()
    return 0


def run_show(show):
    """Ends the process."""
    code = main(show)
    sys.stdout.flush()
    # Not exit: kazoo's threads would be waited for, with their server gone.
    os._exit(code)


if __name__ == "__main__":
    run_show(Show(sys.argv[1]))
