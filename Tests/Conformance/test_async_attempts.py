"""How often an event is tried, and when no more."""

import concurrent.futures
import contextlib
import json
import os
import signal
import uuid

import pytest
from async_events import OBEDIENT, configure, gained, lane, metrics, seen, send, send_many, settled
from aws_services import with_services
from host import processes_with
from lambda_client import Functions, function_arn, make_client
from packages import package
from swiftlet_server import IS_EMULATED
from test_concurrency import eventually
from test_versions import publish

#: What `with_services` has as the delay of the first retry suits tests of retries; these are for tests of the wait.
RETRY_SECONDS_LONGER_THAN_THE_AGE = 70
RETRY_SECONDS_TO_ACT_IN = 5


@pytest.fixture
def function(async_functions):
    return async_functions.create(OBEDIENT)


def serving(directory, services, retry_delay):
    return with_services(directory, services.endpoint, retry_delay=retry_delay).start()


@pytest.fixture
def slow_to_retry(tmp_path, services):
    """A server that leaves a test the time to change something before the next attempt."""
    server = serving(tmp_path, services, RETRY_SECONDS_TO_ACT_IN)
    yield server
    server.close()


def outcome(record):
    """What a record tells of its attempts."""
    context = record["requestContext"]
    return context["condition"], context["approximateInvokeCount"], record.get("responseContext")


def failed(count, version="$LATEST"):
    response = {"statusCode": 200, "executedVersion": version, "functionError": "Unhandled"}
    return "RetriesExhausted", count, response


def record_and_letter(mailbox):
    """The record and, of the dead letter, what its attributes say: which of them comes first is left open."""
    messages = mailbox.take(2)
    (record,) = [json.loads(message["Body"]) for message in messages if "MessageAttributes" not in message]
    (letter,) = [message["MessageAttributes"] for message in messages if "MessageAttributes" in message]
    return record, {name: attribute["StringValue"] for name, attribute in letter.items()}


# Failures of functions


@pytest.mark.parametrize("retries", [None, 0, 1, 2])
def test_failure_is_tried_again_as_often_as_configured(async_server, function, mailbox, retries):
    parameters = {} if retries is None else {"MaximumRetryAttempts": retries}
    configure(function, on_failure=mailbox.arn, **parameters)
    attempts = 3 if retries is None else retries + 1
    before = metrics(async_server)
    accepted = send(function, {"do": "raise"})
    record = mailbox.record()
    assert outcome(record) == failed(attempts)
    assert record["requestContext"]["requestId"] == accepted.request_id
    settled(async_server)
    assert seen(async_server, function, attempts) == [(accepted.request_id, {"do": "raise"})] * attempts
    wanted = {"AsyncEventsReceived": 1, "AsyncEventsRetried": attempts - 1, "DestinationsDelivered": 1}
    grown = gained(async_server, before)
    assert {name: grown.get(name, 0) for name in wanted} == wanted
    assert "AsyncEventsSucceeded" not in grown
    assert mailbox.is_empty()


@pytest.mark.parametrize(
    ("event", "errors"),
    [
        ({"do": "raise"}, {"RuntimeError"}),
        ({"do": "sleep", "seconds": 60}, {"Sandbox.Timedout"}),
        ({"do": "exit"}, {"Runtime.ExitError"}),
        ({"do": "allocate"}, {"Runtime.OutOfMemory", "Runtime.ExitError"}),
    ],
)
def test_every_kind_of_failure_is_tried_again(async_server, function, mailbox, event, errors):
    if event["do"] == "sleep":
        function.client.update_function_configuration(FunctionName=function.name, Timeout=1)
        function.wait_until_updated()
    configure(function, on_failure=mailbox.arn, MaximumRetryAttempts=1)
    accepted = send(function, event)
    record = mailbox.record()
    assert outcome(record) == failed(2)
    assert record["responsePayload"]["errorType"] in errors
    settled(async_server)
    assert seen(async_server, function, 2) == [(accepted.request_id, event)] * 2


def test_function_that_cannot_start_is_tried_again(async_functions, mailbox):
    function = async_functions.create("raise RuntimeError('at the start')")
    configure(function, on_failure=mailbox.arn, MaximumRetryAttempts=1)
    send(function, {})
    record = mailbox.record()
    assert outcome(record) == failed(2)
    assert record["responsePayload"]["errorMessage"] == "at the start"


def test_success_after_a_failure_is_a_success(async_server, function, mailbox):
    configure(function, on_success=mailbox.arn, on_failure=mailbox.arn)
    accepted = send(function, {"do": "raise at first", "times": 1})
    record = mailbox.record()
    assert outcome(record) == ("Success", 2, {"statusCode": 200, "executedVersion": "$LATEST"})
    settled(async_server)
    assert [request_id for request_id, _ in seen(async_server, function, 2)] == [accepted.request_id] * 2
    assert mailbox.is_empty()


def test_function_version_and_alias_have_their_own_settings(async_server, function, mailbox):
    """A version does not inherit those of the function it was published from."""
    configure(function, on_failure=mailbox.arn, MaximumRetryAttempts=0)
    publish(function)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    configure(function, on_failure=mailbox.arn, qualifier="live", MaximumRetryAttempts=1)
    event = {"do": "raise"}
    unqualified = send(function, event)
    version = send(function, event, Qualifier="1")
    alias = send(function, event, Qualifier="live")
    records = [json.loads(message["Body"]) for message in mailbox.take(2)]
    by_id = {record["requestContext"]["requestId"]: record for record in records}
    assert by_id.keys() == {unqualified.request_id, alias.request_id}
    assert outcome(by_id[unqualified.request_id]) == failed(1)
    assert by_id[unqualified.request_id]["requestContext"]["functionArn"] == function_arn(function.name, "$LATEST")
    assert outcome(by_id[alias.request_id]) == failed(2, version="1")
    assert by_id[alias.request_id]["requestContext"]["functionArn"] == function_arn(function.name, "live")
    settled(async_server, function)
    ids = [request_id for request_id, _ in seen(async_server, function, 6)]
    assert [ids.count(one.request_id) for one in (unqualified, version, alias)] == [1, 3, 2]
    # Nobody has said where the version's outcome goes.
    assert mailbox.is_empty()


# No room


def test_events_that_find_no_room_wait_and_lose_no_attempt(async_server, function, mailbox):
    """One at a time, and none may fail even once."""
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    configure(function, on_failure=mailbox.arn, MaximumRetryAttempts=0)
    events = [{"do": "sleep", "seconds": 0.1, "number": number} for number in range(20)]
    ids = send_many(async_server, function, events)
    found = seen(async_server, function, len(events))
    settled(async_server, function)
    assert sorted(request_id for request_id, _ in found) == sorted(ids)
    assert len(seen(async_server, function)) == len(events)
    assert mailbox.is_empty()


def test_event_waits_while_another_caller_has_the_only_place(async_server, function, mailbox):
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    configure(function, on_success=mailbox.arn, MaximumRetryAttempts=0)
    before = metrics(async_server)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(function.invoke, {"do": "sleep", "seconds": 3})
        seen(async_server, function, 1)
        accepted = send(function, {"number": 1})
        eventually(lambda: gained(async_server, before).get("AsyncEventsThrottled"))
        assert other.result().error is None
    record = mailbox.record()
    assert outcome(record) == ("Success", 1, {"statusCode": 200, "executedVersion": "$LATEST"})
    assert record["requestContext"]["requestId"] == accepted.request_id


def test_event_that_finds_no_room_until_it_is_too_old(async_server, async_functions, mailbox):
    """The wait doubles from one second; the one that would end after the maximum age is not begun."""
    marker = uuid.uuid4().hex
    function = async_functions.create(
        OBEDIENT, Timeout=120, DeadLetterConfig={"TargetArn": mailbox.arn},
        Environment={"Variables": {"MARKER": marker}},
    )  # fmt: skip
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    configure(function, on_failure=mailbox.arn, MaximumEventAgeInSeconds=60)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(function.invoke, {"do": "sleep", "seconds": 110})
        seen(async_server, function, 1)
        accepted = send(function, {"number": 1})
        record, letter = record_and_letter(mailbox)
        assert not other.done()
        # Nobody needs to wait for it any longer.
        for process in processes_with(marker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        # The host sees no process of a guest: there the invoke comes to its end.
        assert other.result().error == (None if IS_EMULATED else "Unhandled")
    assert outcome(record) == ("EventAgeExceeded", 0, {"statusCode": 429})
    assert record["requestPayload"] == {"number": 1}
    assert "responsePayload" not in record
    assert letter == {"RequestID": accepted.request_id, "ErrorCode": "429", "ErrorMessage": "Rate Exceeded."}


def test_reservation_of_nothing_ends_an_event_without_a_run(async_server, function, mailbox):
    configure(function, on_failure=mailbox.arn)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    send(function, {"number": 1})
    record = mailbox.record()
    assert outcome(record) == ("ZeroReservedConcurrency", 0, None)
    assert "responsePayload" not in record
    settled(async_server)
    function.client.delete_function_concurrency(FunctionName=function.name)
    # It is the event's end, and no wait for better times.
    later = send(function, {"number": 2})
    assert seen(async_server, function, 1) == [(later.request_id, {"number": 2})]


# Age


def test_event_ends_at_once_when_the_next_attempt_would_be_too_late(tmp_path, services, mailbox):
    server = serving(tmp_path, services, RETRY_SECONDS_LONGER_THAN_THE_AGE)
    try:
        function = Functions(server, "f").create(OBEDIENT)
        configure(function, on_failure=mailbox.arn, MaximumEventAgeInSeconds=60)
        accepted = send(function, {"do": "raise"})
        # Long before the age is reached, let alone the next attempt's time.
        record = mailbox.record()
        _, _, response = failed(1)
        assert outcome(record) == ("EventAgeExceeded", 1, response)
        assert record["responsePayload"]["errorType"] == "RuntimeError"
        settled(server)
        assert seen(server, function, 1) == [(accepted.request_id, {"do": "raise"})]
        # Who allows for more waits for it.
        configure(function, on_failure=mailbox.arn, MaximumEventAgeInSeconds=80)
        send(function, {"do": "raise"})
        seen(server, function, 2)
        eventually(lambda: lane(server, function.name)["InFlight"] == 0)
        assert lane(server, function.name)["Depth"] == 1
        assert mailbox.is_empty()
    finally:
        server.close()


# Changes between attempts


def test_next_attempt_runs_the_code_that_is_current(slow_to_retry, mailbox):
    function = Functions(slow_to_retry, "f").create(OBEDIENT)
    configure(function, on_success=mailbox.arn)
    send(function, {"do": "raise"})
    seen(slow_to_retry, function, 1)
    function.client.update_function_code(
        FunctionName=function.name, ZipFile=package({"app.py": "def handler(event, context): return 'new'"})
    )
    record = mailbox.record()
    assert record["responsePayload"] == "new"
    assert record["requestContext"]["approximateInvokeCount"] >= 2


def test_event_of_a_function_that_is_gone_takes_the_failure_path(slow_to_retry, mailbox):
    """As it was configured while the function was there."""
    function = Functions(slow_to_retry, "f").create(OBEDIENT, DeadLetterConfig={"TargetArn": mailbox.arn})
    configure(function, on_failure=mailbox.arn, MaximumRetryAttempts=1)
    accepted = send(function, {"do": "raise"})
    seen(slow_to_retry, function, 1)
    function.client.delete_function(FunctionName=function.name)
    record, letter = record_and_letter(mailbox)
    arn = function_arn(function.name, "$LATEST")
    assert outcome(record) == ("RetriesExhausted", 2, {"statusCode": 404})
    assert record["requestContext"]["requestId"] == accepted.request_id
    assert record["requestContext"]["functionArn"] == arn
    assert letter == {
        "RequestID": accepted.request_id, "ErrorCode": "404", "ErrorMessage": f"Function not found: {arn}",
    }  # fmt: skip
    settled(slow_to_retry)


def test_event_of_an_alias_that_is_gone_takes_the_failure_path(slow_to_retry, mailbox):
    function = Functions(slow_to_retry, "f").create(OBEDIENT, Publish=True)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    configure(function, on_failure=mailbox.arn, qualifier="live", MaximumRetryAttempts=1)
    send(function, {"do": "raise"}, Qualifier="live")
    seen(slow_to_retry, function, 1)
    function.client.delete_alias(FunctionName=function.name, Name="live")
    record = mailbox.record()
    assert record["requestContext"]["functionArn"] == function_arn("f-1", "live")
    assert record["responseContext"]["statusCode"] == 404
    # The function itself goes on.
    assert make_client(slow_to_retry).invoke(FunctionName="f-1", Payload=b"1")["Payload"].read() == b'{"did": 1}'
