"""HTTP below the SDK: requests that no SDK would send, over one connection that is kept as long as the server keeps it."""

import http.client
import json


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
