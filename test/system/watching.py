"""Nodes under the eyes of another program, without a break."""

import contextlib
import threading

from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import EventType

from waiting import wait_until

PAUSE_S = 0.05  # after an answer that was none


class Watcher(threading.Thread):
    """Reads one node as fast as it can, and keeps a watch on it.

    The reads see when it is not there; the watch tells that it was deleted
    even if it is there again in the same transaction, as after a take-over.
    No answer, while the servers are away, is no news of the node.
    """

    def __init__(self, client, path):
        super().__init__(daemon=True)
        self.client, self.path = client, path
        self.reads = self.missing = self.deleted = 0
        self.lives = set()  # (ephemeralOwner, czxid)
        self.done = threading.Event()
        self.client.exists(self.path, watch=self.on_event)

    def on_event(self, event):
        if event.type == EventType.DELETED:
            self.deleted += 1
        if event.type != EventType.NONE and not self.done.is_set():
            self.client.exists_async(self.path, watch=self.on_event)

    def run(self):
        while not self.done.is_set():
            asked = [self.client.get_async(self.path) for _ in range(20)]
            for answer in asked:
                try:
                    stat = answer.get(30)[1]
                    self.lives.add((stat.ephemeralOwner, stat.czxid))
                except NoNodeError:
                    self.missing += 1
                except (KazooException, KazooTimeoutError):
                    self.done.wait(PAUSE_S)
                    break
                self.reads += 1

    def owners(self):
        return {owner for owner, _ in set(self.lives)}

    def check_no_gap(self):
        assert self.reads > 100
        assert self.missing == 0, \
            f"{self.path}: {self.missing} of {self.reads}"

    def check_untouched(self):
        """It was made once, by one session."""
        assert len(self.lives) == 1, f"{self.path}: {self.lives}"
        assert self.deleted == 0, self.path


@contextlib.contextmanager
def watching(tree, *paths):
    """A list of running Watchers; after the block, what they look at must have
    been there all along."""
    client = tree.server.client()
    # A follower may not have heard yet of what is there already.
    client.sync(tree.root)
    watchers = [Watcher(client, f"{tree.root}/{path}") for path in paths]
    for w in watchers:
        w.start()
        wait_until(lambda: w.reads > 0, f"a read of {w.path}")
    try:
        yield watchers
        # However short that was on a busy machine: enough was seen of it.
        for w in watchers:
            wait_until(lambda: w.reads > 100, f"reads of {w.path}")
    finally:
        for w in watchers:
            w.done.set()
            w.join()
        client.stop()
        client.close()
    for w in watchers:
        w.check_no_gap()
