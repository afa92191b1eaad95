"""A headless Chromium, and what a person would read off the dashboard in it.

Nothing here knows how the page does what it does: only its table, headings,
labels and addresses.
"""

import json
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from ports import reserve_port
from waiting import wait_until

# As root there is no sandbox; and it must ask nobody for anything of its own.
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    # As a page on the internet can do to its own name.
    "--host-resolver-rules=MAP *.example 127.0.0.1"]
WIDE = (1280, 800)
PHONE = (360, 740)

READ = """
const text = (root, what) => {
    const found = root && root.querySelector(what);
    return found && !found.closest('[hidden]') ? found.textContent.trim() : '';
};
const rows = [...document.querySelectorAll('#rows .row')].map(r => ({
    name: text(r, '.c-name a'), address: text(r, '.c-name .sub'),
    status: text(r, '.c-status .word'), tags: text(r, '.c-status .sub'),
    reason: text(r, '.c-reason .words'), code: text(r, '.c-reason .code'),
    beside: text(r, '.c-reason .sub'),
    role: text(r, '.c-role > div'), version: text(r, '.c-role .sub'),
    since: text(r, '.c-since'), rtt: text(r, '.c-rtt'),
}));
return {
    rows, headline: text(document, 'h1'), title: document.title,
    spoken: text(document, '[role=status]'), facts: text(document, '#facts'),
    alarm: text(document, '[role=alert]'), empty: text(document, '#empty'),
    shown: text(document, '#shown'), filter: document.querySelector('#q').value,
    events: text(document, '#events'), pool: text(document, '#pool'),
    fleet: text(document, '#fleet'),
    zookeeper: text(document, '#zookeeper'), why: text(document, '#why'),
    open: text(document, '#why h2'), held: text(document, '#why pre'),
    hash: location.hash,
    focus: document.activeElement.textContent.trim().slice(0, 80),
    wider_by: document.documentElement.scrollWidth -
        document.documentElement.clientWidth,
};
"""


class Seen(dict):
    """What READ gave; its members as attributes."""

    __getattr__ = dict.__getitem__

    def names(self):
        return [r["name"] for r in self.rows]

    def row(self, name):
        return next((Seen(r) for r in self.rows if r["name"] == name), None)

    def status_of(self, name):
        row = self.row(name)
        return row and row.status


SHOWN = "return document.body.innerText"


class Browser:
    """Chromium with everything of its own in DIRECTORY."""

    def __init__(self, directory):
        self.dir = directory
        self.driver = webdriver.Chrome(
            service=Service("/usr/bin/chromedriver", port=reserve_port(),
                            log_path=str(directory / "log")),
            options=self._options())

    def _options(self):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in [*OPTIONS, f"--user-data-dir={self.dir / 'profile'}"]:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs",
                               {"browser": "ALL", "performance": "ALL"})
        return options

    def quit(self):
        self.driver.quit()

    def text_of(self, url):
        """Of any page, as a person sees it."""
        self.driver.get(url)
        return self.driver.execute_script(SHOWN)

    def resize(self, size):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1,
            "mobile": size == PHONE})


class Page:
    """The dashboard of one agent, opened anew."""

    def __init__(self, browser, url, view="", size=WIDE):
        self.browser = browser
        self.driver = browser.driver
        self.url = url
        self.may_miss_answers = False
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        browser.resize(size)
        self.driver.get(f"{url}/{view}")

    def see(self):
        return Seen(self.driver.execute_script(READ))

    def wait(self, condition, what="as wanted"):
        """Waits until CONDITION holds of what is seen; returns that."""
        last = []

        def look():
            last[:] = [self.see()]
            return condition(last[0]) and last[0]
        return wait_until(look, lambda: f"the page is not {what}: {last}")

    def wait_rows(self, names):
        return self.wait(lambda s: s.names() == names, f"rows {names}")

    def wait_status(self, name, status):
        return self.wait(lambda s: s.status_of(name) == status,
                         f"{name} {status}")

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def click(self, selector, text=None):
        """The first element of these, or the first that is just TEXT."""
        found = wait_until(lambda: self.run(
            "return [...document.querySelectorAll(arguments[0])].find(e => "
            "arguments[1] === null || e.textContent.trim() === arguments[1])",
            selector, text), f"no {selector} that is {text!r}")
        found.click()

    def click_row(self, name):
        """Anywhere in it, as people do."""
        link = wait_until(lambda: self.run(
            "return [...document.querySelectorAll('#rows .row')].find("
            "r => r.querySelector('a').textContent === arguments[0])",
            name), f"no row {name}")
        link.click()

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def type_filter(self, text):
        self.press("/", *([Keys.BACKSPACE] if text == "" else [text]))

    def complaints(self):
        """What the console says, where the browser itself tells of every
        request that fails."""
        return [e for e in self.driver.get_log("browser")
                if not (self.may_miss_answers and e["source"] == "network")]

    def strangers(self):
        """Requests of the page to anybody but where it came from."""
        sent = [json.loads(e["message"])["message"]
                for e in self.driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in sent
                if m["method"] == "Network.requestWillBeSent"]
        assert any(u.startswith(self.url) for u in urls), urls
        return [u for u in urls if not u.startswith(f"{self.url}/")
                and urlsplit(u).scheme not in ("data", "about")]

    def assert_clean(self):
        assert self.complaints() == []
        assert self.strangers() == []
