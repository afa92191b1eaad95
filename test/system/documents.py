"""The shape of what the agent publishes, as its readers rely on it."""

import datetime
import json
import re

STATUS_KEYS = ["schema", "instance", "address", "status", "reason", "detail",
               "since", "checked", "rtt_us", "role", "server", "version",
               "started", "maintenance", "agent", "round", "seq"]
# Behind "maintenance", while it is true.
MAINTENANCE_KEYS = ["maintenance_owner", "maintenance_reason",
                    "maintenance_until"]
# Of a target of a fleet, behind "agent".
TARGET_KEYS = ["fleet", "by"]
HEARTBEAT_KEYS = ["schema", "agent", "host", "pid", "started", "round",
                  "interval_ms", "time", "valid_until", "instances", "up",
                  "degraded", "down", "unknown", "except"]
PRESENCE_KEYS = ["host", "port", "name", "agent"]

REASONS = {
    "up": {"ok"},
    "degraded": {"loading", "busy", "misconf", "masterdown",
                 "replica_link_down", "wrong_role", "lag",
                 "no_new_clients", "no_replicas", "cluster_down", "backend"},
    "down": {"refused", "unreachable", "connect_timeout", "reply_timeout",
             "reset", "closed", "maxclients", "protocol"},
    "unknown": {"noauth", "wrongpass", "noperm", "dns", "tls", "no_info", "pending",
                "stuck", "doubt", "removed", "settings"},
}

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


def moment(text):
    """An RFC 3339 time of a document or a log line, in seconds."""
    assert TIME.match(text), f"not an RFC 3339 time with ms: {text!r}"
    return datetime.datetime.strptime(
        text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(
        tzinfo=datetime.timezone.utc).timestamp()


def _line(data, keys):
    text = data.decode("utf-8")
    assert "\n" not in text.rstrip("\n"), f"more than a line: {text!r}"
    pairs = json.loads(text, object_pairs_hook=list)
    assert [k for k, _ in pairs] == keys, f"keys of {text}"
    return dict(pairs)


def status_keys(maintenance, fleet):
    """The keys of a status document, in their order."""
    keys = list(STATUS_KEYS)
    if fleet:
        at = keys.index("agent") + 1
        keys[at:at] = TARGET_KEYS
    if maintenance:
        at = keys.index("maintenance") + 1
        keys[at:at] = MAINTENANCE_KEYS
    return keys


def check_status(data, name):
    d = _line(data, status_keys(maintenance=b'"maintenance":true' in data,
                                fleet=b'"fleet"' in data))
    assert d["schema"] == 1
    assert d["instance"] == name
    assert d["reason"] in REASONS[d["status"]], d
    assert isinstance(d["detail"], str), d
    moment(d["since"])
    if d["checked"] is not None:
        moment(d["checked"])
    assert d["rtt_us"] is None or 0 <= d["rtt_us"] < 3_600_000_000, d
    assert d["role"] in (None, "master", "replica", "sentinel"), d
    assert d["server"] is None or re.match(r"[a-z]+\Z", d["server"]), d
    if d["started"] is not None:
        moment(d["started"])
    assert d["version"] is None or re.match(r"\d+\.\d+", d["version"]), d
    assert isinstance(d["maintenance"], bool), d
    if d["maintenance"] and d["maintenance_until"] is not None:
        moment(d["maintenance_until"])
    assert isinstance(d["agent"], str) and d["agent"], d
    assert isinstance(d["round"], int) and d["round"] >= 0, d
    assert isinstance(d["seq"], int) and d["seq"] >= 1, d
    return d


def check_heartbeat(data, agent):
    d = _line(data, HEARTBEAT_KEYS +
              (["fleet", "basis"] if b'"fleet"' in data else []))
    assert d["schema"] == 1
    assert d["agent"] == agent
    assert d["host"] and d["pid"] > 0
    moment(d["started"])
    assert abs(moment(d["valid_until"]) - moment(d["time"]) -
               3 * d["interval_ms"] / 1000) < 0.0015, d
    assert d["up"] + d["degraded"] + d["down"] + d["unknown"] == \
        d["instances"], d
    return d
