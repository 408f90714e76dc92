"""Where a request ends: the ways to tell it twice, wrongly or not at all, to the router and to invokes."""

import os
import socket

import pytest
from swiftlet_server import SwiftletServer
from wire import connect, read_reply, read_to_end, replies

ROUTER = b"POST /2015-03-31/functions"
INVOKE = b"POST /2015-03-31/functions/missing/invocations"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
each_route = pytest.mark.parametrize("route", [ROUTER, INVOKE], ids=["router", "invoke"])


def request(start, *headers, body=b"", version=b"HTTP/1.1"):
    return b"\r\n".join([start + b" " + version, b"Host: localhost", *headers, b"", body])


def exchange(server, data):
    """Sends all, tells the end of it, and reads until the server has closed the connection."""
    with connect(server) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server need not read what it has refused already.
        return read_to_end(connection)


def statuses(received):
    found, rest = replies(received)
    assert rest == b""
    return [reply.status for reply in found]


@each_route
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([b"Content-Length: -2"], b"{}"),
        ([b"Content-Length: 2", b"Content-Length: 3"], b"{}"),
        ([b"Content-Length: 2, 3"], b"{}"),
        ([b"Content-Length: +2"], b"{}"),
        ([b"Content-Length: 0x2"], b"{}"),
        ([b"Content-Length: 2 2"], b"{}"),
        ([b"Content-Length: two"], b"{}"),
        ([b"Content-Length: 99999999999999999999999999"], b"{}"),
        ([b"Content-Length : 2"], b"{}"),
        ([b"Content-Length: 2\x00"], b"{}"),
        ([b"Content-Length: 5", b"Transfer-Encoding: chunked"], b"0\r\n\r\n" + HEALTH),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 5"], b"0\r\n\r\n" + HEALTH),
        ([b"Transfer-Encoding: chunked, identity"], b"0\r\n\r\n" + HEALTH),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: cow"], b"0\r\n\r\n" + HEALTH),
        ([b"Transfer-Encoding : chunked"], b"0\r\n\r\n" + HEALTH),
        ([b" X-Folded: yes"], b""),
        ([b"No-Colon"], b""),
        ([b": no name"], b""),
        ([b"A B: c"], b""),
        ([b"X: a\rb"], b""),
    ],
)
def test_ambiguous_request_is_refused_and_ends_the_connection(server, route, headers, body):
    assert statuses(exchange(server, request(route, *headers, body=body))) == [400]
    assert server.is_healthy()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"chunked", b"zz\r\n{}"),
        (b"chunked", b"-2\r\n{}"),
        (b"chunked", b"2\r\n{}xx"),
        (b"chunked", b"fffffffffffffffff\r\n{}"),
        (b"xchunked", b"2\r\n{}"),
        (b"identity", b"2\r\n{}"),
    ],
)
@each_route
def test_bad_chunk_is_refused_and_ends_the_connection(server, route, coding, body):
    data = request(route, b"Transfer-Encoding: " + coding, body=body + b"\r\n0\r\n\r\n")
    assert statuses(exchange(server, data)) == [400]
    assert server.is_healthy()


@each_route
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([b"Content-Length: 2"], b"{}"),
        ([b"content-LENGTH:2"], b"{}"),
        ([b"Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\n\r\n"),
        ([b"transfer-encoding: CHUNKED"], b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n"),
        ([b"Expect: 100-maybe", b"Content-Length: 2"], b"{}"),
        ([b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"Content-Length: 2"], b"{}"),
    ],
)
def test_unusual_request_is_answered(server, route, headers, body):
    with connect(server) as connection:
        connection.sendall(request(route, *headers, body=body))
        reply = read_reply(connection)
        assert reply.status == (400 if route == ROUTER else 404)
        assert reply.kind in ("ValidationException", "ResourceNotFoundException")


@each_route
def test_what_follows_a_request_is_no_part_of_it(server, route):
    data = request(route, b"Content-Length: 2", body=b"{}GARBAGE\r\n\r\n")
    with connect(server) as connection:
        connection.sendall(data)
        found, rest = replies(read_to_end(connection))
    assert rest == b""
    assert [reply.status for reply in found] in ([400], [400, 400], [404, 400])


@each_route
def test_header_flood_is_refused(server, route):
    for flood in (
        [b"X: " + b"y" * 2_000_000],
        [b"X-%d: y" % number for number in range(5000)],
        [b"X" * 2_000_000 + b": y"],
    ):
        found, _ = replies(exchange(server, request(route, *flood)))
        assert {reply.status for reply in found} <= {400, 413, 414, 431}
    assert server.is_healthy()


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"http/1.1", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1", b"FTP/1.1", b""])
def test_other_versions_do_no_harm(server, version):
    found, rest = replies(exchange(server, request(b"GET /healthz", version=version)))
    assert rest == b""
    assert [reply.status for reply in found] in ([200], [400], [505], [])
    assert server.is_healthy()


@each_route
def test_body_that_ends_early_is_given_up(server, route):
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(request(route, b"Content-Length: 100", body=b"half"))
    assert server.is_healthy()


@each_route
def test_cut_off_body_is_the_clients_fault(own_server, route):
    """Nobody is to be woken for a client that hangs up."""
    received = exchange(own_server, request(route, b"Content-Length: 100", body=b"half"))
    assert set(statuses(received)) <= {400, 408}
    assert " error swiftlet:" not in own_server.log


def test_answer_to_head_has_no_body(server):
    with connect(server) as connection:
        connection.sendall(b"HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4")
    assert body == b""


# Requests that are sent before the answer to the one before them has come.


@pytest.mark.parametrize("count", [2, 5, 50])
def test_pipelined_invokes_are_all_answered(server, count):
    one = request(INVOKE, b"Content-Length: 2", body=b"{}")
    with connect(server) as connection:
        connection.sendall(one * count)
        received = b""
        while len(replies(received)[0]) < count:
            received += connection.recv(65536)
    assert statuses(received) == [404] * count




@pytest.mark.parametrize("invoke_at", [None, 0])
def test_pipelined_requests_are_all_answered(server, invoke_at):
    requests, wanted = [HEALTH] * 3, [200] * 3
    if invoke_at is not None:
        requests[invoke_at], wanted[invoke_at] = request(INVOKE, b"Content-Length: 2", body=b"{}"), 404
    with connect(server) as connection:
        connection.sendall(b"".join(requests))
        received = b""
        while len(replies(received)[0]) < len(requests):
            received += connection.recv(65536)
    assert statuses(received) == wanted


def sockets(server):
    """How many sockets the server has open."""
    names = os.listdir(f"/proc/{server.pid}/fd")
    return sum(1 for name in names if is_socket(f"/proc/{server.pid}/fd/{name}"))


def is_socket(path):
    try:
        return os.readlink(path).startswith("socket:")
    except FileNotFoundError:
        return False


@pytest.fixture
def killed_server(tmp_path):
    """A server that is not asked to end: it would wait for what it has not noticed the end of."""
    server = SwiftletServer(tmp_path)
    server.start()
    yield server
    server.kill()


def test_client_that_is_gone_leaves_no_socket(killed_server):
    """It has sent ahead so much that the server has stopped reading, and cannot see the end of it."""
    server = killed_server
    before = sockets(server)
    large = request(b"PUT /2015-03-31/functions/a/concurrency", b"Content-Length: 473457", body=b"x" * 473457)
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(HEALTH * 4 + large)
            read_reply(connection)
    # More requests than the server would need to notice: there is no event to wait for.
    for _ in range(200):
        assert server.is_healthy()
        if sockets(server) <= before + 1:
            return
    pytest.fail(f"{sockets(server) - before} sockets of clients that are gone are open for good")
