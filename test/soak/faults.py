"""What goes wrong, and when: chosen at random, from one seed."""

import heapq
import itertools
import time
from collections import Counter

AT_ONCE = 10            # servers hurt at the same time
SMALL_EVERY_S = 0.7     # on average
RELOAD_EVERY_S = 6.0
# What the agent needs before its bound begins to run again.
AGENT_RECOVERY_S = 1.0
ZOOKEEPER_RECOVERY_S = 2.0
SESSION_RECOVERY_S = 2.0


def wipe_recovery_s(session_s):
    """A server that lost its past refuses the session for ever: a new one is
    asked for when the old one must be over."""
    return max(2 * session_s, 10.0) + 3.0


class Faults:
    def __init__(self, world, agent, zookeeper, session_id, rng, say, life_s):
        self.world, self.agent, self.zookeeper = world, agent, zookeeper
        self.session_id, self.rng, self.say = session_id, rng, say
        self.life_s = life_s  # at least; a leak needs time to be seen
        self.bound = world.pace.bound()
        self.due = []
        self.order = itertools.count()
        self.injected = Counter()
        self.agent_away = False
        self.resting = set()
        self.bag = []
        self.errors = []

    def at(self, delay, action):
        heapq.heappush(self.due,
                       (time.monotonic() + delay, next(self.order), action))

    def begin(self):
        self.at(0, self.small)
        self.at(self.rng.uniform(1, 3), self.reload)
        self.at(self.bound, self.big)

    def turn(self):
        """Does what is due; returns how long nothing will be."""
        while self.due and self.due[0][0] <= time.monotonic():
            heapq.heappop(self.due)[2]()
        return max(0, self.due[0][0] - time.monotonic()) if self.due else 1

    def finish(self):
        """Makes everything good again, whatever is under way."""
        pending = [action for _, _, action in sorted(self.due)]
        self.due = []
        for action in pending:
            if action not in (self.small, self.reload, self.big):
                action()
        self.due = []

    def count(self, what, detail="", loud=False):
        self.injected[what] += 1
        self.say(f"{what} {detail}", loud)

    # Of servers

    def some_time(self):
        """Most faults last until they must be told; some are over before."""
        if self.rng.random() < 0.3:
            return self.rng.uniform(0.02, 3)
        return self.bound + self.rng.uniform(0.5, 5)

    def small(self):
        self.at(self.rng.expovariate(1 / SMALL_EVERY_S), self.small)
        well = [t for t in self.world.targets
                if t is not self.world.canary and t.harm is None
                and t not in self.resting]
        hurt = sum(t.harm is not None for t in self.world.targets)
        if not well or hurt >= AT_ONCE:
            return
        target = self.rng.choice(well)
        harm = self.rng.choice(target.harms)
        target.hurt(harm)
        seconds = self.some_time()
        self.count(harm, f"{target.name} for {seconds:.1f} s")
        self.at(seconds, lambda: self.heal(target))

    def heal(self, target):
        target.heal()
        self.say(f"healed {target.name}", False)
        self.resting.add(target)
        self.at(self.some_time(), lambda: self.resting.discard(target))

    # Of the config

    def config(self):
        return self.world.config(
            self.agent.dir, self.zookeeper.address,
            state_dir=self.agent.dir / "state")

    def reload(self):
        self.at(self.rng.uniform(0.3, 1.7) * RELOAD_EVERY_S, self.reload)
        if self.agent_away:
            return
        if self.rng.random() < 0.2:
            self.count("bad reload")
            self.ask(self.config() + "[redis:bad]\nadress = x\n",
                     "reload_rejected")
            # With the bad one it would rightly not start again.
            self.agent.rewrite(self.config())
            return
        changes = self.world.choose_changes()
        kinds = Counter(e.cause for e in changes.values())
        self.count("reload", dict(kinds))
        self.world.apply(changes,
                         lambda: self.ask(self.config(), "reloaded"))

    def ask(self, text, wanted):
        event = self.agent.reload(text)
        if event["event"] != wanted:
            self.errors.append(f"SIGHUP: not {wanted} but {event}")

    # Of the agent and of ZooKeeper: one at a time

    def big(self):
        if not self.bag:
            self.bag = [self.kill_agent, self.stop_agent, self.kill_zookeeper,
                        self.wipe_zookeeper, self.expire]
            self.rng.shuffle(self.bag)
        deed = self.bag.pop()
        if deed == self.kill_agent and \
                self.agent.life.seconds() < self.life_s:
            self.at(0, self.big)
            return
        deed()

    def over(self, recovery):
        self.world.disturbances.end(recovery)
        self.at(recovery + self.bound + self.rng.uniform(1, 4), self.big)

    def kill_agent(self):
        seconds = self.rng.uniform(0, 1.5)
        self.count("agent kill -9", f"for {seconds:.1f} s", True)
        self.world.disturbances.begin()
        self.agent_away = True
        self.agent.kill()

        def back():
            self.agent.start()
            self.agent_away = False
            self.over(AGENT_RECOVERY_S)
        self.at(seconds, back)

    def stop_agent(self):
        seconds = self.rng.uniform(0.3, 2.5)
        self.count("agent SIGSTOP", f"for {seconds:.1f} s", True)
        self.world.disturbances.begin()
        self.agent_away = True
        self.agent.freeze()

        def back():
            self.agent.thaw()
            self.agent_away = False
            self.over(AGENT_RECOVERY_S)
        self.at(seconds, back)

    def kill_zookeeper(self):
        seconds = self.rng.uniform(0, 3)
        self.count("zookeeper kill -9", f"for {seconds:.1f} s", True)
        self.world.disturbances.begin()
        self.zookeeper.kill()

        def back():
            self.zookeeper.start()
            self.over(ZOOKEEPER_RECOVERY_S)
        self.at(seconds, back)

    def wipe_zookeeper(self):
        self.count("zookeeper wiped", loud=True)
        self.world.disturbances.begin(ends_session=True)
        self.zookeeper.kill()
        self.world.disturbances.wiped()
        self.zookeeper.wipe()
        self.over(wipe_recovery_s(self.world.pace.session))

    def expire(self):
        session = self.session_id()
        if session is None:
            self.at(1, self.big)
            return
        self.count("session expired", loud=True)
        self.world.disturbances.begin(ends_session=True)
        self.zookeeper.expire(session)
        self.over(SESSION_RECOVERY_S)
