"""A client of the agent's HTTP address, TCP or UNIX socket."""

import http.client
import json
import socket


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.unix_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


class HttpClient:
    """LISTEN is what the config says."""

    def __init__(self, listen, timeout=30):
        self.listen = listen
        self.timeout = timeout

    @property
    def port(self):
        return int(self.listen.rpartition(":")[2])

    def connection(self):
        if self.listen.startswith("unix:"):
            return _UnixConnection(self.listen[5:], self.timeout)
        host, _, port = self.listen.rpartition(":")
        return http.client.HTTPConnection(host.strip("[]"), int(port),
                                          timeout=self.timeout)

    def request(self, path, method="GET", body=None, headers=None):
        """The response, read, and its body."""
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def text(self, path, status=200):
        response, body = self.request(path)
        assert response.status == status, (response.status, body)
        return body.decode()

    def json(self, path):
        response, body = self.request(path)
        assert response.status == 200, (response.status, body)
        assert response.headers["Content-Type"] == "application/json"
        return json.loads(body)

    def status(self, name=None):
        """All of /status, or the instance NAME of it."""
        status = self.json("/status")
        if name is None:
            return status
        return next(i for i in status["instances"] if i["instance"] == name)

    def raw(self, data):
        """A connection on which DATA was sent."""
        connection = self.connection()
        connection.connect()
        connection.sock.sendall(data)
        return connection.sock
