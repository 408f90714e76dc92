"""The logs of a fleet, as clients read them: those of all workers as if they were on one host."""

import json
import threading
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest
from fleet import FRONTEND_PORT
from fleet_paths import PYTHON
from packages import python_package
from waiting import eventually

pytestmark = pytest.mark.xdist_group("fleet-logs")

NAME = "printer"
GROUP = f"/aws/lambda/{NAME}"
CODE = """
import time
def handler(event, context):
    print(f"line {event['number']}")
    time.sleep(event["seconds"])
    return context.log_stream_name
"""


def client(frontend, service="logs", attempts=1):
    return boto3.client(
        service, endpoint_url=f"http://{frontend.host.address}:{FRONTEND_PORT}", region_name="us-east-1",
        aws_access_key_id="any", aws_secret_access_key="any",
        config=botocore.config.Config(
            retries={"total_max_attempts": attempts, "mode": "standard"}, connect_timeout=2, read_timeout=30,
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def printer(fleet):
    """A function that prints the number of its event."""
    functions = client(fleet.frontends[0], "lambda")
    functions.create_function(
        FunctionName=NAME, Runtime=PYTHON, Handler="app.handler", Timeout=30, MemorySize=128,
        Role="arn:aws:iam::000000000000:role/test", Code={"ZipFile": python_package(CODE)},
    )  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
    return functions


def start(printer, number, seconds):
    """Begins an invoke; returns a function that waits for its stream."""
    result = {}

    def invoke():
        event = json.dumps({"number": number, "seconds": seconds})
        result.update(printer.invoke(FunctionName=NAME, Payload=event))

    thread = threading.Thread(target=invoke)
    thread.start()

    def wait():
        thread.join()
        assert "FunctionError" not in result, result
        return json.load(result["Payload"])

    return wait


def crowd(printer, first, count, seconds=1.0):
    """Invokes at the same time, so that both workers run some. Returns the streams by number."""
    waits = {number: start(printer, number, seconds) for number in range(first, first + count)}
    return {number: wait() for number, wait in waits.items()}


def lines(events):
    return [event["message"].strip() for event in events if event["message"].startswith("line ")]


def reports(events):
    """How many invokes have said all that they say."""
    return sum(event["message"].startswith("REPORT ") for event in events)


def all_events(logs, **options):
    return [
        event
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, **options)
        for event in page["events"]
    ]


def holders(fleet, stream):
    """The workers that have a stream on their disks."""
    name = stream.replace("/", ":")
    return [
        worker
        for worker in fleet.workers
        if any(path.name.startswith(name) for path in (worker.data / "logs").glob("*/*.log"))
    ]


def expected(first, count):
    return {f"line {number}" for number in range(first, first + count)}


@pytest.fixture
def whole(trial):
    """A fleet that works, and nothing goes wrong with it but what a test does."""
    return trial


def test_lines_of_both_workers_are_read_in_order(fleet, whole, printer):
    streams = crowd(printer, 0, 10)
    workers = {holders(fleet, stream)[0].name for stream in streams.values()}
    assert workers == {worker.name for worker in fleet.workers}
    for frontend in fleet.frontends:
        logs = client(frontend)
        events = eventually(lambda: (found := all_events(logs)) and reports(found) == 10 and found, 20)
        assert expected(0, 10) == set(lines(events))
        times = [event["timestamp"] for event in events]
        assert times == sorted(times)
        ids = [event["eventId"] for event in events]
        assert len(set(ids)) == len(ids)
        # Pages of any size are the same events.
        small = all_events(logs, PaginationConfig={"PageSize": 3})
        assert [event["eventId"] for event in small] == ids
        listed = {
            stream["logStreamName"]
            for page in logs.get_paginator("describe_log_streams").paginate(
                logGroupName=GROUP, PaginationConfig={"PageSize": 2}
            )
            for stream in page["logStreams"]
        }
        assert listed == set(streams.values())
        for number, stream in streams.items():
            page = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)
            assert f"line {number}" in lines(page["events"])


def test_a_poll_sees_lines_of_both_workers_as_they_come(fleet, whole, printer):
    """As `aws logs tail --follow` polls: from the time of the last event on, without those that were seen."""
    logs = client(fleet.frontends[1])
    since = int(time.time() * 1000)
    seen = {}
    wait = [start(printer, number, 0.3) for number in range(100, 104)]
    number = 104
    end = time.monotonic() + 30
    while not expected(100, 20) <= set(lines(seen.values())):
        assert time.monotonic() < end, sorted(lines(seen.values()))
        for event in all_events(logs, startTime=since):
            seen[event["eventId"]] = event
            since = max(since, event["timestamp"] - 2000)
        if number < 120:
            wait.append(start(printer, number, 0.3))
            number += 1
    for one in wait:
        one()
    polled = lines(seen.values())
    assert len(polled) == len(set(polled)) == 20


def test_forged_tokens_are_refused(fleet, whole, printer):
    logs = client(fleet.frontends[0])
    stream = crowd(printer, 200, 1, 0)[200]
    eventually(lambda: "line 200" in lines(all_events(logs)), 20)
    for token in ("nonsense", "f/1/s"):
        with pytest.raises(logs.exceptions.InvalidParameterException):
            logs.filter_log_events(logGroupName=GROUP, nextToken=token)
        with pytest.raises(logs.exceptions.InvalidParameterException):
            logs.get_log_events(logGroupName=GROUP, logStreamName=stream, nextToken=token)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName=GROUP, logStreamName="there-is-none")


def test_groups_are_the_fleets(fleet, whole, printer):
    one, other = (client(frontend) for frontend in fleet.frontends)
    one.create_log_group(logGroupName="made", tags={"team": "a"})
    with pytest.raises(other.exceptions.ResourceAlreadyExistsException):
        other.create_log_group(logGroupName="made")
    one.put_retention_policy(logGroupName="made", retentionInDays=7)
    group = other.describe_log_groups(logGroupNamePrefix="made")["logGroups"][0]
    assert group["retentionInDays"] == 7
    arn = group["logGroupArn"]
    other.tag_resource(resourceArn=arn, tags={"stage": "test"})
    assert one.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "a", "stage": "test"}
    # Events that clients put have one home, whichever frontend they come by.
    for number in range(6):
        one.create_log_stream(logGroupName="made", logStreamName=f"s{number}")
        with pytest.raises(other.exceptions.ResourceAlreadyExistsException):
            other.create_log_stream(logGroupName="made", logStreamName=f"s{number}")
        event = {"timestamp": int(time.time() * 1000), "message": f"put {number}"}
        other.put_log_events(logGroupName="made", logStreamName=f"s{number}", logEvents=[event])
    found = one.filter_log_events(logGroupName="made")["events"]
    assert [event["message"] for event in found] == [f"put {number}" for number in range(6)]
    other.delete_log_stream(logGroupName="made", logStreamName="s3")
    assert len(one.filter_log_events(logGroupName="made")["events"]) == 5
    other.delete_log_group(logGroupName="made")
    with pytest.raises(one.exceptions.ResourceNotFoundException):
        one.filter_log_events(logGroupName="made")
    assert not [path for worker in fleet.workers for path in (worker.data / "logs").glob("made/*")]


def test_the_lines_of_a_worker_that_is_killed_come_back_with_it(fleet, whole, printer):
    logs = client(fleet.frontends[0])
    streams = crowd(printer, 300, 10)
    eventually(lambda: expected(300, 10) <= set(lines(all_events(logs))), 20)
    victim = whole.choose(fleet.workers)
    (survivor,) = [worker for worker in fleet.workers if worker is not victim]
    lost = {number for number, stream in streams.items() if victim in holders(fleet, stream)}
    assert lost and lost != set(streams), "both have run some"
    size = fleet.frontends[0].log_size
    victim.kill()
    # At once, and all the time until it is no member any more: what the other has, and no word of what is not there.
    until = time.monotonic() + 4
    while time.monotonic() < until:
        seen = set(lines(all_events(logs)))
        assert {f"line {number}" for number in set(streams) - lost} <= seen
        assert not {f"line {number}" for number in lost} & seen
    said = fleet.frontends[0].log_since(size)
    assert said.count("logs are shown without those of a worker") == 1 and f"worker/{victim.name}" in said
    kept = next(stream for number, stream in streams.items() if number not in lost)
    assert logs.get_log_events(logGroupName=GROUP, logStreamName=kept)["events"]
    # New lines of the other are seen meanwhile, and those of the first when it is back.
    crowd(printer, 320, 2, 0)
    eventually(lambda: expected(320, 2) <= set(lines(all_events(logs))), 20)
    fleet.start()
    eventually(lambda: expected(300, 10) | expected(320, 2) <= set(lines(all_events(logs))), 30)
    assert survivor.is_running


def test_a_worker_that_stands_still_is_no_empty_log(fleet, whole, printer):
    frontend = fleet.frontends[0]
    logs = client(frontend)
    streams = crowd(printer, 400, 10)
    eventually(lambda: expected(400, 10) <= set(lines(all_events(logs))), 20)
    # Both have run some, or one has all that were warm.
    theirs = whole.choose(sorted(streams.values()))
    (victim,) = holders(fleet, theirs)
    victim.freeze()
    try:
        with pytest.raises(botocore.exceptions.ClientError) as error:
            logs.get_log_events(logGroupName=GROUP, logStreamName=theirs)
        # Or it is no member any more by then, and nobody else has the stream.
        assert error.value.response["Error"]["Code"] in ("ServiceUnavailableException", "ResourceNotFoundException")
    finally:
        victim.thaw()
    whole.make_whole()
    eventually(lambda: victim in holders(fleet, theirs) and _reads(logs, theirs), 30)


def _reads(logs, stream):
    try:
        return logs.get_log_events(logGroupName=GROUP, logStreamName=stream)["events"]
    except botocore.exceptions.ClientError:
        return None


def test_a_group_that_is_deleted_while_a_worker_is_away_does_not_come_back(fleet, whole, printer):
    logs = client(fleet.frontends[0])
    streams = crowd(printer, 500, 10)
    eventually(lambda: expected(500, 10) <= set(lines(all_events(logs))), 20)
    (victim,) = holders(fleet, whole.choose(sorted(streams.values())))
    victim.kill()
    logs.delete_log_group(logGroupName=GROUP)
    fleet.start()
    whole.make_whole()
    crowd(printer, 520, 4)
    seen = eventually(lambda: expected(520, 4) <= (found := set(lines(_events_if_any(logs)))) and found, 30)
    assert not expected(500, 10) & seen


def _events_if_any(logs):
    try:
        return all_events(logs)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        return []
