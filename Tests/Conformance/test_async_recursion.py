"""A chain of events that a function sends itself is stopped like one of invokes, but nobody waits for it to be told."""

import json

import pytest
from async_events import Accepted, configure, gained, metrics, seen, settled
from lambda_client import function_arn
from test_concurrency import eventually
from test_recursion import INVOCATIONS_MAX, TELL, chain, within

TELLER = """
import json, os
def handler(event, context):
    print("saw " + json.dumps([context.aws_request_id, os.environ["_X_AMZN_TRACE_ID"]]), flush=True)
    return os.environ["_X_AMZN_TRACE_ID"]
"""


@pytest.fixture
def function(async_functions):
    return async_functions.create(TELLER)


def send_within(function, trace=None):
    """Sends an event from within an invoke of that trace."""
    with within(function, trace):
        answer = Accepted(
            function.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=json.dumps(trace))
        )
    assert answer.status == 202
    return answer


def last_trace(server, function, count):
    """The trace that the function had in the last of its runs."""
    runs = seen(server, function, count)
    assert len(runs) == count
    return max((trace for _, trace in runs), key=lambda trace: int(trace.rpartition(":")[2]))


def assert_stopped(record, function, request_id, trace):
    del record["timestamp"]
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id, "functionArn": function_arn(function.name, "$LATEST"),
            "condition": "RecursiveInvocation", "approximateInvokeCount": 0,
        },
        "requestPayload": trace,
        "responseContext": {"statusCode": 400},
    }  # fmt: skip


def test_chain_of_events_is_stopped(async_server, function, mailbox):
    configure(function, on_failure=mailbox.arn)
    before = metrics(async_server)
    trace = None
    for count in range(1, INVOCATIONS_MAX + 1):
        send_within(function, trace)
        trace = last_trace(async_server, function, count)
    assert trace.endswith(f":{INVOCATIONS_MAX}")
    stopped = send_within(function, trace)
    assert_stopped(mailbox.record(), function, stopped.request_id, trace)
    settled(async_server)
    assert len(seen(async_server, function, INVOCATIONS_MAX)) == INVOCATIONS_MAX
    assert gained(async_server, before)["RecursiveInvocationsDropped"] == 1
    # Another chain is another matter.
    send_within(function)
    seen(async_server, function, INVOCATIONS_MAX + 1)


def test_chain_of_invokes_and_events_is_one(async_functions, mailbox):
    function = async_functions.create(TELL)
    configure(function, on_failure=mailbox.arn)
    trace = chain(function, INVOCATIONS_MAX)
    stopped = send_within(function, trace)
    assert_stopped(mailbox.record(), function, stopped.request_id, trace)


def test_dead_letter_queue_is_told_of_the_recursion(async_functions, mailbox):
    function = async_functions.create(TELL, DeadLetterConfig={"TargetArn": mailbox.arn})
    trace = chain(function, INVOCATIONS_MAX)
    stopped = send_within(function, trace)
    message = mailbox.take_one()
    assert json.loads(message["Body"]) == trace
    assert message["MessageAttributes"]["RequestID"]["StringValue"] == stopped.request_id


def test_function_that_may_loop_is_let_go_on(async_server, function, mailbox):
    configure(function, on_success=mailbox.arn, on_failure=mailbox.arn)
    function.client.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")
    trace = chain(function, INVOCATIONS_MAX)
    send_within(function, trace)
    record = mailbox.record()
    assert record["requestContext"]["condition"] == "Success"
    assert int(record["responsePayload"].rpartition(":")[2]) > INVOCATIONS_MAX


def test_functions_that_are_each_others_destination_come_to_an_end(async_server, async_functions, mailbox):
    first, second = async_functions.create(TELLER), async_functions.create(TELLER)
    configure(first, on_success=function_arn(second.name), on_failure=mailbox.arn)
    configure(second, on_success=function_arn(first.name), on_failure=mailbox.arn)
    before = metrics(async_server)
    send_within(first)
    eventually(lambda: gained(async_server, before).get("RecursiveInvocationsDropped"))
    settled(async_server)
    for function in first, second:
        assert len(seen(async_server, function, INVOCATIONS_MAX)) == INVOCATIONS_MAX
    record = mailbox.record()
    assert record["requestContext"]["condition"] == "RecursiveInvocation"
    assert record["requestContext"]["functionArn"] == function_arn(first.name, "$LATEST")
