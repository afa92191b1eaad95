"""Entries of maintenance, as somebody's own tool writes them."""

import datetime
import json
import time

from kazoo.exceptions import NoNodeError


def rfc3339(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + \
        f"{moment.microsecond // 1000:03}Z"


class Entries:
    """What stands below <root>/maintenance/SCOPE."""

    def __init__(self, tree, scope):
        self.tree = tree
        self.path = f"{tree.root}/maintenance/{scope}"

    def put(self, key, data, **options):
        client, path = self.tree.client(), f"{self.path}/{key}"
        try:
            client.set(path, data)
        except NoNodeError:
            client.ensure_path(self.path)
            client.create(path, data, **options)

    def set(self, key, seconds=600, owner="ops", reason="kernel"):
        entry = {"schema": 1, "owner": owner, "reason": reason,
                 "since": rfc3339(time.time()),
                 "until": rfc3339(time.time() + seconds)}
        self.put(key, json.dumps(entry, separators=(",", ":")).encode())
        return entry

    def lift(self, key):
        self.tree.client().delete(f"{self.path}/{key}")

    def there(self, key):
        return self.tree.client().exists(f"{self.path}/{key}") is not None
