"""The referee: reads ZooKeeper through connections of its own, all along."""

import logging
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

AWAY = (KazooException, KazooTimeoutError, OSError)
RECONNECT_S = 2.0
STATUS_PAUSE_S = 0.2
PRESENCE_PAUSE_S = 0.02
LAG_STEP_S = 0.02
# What a read, a ping and a sleep may take before it counts as a stall.
READ_S, PING_S, SLEEP_S = 0.25, 0.1, 0.05


class Connection:
    """A kazoo client that is thrown away when it is of no use: one that saw
    more than a wiped server has is refused for ever."""

    def __init__(self, address):
        self.address = address
        self.client = None
        self.lost_since = None

    def get(self):
        if self.client is None:
            self.client = KazooClient(self.address, timeout=4.0)
            self.client.start_async()
            self.lost_since = time.monotonic()
        if self.client.connected:
            self.lost_since = None
            return self.client
        now = time.monotonic()
        self.lost_since = self.lost_since or now
        if now - self.lost_since > RECONNECT_S:
            self.close()
        return None

    def close(self):
        client, self.client, self.lost_since = self.client, None, None
        if client is None:
            return

        def end():
            try:
                client.stop()
                client.close()
            except AWAY:
                logging.debug("closing a connection", exc_info=True)
        # With its server gone this takes as long as it likes.
        threading.Thread(target=end, daemon=True).start()


class Referee:
    """Two readers and a stall meter, a thread each; one judge behind a lock.

    SNAPSHOT() says what is true now; CANARY() pings a Redis that nobody hurts.
    """

    def __init__(self, address, root, agent, judge, snapshot, canary):
        self.root, self.agent = root, agent
        self.judge, self.snapshot, self.canary = judge, snapshot, canary
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.address = address
        self.broken = []
        self.session = None  # of the agent, as last seen
        self.passes = {"status": 0, "presence": 0}
        self.threads = [
            threading.Thread(target=self.run, args=(what, pause), daemon=True)
            for what, pause in ((self.read_statuses, STATUS_PAUSE_S),
                                (self.read_presence, PRESENCE_PAUSE_S))]
        self.threads += [
            threading.Thread(target=self.measure, args=(what,), daemon=True)
            for what in (self.sleep_once, self.ping_once)]

    def start(self):
        for t in self.threads:
            t.start()

    def stop(self):
        self.done.set()
        for t in self.threads:
            t.join(10)

    def run(self, read, pause):
        connection = Connection(self.address)
        while not self.done.wait(pause):
            client = connection.get()
            if client is None:
                continue
            try:
                read(client)
            except AWAY:
                continue
            except Exception as e:
                logging.exception("the referee")
                self.broken.append(repr(e))
                self.done.set()
        connection.close()

    def measure(self, step):
        while not self.done.is_set():
            try:
                step()
            except Exception as e:
                logging.exception("the stall meter")
                self.broken.append(repr(e))
                self.done.set()

    def sleep_once(self):
        began = time.monotonic()
        time.sleep(LAG_STEP_S)
        self.judge.stalls.add(
            time.monotonic() - began - LAG_STEP_S - SLEEP_S)

    def ping_once(self):
        began = time.monotonic()
        self.canary()
        self.judge.stalls.add(time.monotonic() - began - PING_S)
        self.done.wait(0.1)

    def seen_since(self, before, asked):
        """What held all the time since BEFORE; a slow answer is a stall,
        unless ZooKeeper is being hurt."""
        snapshot = before.and_still(self.snapshot())
        if snapshot.calm is not None and snapshot.calm <= asked:
            self.judge.stalls.add(time.monotonic() - asked - READ_S)
        return snapshot

    def read_statuses(self, client):
        before = self.snapshot()
        asked = time.monotonic()
        answers = {name: client.get_async(f"{self.root}/instances/{name}")
                   for name in before.truths}
        data = {name: self.data_of(a) for name, a in answers.items()}
        beat = self.heartbeat(client)
        now_wall = time.time()
        seen = self.seen_since(before, asked)
        if seen.wipes != before.wipes:
            return
        with self.lock:
            self.passes["status"] += 1
            trusted = self.judge.heartbeat(beat, self.agent, seen.calm, asked,
                                           now_wall)
            for name in seen.truths:
                document = self.judge.document(name, data[name], seen, asked,
                                               now_wall)
                self.judge.status(name, document, trusted, seen, asked)

    def read_presence(self, client):
        before = self.snapshot()
        asked = time.monotonic()
        lists = [client.get_children_async(f"{self.root}/{what}")
                 for what in ("alive", "agents")]
        names, agents = [self.names_of(a) for a in lists]
        seen = self.seen_since(before, asked)
        if seen.sessions != before.sessions:
            return
        with self.lock:
            self.passes["presence"] += 1
            self.judge.presence(names, self.agent in agents, seen, asked)

    def heartbeat(self, client):
        try:
            data, stat = client.get(f"{self.root}/agents/{self.agent}")
        except NoNodeError:
            self.session = None
            return None
        self.session = stat.ephemeralOwner
        return data

    @staticmethod
    def data_of(answer):
        try:
            return answer.get(10)[0]
        except NoNodeError:
            return None

    @staticmethod
    def names_of(answer):
        try:
            return set(answer.get(10))
        except NoNodeError:
            return set()
