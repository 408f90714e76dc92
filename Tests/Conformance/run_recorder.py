"""Writes down what functions saw, outside of the server: no end of it takes anything of that away."""

import contextlib
import socket
import threading
import time

from small_internet import WORLD, Listener

#: Tells the recorder of each event, and returns once that is written down. The event is a number.
RECORDED = """
import os, socket
connection = None
def handler(event, context):
    global connection
    if connection is None:
        connection = socket.create_connection((os.environ["RECORDER_HOST"], int(os.environ["RECORDER_PORT"])), 30)
    try:
        connection.sendall(b"%d\\n" % event)
        if connection.recv(1) != b"k": raise OSError("the recorder has gone")
    except OSError:
        connection = None
        raise
"""


class RunRecorder:
    """What functions have told, as pairs of the moment and the event's number."""

    def __init__(self, internet):
        self.runs = []
        self.distinct = set()
        self._connections = []
        self._threads = []
        self._listener = Listener(internet.world, socket.SOCK_STREAM, (WORLD, 0), self._accept)

    @property
    def environment(self):
        """How functions find it."""
        return {"Variables": {"RECORDER_HOST": WORLD, "RECORDER_PORT": str(self._listener.port)}}

    def _accept(self, listener):
        connection, _ = listener.accept()
        self._connections.append(connection)
        thread = threading.Thread(target=self._serve, args=(connection,))
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection):
        # A killed server's network goes before its functions can say goodbye; `close` ends what waits for them.
        with contextlib.suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                number = int(line)
                self.runs.append((time.monotonic(), number))
                self.distinct.add(number)
                connection.sendall(b"k")

    def close(self):
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in self._connections:
            connection.close()
