"""Passwords, users and rights: whose fault an answer is."""

import pytest

from agentproc import write_secret

MINIMAL = "+ping +info +client|setname"


def test_the_right_password_is_up_and_the_wrong_one_is_our_fault(
        make_agent, make_redis, tree):
    server = make_redis(requirepass="geheim")
    agent = make_agent({
        "right": {"address": server.address, "password": "geheim"},
        "wrong": {"address": server.address, "password": "falsch"},
        "none": server.address}, tree)
    tree.wait_status("right", "up", "ok")
    wrong = tree.wait_status("wrong", "unknown", "wrongpass")
    assert "WRONGPASS" in wrong["detail"]
    none = tree.wait_status("none", "unknown", "noauth")
    assert "NOAUTH" in none["detail"]
    assert tree.wait_round("agent-1")["unknown"] == 2
    agent.stop()
    assert "geheim" not in agent.output()
    assert "falsch" not in agent.output()


def test_the_smallest_acl_rule_suffices(make_agent, make_redis, tree):
    server = make_redis(user=[f"probe on >geheim {MINIMAL}", "default off"])
    make_agent({"r": {"address": server.address, "username": "probe",
                      "password": "geheim"}}, tree)
    d = tree.wait_status("r", "up", "ok",
                         when=lambda d: d["role"] and d["version"])
    assert d["role"] == "master"


def test_the_probe_names_its_connection(make_agent, redis_server, tree):
    make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    assert "sentinel-agent" in [
        c["name"] for c in redis_server.client().client_list()]


def test_an_acl_without_ping_is_noperm(make_agent, make_redis, tree):
    server = make_redis(
        user=["probe on >geheim +info +client|setname", "default off"])
    make_agent({"r": {"address": server.address, "username": "probe",
                      "password": "geheim"}}, tree)
    d = tree.wait_status("r", "unknown", "noperm")
    assert "NOPERM" in d["detail"]


def test_an_acl_without_the_key_of_probe_key_is_noperm(
        make_agent, make_redis, tree):
    """It is our user that lacks a right, not a backend that is dead."""
    server = make_redis(user=[
        f"plain on >geheim {MINIMAL}",
        f"probe on >geheim {MINIMAL} +exists ~health", "default off"])

    def instance(user, key, **more):
        return {"address": server.address, "username": user,
                "password": "geheim", "probe_key": key, **more}
    make_agent({"may": instance("probe", "health"),
                "other": instance("probe", "other"),
                "none": instance("plain", "health"),
                "role": instance("plain", "health", expect_role="replica")},
               tree)
    tree.wait_status("may", "up", "ok")
    for name in "other", "none":
        d = tree.wait_status(name, "unknown", "noperm")
        assert d["detail"].startswith("EXISTS: NOPERM")
    # What INFO says against it is not hidden by that.
    tree.wait_status("role", "degraded", "wrong_role")


def test_a_user_that_is_off_is_wrongpass(make_agent, make_redis, tree):
    server = make_redis(user=[f"probe off >geheim {MINIMAL}"])
    make_agent({"r": {"address": server.address, "username": "probe",
                      "password": "geheim"}}, tree)
    tree.wait_status("r", "unknown", "wrongpass")


def test_a_password_comes_from_a_file(
        make_agent, make_redis, tree, tmp_path):
    server = make_redis(requirepass="geheim")
    secret = write_secret(tmp_path / "secret", "geheim\n")
    make_agent({"r": {"address": server.address,
                      "password_file": secret}}, tree)
    tree.wait_status("r", "up", "ok")


@pytest.mark.parametrize("password", [
    "with space", 'quo"te', "back\\slash", "\u00fcml\u00e4ut-\u20ac",
    "a;b#c=d", "'single'", "x" * 150, "x" * 1000, "%s%n", "trailing\\",
], ids=range(10))
def test_a_password_of_any_letters_comes_through(
        make_agent, redis_server, tree, tmp_path, password):
    redis_server.client().config_set("requirepass", password)
    secret = write_secret(tmp_path / "secret", password + "\n")
    agent = make_agent(
        {"inline": {"address": redis_server.address, "password": password},
         "file": {"address": redis_server.address,
                  "password_file": secret}}, tree)
    tree.wait_status("inline", "up", "ok")
    tree.wait_status("file", "up", "ok")
    agent.stop()
    assert password not in agent.output()


def test_a_password_set_while_we_are_connected_shows(
        make_agent, redis_server, tree):
    make_agent({"r": redis_server.address}, tree)
    tree.wait_status("r", "up", "ok")
    redis_server.client().config_set("requirepass", "geheim")
    redis_server.password = "geheim"
    redis_server.client().execute_command(
        "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    tree.wait_status("r", "unknown", "noauth")
    redis_server.client().config_set("requirepass", "")
    redis_server.password = None
    tree.wait_status("r", "up", "ok")


@pytest.mark.parametrize("words", [
    b"-NOAUTH Authentication required.\r\n",
    b"-NOPERM this user has no permissions to run the 'ping' command\r\n",
])
def test_a_fault_of_ours_needs_as_many_results_as_down(
        make_agent, make_scripted, tree, words):
    server = make_scripted()
    agent = make_agent({"r": server.address}, tree)
    tree.wait_status("r", "up", "ok")
    server.replies["PING"] = words
    reason = words[1:7].decode().lower()
    tree.wait_status("r", "unknown", reason)
    assert len(agent.events("status_changed", instance="r")) == 2
    del server.replies["PING"]
    tree.wait_status("r", "up", "ok")
