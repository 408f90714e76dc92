"""The Runtime API as a runtime meets it: what comes with an event, and the status and error of every answer."""

import base64
import json
import re
import time
import uuid

import pytest
from lambda_client import Functions, function_arn
from packages import script_package
from probes import Said, probe, probe_answering, prober_package, request

RUNTIME = "/2018-06-01/runtime"
OTHER = "00000000-0000-4000-8000-000000000000"
OWN_RESPONSE = f"{RUNTIME}/invocation/{{id}}/response"
OWN_ERROR = f"{RUNTIME}/invocation/{{id}}/error"
RESPONSE_BYTES_MAX = 6_291_556
NOT_ALLOWED = "Error: State transition is not allowed"


@pytest.fixture(scope="module")
def prober(server):
    """One function for all tests of this file: none of them harms its environment."""
    functions = Functions(server, f"t-{uuid.uuid4().hex[:12]}")
    yield functions.provided(prober_package())
    functions.close()


def test_event_comes_with_its_headers(prober):
    context = '{"custom": {"a": "é"}}'
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    def add_trace(params, **_):
        params["headers"]["X-Amzn-Trace-Id"] = trace

    prober.client.meta.events.register("before-call.lambda.Invoke", add_trace)
    try:
        before = time.time()
        answer = prober.invoke(
            {"kind": "headers"}, ClientContext=base64.b64encode(context.encode()).decode(), Qualifier="$LATEST"
        )
        after = time.time()
    finally:
        prober.client.meta.events.unregister("before-call.lambda.Invoke", add_trace)
    # The service counts the function's part in the chain of invokes.
    assert re.fullmatch(re.escape(trace) + r";Lineage=[0-9a-f]{8}:1", answer.headers["x-amzn-trace-id"])
    status, headers, body = answer.payload
    assert (status, body) == (200, json.dumps({"kind": "headers"}))
    deadline = int(headers.pop("Lambda-Runtime-Deadline-Ms"))
    assert before * 1000 + 29_000 < deadline <= after * 1000 + 30_001
    assert uuid.UUID(headers.pop("Lambda-Runtime-Invocation-Id"))
    # The client of the probe reads headers as Latin-1.
    assert headers.pop("Lambda-Runtime-Client-Context").encode("latin-1").decode() == context
    assert headers == {
        "Content-Type": "application/json", "Content-Length": str(len(body)),
        "Lambda-Runtime-Aws-Request-Id": answer.request_id, "Lambda-Runtime-Trace-Id": answer.headers["x-amzn-trace-id"],
        "Lambda-Runtime-Invoked-Function-Arn": function_arn(prober.name, "$LATEST"),
    }  # fmt: skip


def test_headers_without_a_value_are_left_out(prober):
    first, second = (prober.ask({"kind": "headers"})[1] for _ in range(2))
    optional = {"Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity", "Lambda-Runtime-Aws-Tenant-Id"}
    assert not optional & set(first)
    trace = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=[0-9a-f]{8}:1"
    assert re.fullmatch(trace, first["Lambda-Runtime-Trace-Id"])
    # Each delivery has a name of its own.
    assert first["Lambda-Runtime-Invocation-Id"] != second["Lambda-Runtime-Invocation-Id"]


@pytest.mark.parametrize(
    ("asked", "status", "kind", "message"),
    [
        (request("POST", f"{RUNTIME}/invocation/{OTHER}/response"), 400, "InvalidRequestID", "Invalid request ID"),
        (request("POST", f"{RUNTIME}/invocation/{OTHER}/error"), 400, "InvalidRequestID", "Invalid request ID"),
        (request("POST", f"{RUNTIME}/invocation/nonsense/response"), 400, "InvalidRequestID", "Invalid request ID"),
        (
            request("GET", f"{RUNTIME}/invocation/next"), 403, "InvalidStateTransition",
            f"State transition from Running to Ready failed for runtime. {NOT_ALLOWED}",
        ),
        (
            request("POST", f"{RUNTIME}/init/error"), 403, "InvalidStateTransition",
            f"State transition from Running to InitError failed for runtime. {NOT_ALLOWED}",
        ),
        (
            request("POST", OWN_RESPONSE, {"Lambda-Runtime-Invocation-Id": OTHER}), 410, "InvokeTimeout",
            "Invoke timeout",
        ),
        (request("POST", OWN_ERROR, {"Lambda-Runtime-Invocation-Id": OTHER}), 410, "InvokeTimeout", "Invoke timeout"),
        (request("GET", f"{RUNTIME}/nothing"), 404, "NotFound", None),
        (request("GET", f"{RUNTIME}/restore/next"), 404, "NotFound", None),
        (request("PUT", OWN_RESPONSE), 405, "MethodNotAllowed", None),
        (request("POST", f"{RUNTIME}/invocation/next"), 405, "MethodNotAllowed", None),
    ],
)  # fmt: skip
def test_refused_request_has_its_status_and_error(prober, asked, status, kind, message):
    (said,) = probe(prober, asked)
    assert said.status == status, said
    assert said.headers["content-type"] == "application/json"
    document = json.loads(said.body)
    assert document["errorType"] == kind
    assert message is None or document["errorMessage"] == message


def test_ping_is_answered(prober):
    (said,) = probe(prober, request("GET", "/2018-06-01/ping"))
    assert (said.status, said.body) == (200, "pong")


@pytest.mark.parametrize("path", [OWN_RESPONSE, OWN_ERROR])
def test_taken_answer_is_confirmed_and_a_second_refused(prober, path):
    headers = {"Lambda-Runtime-Invocation-Id": "{delivery}"}
    answer, (taken, *refused) = probe_answering(
        prober,
        request("POST", path, headers, '"once"'),
        request("POST", OWN_RESPONSE, headers, '"twice"'),
        request("POST", OWN_ERROR, {}, '"twice"'),
    )
    assert (answer.payload, answer.error) == ("once", "Unhandled" if path == OWN_ERROR else None)
    assert (taken.status, taken.body, taken.headers["content-type"]) == (202, '{"status":"OK"}\n', "application/json")
    for said in refused:
        assert (said.status, json.loads(said.body)["errorType"]) == (403, "InvalidStateTransition")


@pytest.mark.parametrize("path", [OWN_RESPONSE, OWN_ERROR])
def test_largest_answer_is_taken_and_a_larger_one_refused(prober, path):
    answer, (taken,) = probe_answering(prober, request("POST", path, {}, RESPONSE_BYTES_MAX))
    assert (len(answer.body), taken.status) == (RESPONSE_BYTES_MAX, 202)
    answer, (refused,) = probe_answering(prober, request("POST", path, {}, RESPONSE_BYTES_MAX + 1))
    assert answer.error_type == "Function.ResponseSizeTooLarge"
    assert refused.status == 413
    assert json.loads(refused.body) == {
        "errorMessage": f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).",
        "errorType": "RequestEntityTooLarge",
    }


def test_unknown_response_mode_is_refused(prober):
    mode = {"Lambda-Runtime-Function-Response-Mode": "telepathy"}
    answer, (refused,) = probe_answering(prober, request("POST", OWN_RESPONSE, mode, '"x"'))
    assert answer.error_type == "Runtime.InvalidResponseModeHeader"
    assert (refused.status, json.loads(refused.body)["errorType"]) == (400, "InvalidFunctionResponseMode")


def test_content_type_of_an_error_is_passed_on(prober):
    answer, _ = probe_answering(prober, request("POST", OWN_ERROR, {"Content-Type": "text/plain"}, "plain words"))
    assert (answer.error, answer.body, answer.headers["content-type"]) == ("Unhandled", b"plain words", "text/plain")


def test_headers_about_an_error_do_not_change_its_document(prober):
    """A cause for X-Ray may be as large as a header can be; it is for the platform only."""
    headers = {
        "Lambda-Runtime-Function-Error-Type": "Function.Own",
        "Lambda-Runtime-Function-XRay-Error-Cause": json.dumps({"working_directory": "/", "paths": ["x" * 60_000]}),
    }
    answer, (taken,) = probe_answering(prober, request("POST", OWN_ERROR, headers, '{"errorType":"Else"}'))
    assert (answer.body, taken.status) == (b'{"errorType":"Else"}', 202)


def test_initialisation_error_is_confirmed(functions):
    function = functions.provided(script_package("""
headers = {"Lambda-Runtime-Function-Error-Type": "Runtime.Own", "Content-Type": "application/json"}
print("said", call("POST", "init/error", '{"errorType": "Own"}', headers)[::2], flush=True)
print("said", call("POST", "init/error", '{"errorType": "Own"}', headers)[0], flush=True)
sys.exit(1)
"""))
    answer = function.invoke({}, LogType="Tail")
    assert (answer.error, answer.body) == ("Unhandled", b'{"errorType": "Own"}')
    assert b"Error Type: Runtime.Own" in answer.log


#: Posts an answer over a socket of its own in the two pieces that its event has, and waits for a reply to each that is
#: there. It tells the replies by the next event.
BARE_POSTS = """
import socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
told = None
while True:
    request_id, event = next_invoke()
    event = json.loads(event)
    if event == "told":
        respond(request_id, json.dumps(told))
        continue
    told = []
    first = f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\\r\\nHost: x\\r\\n" + event[0]
    with socket.create_connection((host, int(port)), timeout=5) as other:
        for piece in [first, *event[1:]]:
            other.sendall(piece.encode())
            try: told.append(other.recv(1000).decode().split("\\r\\n")[0])
            except TimeoutError: told.append("nothing")
"""


@pytest.mark.parametrize(
    ("pieces", "replies"),
    [
        # As clients send what they do not know the length of.
        (['Transfer-Encoding: chunked\r\n\r\n3\r\n"wh\r\n4\r\nole"\r\n0\r\n\r\n'], ["HTTP/1.1 202 Accepted"]),
        # As curl sends what is large, unless it is told not to.
        (
            ["Expect: 100-continue\r\nContent-Length: 7\r\n\r\n", '"whole"'],
            ["HTTP/1.1 100 Continue", "HTTP/1.1 202 Accepted"],
        ),
    ],
)
def test_body_may_come_in_every_way_of_http(functions, pieces, replies):
    function = functions.provided(script_package(BARE_POSTS))
    assert function.invoke(pieces, LogType="Tail").payload == "whole"
    assert function.ask("told") == replies


def test_upload_that_breaks_off_is_no_answer(functions):
    """Nobody is there to be told of it; what counts is the answer that comes whole."""
    function = functions.provided(script_package("""
import socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rsplit(":", 1)
while True:
    request_id, event = next_invoke()
    with socket.create_connection((host, int(port))) as other:
        other.sendall(
            f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\\r\\nHost: x\\r\\n"
            "Content-Length: 100\\r\\n\\r\\nbroken".encode()
        )
    respond(request_id, '"whole"')
"""))
    assert [function.ask() for _ in range(3)] == ["whole"] * 3


def test_metadata_is_for_who_has_the_token(functions):
    function = functions.create("""
import http.client, os
def handler(event, context):
    def ask(method, authorization):
        connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_METADATA_API"])
        connection.request(method, "/2026-01-15/metadata/execution-environment", headers=authorization)
        response = connection.getresponse()
        answer = [response.status, dict(response.headers), response.read().decode()]
        connection.close()
        return answer
    own = {"Authorization": "Bearer " + os.environ["AWS_LAMBDA_METADATA_TOKEN"]}
    return [ask("GET", own), ask("GET", {}), ask("GET", {"Authorization": "Bearer other"}), ask("POST", own)]
""")
    told, *refused = [Said(answer) for answer in function.ask()]
    assert told.status == 200
    assert re.fullmatch(r"use1-az\d", json.loads(told.body)["AvailabilityZoneID"])
    assert [said.status for said in refused] == [401, 401, 405]


#: Posts an error, with the headers and body that its event names.
FAILING = """
while True:
    request_id, event = next_invoke()
    headers, body = json.loads(event)
    call("POST", f"invocation/{request_id}/error", body, headers)
"""
WITH_CAUSE = "application/vnd.aws.lambda.error.cause+json"


@pytest.mark.parametrize(
    "content_type, posted, seen, seen_type",
    [
        ("application/vnd.aws.lambda.error+json", '{"errorMessage": "m" }', b'{"errorMessage": "m" }',
         "application/vnd.aws.lambda.error+json"),
        (WITH_CAUSE, '{"errorMessage": "m", "errorType": "T", "stackTrace": ["s"], "errorCause": {"paths": []}}',
         b'{"errorMessage":"m","errorType":"T","stackTrace":["s"]}', "application/json"),
        (WITH_CAUSE, "no json", b'"Invalid error body"', "application/octet-stream"),
    ],
)  # fmt: skip
def test_error_reaches_the_caller_as_its_type_says(functions, content_type, posted, seen, seen_type):
    function = functions.provided(script_package(FAILING))
    headers = {"Content-Type": content_type, "Lambda-Runtime-Function-Error-Type": "Function.Own"}
    answer = function.invoke([headers, posted])
    assert (answer.error, answer.body, answer.headers["content-type"]) == ("Unhandled", seen, seen_type)


@pytest.mark.parametrize(
    "given, told",
    [
        ("Function.Own", "Function.Own"), ("Runtime.Own", "Runtime.Own"), ("my.Function.Own", "my.Function.Own"),
        ("Function.own", "Function.Unknown"), ("nonsense", "Runtime.Unknown"),
    ],
)  # fmt: skip
def test_error_type_is_what_the_platform_tells(functions, given, told):
    function = functions.provided(
        script_package(FAILING), LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}
    )
    answer = function.invoke([{"Lambda-Runtime-Function-Error-Type": given}, "{}"], LogType="Tail")
    assert answer.body == b"{}"
    records = [json.loads(line) for line in answer.log.splitlines()]
    done = next(record["record"] for record in records if record["type"] == "platform.runtimeDone")
    assert (done["status"], done["errorType"]) == ("error", told)
