"""The Runtime API as a runtime sees it: AWS's published tables of requests, headers and errors, row by row."""

import json
import re
import time

import pytest
from packages import script_package

#: Sends the requests that its event names before it answers with what came back. `{id}` is the invoke's, `{delivery}` the
#: delivery's. What its own answer was answered with comes with the next invoke.
CURIOUS = """
answered = None
while True:
    status, headers, body = call("GET", "invocation/next")
    request_id, delivery = headers["Lambda-Runtime-Aws-Request-Id"], headers["Lambda-Runtime-Invocation-Id"]
    event, replies = json.loads(body), []
    for method, path, fields, content in event.get("requests", []):
        other = connect()
        fields = {name: value.replace("{delivery}", delivery) for name, value in fields.items()}
        other.request(method, "/2018-06-01/" + path.replace("{id}", request_id), content, fields)
        response = other.getresponse()
        replies.append([response.status, response.headers["Content-Type"], response.read().decode()])
        other.close()
    result = {"headers": dict(headers.items()), "replies": replies, "answered": answered}
    status, headers, body = respond(request_id, json.dumps(result))
    answered = [status, headers["Content-Type"], body]
"""


@pytest.fixture
def curious(functions):
    return functions.provided(script_package(CURIOUS), Timeout=20)


def test_event_comes_with_its_headers_and_no_others(curious):
    before = time.time() * 1000
    answer = curious.invoke({})
    headers = answer.payload["headers"]
    assert set(headers) == {
        "Content-Type", "Content-Length", "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Trace-Id", "Lambda-Runtime-Invocation-Id",
    }  # fmt: skip
    assert headers["Content-Type"] == "application/json"
    assert headers["Lambda-Runtime-Aws-Request-Id"] == answer.request_id
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == curious.configuration["FunctionArn"]
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]", headers["Lambda-Runtime-Trace-Id"]
    )
    assert before < int(headers["Lambda-Runtime-Deadline-Ms"]) - 20_000 < time.time() * 1000
    # Each delivery has a name of its own.
    again = curious.ask({})["headers"]["Lambda-Runtime-Invocation-Id"]
    assert again != headers["Lambda-Runtime-Invocation-Id"]


def test_answer_is_accepted_in_so_many_words(curious):
    curious.ask({})
    assert curious.ask({})["answered"] == [202, "application/json", '{"status":"OK"}\n']


@pytest.mark.parametrize(
    "request_, status, error_type, message",
    [
        (["GET", "runtime/invocation/next", {}, None], 403, "InvalidStateTransition",
         "State transition from Running to Ready failed for runtime. Error: State transition is not allowed"),
        (["POST", "runtime/init/error", {}, "{}"], 403, "InvalidStateTransition",
         "State transition from Running to InitError failed for runtime. Error: State transition is not allowed"),
        (["POST", "runtime/invocation/wrong/response", {}, "1"], 400, "InvalidRequestID", "Invalid request ID"),
        (["POST", "runtime/invocation/wrong/error", {}, "{}"], 400, "InvalidRequestID", "Invalid request ID"),
        (["POST", "runtime/invocation/{id}/response", {"Lambda-Runtime-Invocation-Id": "stale"}, "1"],
         410, "InvokeTimeout", "Invoke timeout"),
        (["POST", "runtime/invocation/{id}/error", {"Lambda-Runtime-Invocation-Id": "stale"}, "{}"],
         410, "InvokeTimeout", "Invoke timeout"),
    ],
)  # fmt: skip
def test_wrong_request_is_refused_and_the_invoke_goes_on(curious, request_, status, error_type, message):
    (found, content_type, body), = curious.ask({"requests": [request_]})["replies"]
    assert (found, content_type) == (status, "application/json")
    assert json.loads(body) == {"errorMessage": message, "errorType": error_type}
    assert body.endswith("\n")


def test_service_answers_to_a_ping(curious):
    (status, _, body), = curious.ask({"requests": [["GET", "ping", {}, None]]})["replies"]
    assert (status, body) == (200, "pong")


def test_answer_that_names_its_delivery_counts(curious):
    request = ["POST", "runtime/invocation/{id}/response", {"Lambda-Runtime-Invocation-Id": "{delivery}"}, '"named"']
    assert curious.ask({"requests": [request]}) == "named"


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
