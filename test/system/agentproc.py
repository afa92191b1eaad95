"""The program under test as a process, its config and its log."""

import os
import re
import signal
import subprocess
from pathlib import Path

from process import Process
from waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def agent_bin():
    path = os.environ.get("AGENT_BIN", ROOT / "build" / "sentinel-agent")
    return str(Path(path).resolve())


# Short times, so that a test waits for little; a deadline that a busy
# machine does not miss.
AGENT_DEFAULTS = {
    "id": "agent-1", "interval": "200ms", "timeout": "2s",
    "retry_interval": "100ms", "info_interval": "200ms", "rise": 2, "fall": 3,
    "workers": 2, "spread": "20%", "stop_timeout": "3s",
}


def render(sections):
    """A dict of dicts as INI; None leaves a key out."""
    text = ""
    for section, keys in sections.items():
        text += f"[{section}]\n"
        text += "".join(f"{k} = {v}\n" for k, v in keys.items()
                        if v is not None)
        text += "\n"
    return text


def config_text(instances, agent=None, zookeeper=None, defaults=None,
                http=None, fleet=None):
    """INSTANCES maps a NAME to its address, or to a dict of keys; HTTP is what
    to listen on, or a dict of keys."""
    sections = {"agent": {**AGENT_DEFAULTS, **(agent or {})}}
    if zookeeper is not None:
        sections["zookeeper"] = zookeeper
    if http is not None:
        sections["http"] = {"listen": http} if isinstance(http, str) else http
    if fleet is not None:
        sections["fleet"] = fleet
    if defaults is not None:
        sections["defaults"] = defaults
    for name, keys in instances.items():
        if isinstance(keys, str):
            keys = {"address": keys}
        sections[f"redis:{name}"] = keys
    return render(sections)


def write_secret(path, text):
    """A file that nobody else can read, as secret files must be."""
    path.touch(0o600)
    path.write_text(text)
    return path


class Agent(Process):
    def __init__(self, directory, config, prefix=(), args=(), log=None,
                 **popen):
        self.dir = directory
        self.dir.mkdir(parents=True, exist_ok=True)
        self.config = self.dir / "config.ini"
        self.config.write_text(config)
        argv = [*prefix, agent_bin(), *args, "-c", self.config]
        self.life_at = 0
        super().__init__(argv, log or self.dir / "log", cwd=self.dir, **popen)

    def start(self):
        before = len(self.events("started"))
        self.life_at = len(self.log_events())
        self.spawn()
        wait_until(lambda: len(self.events("started")) > before or
                   not self.alive(), self.output)
        assert self.alive(), self.output()
        return self

    def stop(self, code=0, number=signal.SIGTERM, timeout=30):
        """Asks it to end, and insists on how it does."""
        self.signal(number)
        self.wait_exit(timeout)
        assert self.proc.returncode == code, \
            f"exit {self.proc.returncode}\n{self.output()}"

    def restart(self):
        self.kill()
        return self.start()

    def finish(self):
        """Ends it, and says if it had crashed behind the test's back."""
        crashed = self.proc is not None and not self.alive() and \
            self.proc.returncode < 0 and not self.killed
        self.kill()
        assert not crashed, \
            f"died of signal {-self.proc.returncode}\n{self.output()[-4000:]}"

    def signal(self, number):
        """Sent while the loop waits in the kernel.

        ThreadSanitizer's runtime keeps a signal that finds a thread computing
        for later, and loses one in some hundreds that way; the program alone
        lost none of 4,800.
        """
        if self.state() == "R":
            wait_until(lambda: self.state() != "R", "the loop never rests")
        super().signal(number)

    def rewrite(self, text):
        """Replaces the config the way an editor does."""
        new = self.config.with_suffix(".new")
        new.write_text(text)
        new.rename(self.config)

    def reload(self, text=None):
        """SIGHUP; returns the event that answers it."""
        if text is not None:
            self.rewrite(text)
        before = len(self.log_events())
        self.signal(signal.SIGHUP)
        return wait_until(
            lambda: [e for e in self.log_events()[before:] if e["event"] in
                     ("reloaded", "reload_rejected")], self.output)[0]

    def dump(self):
        """SIGUSR1; returns the event `dump` and the list of `dump_job`."""
        before = len(self.log_events())
        self.signal(signal.SIGUSR1)

        def look():
            new = self.log_events()[before:]
            heads = [e for e in new if e["event"] == "dump"]
            if not heads:
                return None
            jobs = [e for e in new if e["event"] == "dump_job"]
            if len(jobs) < int(heads[0]["jobs_active"]):
                return None
            return heads[0], jobs
        return wait_until(look, self.output)

    def log_events(self):
        return [parse_logfmt(line)
                for line in self.output().splitlines(keepends=True)
                if line.startswith("ts=") and line.endswith("\n")]

    def life_events(self):
        """Those since the last start, whose `started` need not be first: its
        threads run by then."""
        return self.log_events()[self.life_at:]

    def events(self, name, **match):
        return [e for e in self.log_events() if e.get("event") == name and
                all(e.get(k) == v for k, v in match.items())]

    def wait_event(self, name, count=1, **match):
        """Waits until there are COUNT such events; returns the last one."""
        return wait_until(
            lambda: (found := self.events(name, **match))
            and len(found) >= count and found[-1],
            lambda: f"event {name} {match}:\n{self.output()}")

    def sanitized(self):
        with open(f"/proc/{self.pid}/maps") as f:
            text = f.read()
        return "libasan" in text or "libtsan" in text or "clang_rt" in text


_PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|[^ "]*)')


def parse_logfmt(line):
    """One line as a dict of strings; a line that is not logfmt fails."""
    line = line.rstrip("\n")
    pairs, at = {}, 0
    while at < len(line):
        m = _PAIR.match(line, at)
        assert m, f"not logfmt at {at}: {line!r}"
        key, value = m.groups()
        assert key not in pairs, f"{key} twice: {line!r}"
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        pairs[key] = value
        at = m.end()
        assert at == len(line) or line[at] == " ", f"after {key}: {line!r}"
        at += 1
    assert list(pairs)[:4] == ["ts", "level", "thread", "event"], line
    return pairs


def run(*args, timeout=60, prefix=(), **options):
    """Runs the program to its end; output as text, never a hang."""
    return subprocess.run([*prefix, agent_bin(), *map(str, args)],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, **options)
