"""Servers with TLS that do what a real one does not do on demand."""

import select
import socket
import ssl

from peers import Peer, ScriptedRedis


def server_context(certificates, name="server"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.path(f"{name}.pem"),
                            certificates.path(f"{name}.key"))
    return context


class Slowly:
    """A connection on which a byte is sent each second, in its own record."""

    def __init__(self, connection, stopping):
        self.connection, self.stopping = connection, stopping
        self.makefile = connection.makefile

    def sendall(self, data):
        for byte in data:
            self.connection.sendall(bytes([byte]))
            if self.stopping.wait(1.0):
                return


class TlsScripted(ScriptedRedis):
    """ScriptedRedis over TLS; where a reply is None it closes, with or
    without saying so first (close_notify)."""

    def __init__(self, context, polite=True, slow=False, **options):
        self.context, self.polite, self.slow = context, polite, slow
        super().__init__(**options)

    def _talk(self, connection):
        with self.context.wrap_socket(connection, server_side=True,
                                      suppress_ragged_eofs=True) as over:
            try:
                super()._talk(Slowly(over, self.stopping) if self.slow
                              else over)
                if self.polite:
                    over.unwrap()
            except ssl.SSLError:
                pass


class Between(Peer):
    """Passes bytes on to a real server, and what that answers as HAND_ON(self,
    client, data, so_far) likes; it returns False to end the connection."""

    def __init__(self, port, hand_on):
        self.target, self.hand_on = port, hand_on
        super().__init__(self._pass_on)

    def _pass_on(self, client):
        so_far = 0
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for end in readable:
                    data = end.recv(65536)
                    if not data:
                        return
                    if end is client:
                        server.sendall(data)
                    elif not self.hand_on(self, client, data, so_far):
                        return
                    else:
                        so_far += len(data)


def cut_at(limit):
    """Of all that the server says LIMIT bytes arrive, then the end."""
    def hand_on(_, client, data, so_far):
        client.sendall(data[:max(0, limit - so_far)])
        return so_far + len(data) < limit
    return hand_on


def drip_from(limit):
    """One byte a second, from the byte LIMIT on."""
    def hand_on(self, client, data, so_far):
        at_once = max(0, limit - so_far)
        client.sendall(data[:at_once])
        for byte in data[at_once:]:
            client.sendall(bytes([byte]))
            if self.stopping.wait(1.0):
                return False
        return True
    return hand_on
