"""What the referee knows of time: paces, bounds, disturbances and stalls."""

import threading
import time
from dataclasses import dataclass

# For a machine that has other things to do; what is seen of its stalls comes
# on top.
SLACK_S = 2.0


@dataclass(frozen=True)
class Pace:
    """The agent's settings that bound how stale a status may be; seconds."""

    interval: float = 0.1
    timeout: float = 1.0
    retry: float = 0.1
    spread: float = 0.2
    rise: int = 2
    fall: int = 3
    session: float = 5.0
    instances: int = 200

    def bound(self):
        """From a change of a server to the status that says so.

        The probe under way may have seen the old state; then come the row of
        results, each at worst at its deadline, and the document's way.
        """
        wait = self.interval * (1 + self.spread)
        row = max(self.rise, self.fall)
        step = self.timeout + max(self.retry, self.interval)
        return wait + self.timeout + row * step + self.interval + SLACK_S

    def agent_keys(self):
        def ms(seconds):
            return f"{round(seconds * 1000)}ms"
        return {"interval": ms(self.interval), "timeout": ms(self.timeout),
                "retry_interval": ms(self.retry), "rise": self.rise,
                "fall": self.fall, "spread": f"{round(self.spread * 100)}%",
                "info_interval": "1s"}


@dataclass(frozen=True)
class Truth:
    """What may be said of an instance.

    `allowed` None: it is being changed, anything goes.  `present` True or
    False where alive/NAME must be so, None where both will do.
    """

    allowed: frozenset | None
    since: float
    present: bool | None = None
    cause: str = "start"
    reason: str | None = None   # None: any of the status

    def fits(self, document):
        """Where there is none, a reader says `unknown`: right of what left
        the config before ZooKeeper was wiped."""
        if document is None:
            return self.reason == "removed"
        return document["status"] in self.allowed and \
            self.reason in (None, document["reason"])


def truth(status, since, present=None, cause="start", reason=None):
    return Truth(frozenset([status]), since, present, cause, reason)


@dataclass(frozen=True)
class Snapshot:
    """What holds at one moment.  CALM: since when nothing disturbs the agent
    and ZooKeeper, may lie ahead, None while something does.  SESSIONS, WIPES:
    how many sessions, and how many ZooKeepers, the harness has ended."""

    truths: dict
    calm: float | None
    sessions: int
    wipes: int

    def and_still(self, later):
        """What held from here to LATER; what did not is left out."""
        truths = {name: t for name, t in later.truths.items()
                  if self.truths.get(name) == t}
        return Snapshot(truths,
                        self.calm if self.calm == later.calm else None,
                        later.sessions, later.wipes)


class Disturbances:
    """What the harness does to the agent and to ZooKeeper.

    The referee demands nothing while one is on, nor until what it needs to
    recover and a whole bound are over; but it goes on looking for what no
    disturbance excuses.  Thread: any.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.on = 1  # the start of everything
        self.calm_from = 0.0
        self.sessions = self.wipes = 0

    def begin(self, ends_session=False):
        with self.lock:
            self.on += 1
            self.sessions += ends_session

    def wiped(self):
        with self.lock:
            self.wipes += 1

    def end(self, recovery_s):
        with self.lock:
            self.on -= 1
            self.calm_from = max(self.calm_from,
                                 time.monotonic() + recovery_s)

    def snapshot(self, truths):
        with self.lock:
            return Snapshot(truths, self.calm_from if self.on == 0 else None,
                            self.sessions, self.wipes)


class Stalls:
    """How long this machine kept us waiting for nothing.  Thread: any."""

    KEEP = 4096

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = []
        self.worst = 0.0

    def add(self, seconds, now=None):
        if seconds <= 0:
            return
        with self.lock:
            self.seen.append((now or time.monotonic(), seconds))
            del self.seen[:-self.KEEP]
            self.worst = max(self.worst, seconds)

    def between(self, begin, end):
        with self.lock:
            return sum(s for at, s in self.seen
                       if at >= begin and at - s <= end)
