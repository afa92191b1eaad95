"""Which instances the agent is told to watch, and the truth about each."""

import dataclasses
import itertools
import time

from agentproc import config_text
from certificates import Certificates
from rules import Disturbances, Truth, truth
from targets import PeerTarget, RedisTarget, TlsRedisTarget

ROOT = "/soak"
AGENT = "soak"
REDISES, TLS_REDISES, PEERS, NAMES_EACH = 26, 10, 4, 5
SPARE_NAMES = 20


@dataclasses.dataclass(frozen=True)
class Entry:
    """An instance that is, or once was, in the config."""

    target: object
    since: float
    cause: str = "start"
    paused: bool = False
    removed: bool = False
    changing: bool = False

    def truth(self):
        if self.changing:
            return Truth(None, self.since, cause=self.cause)
        if self.removed:
            return truth("unknown", self.since, False, self.cause, "removed")
        t = self.target.truth
        if t.since < self.since:
            t = dataclasses.replace(t, since=self.since, cause=self.cause)
        if self.paused:
            t = dataclasses.replace(t, present=False)
        return t


class World:
    def __init__(self, directory, pace, rng):
        self.pace, self.rng = pace, rng
        self.disturbances = Disturbances()
        self.targets = [RedisTarget(f"redis-{i:02}", directory)
                        for i in range(REDISES)]
        certificates = Certificates(directory / "certificates").make("server")
        self.targets += [TlsRedisTarget(f"tls-{i}", directory, certificates)
                         for i in range(TLS_REDISES)]
        self.targets += [PeerTarget(f"peer-{i}") for i in range(PEERS)]
        self.canary = self.targets[0]
        assert len(self.targets) * NAMES_EACH == pace.instances
        now = time.monotonic()
        self.entries = {
            f"{t.name}.{n}": Entry(t, now)
            for t in self.targets for n in range(NAMES_EACH)}
        self.spare = [f"spare.{n}" for n in range(SPARE_NAMES)]

    def snapshot(self):
        # Entries first: what is read later is newer, and so looks changed.
        truths = {name: e.truth() for name, e in list(self.entries.items())}
        return self.disturbances.snapshot(truths)

    def config(self, directory, servers, **agent):
        instances = {}
        for name, e in self.entries.items():
            if not e.removed:
                instances[name] = {"address": e.target.address,
                                   **e.target.keys,
                                   "paused": "yes" if e.paused else None}
        return config_text(
            instances,
            agent={"id": AGENT, **self.pace.agent_keys(), **agent},
            zookeeper={"servers": servers, "root": ROOT, "presence": "yes",
                       "session_timeout": f"{self.pace.session:.0f}s"})

    def start(self):
        for t in self.targets:
            t.start()

    def end(self):
        for t in self.targets:
            t.end()

    # Reload

    def choose_changes(self):
        """{name: Entry as it shall be}, a few of each kind."""
        names = list(self.entries)
        self.rng.shuffle(names)
        few = (self.rng.randrange(4) for _ in itertools.count())
        removed = [n for n in names if self.entries[n].removed]
        present = iter([n for n in names if not self.entries[n].removed
                        and self.entries[n].target is not self.canary])
        changes = {}

        def put(name, cause, **keys):
            old = self.entries.get(name) or Entry(self.a_target(), 0)
            changes[name] = dataclasses.replace(old, cause=cause, **keys)
        back = removed + self.spare
        count = min(next(few), len(back))
        for name in back[:count]:
            put(name, "added", target=self.a_target(), removed=False,
                paused=False)
        # Never more than there were at the start.
        room = self.pace.instances - len(self.watched())
        for name in itertools.islice(present, max(count - room, next(few))):
            put(name, "removed", removed=True)
        for name in itertools.islice(present, next(few)):
            put(name, "moved", target=self.a_target(self.entries[name]))
        for name in itertools.islice(present, next(few)):
            paused = self.entries[name].paused
            put(name, "resumed" if paused else "paused", paused=not paused)
        return changes

    def watched(self):
        return [n for n, e in self.entries.items() if not e.removed]

    def a_target(self, other_than=None):
        choice = [t for t in self.targets if t is not self.canary and
                  (other_than is None or t is not other_than.target)]
        return self.rng.choice(choice)

    def apply(self, changes, reload):
        """Calls RELOAD when the entries are as they shall be; what is known
        of them meanwhile is nothing."""
        now = time.monotonic()
        for name, e in changes.items():
            if name in self.spare:
                self.spare.remove(name)
            self.entries[name] = dataclasses.replace(
                e, since=now, changing=True)
        reload()
        now = time.monotonic()
        for name in changes:
            self.entries[name] = dataclasses.replace(
                self.entries[name], since=now, changing=False)
