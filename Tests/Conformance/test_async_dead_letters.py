"""Dead-letter queues: events whose attempts were in vain come there as they were sent."""

import json

from async_events import configure, gained, metrics, send, settled
from lambda_client import ACCOUNT, REGION
from test_async_destinations import (  # noqa: F401
    FAILURE, SUCCESS, assert_failure, bucket, fail_at_once, function, topic,
)  # fmt: skip
from test_concurrency import eventually

#: How much of an error's message is told, in bytes.
ERROR_MESSAGE_BYTES_MAX = 1024
#: With white space that nobody who reads and writes it again would keep.
VERBATIM = b'{"do" :  "raise",\n "message": "refused", "n": 1.0e2 }'


def with_dead_letters(function, arn):
    function.client.update_function_configuration(FunctionName=function.name, DeadLetterConfig={"TargetArn": arn})
    function.wait_until_updated()
    configure(function, MaximumRetryAttempts=0)


def attributes_of(message):
    return {
        name: (attribute["DataType"], attribute["StringValue"])
        for name, attribute in message.get("MessageAttributes", {}).items()
    }


def test_dead_letter_queue_is_sent_the_event_verbatim(function, mailbox):  # noqa: F811
    with_dead_letters(function, mailbox.arn)
    accepted = send(function, VERBATIM)
    message = mailbox.take_one()
    assert message["Body"].encode() == VERBATIM
    assert attributes_of(message) == {
        "RequestID": ("String", accepted.request_id), "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "refused"),
    }  # fmt: skip


def test_dead_letter_topic_is_sent_the_event_verbatim(function, mailbox, topic):  # noqa: F811
    with_dead_letters(function, topic)
    accepted = send(function, VERBATIM)
    message = mailbox.take_one()
    assert message["Body"].encode() == VERBATIM
    assert attributes_of(message) == {
        "RequestID": ("String", accepted.request_id), "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "refused"),
    }  # fmt: skip


def test_dead_letter_queue_is_told_the_beginning_of_a_long_error(function, mailbox):  # noqa: F811
    """And no half of a character."""
    with_dead_letters(function, mailbox.arn)
    message = "x" + "é" * 5000
    send(function, {"do": "raise", "message": message})
    kind, text = attributes_of(mailbox.take_one())["ErrorMessage"]
    assert kind == "String"
    assert message.startswith(text)
    assert ERROR_MESSAGE_BYTES_MAX - 2 < len(text.encode()) <= ERROR_MESSAGE_BYTES_MAX


def test_dead_letter_queue_hears_of_failures_only(async_server, function, mailbox):  # noqa: F811
    with_dead_letters(function, mailbox.arn)
    send(function, SUCCESS)
    settled(async_server)
    assert mailbox.is_empty()


def test_dead_letter_of_an_event_that_never_ran_has_no_error_code(function, mailbox):  # noqa: F811
    with_dead_letters(function, mailbox.arn)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    accepted = send(function, SUCCESS)
    message = mailbox.take_one()
    assert json.loads(message["Body"]) == SUCCESS
    attributes = attributes_of(message)
    assert attributes["RequestID"] == ("String", accepted.request_id)
    assert "ErrorCode" not in attributes


def test_dead_letter_queue_and_destination_both_get_theirs(function, mailbox, services, bucket):  # noqa: F811
    with_dead_letters(function, mailbox.arn)
    fail_at_once(function, f"arn:aws:s3:::{bucket}")
    accepted = send(function, FAILURE)
    assert json.loads(mailbox.take_one()["Body"]) == FAILURE
    s3 = services.client("s3")
    (stored,) = eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"))
    record = json.loads(s3.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read())
    assert_failure(record, function, accepted.request_id)


def test_dead_letter_queue_that_is_missing_is_counted_and_logged(async_server, function, mailbox):  # noqa: F811
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing-dead-letters"
    with_dead_letters(function, arn)
    fail_at_once(function, mailbox.arn)
    settled(async_server)
    before = metrics(async_server)
    accepted = send(function, FAILURE)
    # The destination has its own.
    assert_failure(mailbox.record(), function, accepted.request_id)
    eventually(lambda: gained(async_server, before).get("DeadLetterErrors") == 1)
    settled(async_server)
    assert gained(async_server, before).get("DestinationDeliveryFailures") is None
    assert arn in async_server.log
