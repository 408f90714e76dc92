"""The synchronous invoke: request, response, headers, log, context."""

import base64
import http.client
import json
import re
import uuid

import pytest
from botocore.exceptions import ClientError
from lambda_client import NODE, function_arn
from packages import package

ECHO = "def handler(event, context): return event"
RESPONSE_BYTES_MAX = 6_291_556
REQUEST_BYTES_MAX = 6_291_456


def test_answer_has_aws_headers(functions):
    answer = functions.create(ECHO).invoke({"a": 1})
    assert (answer.status, answer.version, answer.error) == (200, "$LATEST", None)
    assert answer.headers["content-type"] == "application/json"
    assert str(uuid.UUID(answer.request_id)) == answer.request_id
    assert answer.body == b'{"a": 1}'
    assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")


@pytest.mark.parametrize("event", [b"", b"{}"])
def test_empty_event_is_an_empty_object(functions, event):
    assert functions.create(ECHO).invoke(event).payload == {}


def test_no_result_is_null(functions):
    assert functions.create("def handler(event, context): pass").invoke({}).body == b"null"


def test_events_keep_their_text(functions):
    function = functions.create(ECHO)
    for event in ["é", "\u2028", "\U0001f600", "x" * 1_000_000, {"k": [1, 2.5, None, True]}]:
        assert function.ask(event) == event


def test_context_is_lambdas(functions):
    function = functions.create(
        """
def handler(event, context):
    return {
        "id": context.aws_request_id, "name": context.function_name, "version": context.function_version,
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
        "group": context.log_group_name, "stream": context.log_stream_name,
        "remaining": context.get_remaining_time_in_millis(),
    }""",
        Timeout=20,
    )
    answer = function.invoke({})
    context = answer.payload
    assert 0 < context.pop("remaining") <= 20_000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", context.pop("stream"))
    assert context == {
        "id": answer.request_id, "name": function.name, "version": "$LATEST", "arn": function_arn(function.name),
        "memory": "128", "group": f"/aws/lambda/{function.name}",
    }  # fmt: skip


def test_invoked_arn_is_as_the_caller_qualified_it(functions):
    function = functions.create("def handler(event, context): return context.invoked_function_arn")
    assert function.ask() == function_arn(function.name)
    assert function.invoke(None, Qualifier="$LATEST").payload == function_arn(function.name, "$LATEST")


def test_client_context_reaches_the_function(functions):
    function = functions.create("def handler(event, context): return context.client_context.custom")
    client_context = base64.b64encode(b'{"custom": {"key": "value"}}').decode()
    assert function.invoke({}, ClientContext=client_context).payload == {"key": "value"}


@pytest.mark.parametrize("client_context", ["%%%", base64.b64encode(b"no json").decode()])
def test_bad_client_context_is_refused(functions, client_context):
    function = functions.create(ECHO)
    with pytest.raises(ClientError) as caught:
        function.invoke({}, ClientContext=client_context)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestContentException"


def test_dry_run_runs_nothing(functions):
    function = functions.create("raise SystemExit(1)")
    response = function.client.invoke(FunctionName=function.name, InvocationType="DryRun", Payload=b"{}")
    assert response["StatusCode"] == 204
    assert response["Payload"].read() == b""
    assert "ExecutedVersion" not in response


def test_dry_run_of_a_missing_function_fails(client):
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="missing", InvocationType="DryRun")


def test_missing_function_is_named_with_its_version(client):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.invoke(FunctionName="missing")
    assert caught.value.response["Error"]["Message"] == f"Function not found: {function_arn('missing', '$LATEST')}"


@pytest.mark.parametrize("payload", [b"{", b"\x87", b"text"])
def test_payload_that_is_not_json_is_refused(functions, payload):
    function = functions.create(ECHO)
    with pytest.raises(ClientError) as caught:
        function.invoke(payload)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestContentException"
    assert caught.value.response["Error"]["Message"].startswith("Could not parse request body into json:")
    assert function.ask(1) == 1


def test_largest_event_passes_and_a_larger_one_does_not(functions):
    function = functions.create("def handler(event, context): return len(event)")
    largest = b'"' + b"x" * (REQUEST_BYTES_MAX - 2) + b'"'
    assert len(largest) == REQUEST_BYTES_MAX
    assert function.invoke(largest).payload == REQUEST_BYTES_MAX - 2
    with pytest.raises(ClientError) as caught:
        function.invoke(largest + b" ")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "Request must be smaller than 6291456 bytes for the InvokeFunction operation" in str(caught.value)
    assert function.ask("abc") == 3


@pytest.mark.parametrize("runtime", ["python", "node"])
def test_oversized_response_is_an_error_of_the_function(functions, runtime):
    if runtime == "python":
        function = functions.create("def handler(event, context): return 'x' * event")
    else:
        code = package({"index.js": "exports.handler = async (event) => 'x'.repeat(event)"})
        function = functions.create(code, Runtime=NODE, Handler="index.handler")
    assert len(function.invoke(RESPONSE_BYTES_MAX - 2).body) == RESPONSE_BYTES_MAX
    answer = function.invoke(RESPONSE_BYTES_MAX - 1)
    assert answer.error_type == "Function.ResponseSizeTooLarge"
    assert answer.error_message == "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    assert function.ask(1) == "x"


def test_tail_has_the_invokes_lines(functions):
    function = functions.create("def handler(event, context): print('a line')")
    answer = function.invoke({}, LogType="Tail")
    lines = answer.log.decode().splitlines()
    start = lines.index(f"START RequestId: {answer.request_id} Version: $LATEST")
    assert lines[start + 1 : start + 3] == ["a line", f"END RequestId: {answer.request_id}"]
    report = re.fullmatch(
        rf"REPORT RequestId: {answer.request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: (\d+) MB\tInit Duration: \d+\.\d\d ms\t",
        lines[start + 3],
    )
    assert report, lines
    assert 1 <= int(report[1]) <= 128
    again = function.invoke({}, LogType="Tail").log.decode()
    assert "Init Duration" not in again


def test_tail_is_the_last_four_kilobytes(functions):
    function = functions.create(
        "def handler(event, context): print('x' * 100 + '\\n' * 10, end=''); print('y' * 10_000)"
    )
    answer = function.invoke({}, LogType="Tail")
    assert len(answer.log) <= 4096
    assert b"REPORT RequestId" in answer.log


def test_no_log_without_being_asked(functions):
    assert functions.create(ECHO).invoke({}).log is None


def test_callers_request_id_is_honoured(server, functions):
    function = functions.create("def handler(event, context): return context.aws_request_id")
    path = f"/2015-03-31/functions/{function.name}/invocations"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    own = str(uuid.uuid4())
    connection.request("POST", path, b"{}", {"x-amzn-RequestId": own})
    response = connection.getresponse()
    assert (json.loads(response.read()), response.headers["x-amzn-RequestId"]) == (own, own)
    connection.close()


def test_conflicting_qualifiers_are_refused(functions):
    function = functions.create(ECHO)
    with pytest.raises(ClientError) as caught:
        function.client.invoke(FunctionName=f"{function.name}:$LATEST", Qualifier="other")
    assert caught.value.response["Error"]["Message"] == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )


def test_trace_reaches_the_function(functions):
    function = functions.create("import os\ndef handler(event, context): return os.environ['_X_AMZN_TRACE_ID']")
    first, second = function.ask(), function.ask()
    assert first.startswith("Root=1-")
    assert first != second


def test_one_connection_serves_many_invokes(server, functions):
    function = functions.create(ECHO)
    path = f"/2015-03-31/functions/{function.name}/invocations"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.connect()
    socket = connection.sock
    for number in range(50):
        connection.request("POST", path, json.dumps(number))
        assert json.loads(connection.getresponse().read()) == number
        assert connection.sock is socket
    connection.close()
