"""The soak behind scripts/soak: soak.py [MINUTES] [--seed N].

Hundreds of instances, faults at random, and a referee that reads ZooKeeper
all along.  Everything runs in one temporary directory as children of this
process; what is left of a failed run is that directory.
"""

import argparse
import logging
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from faults import AGENT_RECOVERY_S, Faults  # noqa: E402
from judge import Judge  # noqa: E402
from life import SoakAgent, processes_of  # noqa: E402
from referee import Referee  # noqa: E402
from report import report  # noqa: E402
from rules import Pace, Stalls  # noqa: E402
from world import AGENT, ROOT, World  # noqa: E402
from zookeeper import ZooKeeper  # noqa: E402

SAMPLE_EVERY_S = 1.0
ERRORS_ENOUGH = 20
LIFE_S = 300


class Stopped(Exception):
    """A signal asks for the end."""


class Soak:
    def __init__(self, seconds, seed, directory):
        self.seconds, self.seed, self.dir = seconds, seed, directory
        self.rng = random.Random(seed)
        self.pace = Pace()
        self.stalls = Stalls()
        self.began = time.monotonic()
        self.judge = Judge(self.pace, self.stalls, time.time())
        self.errors = []
        self.world = self.agent = self.zookeeper = self.referee = None
        self.faults = None
        self.diary = open(directory / "diary", "w", buffering=1)

    def say(self, text, loud=True):
        line = f"{time.monotonic() - self.began:7.1f} s  {text.rstrip()}"
        print(line, file=self.diary)
        if loud:
            print(line, flush=True)

    def begin(self):
        self.say("starting the servers")
        self.zookeeper = ZooKeeper(self.dir / "zookeeper")
        self.zookeeper.start()
        self.world = World(self.dir, self.pace, self.rng)
        self.world.start()
        self.agent = SoakAgent(self.dir / "agent", "")
        (self.agent.dir / "state").mkdir()
        self.referee = Referee(self.zookeeper.address, ROOT, AGENT, self.judge,
                               self.world.snapshot, self.world.canary.ping)
        self.faults = Faults(self.world, self.agent, self.zookeeper,
                             lambda: self.referee.session, self.rng, self.say,
                             min(self.seconds / 6, LIFE_S))
        self.agent.rewrite(self.faults.config())
        self.agent.start()
        self.world.disturbances.end(AGENT_RECOVERY_S)
        self.referee.start()
        self.say(f"the agent runs, pid {self.agent.pid}")

    def run(self):
        self.faults.begin()
        self.during(self.seconds, self.faults.turn)
        self.say("everything is made good again")
        self.faults.finish()
        self.during(self.settled_in(), lambda: 1)

    def settled_in(self):
        """How long until nothing is excused any more."""
        snapshot = self.world.snapshot()
        latest = max([t.since for t in snapshot.truths.values()]
                     + [snapshot.calm])
        return latest + self.pace.bound() + 2 - time.monotonic()

    def during(self, seconds, turn):
        until = time.monotonic() + seconds
        sample_at = 0
        while (now := time.monotonic()) < until and not self.hopeless():
            wait = min(turn(), until - now, 0.2)
            if now >= sample_at:
                sample_at = now + SAMPLE_EVERY_S
                self.sample()
            time.sleep(max(0, wait))

    def hopeless(self):
        if self.faults.agent_away:
            return False
        if not self.agent.alive():
            self.errors.append(
                f"the agent ended by itself, {self.agent.proc.returncode}")
            return True
        return bool(self.referee.broken) or \
            len(self.judge.tally.errors) >= ERRORS_ENOUGH

    def sample(self):
        if self.faults.agent_away:
            return
        calm = self.world.snapshot().calm
        ports = {int(t.address.split(":")[1]) for t in self.world.targets}
        if not self.agent.sample(
                ports, calm is not None and calm <= time.monotonic()):
            self.errors.append("the agent has a child")

    def end_agent(self):
        """Its own clean end is part of what is tried."""
        if not self.agent.alive():
            return
        self.agent.thaw()
        self.agent.signal(signal.SIGTERM)
        code = self.agent.wait_exit(60)
        self.agent.end_life(f"SIGTERM, exit {code}")
        if code != 0:
            self.errors.append(f"SIGTERM: exit {code}")

    def end(self):
        if self.referee is not None:
            self.referee.stop()
        for part in (self.agent, self.zookeeper):
            if part is not None:
                part.kill()
        if self.world is not None:
            self.world.end()
        self.diary.close()

    def all_errors(self):
        lives = self.agent.lives if self.agent else []
        return (self.judge.tally.errors + self.errors
                + (self.faults.errors if self.faults else [])
                + [f"the referee broke: {b}" for b in
                   (self.referee.broken if self.referee else [])]
                + [e for life in lives
                   for e in life.faults(self.pace.instances)])


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/soak", add_help=False)
    parser.add_argument("minutes", nargs="?", type=float, default=30.0)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1_000_000))
    return parser.parse_args()


def stop(signum, _frame):
    raise Stopped(signum)


def soak(args, directory, marker):
    """Returns the exit code."""
    run = Soak(args.minutes * 60, args.seed, directory)
    stopped = None
    try:
        run.begin()
        run.run()
        run.referee.stop()
        run.end_agent()
    except Stopped as e:
        stopped = e.args[0]
        print("\nStopping; ending all servers.", flush=True)
    except Exception as e:
        logging.exception("the soak itself")
        run.errors.append(f"the soak itself: {e!r}")
    finally:
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, signal.SIG_IGN)
        run.end()
    left = processes_of(marker)
    if left:
        run.errors.append(f"left behind: {left}")
    errors = run.all_errors()
    if run.faults is not None:
        report(run, errors)
    if errors:
        print(f"Logs and diary are kept: {directory}")
        return 1
    shutil.rmtree(directory, ignore_errors=True)
    return 128 + stopped if stopped else 0


def main():
    args = arguments()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, stop)
    directory = Path(tempfile.mkdtemp(prefix="soak."))
    logging.basicConfig(filename=directory / "harness.log",
                        level=logging.WARNING)
    marker = f"SENTINEL_SOAK={uuid.uuid4().hex}"
    os.environ.update([marker.split("=")])
    print(f"Soak: {args.minutes:g} min, seed {args.seed}, in {directory}",
          flush=True)
    return soak(args, directory, marker)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Not exit: kazoo's threads would be waited for, with their server gone.
    os._exit(code)
