"""The asynchronous invoke: what is taken, what is refused at once, and that what was taken runs."""

import base64
import json
import uuid

import pytest
from async_events import EVENT_BYTES_MAX, OBEDIENT, gained, metrics, queue, seen, send, send_many, settled
from botocore.exceptions import ClientError
from lambda_client import error_of, function_arn
from test_identity import allow, guarded, refused, user  # noqa: F401
from test_invoke_requests import NOT_JSON, post

EVENT = {"X-Amz-Invocation-Type": "Event"}
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
#: Tells how the function was invoked.
TELLER = """
import json, os
def handler(event, context):
    print("saw " + json.dumps([context.aws_request_id, {
        "arn": context.invoked_function_arn, "version": context.function_version,
        "trace": os.environ["_X_AMZN_TRACE_ID"], "custom": context.client_context and context.client_context.custom,
        "remaining": context.get_remaining_time_in_millis(),
    }]), flush=True)
"""
#: Does not print the event, which may be large.
MEASURE = """
import json
def handler(event, context): print("saw " + json.dumps([context.aws_request_id, len(event)]), flush=True)
"""
TOO_LARGE = f"Request must be smaller than {EVENT_BYTES_MAX} bytes for the InvokeFunction operation"


@pytest.fixture
def function(functions):
    return functions.create(OBEDIENT)


@pytest.fixture
def teller(functions):
    return functions.create(TELLER, Publish=True)


def post_event(server, function, body=b"{}", headers=None, **more):
    return post(server, function.name, body, {**EVENT, **(headers or {})}, **more)


def post_older(server, reference, body=b"{}", operation="invoke-async/", **more):
    return post(server, reference, body, operation=operation, version="2014-11-13", **more)


# What is taken


def test_event_is_taken_and_seen_by_the_function(server, function):
    accepted = send(function, {"a": 1})
    assert accepted.headers["x-amzn-trace-id"].startswith("Root=1-")
    assert seen(server, function, 1) == [(accepted.request_id, {"a": 1})]
    settled(server, function)
    assert len(seen(server, function)) == 1


def test_answer_is_empty_and_has_lambdas_headers(server, function):
    reply = post_event(server, function)
    assert (reply.status, reply.body) == (202, b"")
    assert uuid.UUID(reply.headers["x-amzn-RequestId"])
    assert reply.headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert reply.headers["Content-Length"] == "0"
    for name in ("X-Amz-Executed-Version", "X-Amz-Function-Error", "X-Amz-Log-Result"):
        assert name not in reply.headers


@pytest.mark.parametrize("event", [None, 1.5, "é\u2028\U0001f600", [], {"k": [1, None, True]}])
def test_every_kind_of_json_is_an_event(server, function, event):
    accepted = send(function, event)
    assert seen(server, function, 1) == [(accepted.request_id, event)]


def test_no_event_is_an_empty_object(server, function):
    accepted = send(function, b"")
    assert seen(server, function, 1) == [(accepted.request_id, {})]


def test_callers_request_id_and_trace_are_honoured(server, teller):
    own = str(uuid.uuid4())
    reply = post_event(server, teller, headers={"x-amzn-RequestId": own, "X-Amzn-Trace-Id": TRACE})
    assert (reply.status, reply.headers["x-amzn-RequestId"]) == (202, own)
    ((request_id, told),) = seen(server, teller, 1)
    assert request_id == own
    assert told["trace"].split(";")[0] == TRACE.split(";")[0]


@pytest.mark.parametrize(("qualifier", "version"), [(None, "$LATEST"), ("1", "1"), ("live", "1")])
def test_function_is_invoked_as_the_caller_named_it(server, teller, qualifier, version):
    teller.client.create_alias(FunctionName=teller.name, Name="live", FunctionVersion="1")
    send(teller, {}, **({"Qualifier": qualifier} if qualifier else {}))
    ((_, told),) = seen(server, teller, 1)
    assert told["arn"] in {function_arn(teller.name, qualifier), function_arn(teller.name, qualifier or "$LATEST")}
    assert told["version"] == version
    # The time that the event has waited is not the function's.
    assert 20_000 < told["remaining"] <= 30_000


def test_client_context_reaches_the_function(server, teller):
    context = base64.b64encode(b'{"custom": {"key": "value"}}').decode()
    send(teller, {}, ClientContext=context)
    ((_, told),) = seen(server, teller, 1)
    assert told["custom"] == {"key": "value"}


def test_largest_event_is_taken(server, functions):
    function = functions.create(MEASURE)
    largest = b'"' + b"x" * (EVENT_BYTES_MAX - 2) + b'"'
    assert len(largest) == EVENT_BYTES_MAX
    accepted = send(function, largest)
    assert seen(server, function, 1) == [(accepted.request_id, EVENT_BYTES_MAX - 2)]


def test_many_events_from_many_callers_run_once_each(server, function):
    """In whatever order."""
    events = list(range(200))
    ids = send_many(server, function, events, connections=8)
    found = seen(server, function, len(events))
    settled(server, function)
    assert sorted(found) == sorted(zip(ids, events, strict=True))
    assert len(seen(server, function)) == len(events)


def test_events_are_counted(server, function):
    settled(server)
    before = metrics(server)
    send_many(server, function, range(5))
    settled(server)
    assert gained(server, before) == {"AsyncEventsReceived": 5, "AsyncEventsSucceeded": 5}


def test_reservation_of_nothing_refuses_no_event(server, function):
    """It is a matter of the event's outcome, not of the caller's."""
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    send(function, {})
    settled(server, function)
    assert seen(server, function) == []


def test_dry_run_leaves_no_event(server, function):
    settled(server)
    before = metrics(server)
    for _ in range(3):
        reply = post(server, function.name, headers={"X-Amz-Invocation-Type": "DryRun"})
        assert (reply.status, reply.body) == (204, b"")
    assert gained(server, before) == {}
    assert queue(server)["Depth"] == 0


def test_aws_cli_sends_an_event(server, aws, function, tmp_path):
    answer = aws(
        "lambda", "invoke", "--function-name", function.name, "--invocation-type", "Event",
        "--payload", '{"by": "cli"}', str(tmp_path / "answer"),
    )  # fmt: skip
    assert answer == {"StatusCode": 202}
    assert (tmp_path / "answer").read_bytes() == b""
    ((_, event),) = seen(server, function, 1)
    assert event == {"by": "cli"}


# The older operation


def test_older_operation_takes_events(server, function):
    assert function.client.invoke_async(FunctionName=function.name, InvokeArgs=b'{"by": "boto3"}')["Status"] == 202
    for operation in "invoke-async", "invoke-async/":
        reply = post_older(server, function.name, b'{"by": "hand"}', operation)
        assert (reply.status, reply.document) == (202, {"Status": 202})
        assert uuid.UUID(reply.headers["x-amzn-RequestId"])
    found = sorted(event["by"] for _, event in seen(server, function, 3))
    assert found == ["boto3", "hand", "hand"]


def test_older_operation_has_the_same_errors(server, function):
    before = metrics(server)
    reply = post_older(server, "missing")
    assert (reply.status, reply.kind) == (404, "ResourceNotFoundException")
    reply = post_older(server, function.name, b"nope")
    assert (reply.status, reply.kind) == (400, "InvalidRequestContentException")
    reply = post_older(server, function.name, b'"' + b"x" * EVENT_BYTES_MAX + b'"')
    assert (reply.status, reply.kind) == (413, "RequestEntityTooLargeException")
    assert gained(server, before) == {}


def test_older_operation_requires_an_event(server, function):
    reply = post_older(server, function.name, b"")
    assert (reply.status, reply.kind) == (400, "ValidationException")
    assert "Value null at 'invokeArgs' failed to satisfy constraint: Member must not be null" in reply.document["message"]


# What is refused at once


@pytest.mark.parametrize("qualifier", [None, "nobody", "17"])
def test_missing_function_alias_or_version_is_refused(server, function, qualifier):
    name = function.name if qualifier else "missing"
    parameters = {"Qualifier": qualifier} if qualifier else {}
    error = error_of(function.client.invoke, FunctionName=name, InvocationType="Event", **parameters)
    arn = function_arn(name, qualifier or "$LATEST")
    assert error == (404, "ResourceNotFoundException", f"Function not found: {arn}")


@pytest.mark.parametrize("body", [b"nope", b"{", b"{} {}", b'"\x87"', b"n\x87r"])
def test_event_that_is_not_json_is_refused_as_the_synchronous_one(server, function, body):
    before = metrics(server)
    reply = post_event(server, function, body)
    assert (reply.status, reply.kind) == (400, "InvalidRequestContentException")
    assert reply.document["message"].startswith(NOT_JSON)
    assert reply.document == post(server, function.name, body).document
    assert gained(server, before) == {}


def test_event_beyond_the_limit_is_refused(server, function):
    before = metrics(server)
    reply = post_event(server, function, b'"' + b"x" * (EVENT_BYTES_MAX - 1) + b'"')
    assert (reply.status, reply.kind) == (413, "RequestEntityTooLargeException")
    assert reply.document == {"Message": TOO_LARGE}
    # White space counts, too.
    assert post_event(server, function, b"{}" + b" " * (EVENT_BYTES_MAX - 1)).status == 413
    assert gained(server, before) == {}
    # For the synchronous invoke, there is another limit.
    assert post(server, function.name, b'"' + b"x" * EVENT_BYTES_MAX + b'"').status == 200


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"X-Amz-Invocation-Type": "event"}, "ValidationException"),
        ({"X-Amz-Invocation-Type": "Nonsense"}, "ValidationException"),
        ({"x-amzn-RequestId": "no-uuid"}, "InvalidRequestContentException"),
        ({"X-Amz-Client-Context": "e30=" * 896}, "InvalidRequestContentException"),
        ({"X-Amz-Client-Context": "bm8ganNvbg=="}, "InvalidRequestContentException"),
        ({"X-Amz-Tenant-Id": "blue"}, "InvalidParameterValueException"),
    ],
)
def test_bad_header_is_refused(server, function, headers, kind):
    before = metrics(server)
    reply = post_event(server, function, headers=headers)
    assert (reply.status, reply.kind) == (400, kind)
    assert gained(server, before) == {}


def test_conflicting_qualifiers_are_refused(function):
    with pytest.raises(ClientError) as raised:
        function.client.invoke(FunctionName=f"{function.name}:$LATEST", Qualifier="other", InvocationType="Event")
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_whoever_may_not_invoke_sends_no_event(guarded, user):  # noqa: F811
    parameters = {"FunctionName": "closed", "InvocationType": "Event", "Payload": b"{}"}
    stranger, other = user(), user(allow("lambda:InvokeFunction", function_arn("open")))
    for one in stranger, other:
        message = refused(one.client().invoke, "AccessDeniedException", **parameters)
        assert "lambda:InvokeFunction" in message
        for body in b"{}", b"nope":
            refused(one.client().invoke_async, "AccessDeniedException", FunctionName="closed", InvokeArgs=body)
    # Nobody learns by the error whether there is such a function.
    refused(stranger.client().invoke, "AccessDeniedException", **{**parameters, "FunctionName": "missing"})
    may = user(allow("lambda:*", function_arn("closed")))
    answer = may.client().invoke(**parameters)
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert may.client().invoke_async(FunctionName="closed", InvokeArgs=json.dumps({}))["Status"] == 202
