"""HTTP below the SDK: what no SDK would send, over a connection that is kept as long as the server keeps it."""

import http.client
import io
import itertools
import json
import socket


class Reply:
    """An answer, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def kind(self):
        return self.headers["x-amzn-errortype"]

    @property
    def document(self):
        return json.loads(self.body)

    @property
    def message(self):
        """AWS writes the member's name in either case, depending on the error."""
        document = self.document
        return document.get("message", document.get("Message"))


class Caller:
    """A client with one connection, which it opens anew when the server has closed it."""

    def __init__(self, server, timeout=60):
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._connection.close()

    def ask(self, method, target, body=None, headers=None):
        try:
            return self._exchange(method, target, body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            # What was idle may have been closed just now; a second time would be an answer.
            self._connection.close()
            return self._exchange(method, target, body, headers)

    def _exchange(self, method, target, body, headers):
        try:
            self._connection.request(method, target, body, headers or {})
            return Reply(self._connection.getresponse())
        except BaseException:
            self._connection.close()
            raise


class _Stream(io.BytesIO):
    """What `http.client` closes after each answer must stay open for the next."""

    def close(self):
        pass

    def makefile(self, *_):
        return self


def connect(server, timeout=60):
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def read_reply(connection, method="GET"):
    """The next answer on a connection whose server has nothing to send after it yet."""
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Reply(response)
    finally:
        response.close()


def read_to_end(connection):
    """What the server sends until it closes the connection; it may do so at any time, in any way."""
    received = bytearray()
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionError:
        pass
    return bytes(received)


def replies(received, methods=()):
    """The answers in what a server has sent, and what is left after them that is none."""
    stream, found = _Stream(received), []
    for method in itertools.chain(methods, itertools.repeat("GET")):
        start = stream.tell()
        if start == len(received):
            break
        response = http.client.HTTPResponse(stream, method=method)
        try:
            response.begin()
            found.append(Reply(response))
        except http.client.HTTPException:
            return found, received[start:]
    return found, b""
