"""A disk that is full: events are refused, as a whole, and those that were taken before run."""

import contextlib
import itertools
import json
import subprocess

import pytest
from async_events import configure, queue, settled
from aws_services import with_services
from botocore.exceptions import ClientError
from lambda_client import Functions, make_client
from test_concurrency import eventually

#: Takes so long that the disk is full when it is done.
SLOW = "import time\ndef handler(event, context): time.sleep(0.5)"
DISK_MEGABYTES = 192
#: An event that a disk with a few blocks left has no room for, and how many of them are tried until one has none.
BALLAST = "x" * 100_000
TRIES_MAX = 500
EVENTS = 20


@pytest.fixture
def small_disk(tmp_path):
    """The data directory, on a disk of its own."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    options = f"size={DISK_MEGABYTES}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(data)], check=True)
    yield data
    subprocess.run(["umount", str(data)], check=True)


@pytest.fixture
def server_on_small_disk(small_disk, tmp_path, services):
    server = with_services(tmp_path, services.endpoint)
    assert server.data == small_disk
    server.start()
    yield server
    server.close()


def fill(path):
    """Takes all that is left of a file system, to the last byte."""
    with open(path, "ab", buffering=0) as file:
        for size in 1 << 20, 1 << 12, 1:
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


class NumberedEvents:
    """Sends events with a number, and knows which were taken and which were not."""

    def __init__(self, server, function):
        self.taken, self.refused = set(), set()
        self._client, self._name = make_client(server), function.name
        self._numbers = itertools.count(1)

    def send(self, ballast=""):
        """Returns the error with which the event was refused, if it was."""
        number = next(self._numbers)
        payload = json.dumps({"number": number, "ballast": ballast})
        try:
            answer = self._client.invoke(FunctionName=self._name, InvocationType="Event", Payload=payload)
        except ClientError as error:
            self.refused.add(number)
            return error.response
        assert answer["StatusCode"] == 202
        self.taken.add(number)
        return None


def numbers_of(messages):
    return {json.loads(message["Body"])["requestPayload"]["number"] for message in messages}


def assert_taken_ran(server, events, mailbox):
    """What was taken ran and what was refused did not; what the disk had no room for may have run twice."""
    ran = set()

    def look():
        ran.update(numbers_of(mailbox.take(0)))
        return ran >= events.taken

    eventually(look)
    settled(server)
    ran |= numbers_of(mailbox.take(0))
    assert ran == events.taken


def refused_for_lack_of_room(events, path):
    """Fills the disk, and sends until an event finds no room on it."""
    for _ in range(TRIES_MAX):
        # What the server gives back meanwhile is to be taken, too.
        fill(path)
        if error := events.send(BALLAST):
            return error
    raise AssertionError("the disk is not full")


def test_full_disk_refuses_events_and_loses_none(server_on_small_disk, small_disk, mailbox):
    server, filler = server_on_small_disk, small_disk / "filler"
    function = Functions(server, "f").create(SLOW)
    configure(function, on_success=mailbox.arn)
    events = NumberedEvents(server, function)
    for _ in range(EVENTS):
        assert events.send() is None
    error = refused_for_lack_of_room(events, filler)
    assert error["ResponseMetadata"]["HTTPStatusCode"] >= 500
    assert error["Error"]["Message"] == "The event was not accepted because it could not be stored."
    assert "disk is full" in server.log
    # What runs meanwhile is settled once there is room again.
    eventually(lambda: "events cannot be settled" in server.log)
    assert server.is_healthy()
    for _ in range(5):
        events.send(BALLAST)
    # Nothing of a refused event takes room or is left to be run.
    filler.unlink()
    eventually(lambda: events.send() is None)
    for _ in range(EVENTS):
        assert events.send(BALLAST) is None
    assert_taken_ran(server, events, mailbox)
    assert queue(server)["Depth"] == 0


def test_kill_on_a_full_disk_loses_none(server_on_small_disk, small_disk, mailbox):
    server, filler = server_on_small_disk, small_disk / "filler"
    function = Functions(server, "f").create(SLOW)
    configure(function, on_success=mailbox.arn)
    events = NumberedEvents(server, function)
    for _ in range(EVENTS):
        assert events.send() is None
    refused_for_lack_of_room(events, filler)
    eventually(lambda: "events cannot be settled" in server.log)
    server.kill()
    filler.unlink()
    server.start()
    assert_taken_ran(server, events, mailbox)
    assert NumberedEvents(server, function).send() is None
