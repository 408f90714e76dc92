"""Where the outcome of an event goes: what exactly arrives at each kind of destination."""

import json
import re
import uuid

import pytest
from async_events import OBEDIENT, configure, gained, metrics, seen, send, settled
from lambda_client import ACCOUNT, REGION, function_arn
from test_concurrency import eventually
from test_versions import publish

TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
MEMBERS = ["version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload"]
SUCCESS = {"number": 1}
FAILURE = {"do": "raise", "message": "refused"}


@pytest.fixture
def function(async_functions):
    return async_functions.create(OBEDIENT)


@pytest.fixture
def topic(services, mailbox):
    """A topic to which the mailbox has subscribed."""
    sns = services.client("sns")
    arn = sns.create_topic(Name=f"topic-{uuid.uuid4().hex[:12]}")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=mailbox.arn, Attributes={"RawMessageDelivery": "true"})
    yield arn
    sns.delete_topic(TopicArn=arn)


@pytest.fixture
def bus(services, mailbox):
    """An event bus whose every event comes to the mailbox."""
    events = services.client("events")
    name = f"bus-{uuid.uuid4().hex[:12]}"
    arn = events.create_event_bus(Name=name)["EventBusArn"]
    events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "mailbox", "Arn": mailbox.arn}])
    yield arn
    events.remove_targets(Rule="all", EventBusName=name, Ids=["mailbox"])
    events.delete_rule(Name="all", EventBusName=name)
    events.delete_event_bus(Name=name)


@pytest.fixture
def bucket(services):
    s3 = services.client("s3")
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    yield name
    for one in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=one["Key"])
    s3.delete_bucket(Bucket=name)


def fail_at_once(function, arn, **more):
    configure(function, on_failure=arn, MaximumRetryAttempts=0, **more)


def assert_success(record, function, request_id, event=None, qualifier="$LATEST", version="$LATEST"):
    event = SUCCESS if event is None else event
    assert list(record) == MEMBERS
    assert re.fullmatch(TIMESTAMP, record.pop("timestamp"))
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id, "functionArn": function_arn(function.name, qualifier), "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": version},
        "responsePayload": {"did": event},
    }  # fmt: skip


def assert_failure(record, function, request_id):
    assert list(record) == MEMBERS
    assert re.fullmatch(TIMESTAMP, record["timestamp"])
    assert record["version"] == "1.0"
    assert record["requestContext"] == {
        "requestId": request_id, "functionArn": function_arn(function.name, "$LATEST"), "condition": "RetriesExhausted",
        "approximateInvokeCount": 1,
    }  # fmt: skip
    assert record["requestPayload"] == FAILURE
    assert record["responseContext"] == {
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
    }  # fmt: skip
    payload = record["responsePayload"]
    assert (payload["errorType"], payload["errorMessage"]) == ("RuntimeError", "refused")
    assert payload["stackTrace"]


# Destinations


def test_queue_is_sent_the_record(function, mailbox):
    configure(function, on_success=mailbox.arn)
    accepted = send(function, SUCCESS)
    message = mailbox.take_one()
    assert_success(json.loads(message["Body"]), function, accepted.request_id)
    root = accepted.headers["x-amzn-trace-id"].split(";")[0]
    assert message["Attributes"]["AWSTraceHeader"].split(";")[0] == root
    fail_at_once(function, mailbox.arn)
    accepted = send(function, FAILURE)
    assert_failure(mailbox.record(), function, accepted.request_id)


def test_topic_is_sent_the_record(function, mailbox, topic):
    configure(function, on_success=topic)
    accepted = send(function, SUCCESS)
    assert_success(mailbox.record(), function, accepted.request_id)
    fail_at_once(function, topic)
    accepted = send(function, FAILURE)
    assert_failure(mailbox.record(), function, accepted.request_id)


def test_event_bus_is_sent_the_record(function, mailbox, bus):
    configure(function, on_success=bus, on_failure=bus, MaximumRetryAttempts=0)
    for event, result, check in (SUCCESS, "Success", assert_success), (FAILURE, "Failure", assert_failure):
        accepted = send(function, event)
        told = mailbox.record()
        assert told["source"] == "lambda"
        assert told["detail-type"] == f"Lambda Function Invocation Result - {result}"
        assert told["resources"] == [bus, function_arn(function.name, "$LATEST")]
        check(told["detail"], function, accepted.request_id)


def test_bucket_is_given_an_object_for_each_failure(services, function, bucket):
    fail_at_once(function, f"arn:aws:s3:::{bucket}")
    accepted = send(function, FAILURE)
    s3 = services.client("s3")
    (stored,) = eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"))
    key = re.fullmatch(
        rf"aws/lambda/async/{function.name}/(\d{{4}})/(\d\d)/(\d\d)/(\d{{4}})-(\d\d)-(\d\d)T\d\d\.\d\d\.\d\d-(.*)",
        stored["Key"],
    )
    assert key, stored["Key"]
    assert key.groups()[:3] == key.groups()[3:6]
    assert str(uuid.UUID(key[7])) == key[7]
    record = json.loads(s3.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read())
    assert_failure(record, function, accepted.request_id)


@pytest.mark.parametrize("qualifier", [None, "live"])
def test_function_is_sent_the_record_as_an_event(async_server, async_functions, function, qualifier):
    receiver = async_functions.create(OBEDIENT, Publish=True)
    receiver.client.create_alias(FunctionName=receiver.name, Name="live", FunctionVersion="1")
    configure(function, on_success=function_arn(receiver.name, qualifier))
    accepted = send(function, SUCCESS)
    ((request_id, record),) = seen(async_server, receiver, 1)
    assert_success(record, function, accepted.request_id)
    assert request_id != accepted.request_id
    settled(async_server, receiver)
    assert len(seen(async_server, receiver)) == 1


def test_record_tells_the_qualifier_and_the_version(function, mailbox):
    publish(function)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    for qualifier in "1", "live":
        configure(function, on_success=mailbox.arn, qualifier=qualifier)
        accepted = send(function, SUCCESS, Qualifier=qualifier)
        assert_success(mailbox.record(), function, accepted.request_id, qualifier=qualifier, version="1")


@pytest.mark.parametrize("event", ["text", 17, [1, {"a": []}], {"é": "\u2028 \U0001f600 \\ \" </script>"}])
def test_record_has_event_and_answer_as_they_were(function, mailbox, event):
    configure(function, on_success=mailbox.arn)
    accepted = send(function, event)
    assert_success(mailbox.record(), function, accepted.request_id, event)


def test_synchronous_invoke_has_no_destination(async_server, function, mailbox):
    configure(function, on_success=mailbox.arn, on_failure=mailbox.arn)
    assert function.ask(SUCCESS) == {"did": SUCCESS}
    assert function.invoke(FAILURE).error == "Unhandled"
    settled(async_server)
    assert mailbox.is_empty()


# What is not there


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing-queue", f"arn:aws:sns:{REGION}:{ACCOUNT}:missing-topic",
        f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/missing-bus", "arn:aws:s3:::missing-bucket-of-nobody",
    ],
)  # fmt: skip
def test_destination_that_is_missing_is_counted_and_logged(async_server, function, arn):
    fail_at_once(function, arn)
    settled(async_server)
    before = metrics(async_server)
    send(function, FAILURE)
    eventually(lambda: gained(async_server, before).get("DestinationDeliveryFailures") == 1)
    settled(async_server)
    assert "DestinationsDelivered" not in gained(async_server, before)
    assert arn in async_server.log


def test_destination_function_that_is_gone_is_counted_and_logged(async_server, async_functions, function):
    receiver = async_functions.create(OBEDIENT)
    arn = function_arn(receiver.name)
    configure(function, on_success=arn)
    receiver.client.delete_function(FunctionName=receiver.name)
    settled(async_server)
    before = metrics(async_server)
    send(function, SUCCESS)
    eventually(lambda: gained(async_server, before).get("DestinationDeliveryFailures") == 1)
    settled(async_server)
    assert arn in async_server.log
