"""The agent's lives, one from each start to its end, and what each costs."""

import os
import signal
import time
from dataclasses import dataclass, field
from statistics import median

from agentproc import Agent, parse_logfmt
from process import proc_status
from waiting import wait_until

# Least squares over the second half of a life, where that is long enough.
# A life may touch a new page now and then, so both must be exceeded.
RSS_KB_PER_MIN = 256
RSS_GROWN_KB = 600
JUDGED_FROM_S = 30
# From the first third of the undisturbed samples to the last, by median.
THREADS_GROWN = 0
FDS_GROWN = 4
SAMPLES_NEEDED = 9


@dataclass
class Sample:
    at: float
    calm: bool
    threads: int
    fds: int        # but for those of connections to instances
    connections: int
    rss_kb: int


@dataclass
class Life:
    number: int
    log: object
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    end: str = ""
    samples: list = field(default_factory=list)

    def seconds(self):
        return (self.ended or time.monotonic()) - self.began

    def second_half(self):
        middle = self.began + self.seconds() / 2
        return [s for s in self.samples if s.at >= middle]

    def slope(self):
        """Resident memory, kB a minute; None when too short to tell."""
        half = self.second_half()
        if self.seconds() < JUDGED_FROM_S or len(half) < SAMPLES_NEEDED:
            return None
        mean_x = sum(s.at for s in half) / len(half)
        mean_y = sum(s.rss_kb for s in half) / len(half)
        return 60 * sum((s.at - mean_x) * (s.rss_kb - mean_y) for s in half) \
            / sum((s.at - mean_x) ** 2 for s in half)

    def grown(self, what):
        """None when too short to tell."""
        values = [getattr(s, what) for s in self.samples if s.calm]
        third = len(values) // 3
        if third < SAMPLES_NEEDED // 3:
            return None
        return median(values[-third:]) - median(values[:third])

    def faults(self, instances):
        found = []
        slope = self.slope()
        if slope is not None and slope > RSS_KB_PER_MIN and \
                slope * self.seconds() / 120 > RSS_GROWN_KB:
            found.append(f"resident memory grows by {slope:.0f} kB a minute")
        for what, limit in (("threads", THREADS_GROWN), ("fds", FDS_GROWN)):
            if (grown := self.grown(what)) is not None and grown > limit:
                found.append(f"{grown:.0f} more {what} at the end")
        # One each, and two where a server hangs, which the faults have a tenth
        # of them do at most; a reload replaces all of them, and then the old
        # ones are still there for a moment.
        connections = [s.connections for s in self.samples] or [0]
        for most, limit in ((max(connections), 2 * instances),
                            (median(connections), instances * 1.1)):
            if most > limit:
                found.append(f"{most} connections to {instances} instances")
        return [f"life {self.number}: {text}" for text in found]


class SoakAgent(Agent):
    """An Agent with a log for each life; it is long, so it is never read
    twice."""

    def __init__(self, directory, config):
        super().__init__(directory, config)
        self.lives = []

    @property
    def life(self):
        return self.lives[-1]

    def start(self):
        number = len(self.lives) + 1
        self.log_path = self.dir / f"log-{number}"
        super().start()
        self.lives.append(Life(number, self.log_path))
        return self

    def kill(self):
        super().kill()
        self.end_life("kill -9")

    def end_life(self, how):
        if self.lives and self.life.ended is None:
            self.life.ended, self.life.end = time.monotonic(), how

    def reload(self, text):
        """SIGHUP; returns the event that answers it."""
        self.rewrite(text)
        answer = self.follow(("reloaded", "reload_rejected"))
        next(answer)  # it reads from here on
        self.signal(signal.SIGHUP)
        return wait_until(lambda: next(answer),
                          "no answer to SIGHUP in the log", 60)

    def follow(self, names):
        """Yields the next event of one of NAMES, or None for the moment."""
        with open(self.log_path, errors="replace") as f:
            f.seek(0, os.SEEK_END)
            line = ""
            while True:
                line += f.readline()
                if not line.endswith("\n"):
                    yield None
                    continue
                if any(f"event={n}" in line for n in names):
                    yield parse_logfmt(line)
                line = ""

    def sample(self, ports, calm):
        """False when the agent has a child, which is nowhere foreseen."""
        status = proc_status(self.pid)
        fds, connections = count_fds(self.pid, ports)
        if not {"Threads", "VmRSS"} <= status.keys():
            return True  # it ends
        self.life.samples.append(Sample(
            time.monotonic(), calm, int(status["Threads"]), fds, connections,
            int(status["VmRSS"].split()[0])))
        try:
            with open(f"/proc/{self.pid}/task/{self.pid}/children") as f:
                return not f.read().split()
        except OSError:
            return True


def count_fds(pid, ports):
    """(others, connections to PORTS) of a process."""
    sockets, others = set(), 0
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue  # closed meanwhile
            if link.startswith("socket:["):
                sockets.add(link[8:-1])
            else:
                others += 1
        connections = 0
        with open(f"/proc/{pid}/net/tcp") as f:
            next(f)  # the heading
            for line in f:
                words = line.split()
                if words[9] in sockets and \
                        int(words[2].split(":")[1], 16) in ports:
                    connections += 1
    except OSError:
        return 0, 0
    return others + len(sockets) - connections, connections


def processes_of(marker):
    """{pid: command} of all that have MARKER in their environment, and of
    our own children, zombies included."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as f:
                ours = marker.encode() in f.read()
        except OSError:
            ours = False
        status = proc_status(entry)
        if ours or status.get("PPid") == str(os.getpid()):
            found[int(entry)] = f"{status.get('Name')} {status.get('State')}"
    return found
