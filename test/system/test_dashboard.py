"""The dashboard, as a person sees it in a browser."""

import json
import re
import signal
import time
import urllib.request

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from agentproc import run
from browser import PHONE
from ports import reserve_port
from waiting import hold, wait_until

HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'


@pytest.fixture
def pair(make_redis):
    """A master and its replica, by name."""
    master = make_redis()
    replica = make_redis(replicaof=f"127.0.0.1 {master.port}")
    return {"main": master, "replica": replica}


def addresses(servers):
    return {name: server.address for name, server in servers.items()}


def test_it_shows_the_instances_and_the_agent(
        watch, pair, tree, open_page):
    agent = watch(addresses(pair), tree)
    page = open_page(agent)
    seen = page.wait(lambda s: s.headline == "All 2 up"
                     and all(r["version"] for r in s.rows), "all up")
    assert seen.names() == ["main", "replica"]
    for name, role in (("main", "master"), ("replica", "replica")):
        row = seen.row(name)
        assert (row.status, row.role) == ("up", role)
        assert row.reason == "The server answers and serves."
        assert row.address == pair[name].address
        assert row.version == pair[name].identity()[1]
        assert row.rtt.endswith(("µs", "ms")), row
        assert row.since.endswith(("s", "min")), row
    assert "agent agent-1 is well" in seen.facts
    assert "ZooKeeper connected" in seen.facts
    assert tree.root in seen.zookeeper
    assert tree.server.address in seen.zookeeper
    assert f"threads{agent.threads()}, 2 of them probe" in seen.pool
    assert seen.spoken == "All 2 up. The agent is well."
    assert seen.title.startswith("All 2 up \u2013 agent-1")
    page.wait(lambda s: "up" in s.events and "main" in s.events, "with events")


def test_its_policy_lets_nothing_in(watch, redis_server):
    agent = watch({"r": redis_server.address})
    with urllib.request.urlopen(f"http://{agent.http}/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        body = answer.read()
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert len(body) < 60 * 1024
    assert b"http://www.w3.org/2000/svg" in body
    assert body.count(b"http://") + body.count(b"https://") == 2


def test_an_outage_and_its_end_are_shown_without_a_reload(
        watch, make_redis, tree, open_page):
    servers = {name: make_redis() for name in ("a", "b", "c")}
    page = open_page(watch(addresses(servers), tree))
    page.wait_rows(["a", "b", "c"])
    page.wait(lambda s: s.headline == "All 3 up", "all up")
    # What a person is just doing must not be disturbed.
    page.run("""
        window.before = [...document.querySelectorAll('.row')];
        const b = window.before[1].querySelector('a');
        b.focus();
        getSelection().selectAllChildren(b);
    """)
    servers["c"].kill()
    seen = page.wait_status("c", "down")
    assert seen.names() == ["c", "a", "b"]
    assert seen.row("c").reason.startswith("The connection was refused")
    assert seen.row("c").beside == "connect: connection refused"
    assert seen.row("c").rtt == "–"
    assert (seen.headline, seen.focus) == ("1 down of 3", "b")
    assert seen.spoken.startswith("1 down of 3.")
    assert seen.title.startswith("1 down of 3")
    page.wait(lambda s: "results in a row worse" in s.events, "with its event")
    servers["c"].start()
    seen = page.wait_status("c", "up")
    assert seen.names() == ["a", "b", "c"]
    assert (seen.headline, seen.focus) == ("All 3 up", "b")
    assert page.run("""
        const after = [...document.querySelectorAll('.row')];
        return after.every((row, i) => row === window.before[i]) &&
            String(getSelection()) === 'b';
    """), "the rows were made anew, or what was selected was lost"


def test_the_filter_is_kept_in_the_address_bar(
        watch, make_redis, open_page):
    server = make_redis()
    names = ["cache-1", "cache-2", "queue-1"]
    agent = watch({**{n: server.address for n in names},
                   "queue-2": f"127.0.0.1:{reserve_port()}"})
    page = open_page(agent)
    page.wait_status("queue-2", "down")
    page.wait_rows(["queue-2", *names])
    page.type_filter("queue")
    seen = page.wait_rows(["queue-2", "queue-1"])
    assert (seen.hash, seen.shown) == ("#q=queue", "2 of 4 shown")
    page.click("#counts button span", "up")
    assert page.wait_rows(["queue-1"]).hash == "#q=queue&status=up"
    page.driver.refresh()
    seen = page.wait_rows(["queue-1"])
    assert (seen.filter, seen.shown) == ("queue", "1 of 4 shown")
    page.driver.back()
    page.wait_rows(["queue-2", "queue-1"])
    page.driver.back()
    assert page.wait_rows(["queue-2", *names]).filter == ""
    page.driver.forward()
    assert page.wait_rows(["queue-2", "queue-1"]).filter == "queue"
    # The reason's own words, and several of them in any order.
    page.press("/", "listens refused")
    page.wait_rows(["queue-2"])
    page.press(" nothing-like-it")
    assert page.wait_rows([]).empty.startswith("No instance matches.")
    page.press(Keys.ESCAPE)
    assert page.wait_rows(["queue-2", *names]).hash in ("", "#")


def test_a_click_shows_why(watch, redis_server, tree, open_page):
    agent = watch({"r": redis_server.address,
                   "dead": f"127.0.0.1:{reserve_port()}"}, tree)
    page = open_page(agent)
    page.wait_status("r", "up")
    tree.wait_status("r", "up", when=lambda d: d["version"])
    page.click_row("r")
    seen = page.wait(lambda s: s.held, "with the document")
    assert (seen.open, seen.hash, seen.focus) == ("r", "#instance=r", "r")
    for words in ("up for", "The server answers and serves.", "better",
                  "0 of 2", "0 of 3", "reply", "every 200 ms",
                  f"{tree.root}/instances/r"):
        assert words in seen.why, words
    document, stat = tree.get("instances/r")
    seen = page.wait(lambda s: f"znode version{stat.version}" in s.why,
                     f"with version {stat.version}")
    assert json.loads(seen.held) == json.loads(document)
    page.press(Keys.ESCAPE)
    seen = page.wait(lambda s: s.open == "", "closed")
    assert (seen.focus, seen.hash in ("", "#")) == ("r", True)
    page.driver.back()
    page.wait(lambda s: s.open == "r", "open again")
    redis_server.kill()
    seen = page.wait(lambda s: "down for" in s.why, "what happens to it")
    assert "3 results in a row worse than up" in seen.why
    page = open_page(agent, "#instance=dead")
    page.wait(lambda s: "refused" in s.why and "connect " in s.why,
              "open from the start")
    page = open_page(agent, "#instance=nobody")
    page.may_miss_answers = True
    page.wait(lambda s: "no instance of this name" in s.why, "without it")


def test_the_keyboard_is_enough(watch, redis_server, open_page):
    names = ["a", "b", "c"]
    page = open_page(watch({n: redis_server.address for n in names}))
    page.wait_rows(names)
    page.press("/")
    page.press(Keys.ARROW_DOWN)
    assert page.see().focus == "a"
    page.press(Keys.ARROW_DOWN)
    page.press("j")
    assert page.see().focus == "c"
    page.press(Keys.HOME)
    page.press(Keys.ENTER)
    page.wait(lambda s: s.open == s.focus == "a", "open")
    page.press(Keys.ESCAPE)
    page.wait(lambda s: s.open == "" and s.focus == "a", "closed")


def test_a_click_beside_the_detail_closes_it(
        watch, redis_server, open_page):
    page = open_page(watch({"r": redis_server.address}), "#instance=r",
                     size=(900, 700))
    page.wait(lambda s: "better" in s.why, "open")
    page.click("#why h3")
    assert page.see().open == "r"
    ActionChains(page.driver).move_by_offset(30, 30).click().perform()
    page.wait(lambda s: s.open == "", "closed")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_an_agent_that_is_gone_is_said_and_its_return_too(
        watch, redis_server, open_page, how):
    agent = watch({"r": redis_server.address})
    page = open_page(agent)
    page.wait_status("r", "up")
    assert page.see().alarm == ""
    page.may_miss_answers = True
    if how == "stopped":
        agent.freeze()
    else:
        agent.kill()
    seen = page.wait(lambda s: s.alarm, "alarmed")
    assert "The agent has not answered since" in seen.alarm
    assert "from then" in seen.alarm and seen.title.startswith("No answer")
    assert seen.status_of("r") == "up"
    assert seen.headline.startswith("All 1 up at")
    since = seen.row("r").since
    # What is shown does not go on as if it were known.
    assert set(hold(1.5, lambda: page.see().row("r").since)) == {since}
    if how == "stopped":
        agent.signal(signal.SIGCONT)
    else:
        agent.start()
    page.wait(lambda s: s.alarm == "" and s.headline == "All 1 up", "well")


def test_the_events_are_those_of_the_agent_that_runs(
        watch, redis_server, open_page):
    agent = watch({"r": redis_server.address})
    page = open_page(agent)
    page.wait(lambda s: s.events.count("unknown \u2192") == 1, "with an event")
    page.may_miss_answers = True
    agent.kill()
    page.wait(lambda s: s.alarm, "alarmed")
    # As many events as before, so that their number alone says nothing.
    agent.rewrite(agent.config.read_text().replace("redis:r", "redis:other"))
    agent.start()
    page.wait(lambda s: "other" in s.events, "with the new one's events")
    assert page.see().events.count("unknown \u2192") == 1


def test_what_a_server_says_stays_text(
        watch, make_scripted, tree, open_page):
    error = f"-ERR {HOSTILE}\r\n".encode()
    server = make_scripted(replies={"PING": error})
    agent = watch({"r": server.address}, tree)
    page = open_page(agent)
    page.wait(lambda s: s.row("r") and HOSTILE in s.row("r").beside,
              "with the server's words")
    page.click_row("r")
    page.wait(lambda s: HOSTILE in s.why and HOSTILE in json.loads(
        s.held or "{}").get("detail", ""), "with them in detail")
    page.wait(lambda s: HOSTILE in s.events, "with them in the events")
    page.type_filter(HOSTILE)
    page.wait_rows(["r"])
    assert page.run("return window.hurt") is None
    # The page's own script, and no element that anybody else asked for.
    assert page.run("return document.querySelectorAll("
                    "'script, img, td b').length") == 1


def test_a_conflict_and_a_pause_can_be_seen(
        watch, redis_server, tree, open_page):
    watch({"r": redis_server.address}, tree)
    tree.wait_status("r", "up")
    agent = watch({"r": redis_server.address, "p": {
        "address": redis_server.address, "paused": "yes"}}, tree,
        agent={"id": "agent-2"})
    page = open_page(agent)
    page.wait(lambda s: s.row("r") and s.row("r").tags ==
              "conflict: agent-1", "with the conflict")
    page.wait(lambda s: s.row("p").tags == "paused", "with the pause")
    page.type_filter("conflict")
    page.wait_rows(["r"])


def test_a_maintenance_can_be_seen_with_who_why_and_until_when(
        watch, redis_server, tree, open_page):
    agent = watch({"r": redis_server.address}, tree)
    tree.wait_status("r", "up")
    ran = run("--maintenance", "set", "r", "--for", "2h", "--reason",
              "kernel <b>", "--owner", "ops", "-c", agent.config)
    assert ran.returncode == 0, ran.stderr
    page = open_page(agent)
    page.wait(lambda s: s.row("r") and
              s.row("r").tags.startswith("maintenance until "), "with its end")
    page.click_row("r")
    page.wait(lambda s: "In maintenance until 20" in s.why and
              "by ops: kernel <b>. Probed and shown." in s.why, "with who")
    shown = run("--status", "-c", agent.config).stdout
    assert ", ops: kernel <b>" in shown
    shown = run("--status", "--from-zookeeper", "-c", agent.config).stdout
    assert "maintenance until 20" in shown and ", ops: kernel <b>" in shown
    assert run("--maintenance", "lift", "r", "-c",
               agent.config).returncode == 0
    page.wait(lambda s: s.row("r").tags == "", "without")


# Whether what a row says is cut.
CUT = """
return [...document.querySelectorAll('#rows .row')].flatMap(r =>
    ['.c-name > div', '.c-reason > div'].map(what => r.querySelector(what))
    .filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent))
"""


def test_names_and_reasons_of_forty_letters_have_room(
        watch, make_redis, open_page):
    """On a screen of 1280 pixels, with as many rows as scroll."""
    alive, dead = make_redis(), make_redis()
    names = [f"orders-cache-eu-central-1a-production-{i:02}" for i in range(60)]
    agent = watch({name: (dead if i < 3 else alive).address
                   for i, name in enumerate(names)})
    page = open_page(agent)
    dead.kill()
    for name in names[:3]:
        seen = page.wait_status(name, "down")
    assert seen.row(names[0]).code == "refused"
    assert seen.row(names[3]).code == "ok"
    assert page.run(CUT) == []
    assert seen.wider_by == 0
    # What was clicked has a column of its own, and leaves the table there.
    page.click_row(names[0])
    seen = page.wait(lambda s: s.open == names[0], "open")
    assert seen.wider_by == 0 and names[1] in seen.names()
    assert not page.run("return document.querySelector('#main').inert")


def test_times_say_their_zone(watch, redis_server, open_page):
    page = open_page(watch({"r": redis_server.address}))
    page.browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride",
                                        {"timezoneId": "Asia/Kolkata"})
    try:
        page.driver.refresh()
        seen = page.wait(lambda s: "up" in s.events, "with an event")
        assert re.search(r"\d\d:\d\d:\d\d GMT\+5:30", seen.events)
    finally:
        page.browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride",
                                            {"timezoneId": ""})


def test_a_phone_needs_no_scrolling_sideways(
        watch, make_redis, tree, open_page):
    long = "a-name-of-forty-letters-is-what-fits-in-"
    servers = {long: make_redis(), "b": make_redis()}
    page = open_page(watch(addresses(servers), tree), size=PHONE)
    servers[long].kill()
    seen = page.wait_status(long, "down")
    assert seen.wider_by == 0
    for card in ("events", "zookeeper", "pool"):
        page.click(f"#{card} summary")
        assert page.see().wider_by == 0, card
    page.click_row(long)
    seen = page.wait(lambda s: s.held, "with the document")
    assert seen.wider_by == 0
    assert page.run("const w = document.querySelector('#why');"
                    "return w.scrollWidth - w.clientWidth") == 0
    # What lies below cannot be reached.
    assert page.run("return document.querySelector('#main').inert")
    page.press(Keys.ESCAPE)
    page.wait(lambda s: s.open == "", "closed")
    assert not page.run("return document.querySelector('#main').inert")


def test_two_thousand_instances(
        watch, make_redis, open_page, record_property):
    servers = [make_redis() for _ in range(4)]
    names = [f"cache-{i:04}" for i in range(2000)]
    agent = watch({n: servers[i % 4].address for i, n in enumerate(names)},
                  agent={"interval": "5s", "spread": "50%"})
    begun = time.monotonic()
    page = open_page(agent)
    page.wait(lambda s: s.rows, "with a table")
    first_table_ms = round((time.monotonic() - begun) * 1000)
    record_property("first_table_ms", first_table_ms)
    print(f"time to first table, 2,000 instances: {first_table_ms} ms")
    seen = page.wait(lambda s: s.headline == "All 2,000 up", "all up")
    assert seen.names()[0] == names[0]
    # Of rows that nobody can see there are few.
    assert len(seen.rows) < 100
    # The keys go on from the row that had the focus, wherever it went.
    page.press("/", Keys.ARROW_DOWN)
    for to in ("document.body.scrollHeight / 2", "document.body.scrollHeight"):
        page.run(f"scrollTo(0, {to})")
        page.wait(lambda s: names[0] not in s.names(), "elsewhere")
    page.press(Keys.ARROW_DOWN)
    page.wait(lambda s: s.focus == names[1], "back")
    page.run("scrollTo(0, document.body.scrollHeight)")
    seen = page.wait(lambda s: s.names()[-1:] == names[-1:], "at its end")
    assert len(seen.rows) < 100
    at = page.run("return scrollY")
    servers[3].kill()
    seen = page.wait(lambda s: s.headline == "500 down of 2,000", "half dead")
    assert page.run("return scrollY") == at
    page.type_filter("1999")
    seen = page.wait_rows([names[-1]])
    assert (seen.status_of(names[-1]), seen.shown) == \
        ("down", "1 of 2,000 shown")
    page.press(Keys.ESCAPE)
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.END)
    wait_until(lambda: page.see().focus == names[1998], page.see)
