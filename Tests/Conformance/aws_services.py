"""moto's server as the services that outcomes of asynchronous invokes go to."""

import json
import uuid

import moto.server
from lambda_client import make_client
from swiftlet_server import SwiftletServer
from test_concurrency import eventually

KEY_ID, SECRET = "AKIDSWIFTLET", "a/secret+with=signs"


class Services:
    """SQS, SNS, EventBridge and S3 on one port. All in one process have the same queues, topics, buses and buckets."""

    def __init__(self, port=0):
        self._server = moto.server.ThreadedMotoServer("127.0.0.1", port, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self._clients = {}

    def client(self, service):
        if service not in self._clients:
            self._clients[service] = make_client(self, service)
        return self._clients[service]

    def close(self):
        for client in self._clients.values():
            client.close()
        self._server.stop()


class Mailbox:
    """A queue that a test reads."""

    def __init__(self, services):
        self._sqs = services.client("sqs")
        self.name = f"queue-{uuid.uuid4().hex[:12]}"
        self.url = self._sqs.create_queue(QueueName=self.name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = attributes["Attributes"]["QueueArn"]

    def _receive(self):
        """All that is there."""
        received = []
        while messages := self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            received += messages
        return received

    def take(self, count=1):
        """Waits until so many messages have come, and takes all that is there."""
        taken = []

        def look():
            taken.extend(self._receive())
            return len(taken) >= count

        eventually(look)
        return taken

    def take_one(self):
        (message,) = self.take()
        return message

    def record(self):
        """The one record that has come."""
        return json.loads(self.take_one()["Body"])

    def is_empty(self):
        return self._receive() == []

    def close(self):
        self._sqs.delete_queue(QueueUrl=self.url)


def all_at(endpoint):
    """The options that have the service look for all services in one place."""
    services = ("sqs", "sns", "events", "s3")
    return [part for service in services for part in (f"--{service}-endpoint", endpoint)]


def with_services(directory, endpoint, *arguments, retry_delay=1):
    """A server that knows the services, and tries again soon."""
    return SwiftletServer(
        directory,
        [*all_at(endpoint), "--aws-access-key-id", KEY_ID, "--retry-delay", str(retry_delay), *arguments],
        environment={"SWIFTLET_AWS_SECRET_ACCESS_KEY": SECRET},
    )
