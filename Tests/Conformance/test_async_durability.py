"""An event that was acknowledged runs, whatever happens to the server, and seldom twice."""

import collections
import contextlib
import itertools
import os
import random
import socket
import threading
import time

import pytest
from async_events import queue, settled
from lambda_client import Functions
from run_recorder import RECORDED, RunRecorder
from small_internet import WORLD, SmallInternet
from swiftlet_server import IS_EMULATED, SwiftletServer

EVENTS = int(os.environ.get("ASYNC_KILL_EVENTS", "2000" if IS_EMULATED else "100000"))
SEED = int(os.environ.get("ASYNC_KILL_SEED", "20261125"))
#: How often the server is killed while events are sent, and while the last of them run, if they take that long.
KILLS_WHILE_SENDING = 6
KILLS_AFTERWARDS = 3
SENDERS = 6
#: The most events that run at a time.
CONCURRENCY = 12
#: How long nothing may go on, and how long one look takes, in seconds.
STANDSTILL_SECONDS_MAX = 60
LOOK_SECONDS = 0.02
#: Finished events whose end is not on the disk yet run again after a kill. They are those of the last moment before it.
MOMENT_SECONDS = 0.25


@pytest.fixture(scope="module")
def internet():
    internet = SmallInternet()
    yield internet
    internet.close()


@pytest.fixture
def recorder(internet):
    recorder = RunRecorder(internet)
    yield recorder
    recorder.close()


@pytest.fixture
def server_with_network(internet, tmp_path):
    options = ["--network", "internet", "--network-resolvers", WORLD]
    with internet.host.entered():
        server = SwiftletServer(
            tmp_path, [*options, "--concurrency", str(CONCURRENCY), "--request-rate", "0", "--retry-delay", "1"]
        )
        server.start()
        yield server
        server.close()


def wait_until(count, wanted):
    """Waits until a count has come so far, for as long as it grows."""
    last, deadline = count(), time.monotonic() + STANDSTILL_SECONDS_MAX
    while (current := count()) < wanted:
        if current > last:
            last, deadline = current, time.monotonic() + STANDSTILL_SECONDS_MAX
        assert time.monotonic() < deadline, f"still {current} of {wanted}"
        time.sleep(LOOK_SECONDS)


class Senders:
    """Send numbered events until so many are acknowledged, whatever becomes of the server.

    A number is sent once: where no answer came, nobody knows what became of it.
    """

    def __init__(self, server, function, count):
        self.acknowledged = []
        self.attempted = 0
        self._server, self._count = server, count
        self._head = (
            f"POST /2015-03-31/functions/{function.name}/invocations HTTP/1.1\r\nHost: localhost\r\n"
            "X-Amz-Invocation-Type: Event\r\nContent-Length: "
        )
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.failures = []
        self.is_up = threading.Event()
        self.is_up.set()
        self._threads = [threading.Thread(target=self._run) for _ in range(SENDERS)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join()
        assert self.failures == []

    def _next(self):
        with self._lock:
            self.attempted = next(self._numbers)
            return self.attempted

    def _run(self):
        try:
            while len(self.acknowledged) < self._count and not self.failures:
                assert self.is_up.wait(STANDSTILL_SECONDS_MAX)
                with contextlib.suppress(ConnectionError):
                    self._send_over_one_connection()
        except BaseException as failure:
            self.failures.append(failure)

    def _send_over_one_connection(self):
        with socket.create_connection(("127.0.0.1", self._server.port), 30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while len(self.acknowledged) < self._count and not self.failures:
                number = self._next()
                body = str(number)
                connection.sendall(f"{self._head}{len(body)}\r\n\r\n{body}".encode())
                answer = b""
                while not answer.endswith(b"\r\n\r\n"):
                    received = connection.recv(4096)
                    if not received:
                        raise ConnectionResetError
                    answer += received
                assert answer.startswith(b"HTTP/1.1 202 "), answer
                self.acknowledged.append(number)


class Kill:
    def __init__(self, server, senders):
        senders.is_up.clear()
        self.begin = time.monotonic()
        server.kill()
        server.start()
        self.end = time.monotonic()
        senders.is_up.set()


def test_acknowledged_events_run_however_often_the_server_is_killed(server_with_network, recorder):
    server = server_with_network
    print(f"ASYNC_KILL_EVENTS={EVENTS} ASYNC_KILL_SEED={SEED}")
    dice = random.Random(SEED)
    function = Functions(server, "f").create(RECORDED, Environment=recorder.environment)
    senders = Senders(server, function, EVENTS)
    kills = []
    began = time.monotonic()
    senders.start()
    for moment in sorted(dice.sample(range(1, EVENTS), KILLS_WHILE_SENDING)):
        wait_until(lambda: len(senders.acknowledged) + EVENTS * bool(senders.failures), moment)
        kills.append(Kill(server, senders))
    senders.join()
    sent = time.monotonic()
    acknowledged = set(senders.acknowledged)
    before = len(recorder.distinct)
    left = len(acknowledged - recorder.distinct)
    # Others may come that were taken without anybody having been told.
    for moment in sorted(dice.sample(range(left), min(KILLS_AFTERWARDS, left))):
        wait_until(lambda: len(recorder.distinct), before + moment)
        kills.append(Kill(server, senders))
    wait_until(lambda: len(recorder.distinct & acknowledged), len(acknowledged))
    settled(server)
    ended = time.monotonic()

    runs = collections.defaultdict(list)
    for moment, number in list(recorder.runs):
        runs[number].append(moment)
    assert acknowledged <= runs.keys() <= set(range(1, senders.attempted + 1))
    again = [pair for moments in runs.values() for pair in itertools.pairwise(moments)]
    print(
        f"{len(acknowledged)} acknowledged in {sent - began:.1f} s, all run {ended - sent:.1f} s later; "
        f"{len(kills)} kills; {len(runs) - len(acknowledged)} ran unacknowledged, {len(again)} once more"
    )
    repeated = collections.Counter()
    for first, second in again:
        between = [kill for kill in kills if first <= kill.end and second >= kill.begin]
        assert between, "an event ran again, though nobody was killed"
        repeated[between[0]] += 1
    moments = sorted(moment for moment, _ in recorder.runs)
    print(f"once more for each kill: {sorted(repeated.values())}")
    for kill, count in repeated.items():
        lately = sum(kill.begin - MOMENT_SECONDS <= moment <= kill.end for moment in moments)
        assert count <= CONCURRENCY + lately
    assert len(again) < len(acknowledged) / 10
    # What is there now is no burden for the next start.
    server.kill()
    server.start()
    assert queue(server)["Depth"] == 0
