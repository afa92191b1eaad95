"""Judges what a reader sees against what the harness knows.

Pure: time and truth come in as arguments.  NOW is always the time at which
the reader asked, so that a slow answer makes nothing look staler.
"""

from collections import Counter
from dataclasses import dataclass, field

from documents import check_heartbeat, check_status, moment

# A false verdict takes three deadlines missed in a row, and so a machine
# that keeps its processes waiting for longer than this.
STARVED_S = 0.5
STARVED_WINDOW_S = 15.0
NOT_ONE = (AssertionError, ValueError, KeyError, TypeError)


@dataclass
class Memory:
    """Of one instance."""

    truth: object = None
    settled: bool = False   # right, and that longer than the bound after
    wrong_since: float | None = None
    said: bool = False      # an error was reported under this truth
    held: bool = False      # its alive node must not vanish any more
    said_alive: bool = False
    document: dict | None = None
    since: dict | None = None   # the last one that was not `pending`


@dataclass
class Tally:
    statuses: int = 0
    presences: int = 0
    trusted: int = 0        # passes
    untrusted: int = 0
    excused: int = 0        # contradictions while the machine stalled
    errors: list = field(default_factory=list)
    settled: Counter = field(default_factory=Counter)   # by cause
    stalest: dict = field(default_factory=dict)         # by cause, seconds


class Judge:
    def __init__(self, pace, stalls, began_wall):
        self.pace = pace
        self.bound = pace.bound()
        self.stalls = stalls
        self.began_wall = began_wall
        self.tally = Tally()
        self.memory = {}
        self.dark_since = None
        self.said_dark = False
        self.beat_held = False
        self.sessions = self.wipes = 0

    def error(self, text):
        self.tally.errors.append(text)

    def of(self, name, truth):
        m = self.memory.setdefault(name, Memory())
        if m.truth != truth:
            self.memory[name] = m = Memory(truth, document=m.document,
                                           since=m.since)
        return m

    def late(self, since, now):
        """Whether more than the bound has passed, stalls not counted."""
        return now - since > self.bound + self.stalls.between(since, now)

    def accuse(self, text, now):
        """For what a machine without time for us could bring about."""
        if self.stalls.between(now - STARVED_WINDOW_S, now) > STARVED_S:
            self.tally.excused += 1
        else:
            self.error(text)

    # Statuses

    def status(self, name, document, trusted, snapshot, now):
        truth, calm = snapshot.truths[name], snapshot.calm
        m = self.of(name, truth)
        if truth.allowed is None or not trusted:
            m.wrong_since = None
            return
        self.tally.statuses += 1
        seen = document["status"] if document else "unknown"
        if truth.fits(document):
            self.right(m, now)
        elif not m.said:
            self.wrong(m, name, seen, document, calm, now)

    def right(self, m, now):
        m.wrong_since = None
        if not m.settled and self.late(m.truth.since, now):
            m.settled = True
            self.tally.settled[m.truth.cause] += 1

    def wrong(self, m, name, seen, document, calm, now):
        cause, age = m.truth.cause, now - m.truth.since
        if m.settled and seen not in ("unknown", *m.truth.allowed):
            m.said = True
            self.accuse(f"{name}: false verdict, {age:.1f} s after {cause}: "
                        f"{document}", now)
            return
        if calm is None or calm > now:
            m.wrong_since = None
            return
        m.wrong_since = m.wrong_since or now
        if not m.settled and calm <= m.truth.since:
            self.tally.stalest[cause] = max(
                self.tally.stalest.get(cause, 0.0), age)
        base = max(m.truth.since, calm, m.wrong_since if m.settled else 0)
        if self.late(base, now):
            m.said = True
            self.error(
                f"{name}: {seen} for {now - base:.1f} s, after {cause} it "
                f"must be {set(m.truth.allowed)} within {self.bound:.1f} s: "
                f"{document}")

    def document(self, name, data, snapshot, now, now_wall):
        """Checks the bytes themselves; returns them as a dict, or None.
        DATA None: there is no node."""
        if snapshot.wipes != self.wipes:
            self.wipes = snapshot.wipes
            for m in self.memory.values():
                m.document = m.since = None
        m = self.of(name, snapshot.truths[name])
        before = m.document
        if data is None:
            if before is not None:
                self.error(f"{name}: its document is gone: {before}")
                m.document = m.since = None
            return None
        try:
            d = check_status(data, name)
        except NOT_ONE as e:
            self.error(f"{name}: not a status document: {e!r} {data!r}")
            return None
        if before is not None and d["seq"] < before["seq"]:
            self.error(f"{name}: seq decreased: {before} {d}")
        if not self.began_wall - 1 < moment(d["since"]) < now_wall + 0.1:
            self.error(f"{name}: since is out of this world: {d}")
        m.document = d
        # A restart may have to say `pending` before it knows that nothing
        # has changed.
        if d["reason"] != "pending":
            if m.since is not None:
                self.since(name, m, m.since, d, now)
            m.since = d
        return d

    def since(self, name, m, before, d, now):
        if moment(d["since"]) < moment(before["since"]):
            self.error(f"{name}: since decreased: {before} {d}")
        # It shows another status that came and went between two readings.
        if m.settled and d["status"] == before["status"] and \
                d["since"] != before["since"]:
            self.accuse(f"{name}: since moved: {before} {d}", now)

    def heartbeat(self, data, agent, calm, now, now_wall):
        """Whether a reader trusts the agent now."""
        trusted = False
        if data is not None:
            try:
                beat = check_heartbeat(data, agent)
                trusted = moment(beat["valid_until"]) > now_wall
            except NOT_ONE as e:
                self.error(f"not a heartbeat: {e!r} {data!r}")
        self.tally.trusted += trusted
        self.tally.untrusted += not trusted
        if trusted or calm is None or calm > now:
            self.dark_since, self.said_dark = None, False
            return trusted
        self.dark_since = self.dark_since or now
        if self.late(self.dark_since, now) and not self.said_dark:
            self.said_dark = True
            self.error(f"in the dark: no valid heartbeat for "
                       f"{now - self.dark_since:.1f} s")
        return trusted

    # Presence

    def presence(self, names, beat, snapshot, now):
        """NAMES: those under alive; BEAT: whether agents/ID is there.

        A node that is there longer than the bound after its server became
        well is held: only a session ended by the harness lets it vanish.
        """
        if snapshot.sessions != self.sessions:
            self.sessions = snapshot.sessions
            self.beat_held = False
            for m in self.memory.values():
                m.held = False
        calm = snapshot.calm
        calm = calm if calm is not None and calm <= now else None
        for name in snapshot.truths:
            self.one_presence(name, name in names, snapshot.truths[name],
                              calm, now)
        if beat:
            self.beat_held = self.beat_held or calm is not None
        elif self.beat_held:
            self.beat_held = False
            self.gap("agents/ID vanished", now)

    def gap(self, text, now):
        """A session may end where the agent was not let run for long."""
        session = self.pace.session
        if self.stalls.between(now - 2 * session, now) > session / 3:
            self.tally.excused += 1
        else:
            self.error(text)

    def one_presence(self, name, there, truth, calm, now):
        m = self.of(name, truth)
        if truth.present is None:
            return
        self.tally.presences += 1
        late = calm is not None and self.late(max(truth.since, calm), now)
        if there == truth.present:
            m.held = m.held or (there and late)
        elif m.held:
            m.held, m.said_alive = False, True
            self.gap(f"alive/{name} vanished, {now - truth.since:.1f} s "
                     f"after {truth.cause}", now)
        elif late and not m.said_alive:
            m.said_alive = True
            self.gap(f"alive/{name} is {'still' if there else 'not'} there, "
                     f"{now - truth.since:.1f} s after {truth.cause}", now)
