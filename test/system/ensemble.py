"""Three ZooKeeper servers that elect a leader; each can be hurt alone."""

from ports import reserve_port
from waiting import wait_until
from zookeeper import CONFIG, Clients, ZooKeeper

# A follower that is silent for syncLimit ticks (2 s) is given up.
MORE = """\
initLimit=20
syncLimit=4
"""


class Member(ZooKeeper):
    modes = ("leader", "follower")

    def __init__(self, directory, number, peers):
        super().__init__(directory)
        self.config = CONFIG + MORE + peers
        self.number = number
        self.write_id()

    def write_id(self):
        (self.dir / "data" / "myid").write_text(f"{self.number}\n")

    def forget(self):
        super().forget()
        self.write_id()

    def holds(self, session):
        """Whether the client of SESSION is connected to this server."""
        return f"sid=0x{session:x}," in self.four_letters("cons")


class Ensemble(Clients):
    """Has what a Tree and an agent ask of one ZooKeeper, and its members."""

    def __init__(self, directory):
        peers = "".join(
            f"server.{n}=127.0.0.1:{reserve_port()}:{reserve_port()}\n"
            for n in (1, 2, 3))
        self.members = [Member(directory / f"server-{n}", n, peers)
                        for n in (1, 2, 3)]
        for m in self.members:
            m.choose_port()

    @property
    def address(self):
        return ",".join(m.address for m in self.members)

    def client(self, timeout=4, **options):
        """Its short session lets it leave a hung server soon."""
        return super().client(timeout, **options)

    def start(self):
        """Starts and thaws whoever is not at work, and waits for all."""
        for m in self.members:
            if m.alive():
                m.thaw()
            else:
                m.spawn()
        wait_until(self.complete, self.output, 60)
        return self

    mend = start

    def complete(self):
        # A leader that was frozen believes for a while that it still leads.
        return sorted(m.mode() for m in self.members) == [
            "follower", "follower", "leader"]

    def output(self):
        return "\n".join(f"{m.number} {m.mode()}\n{m.output()[-2000:]}"
                         for m in self.members)

    def kill(self):
        """All three at once, so that none sees the others go."""
        for m in self.members:
            if m.alive():
                m.freeze()
        for m in self.members:
            m.kill()

    def wipe(self):
        self.close_reader()
        self.kill()
        for m in self.members:
            m.forget()
        self.start()

    def leader(self):
        leaders = [m for m in self.members
                   if m.alive() and m.state() != "T"
                   and m.mode() == "leader"]
        return leaders[0] if leaders else None

    def followers(self):
        leader = wait_until(self.leader, self.output)
        return [m for m in self.members if m is not leader]

    def wait_quorum(self):
        """Waits until those that are left serve; returns their leader."""
        return wait_until(self.leader, self.output)

    def sessions(self):
        return self.wait_quorum().sessions()

    def expire(self, session):
        self.wait_quorum().expire(session)
