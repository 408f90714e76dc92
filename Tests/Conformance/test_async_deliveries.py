"""Outcomes on their way to services that are slow, down, or not there: they wait, and hold nobody up."""

import contextlib
import json
import socket
import uuid

import pytest
from async_events import OBEDIENT, configure, lane, metrics, queue, seen, send, send_many, settled
from aws_services import KEY_ID, SECRET, Services, all_at, with_services
from lambda_client import Functions, make_client
from swiftlet_server import IS_EMULATED, SwiftletServer, free_port
from test_concurrency import eventually

FAILURE = {"do": "raise"}
#: How many events come at once, of a function and of one that is noisy. Each may start an environment.
EVENTS, NOISE = (6, 12) if IS_EMULATED else (20, 300)


@contextlib.contextmanager
def running(server):
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def services_at(endpoint):
    """The services, from now on, at a place where nobody was so far."""
    services = Services(int(endpoint.rpartition(":")[2]))
    try:
        yield services
    finally:
        services.close()


@pytest.fixture
def nowhere():
    """An endpoint where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


class DeafTarget:
    """Takes connections and whatever is sent over them, and never answers."""

    def __init__(self):
        # The kernel completes the connections.
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self):
        self._listener.close()


@pytest.fixture
def deaf():
    target = DeafTarget()
    yield target
    target.close()


def wait_until_on_its_way(server, arn, count=1):
    """Waits until outcomes, and they alone, wait for a destination."""
    eventually(lambda: lane(server, arn)["Depth"] == queue(server)["Depth"] == count)
    assert lane(server, arn)["Kind"] == "Destination"


def test_message_reaches_a_target_that_comes_later(tmp_path, nowhere, mailbox):
    with running(with_services(tmp_path, nowhere)) as server:
        function = Functions(server, "f").create(OBEDIENT)
        configure(function, on_success=mailbox.arn)
        ids = send_many(server, function, range(EVENTS))
        wait_until_on_its_way(server, mailbox.arn, len(ids))
        assert metrics(server)["DestinationDeliveryFailures"] == 0
        with services_at(nowhere):
            records = [json.loads(message["Body"]) for message in mailbox.take(len(ids))]
            settled(server)
        assert sorted(record["requestContext"]["requestId"] for record in records) == sorted(ids)
        assert metrics(server)["DestinationsDelivered"] == len(ids)
        assert len(seen(server, function, len(ids))) == len(ids)
        assert mailbox.is_empty()


def test_message_survives_a_kill_on_its_way(tmp_path, nowhere, mailbox):
    """And the function does not run again for it."""
    server = with_services(tmp_path, nowhere)
    with running(server):
        function = Functions(server, "f").create(OBEDIENT)
        function.client.update_function_configuration(
            FunctionName=function.name, DeadLetterConfig={"TargetArn": mailbox.arn}
        )
        function.wait_until_updated()
        configure(function, on_success=mailbox.arn, on_failure=mailbox.arn, MaximumRetryAttempts=0)
        success, failure = send(function, {"number": 1}), send(function, FAILURE)
        # The record of the one, and record and dead letter of the other.
        wait_until_on_its_way(server, mailbox.arn, 3)
        # What is printed is on the disk a moment later.
        seen(server, function, 2)
        server.kill()
        server.start()
        wait_until_on_its_way(server, mailbox.arn, 3)
        with services_at(nowhere):
            messages = mailbox.take(3)
            settled(server)
        letters = [message for message in messages if "MessageAttributes" in message]
        assert [letter["MessageAttributes"]["RequestID"]["StringValue"] for letter in letters] == [failure.request_id]
        contexts = [json.loads(one["Body"])["requestContext"] for one in messages if "MessageAttributes" not in one]
        assert {context["requestId"]: context["condition"] for context in contexts} == {
            success.request_id: "Success", failure.request_id: "RetriesExhausted",
        }  # fmt: skip
        assert mailbox.is_empty()
        assert len(seen(server, function)) == 2


def test_message_survives_a_graceful_stop_on_its_way(tmp_path, nowhere, mailbox):
    server = with_services(tmp_path, nowhere)
    with running(server):
        function = Functions(server, "f").create(OBEDIENT)
        configure(function, on_success=mailbox.arn)
        accepted = send(function, {})
        wait_until_on_its_way(server, mailbox.arn)
        assert server.stop() == 0
        server.start()
        with services_at(nowhere):
            assert mailbox.record()["requestContext"]["requestId"] == accepted.request_id
            settled(server)


def test_slow_target_holds_up_no_other_function(tmp_path, deaf, services, mailbox):
    """Neither its runs nor its own outcomes, which go elsewhere."""
    sns = services.client("sns")
    topic = sns.create_topic(Name=f"topic-{uuid.uuid4().hex[:12]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=mailbox.arn, Attributes={"RawMessageDelivery": "true"})
    options = all_at(services.endpoint)
    options[options.index("--sqs-endpoint") + 1] = deaf.endpoint
    server = SwiftletServer(
        tmp_path, [*options, "--aws-access-key-id", KEY_ID, "--retry-delay", "1"],
        environment={"SWIFTLET_AWS_SECRET_ACCESS_KEY": SECRET},
    )  # fmt: skip
    with running(server):
        functions = Functions(server, "f")
        noisy, other = functions.create(OBEDIENT), functions.create(OBEDIENT)
        configure(noisy, on_success=mailbox.arn)
        configure(other, on_success=topic)
        send_many(server, noisy, range(NOISE))
        wait_until_on_its_way(server, mailbox.arn, NOISE)
        ids = send_many(server, other, range(EVENTS))
        records = [json.loads(message["Body"]) for message in mailbox.take(EVENTS)]
        assert sorted(record["requestContext"]["requestId"] for record in records) == sorted(ids)
        # The function itself goes on, too.
        assert noisy.ask({"number": 1}) == {"did": {"number": 1}}
        assert lane(server, mailbox.arn)["Depth"] == NOISE
        assert server.stop() == 0
    sns.delete_topic(TopicArn=topic)


@pytest.mark.parametrize("service", ["sqs", "sns", "events", "s3"])
def test_service_that_is_not_configured_is_told(tmp_path, service):
    """The outcome cannot go anywhere; nothing waits for it."""
    arn = {
        "sqs": "arn:aws:sqs:us-east-1:000000000000:queue", "sns": "arn:aws:sns:us-east-1:000000000000:topic",
        "events": "arn:aws:events:us-east-1:000000000000:event-bus/default", "s3": "arn:aws:s3:::bucket",
    }[service]  # fmt: skip
    with running(SwiftletServer(tmp_path)) as server:
        function = Functions(server, "f").create(OBEDIENT)
        configure(function, on_failure=arn, MaximumRetryAttempts=0)
        send(function, FAILURE)
        eventually(lambda: metrics(server)["DestinationDeliveryFailures"] == 1)
        settled(server)
        assert f"{service}-endpoint" in server.log
        assert make_client(server).invoke(FunctionName=function.name, Payload=b"1")["StatusCode"] == 200
