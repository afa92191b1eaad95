"""Prometheus: its text format, its tool and a real server."""

import json
import re
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from ports import reserve_port
from process import Process
from waiting import wait_until

RULES = Path(__file__).resolve().parents[2] / "scripts" / \
    "sentinel-agent.rules.yml"
RULES_TESTS = [RULES.parents[1] / "test" / name for name in
               ("sentinel-agent.rules.test.yml",
                "sentinel-agent.rules.slow.test.yml")]

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')

CONFIG = """\
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
scrape_configs:
  - job_name: sentinel-agent
    honor_labels: true
    static_configs:
      - targets: ["{target}"]
        labels: {{agent: web-1}}
rule_files: ["{rules}"]
"""


class Page:
    """What /metrics says; a line that is not of the format fails."""

    def __init__(self, text):
        self.text = text
        self.types, self.help, self.samples = {}, {}, {}
        for line in text.splitlines():
            if line.startswith("# "):
                _, what, name, rest = line.split(" ", 3)
                table = {"HELP": self.help, "TYPE": self.types}[what]
                assert name not in table, f"{name} twice"
                table[name] = rest
                continue
            m = _SAMPLE.fullmatch(line)
            assert m, f"no sample: {line!r}"
            labels = tuple(_LABEL.findall(m[2] or ""))
            assert ",".join(f'{k}="{v}"' for k, v in labels) == (m[2] or "")
            samples = self.samples.setdefault(m[1], {})
            assert labels not in samples, f"twice: {line!r}"
            samples[labels] = float(m[3])

    def labels(self, name):
        """The names of the labels that all samples of NAME have."""
        kinds = {tuple(k for k, _ in labels) for labels in self.samples[name]}
        assert len(kinds) == 1, f"{name}: {kinds}"
        return kinds.pop()

    def value(self, name, **labels):
        """Of the one sample of NAME with LABELS; None: there is none."""
        found = [v for k, v in self.samples.get(name, {}).items()
                 if labels.items() <= dict(k).items()]
        assert len(found) <= 1, f"{name} {labels}: {found}"
        return found[0] if found else None


def check_metrics(text):
    """What promtool has to say against it."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 3), done
    return done.stdout + done.stderr


class Prometheus(Process):
    """A server that scrapes TARGET twice a second, and whose alerts (the ones
    that are installed) wait for nothing before they fire."""

    def __init__(self, directory, target):
        directory.mkdir()
        self.port = reserve_port()
        rules = directory / "rules.yml"
        rules.write_text(re.sub(r"for: \d+m", "for: 0s", RULES.read_text()))
        config = directory / "prometheus.yml"
        config.write_text(CONFIG.format(target=target, rules=rules))
        super().__init__(
            ["prometheus", f"--config.file={config}",
             f"--storage.tsdb.path={directory / 'data'}",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            directory / "log", cwd=directory)

    def start(self):
        self.spawn()
        wait_until(self.ready, self.output)
        return self

    def ready(self):
        assert self.alive(), self.output()
        try:
            self.get("/-/ready")
        except OSError:
            return False
        return True

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}",
                                    timeout=30) as answer:
            return answer.read().decode()

    def query(self, expression):
        """The results now, as pairs of labels and value."""
        answer = json.loads(self.get(
            "/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        assert answer["status"] == "success", answer
        return [(r["metric"], float(r["value"][1]))
                for r in answer["data"]["result"]]

    def firing(self, alert):
        """The labels of those that fire."""
        answer = json.loads(self.get("/api/v1/alerts"))
        return [a["labels"] for a in answer["data"]["alerts"]
                if a["labels"]["alertname"] == alert and
                a["state"] == "firing"]
