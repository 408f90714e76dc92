"""A host with an outside world, each a network namespace, for tests of what functions reach. Nothing leaves this machine.

    127.0.0.1, 198.51.100.1  host ── world  198.51.100.2, 10.77.0.1, 169.254.169.254

In the world, everything listens that a function may try to reach, so that what is refused is refused and not just missing.
"""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading
import uuid

HOST = "198.51.100.1"
#: A public address; the range is one that the IANA keeps for documentation.
WORLD = "198.51.100.2"
PRIVATE = "10.77.0.1"
METADATA = "169.254.169.254"
#: What the world's resolver knows, and the only thing it knows.
NAME = "world.example"

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Network:
    """A network namespace. Threads enter it one by one; processes and threads that they start begin in it."""

    def __init__(self):
        self.name = f"test-{uuid.uuid4().hex[:8]}"
        _ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        _ip("-netns", self.name, *arguments)

    @contextlib.contextmanager
    def entered(self):
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                _enter(there)
            finally:
                os.close(there)
            yield
        finally:
            _enter(own)
            os.close(own)

    def close(self):
        _ip("netns", "delete", self.name)


class Listener:
    """A socket in a network, which a thread serves until it is closed."""

    def __init__(self, network, kind, address, serve):
        with network.entered():
            self.socket = socket.socket(socket.AF_INET, kind)
            self.socket.bind(address)
            if kind == socket.SOCK_STREAM:
                self.socket.listen()
        self.port = self.socket.getsockname()[1]
        # Looks up now and then whether it is to end: closing a socket does not wake who waits for it.
        self.socket.settimeout(0.2)
        self._is_open = True
        self._thread = threading.Thread(target=self._run, args=(serve,))
        self._thread.start()

    def _run(self, serve):
        while self._is_open:
            with contextlib.suppress(TimeoutError):
                serve(self.socket)

    def close(self):
        self._is_open = False
        self._thread.join()
        self.socket.close()


def greet(listener):
    """Tells who connects what its address is."""
    connection, peer = listener.accept()
    with connection:
        connection.sendall(peer[0].encode())


def answer_query(listener):
    """Answers a question for `NAME`'s address (RFC 1035), and has no such name for any other question."""
    query, peer = listener.recvfrom(512)
    labels, position = [], 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode())
        position += 1 + length
    end = position + 5
    is_known = ".".join(labels) == NAME
    has_address = is_known and query[position + 1 : position + 3] == b"\0\1"
    head = query[:2] + struct.pack("!HHHHH", 0x8180 if is_known else 0x8183, 1, int(has_address), 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(WORLD) if has_address else b""
    listener.sendto(head + query[12:end] + record, peer)


class SmallInternet:
    def __init__(self):
        self.host, self.world = Network(), Network()
        self.host.ip("link", "add", "out", "type", "veth", "peer", "name", "in", "netns", self.world.name)
        self.host.ip("address", "add", f"{HOST}/24", "dev", "out")
        self.host.ip("link", "set", "out", "up")
        for address in (f"{WORLD}/24", f"{PRIVATE}/32", f"{METADATA}/32"):
            self.world.ip("address", "add", address, "dev", "in")
        self.world.ip("link", "set", "in", "up")
        for address in (PRIVATE, METADATA):
            self.host.ip("route", "add", address, "via", WORLD)
        self.listeners = [
            Listener(self.world, socket.SOCK_STREAM, ("0.0.0.0", 80), greet),
            Listener(self.world, socket.SOCK_DGRAM, (WORLD, 53), answer_query),
            Listener(self.host, socket.SOCK_STREAM, ("0.0.0.0", 80), greet),
        ]

    def close(self):
        for listener in self.listeners:
            listener.close()
        self.host.close()
        self.world.close()
