"""Clients that connect anew for each request, over and over, as long as somebody listens."""

import http.client
import threading
import time


class Knocking:
    """To be used in a `with`; it ends with that.

    - `broken`: what became of requests on connections that were there and gave no answer.
    - `answered`: the header `Connection` of each answer.
    """

    def __init__(self, address, port, method, path, body=None, clients=16):
        self.broken, self.answered = [], []
        self._request = (method, path, body)
        self._server = (address, port)
        self._has_ended = threading.Event()
        self._threads = [threading.Thread(target=self._knock) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._has_ended.set()
        for thread in self._threads:
            thread.join()

    def _knock(self):
        while not self._has_ended.is_set():
            connection = http.client.HTTPConnection(*self._server, timeout=10)
            try:
                connection.connect()
            except OSError:
                # It listens no more.
                time.sleep(0.01)
                continue
            try:
                connection.request(*self._request)
                response = connection.getresponse()
                response.read()
                self.answered.append(response.getheader("Connection"))
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
            finally:
                connection.close()
