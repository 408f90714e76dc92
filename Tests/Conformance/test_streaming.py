"""Streamed responses: from a runtime that streams, through the service, to boto3 as a caller."""

import base64
import http.client
import json
import time

import pytest
from botocore.exceptions import ClientError
from packages import script_package
from swiftlet_server import RESTART_SECONDS

MEBIBYTE = 1 << 20

#: A runtime that streams what its event says.
STREAMER = """
class Stream:
    def __init__(self, request_id, mode="streaming", content_type="text/plain"):
        connection.putrequest("POST", f"/2018-06-01/runtime/invocation/{request_id}/response")
        connection.putheader("Lambda-Runtime-Function-Response-Mode", mode)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.putheader("Content-Type", content_type)
        connection.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
        connection.endheaders()
    def write(self, data):
        connection.send(b"%x\\r\\n" % len(data) + data + b"\\r\\n")
    def end(self, error_type=None, error_body=b""):
        trailer = b""
        if error_type:
            import base64
            trailer = (f"Lambda-Runtime-Function-Error-Type: {error_type}\\r\\n"
                f"Lambda-Runtime-Function-Error-Body: {base64.b64encode(error_body).decode()}\\r\\n").encode()
        connection.send(b"0\\r\\n" + trailer + b"\\r\\n")
        response = connection.getresponse()
        return response.status, response.read()

while True:
    request_id, event = next_invoke()
    event = json.loads(event)
    kind = event.get("kind")
    if kind == "error":
        call("POST", f"invocation/{request_id}/error", '{"errorType":"Own"}')
        continue
    if kind == "buffered":
        respond(request_id, '"whole"')
        continue
    if kind == "mode":
        stream = Stream(request_id, mode="telepathy"); stream.end()
        continue
    stream = Stream(request_id)
    for chunk in event.get("chunks", []):
        stream.write(chunk.encode())
        time.sleep(event.get("pause", 0))
    if kind == "bytes":
        started, left = time.monotonic(), event["size"]
        while left > 0:
            stream.write(b"x" * min(left, 65536)); left -= 65536
        print("streamed in", round(time.monotonic() - started, 3))
    if kind == "hang": time.sleep(3600)
    if kind == "exit": os._exit(3)
    if kind == "break":
        connection.close(); connection = connect()
        continue
    if kind == "trailer":
        stream.end("MyError", b'{"errorType":"MyError","errorMessage":"midway"}')
        continue
    stream.end()
"""


@pytest.fixture
def streamer(functions):
    return functions.provided(script_package(STREAMER))


def invoke(function, event, **parameters):
    """The streamed chunks, what InvokeComplete said, and the response."""
    response = function.client.invoke_with_response_stream(
        FunctionName=function.name, Payload=json.dumps(event).encode(), **parameters
    )
    chunks, complete = [], None
    for item in response["EventStream"]:
        assert complete is None, "an event came after InvokeComplete"
        if "PayloadChunk" in item:
            chunks.append(item["PayloadChunk"]["Payload"])
        else:
            complete = item["InvokeComplete"]
    assert complete is not None
    return chunks, complete, response


def test_chunks_come_one_by_one_and_success_has_no_error(streamer):
    chunks, complete, response = invoke(streamer, {"chunks": ["one", "two", "three"], "pause": 0.05})
    assert chunks == [b"one", b"two", b"three"]
    assert complete == {}
    assert (response["StatusCode"], response["ExecutedVersion"]) == (200, "$LATEST")
    assert response["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"


def test_first_byte_comes_before_the_last_is_written(streamer):
    response = streamer.client.invoke_with_response_stream(
        FunctionName=streamer.name, Payload=json.dumps({"chunks": ["first", "last"], "pause": 1}).encode()
    )
    times = [(time.monotonic(), item) for item in response["EventStream"]]
    assert b"".join(item["PayloadChunk"]["Payload"] for _, item in times[:-1]) == b"firstlast"
    assert times[-1][0] - times[0][0] > 0.9


def test_buffered_function_is_one_chunk(streamer, functions):
    assert invoke(streamer, {"kind": "buffered"})[:2] == ([b'"whole"'], {})
    python = functions.create("def handler(event, context): return {'a': 1}")
    assert invoke(python, {})[:2] == ([b'{"a": 1}'], {})


def test_streaming_function_is_gathered_for_invoke(streamer):
    answer = streamer.invoke({"chunks": ["one", "two"]})
    assert (answer.body, answer.error, answer.headers["content-type"]) == (b"onetwo", None, "text/plain")


def test_error_before_the_first_byte_is_a_chunk(streamer):
    chunks, complete, response = invoke(streamer, {"kind": "error"})
    assert chunks == [b'{"errorType":"Own"}']
    assert complete["ErrorCode"] == "Unhandled"
    assert response["StatusCode"] == 200


def test_error_behind_the_response_comes_with_its_end(streamer):
    chunks, complete, _ = invoke(streamer, {"kind": "trailer", "chunks": ["begun"]})
    assert chunks == [b"begun"]
    assert complete["ErrorCode"] == "MyError"
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "midway"
    answer = streamer.invoke({"kind": "trailer", "chunks": ["begun"]})
    assert (answer.error_type, answer.error_message) == ("MyError", "midway")


@pytest.mark.parametrize(
    ("kind", "code"),
    [("hang", "Sandbox.Timedout"), ("exit", "Runtime.ExitError"), ("break", "Runtime.TruncatedResponse")],
)
def test_stream_that_stops_midway_ends_with_its_reason(functions, kind, code):
    function = functions.provided(script_package(STREAMER), Timeout=max(2, RESTART_SECONDS))
    chunks, complete, _ = invoke(function, {"kind": kind, "chunks": ["begun"]})
    assert chunks == [b"begun"]
    assert complete["ErrorCode"] == code
    assert invoke(function, {"chunks": ["again"]})[0] == [b"again"]


def test_unknown_response_mode_fails_the_invoke(streamer):
    assert streamer.invoke({"kind": "mode"}).error_type == "Runtime.InvalidResponseModeHeader"
    assert invoke(streamer, {"kind": "mode"})[1]["ErrorCode"] == "Unhandled"
    assert streamer.invoke({"kind": "buffered"}).payload == "whole"


def test_timeout_before_the_first_byte_is_a_chunk(functions):
    function = functions.create("import time\ndef handler(event, context): time.sleep(60)", Timeout=1)
    chunks, complete, _ = invoke(function, {})
    assert json.loads(b"".join(chunks))["errorType"] == "Sandbox.Timedout"
    assert complete["ErrorCode"] == "Unhandled"


def test_log_comes_with_the_end(streamer):
    _, complete, _ = invoke(streamer, {"chunks": ["one"]}, LogType="Tail")
    assert b"REPORT RequestId" in base64.b64decode(complete["LogResult"])


def test_large_response_is_whole_and_beyond_the_burst_it_is_paced(functions):
    function = functions.provided(script_package(STREAMER), Timeout=60, MemorySize=256)
    started = time.monotonic()
    chunks, complete, _ = invoke(function, {"kind": "bytes", "size": 10 * MEBIBYTE})
    elapsed = time.monotonic() - started
    assert sum(map(len, chunks)) == 10 * MEBIBYTE
    assert complete == {}
    # 6 MB at once and 4 MB at 2 MB/s. It may take longer on a busy host, but never less.
    assert elapsed > 1.8


def test_slow_reader_holds_the_function_back(functions):
    function = functions.provided(script_package(STREAMER), Timeout=60)
    connection = http.client.HTTPConnection(function.client.meta.endpoint_url.removeprefix("http://"))
    path = f"/2021-11-15/functions/{function.name}/response-streaming-invocations"
    connection.request("POST", path, json.dumps({"kind": "bytes", "size": 6 * MEBIBYTE}))
    response = connection.getresponse()
    response.read(1000)
    # The function can't have written all of it: sockets and buffers hold less. Its next invoke needs another environment.
    other = function.invoke({"kind": "buffered"}, LogType="Tail")
    assert other.payload == "whole"
    assert b"Init Duration" in other.log
    assert len(response.read()) > 6 * MEBIBYTE - 1000
    connection.close()


def test_function_goes_on_when_the_caller_hangs_up(functions):
    """It finishes and leaves a mark in its environment, which the next invoke of that environment finds."""
    source = STREAMER.replace('    if kind == "buffered":', """    if kind == "mark":
        respond(request_id, json.dumps(os.path.exists("/tmp/finished")))
        continue
    if kind == "buffered":""").replace("    stream.end()\n", '    stream.end(); open("/tmp/finished", "w")\n')
    function = functions.provided(script_package(source), Timeout=30)
    connection = http.client.HTTPConnection(function.client.meta.endpoint_url.removeprefix("http://"))
    path = f"/2021-11-15/functions/{function.name}/response-streaming-invocations"
    connection.request("POST", path, json.dumps({"chunks": ["a"] * 20, "pause": 0.05}))
    connection.getresponse().read(10)
    connection.close()
    # Four environments at most; asked all at once, the one whose caller is gone has the mark.
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if True in [answer.payload for answer in function.invoke_at_once([{"kind": "mark"}] * 4)]:
            return
    pytest.fail("the function did not finish")


def test_dry_run_and_bad_input(streamer):
    response = streamer.client.invoke_with_response_stream(FunctionName=streamer.name, InvocationType="DryRun")
    assert response["StatusCode"] == 204
    response["EventStream"].close()
    with pytest.raises(ClientError) as failure:
        streamer.client.invoke_with_response_stream(FunctionName=streamer.name, InvocationType="Event")
    assert failure.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError) as failure:
        streamer.client.invoke_with_response_stream(FunctionName="nowhere", Payload=b"{}")
    assert failure.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError) as failure:
        streamer.client.invoke_with_response_stream(FunctionName=streamer.name, Payload=b"no json")
    assert failure.value.response["Error"]["Code"] == "InvalidRequestContentException"
