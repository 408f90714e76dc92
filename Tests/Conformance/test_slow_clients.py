"""Clients that open connections and say little: they get no harm done, and are let go of after a while."""

import resource
import socket
import time
import urllib.request

import pytest
from lambda_client import Functions
from swiftlet_server import SwiftletServer
from wire import connect, read_reply

FUNCTIONS = b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\n"
INVOKE = b"POST /2015-03-31/functions/missing/invocations HTTP/1.1\r\nHost: x\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
BEGINNINGS = {
    "nothing": b"",
    "half-a-line": b"GET /hea",
    "half-the-headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: ",
    "half-a-body": FUNCTIONS + b"Content-Length: 100\r\n\r\n{",
    "half-an-event": INVOKE + b"Content-Length: 100\r\n\r\n{",
    "half-a-chunk": FUNCTIONS + b"Transfer-Encoding: chunked\r\n\r\n10\r\n{",
    "half-a-chunk-of-an-event": INVOKE + b"Transfer-Encoding: chunked\r\n\r\n10\r\n{",
}
#: How long a request may take to arrive, as the servers of these tests are told, in seconds; and how much longer than
#: that a test waits before it says that the server waits for ever.
REQUEST_TIMEOUT = 1
PATIENCE_SECONDS = 60
#: As many as one careless client or one hostile one has without trying hard.
CROWD = 300
#: How long the wait between two bytes of a slow client is, in seconds.
DRIP_SECONDS = 0.1

@pytest.fixture(scope="module")
def impatient_server(tmp_path_factory):
    """A server that gives a request little time to arrive."""
    server = SwiftletServer(
        tmp_path_factory.mktemp("impatient"), ["--request-timeout", str(REQUEST_TIMEOUT)]
    )
    server.start()
    yield server
    server.close()


@pytest.fixture
def crowd():
    """Room for many connections, all of which are closed in the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * CROWD)), hard))
    connections = []
    yield connections
    for connection in connections:
        connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def wait_for_end(connection, drip=b""):
    """Reads until the server has closed the connection, and sends a byte now and then; fails after a while."""
    deadline = time.monotonic() + REQUEST_TIMEOUT + PATIENCE_SECONDS
    bytes_left = iter(drip)
    connection.settimeout(DRIP_SECONDS if drip else REQUEST_TIMEOUT + PATIENCE_SECONDS)
    received = b""
    while time.monotonic() < deadline:
        try:
            more = connection.recv(65536)
        except ConnectionError:
            return received
        except TimeoutError:
            send_next(connection, bytes_left)
            continue
        if not more:
            return received
        received += more
    raise TimeoutError("the server has not closed the connection")


def send_next(connection, bytes_left):
    byte = next(bytes_left, None)
    if byte is not None:
        try:
            connection.sendall(bytes([byte]))
        except ConnectionError:
            pass  # The next read tells.


def test_unfinished_requests_are_given_up(impatient_server, crowd):
    for beginning in BEGINNINGS.values():
        crowd.append(connect(impatient_server))
        crowd[-1].sendall(beginning)
    for name, connection in zip(BEGINNINGS, crowd, strict=True):
        received = wait_for_end(connection)
        assert received == b"" or received.startswith(b"HTTP/1.1 408 "), name
    assert impatient_server.is_healthy()


@pytest.mark.parametrize(
    "beginning", [HEALTH[:4], FUNCTIONS + b"Content-Length: 1000\r\n\r\n"], ids=["headers", "body"]
)
def test_byte_now_and_then_buys_no_time(impatient_server, beginning):
    """The limit is of the whole request, not of the pause between two bytes."""
    with connect(impatient_server) as connection:
        connection.sendall(beginning)
        received = wait_for_end(connection, drip=b"/" + b"a" * 999)
    assert received == b"" or received.startswith(b"HTTP/1.1 408 ")


def test_connection_without_a_next_request_is_closed(impatient_server):
    with connect(impatient_server) as connection:
        connection.sendall(HEALTH)
        assert read_reply(connection).status == 200
        assert wait_for_end(connection) == b""


@pytest.mark.parametrize(
    "data", [HEALTH, FUNCTIONS + b"Content-Length: 2\r\n\r\n{}", INVOKE + b"Content-Length: 2\r\n\r\n{}"]
)
def test_request_that_comes_byte_by_byte_is_answered(server, data):
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            connection.sendall(bytes([byte]))
        assert read_reply(connection).status in (200, 400, 404)


def test_slow_function_is_no_slow_request(impatient_server):
    """The limit ends when the request has come; a function may take its own time."""
    functions = Functions(impatient_server, "slow")
    function = functions.create(
        f"import time\ndef handler(event, context):\n    time.sleep({REQUEST_TIMEOUT + 1})\n    return 'done'"
    )
    assert function.ask() == "done"


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_crowd_that_says_little_hinders_nobody(server, crowd, beginning):
    for _ in range(CROWD):
        crowd.append(connect(server))
        crowd[-1].sendall(beginning)
    for _ in range(20):
        assert server.is_healthy()
        with urllib.request.urlopen(f"{server.endpoint}/2015-03-31/functions", timeout=30) as response:
            assert response.status == 200


def test_crowd_does_not_keep_a_function_from_running(server, crowd, functions):
    function = functions.create("def handler(event, context): return event")
    for number in range(CROWD):
        crowd.append(connect(server))
        crowd[-1].sendall(list(BEGINNINGS.values())[number % len(BEGINNINGS)])
    assert [answer.payload for answer in function.invoke_at_once(range(10))] == list(range(10))
