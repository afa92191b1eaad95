"""Who is first for a target, computed by nothing of the program's."""

MASK = (1 << 64) - 1


def fnv1a64(text):
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 & MASK
    return value


def mix64(h):
    """MurmurHash3's finaliser."""
    h = (h ^ h >> 33) * 0xff51afd7ed558ccd & MASK
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53 & MASK
    return h ^ h >> 33


def score(name, ident):
    return mix64(fnv1a64(name) ^ mix64(fnv1a64(ident)))


def first(name, idents):
    """Of equal scores the lesser id."""
    return max(sorted(idents), key=lambda i: score(name, i))


class Ranks:
    """The first of each name, kept while members come and go."""

    def __init__(self):
        self.names = {}    # name: its hash
        self.members = {}  # id: its mixed hash
        self.best = {}     # name: (score, id); without members: none

    def add_name(self, name):
        self.names[name] = fnv1a64(name)
        self.find(name)

    def drop_name(self, name):
        self.names.pop(name, None)
        self.best.pop(name, None)

    def find(self, name):
        h = self.names[name]
        found = min(((-mix64(h ^ m), i) for i, m in self.members.items()),
                    default=None)
        if found is None:
            self.best.pop(name, None)
        else:
            self.best[name] = found

    def join(self, ident):
        m = self.members[ident] = mix64(fnv1a64(ident))
        for name, h in self.names.items():
            mine = (-mix64(h ^ m), ident)
            if name not in self.best or mine < self.best[name]:
                self.best[name] = mine

    def leave(self, ident):
        self.members.pop(ident, None)
        for name in self.shares(ident):
            self.find(name)

    def first(self, name):
        found = self.best.get(name)
        return found and found[1]

    def shares(self, ident):
        return [n for n, (_, i) in self.best.items() if i == ident]
