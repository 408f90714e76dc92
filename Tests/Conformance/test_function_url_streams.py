"""Function URLs of the mode `RESPONSE_STREAM`: the answer comes as the function writes it."""

import concurrent.futures
import http.client
import json
import socket

import pytest
from function_urls import FunctionURL
from lambda_client import NODE
from packages import package, script_package

PRELUDE = "application/vnd.awslambda.http-integration-response"
MEBIBYTE = 1 << 20

#: A runtime that streams what the body of its event says.
STREAMER = """
class Stream:
    def __init__(self, request_id, content_type):
        connection.putrequest("POST", f"/2018-06-01/runtime/invocation/{request_id}/response")
        connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        connection.putheader("Transfer-Encoding", "chunked")
        if content_type: connection.putheader("Content-Type", content_type)
        connection.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
        connection.endheaders()
    def write(self, data):
        connection.send(b"%x\\r\\n" % len(data) + data + b"\\r\\n")
    def end(self, trailer=b""):
        connection.send(b"0\\r\\n" + trailer + b"\\r\\n")
        response = connection.getresponse()
        return response.status, response.read()

while True:
    request_id, event = next_invoke()
    command = json.loads(json.loads(event)["headers"]["x-command"])
    kind = command.get("kind")
    if kind == "error":
        call("POST", f"invocation/{request_id}/error", '{"errorType":"Own"}')
        continue
    if kind == "buffered":
        respond(request_id, json.dumps(command["result"]))
        continue
    stream = Stream(request_id, command.get("type"))
    for chunk in command.get("chunks", []):
        stream.write(chunk.encode("latin-1"))
    if "size" in command:
        left = command["size"]
        while left > 0:
            stream.write(b"x" * min(left, 65536)); left -= 65536
    if kind == "hang": time.sleep(3600)
    if kind == "exit": os._exit(3)
    if kind == "break":
        connection.close(); connection = connect()
        continue
    stream.end(b"Lambda-Runtime-Function-Error-Type: Own\\r\\n" if kind == "trailer" else b"")
"""


@pytest.fixture
def url(server, functions):
    return FunctionURL(server, functions.provided(script_package(STREAMER)), InvokeMode="RESPONSE_STREAM")


def command(**what):
    return {"x-command": json.dumps(what)}


def ask(url, method="GET", **what):
    return url.ask(method, headers=command(**what))


def prelude(**response):
    """What stands before the body of a function that says more than a body."""
    return json.dumps(response) + "\0" * 8


def test_answer_is_chunked_and_has_the_declared_type(url):
    reply = ask(url, chunks=["one", "two", "three"], type="text/plain")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"onetwothree", "text/plain")
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in reply.headers
    assert len(reply.headers["x-amzn-RequestId"]) == 36
    assert ask(url, chunks=["one"]).headers["Content-Type"] == "application/octet-stream"


def test_first_byte_comes_before_the_end(url):
    """The function never ends, and yet its caller has what it wrote."""
    connection = url.send(headers=command(chunks=["first"], kind="hang"))
    response = connection.getresponse()
    assert (response.status, response.read1()) == (200, b"first")
    connection.close()


def test_nothing_is_written(url):
    reply = ask(url, chunks=[], type="text/plain")
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("is_split", [False, True])
def test_prelude_has_status_headers_and_cookies(url, is_split):
    whole = prelude(
        statusCode=201, headers={"Content-Type": "text/html", "X-Own": "yes"}, cookies=["a=1; Secure", "b=2"]
    ) + "<p>"
    chunks = list(whole) if is_split else [whole]
    reply = ask(url, chunks=[*chunks, "body"], type=PRELUDE)
    assert (reply.status, reply.body) == (201, b"<p>body")
    assert (reply.headers["Content-Type"], reply.headers["X-Own"]) == ("text/html", "yes")
    assert reply.headers.get_all("Set-Cookie") == ["a=1; Secure", "b=2"]
    assert reply.headers["Transfer-Encoding"] == "chunked"


def test_prelude_comes_before_the_body_is_there(server, functions):
    """Such as the head of a stream of events of which there is none yet."""
    function = functions.provided(script_package(STREAMER), Timeout=3)
    url = FunctionURL(server, function, InvokeMode="RESPONSE_STREAM")
    connection = url.send(headers=command(chunks=[prelude(statusCode=202)], kind="hang", type=PRELUDE))
    try:
        assert connection.getresponse().status == 202
    finally:
        connection.close()


def test_body_may_have_zero_bytes(url):
    reply = ask(url, chunks=[prelude(statusCode=200), "\0" * 20, "\xff"], type=PRELUDE)
    assert reply.body == b"\0" * 20 + b"\xff"


@pytest.mark.parametrize(
    "chunks",
    [
        [], ["no json" + "\0" * 8], ['{"statusCode":200}'], ['{"statusCode":200}' + "\0" * 7],
        ['{"statusCode":200}' + "\0" * 7 + "x"], [prelude(statusCode=99)], ["[]" + "\0" * 8],
        [prelude(headers={"X-Split": "a\r\nX-Injected: yes"})],
    ],
)  # fmt: skip
def test_malformed_prelude_is_a_bad_gateway(url, chunks):
    reply = ask(url, chunks=chunks, type=PRELUDE)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    assert ask(url, chunks=["again"]).body == b"again"


def test_prelude_without_an_end_is_a_bad_gateway(url):
    reply = ask(url, size=MEBIBYTE, type=PRELUDE)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


def test_function_does_not_say_how_its_answer_is_framed(url):
    headers = {"Content-Length": "9999", "Transfer-Encoding": "identity", "Connection": "close"}
    reply = ask(url, chunks=[prelude(statusCode=200, headers=headers), "body"], type=PRELUDE)
    assert reply.body == b"body"
    assert reply.headers.get_all("Transfer-Encoding") == ["chunked"]
    assert "Content-Length" not in reply.headers


def test_error_before_the_first_byte_is_a_bad_gateway(url):
    reply = ask(url, kind="error")
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


@pytest.mark.parametrize("kind", ["trailer", "exit", "break", "hang"])
def test_error_behind_the_first_byte_breaks_the_connection(server, functions, kind):
    """A caller must not take half an answer for a whole one."""
    url = FunctionURL(
        server, functions.provided(script_package(STREAMER), Timeout=2), InvokeMode="RESPONSE_STREAM"
    )  # fmt: skip
    connection = url.send(headers=command(chunks=["begun"], kind=kind))
    response = connection.getresponse()
    assert response.status == 200
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)) as raised:
        response.read()
    if isinstance(raised.value, http.client.IncompleteRead):
        assert raised.value.partial == b"begun"
    connection.close()
    assert ask(url, chunks=["again"]).body == b"again"


def test_function_that_does_not_stream(url):
    result = {"statusCode": 201, "headers": {"X-Own": "yes"}, "body": "whole"}
    reply = ask(url, kind="buffered", result=result)
    assert (reply.status, reply.body, reply.headers["X-Own"]) == (201, b"whole", "yes")
    assert ask(url, kind="buffered", result="text").body == b"text"


def test_streaming_function_is_gathered_for_a_buffered_url(url):
    url.function.client.update_function_url_config(FunctionName=url.function.name, InvokeMode="BUFFERED")
    reply = ask(url, chunks=[prelude(statusCode=201, headers={"X-Own": "yes"}), "one", "two"], type=PRELUDE)
    assert (reply.status, reply.body, reply.headers["X-Own"]) == (201, b"onetwo", "yes")
    assert reply.headers["Content-Length"] == "6"
    reply = ask(url, chunks=["begun"], kind="trailer")
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


def exchange(url, method, **what):
    """All bytes that come for a request, up to the answer to another one behind it, which is left out."""
    with socket.create_connection(("127.0.0.1", url.server.port), timeout=60) as connection:
        for verb, commanded, fate in (method, what, "keep-alive"), ("GET", {"chunks": ["behind"]}, "close"):
            connection.sendall((
                f"{verb} /_url/{url.id}/ HTTP/1.1\r\nHost: localhost\r\nConnection: {fate}\r\n"
                f"X-Command: {json.dumps(commanded)}\r\n\r\n"
            ).encode())  # fmt: skip
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    first, separator, behind = received.rpartition(b"HTTP/1.1 200 OK\r\n")
    assert separator and b"behind" in behind
    return first


def test_head_has_no_body(url):
    first = exchange(url, "HEAD", chunks=[prelude(statusCode=201), "body"], type=PRELUDE)
    assert first.startswith(b"HTTP/1.1 201 ")
    assert first.partition(b"\r\n\r\n")[2] == b""


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body(url, status):
    """What would follow it anyway, a client would take for its next answer."""
    first = exchange(url, "GET", chunks=[prelude(statusCode=status), "body"], type=PRELUDE)
    head, _, rest = first.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    # RFC 9112 section 6.1.
    assert status != 204 or b"transfer-encoding" not in head.lower()
    assert rest == b""


def test_client_that_knows_no_chunks(url):
    """One of HTTP/1.0 has the body up to the connection's end. RFC 9112 section 6.1."""
    with socket.create_connection(("127.0.0.1", url.server.port), timeout=60) as connection:
        request = f"GET /_url/{url.id}/ HTTP/1.0\r\nX-Command: {json.dumps({'chunks': ['one', 'two']})}\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert b"transfer-encoding" not in head.lower()
    assert body == b"onetwo"


def test_headers_for_other_sites_are_in_front_of_the_stream(url):
    url.function.client.update_function_url_config(
        FunctionName=url.function.name, Cors={"AllowOrigins": ["https://example.com"]}
    )
    reply = url.ask(headers={"Origin": "https://example.com", **command(chunks=["one"])})
    assert (reply.body, reply.headers["Access-Control-Allow-Origin"]) == (b"one", "https://example.com")


def test_large_answer_is_whole(url):
    # More than what a response that is no stream may have.
    reply = ask(url, size=8 * MEBIBYTE)
    assert (reply.status, len(reply.body)) == (200, 8 * MEBIBYTE)


def test_caller_that_hangs_up_disturbs_nobody(url):
    for _ in range(4):
        connection = url.send(headers=command(chunks=["begun"], size=4 * MEBIBYTE))
        assert connection.getresponse().read(5) == b"begun"
        connection.close()
    assert ask(url, chunks=["next"]).body == b"next"


def test_many_streams_at_once(url):
    def run(number):
        return ask(url, chunks=[f"{number}-{index};" for index in range(20)]).body.decode()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, range(24)))
    assert answers == ["".join(f"{number}-{index};" for index in range(20)) for number in range(24)]


def test_exhausted_concurrency_is_too_many_requests(url):
    url.function.client.put_function_concurrency(FunctionName=url.function.name, ReservedConcurrentExecutions=0)
    reply = ask(url, chunks=["one"])
    assert (reply.status, reply.kind) == (429, "TooManyRequestsException")


NODE_HANDLER = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const headers = { "Content-Type": "text/css", "X-Path": event.rawPath };
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers, cookies: ["a=1"] });
  stream.write("one");
  stream.write("two");
  stream.end();
});
"""


@pytest.mark.parametrize("mode", ["RESPONSE_STREAM", "BUFFERED"])
def test_node_function_streams(server, functions, mode):
    function = functions.create(package({"app.js": NODE_HANDLER}), Runtime=NODE)
    reply = FunctionURL(server, function, InvokeMode=mode).ask(target="/some/path")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (201, b"onetwo", "text/css")
    assert (reply.headers["X-Path"], reply.headers["Set-Cookie"]) == ("/some/path", "a=1")
