"""Function logs as CloudWatch Logs: groups, streams, events; reading, searching and following them with stock clients."""

import concurrent.futures
import http.client
import json
import os
import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from lambda_client import ACCOUNT, REGION, Functions, make_client
from swiftlet_server import SwiftletServer

#: How long a line may take from the function to a reader, in seconds; it takes a fifth of one on a quiet host.
ARRIVAL_SECONDS_MAX = 30
DAY_MS = 86_400_000

LEVELS = """
import json
def handler(event, context):
    for number in range(event["count"]):
        print(json.dumps({"level": "ERROR" if number % 3 == 0 else "INFO", "number": number}))
    return context.log_stream_name
"""


@pytest.fixture
def logs(server):
    return make_client(server, "logs")


@pytest.fixture
def group(logs):
    """A group with one stream, `s`."""
    name = f"/test/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    try:
        logs.delete_log_group(logGroupName=name)
    except logs.exceptions.ResourceNotFoundException:
        pass


def now_ms():
    return int(time.time() * 1000)


def put(logs, group, messages, stream="s", first=None):
    first = first or now_ms()
    events = [{"timestamp": first + index, "message": message} for index, message in enumerate(messages)]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def filtered(logs, group, **parameters):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **parameters)
    return [event for page in pages for event in page["events"]]


def follow(logs, group, is_enough, **parameters):
    """Polls a group as `aws logs tail --follow` does, until what has come is enough."""
    seen = {}
    deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            for event in filtered(logs, group, **parameters):
                seen.setdefault(event["eventId"], event)
        except logs.exceptions.ResourceNotFoundException:
            pass
        events = list(seen.values())
        if is_enough(events):
            return events
        time.sleep(0.05)  # the interval of a client that polls; nothing is assumed to have happened in it
    raise AssertionError(f"not enough after {ARRIVAL_SECONDS_MAX} s: {[event['message'] for event in seen.values()]}")


def reports(events):
    return [event for event in events if event["message"].startswith("REPORT")]


def error_of(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return raised.value.response


# Functions


def test_invoke_is_in_the_log_with_its_lines(logs, functions):
    function = functions.create(LEVELS)
    answer = function.invoke({"count": 3})
    stream = answer.payload
    events = follow(logs, f"/aws/lambda/{function.name}", reports)
    assert {event["logStreamName"] for event in events} == {stream}
    messages = [event["message"] for event in events]
    start = messages.index(f"START RequestId: {answer.request_id} Version: $LATEST\n")
    assert messages[start + 1 : start + 4] == [
        json.dumps({"level": "ERROR" if number == 0 else "INFO", "number": number}) + "\n" for number in range(3)
    ]
    assert messages[start + 4] == f"END RequestId: {answer.request_id}\n"
    assert messages[start + 5].startswith(f"REPORT RequestId: {answer.request_id}\tDuration: ")
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    assert all(abs(event["ingestionTime"] - now_ms()) < 3_600_000 for event in events)

    listed = logs.describe_log_streams(logGroupName=f"/aws/lambda/{function.name}")["logStreams"]
    assert [found["logStreamName"] for found in listed] == [stream]
    assert listed[0]["arn"] == (
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function.name}:log-stream:{stream}"
    )
    assert listed[0]["firstEventTimestamp"] == events[0]["timestamp"]
    assert listed[0]["lastEventTimestamp"] == events[-1]["timestamp"]

    got = logs.get_log_events(logGroupName=f"/aws/lambda/{function.name}", logStreamName=stream, startFromHead=True)
    assert [event["message"] for event in got["events"]] == messages


def test_filter_patterns_find_lines(logs, functions):
    function = functions.create(LEVELS)
    function.ask({"count": 10})
    group = f"/aws/lambda/{function.name}"
    follow(logs, group, reports)
    errors = filtered(logs, group, filterPattern='{ $.level = "ERROR" && $.number >= 3 }')
    assert [json.loads(event["message"])["number"] for event in errors] == [3, 6, 9]
    assert len(filtered(logs, group, filterPattern="RequestId")) == 3
    assert len(filtered(logs, group, filterPattern="RequestId -START")) == 2
    assert len(filtered(logs, group, filterPattern='?"START RequestId" ?REPORT')) == 2
    assert filtered(logs, group, filterPattern='"no such phrase"') == []


def test_log_is_followed_over_invokes_without_gap_or_double(logs, functions):
    function = functions.create("def handler(event, context): print('line', event)")
    group = f"/aws/lambda/{function.name}"
    for number in range(5):
        function.ask(number)
        follow(logs, group, lambda events, count=number + 1: len(reports(events)) == count)
    lines = [event["message"] for event in filtered(logs, group, filterPattern="line", limit=2)]
    assert lines == [f"line {number}\n" for number in range(5)]


def test_deleted_group_is_made_again_by_the_next_line(logs, functions):
    function = functions.create("def handler(event, context): print('line', event)")
    group = f"/aws/lambda/{function.name}"
    function.ask("first")
    follow(logs, group, reports)
    logs.delete_log_group(logGroupName=group)
    assert error_of(logs.filter_log_events, logGroupName=group)["Error"]["Code"] == "ResourceNotFoundException"
    function.ask("second")
    messages = [event["message"] for event in follow(logs, group, reports)]
    assert "line second\n" in messages
    assert "line first\n" not in messages


def test_cli_reads_logs(aws, logs, functions):
    function = functions.create("def handler(event, context): print('from the function')")
    function.ask()
    group = f"/aws/lambda/{function.name}"
    stream = follow(logs, group, reports)[0]["logStreamName"]
    found = aws("logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", '"from the function"')
    assert [event["message"] for event in found["events"]] == ["from the function\n"]
    got = aws("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream, "--start-from-head")
    assert "from the function\n" in [event["message"] for event in got["events"]]
    assert aws("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"][0]["logGroupName"] == group
    aws("logs", "put-retention-policy", "--log-group-name", group, "--retention-in-days", "7")
    assert aws("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"][0]["retentionInDays"] == 7
    failed = aws("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", "nope", check=False)
    assert "(ResourceNotFoundException)" in failed.stderr
    assert "The specified log stream does not exist." in failed.stderr


# Groups and streams


def test_group_has_what_terraform_reads(logs, group):
    logs.put_retention_policy(logGroupName=group, retentionInDays=30)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    logs.tag_resource(resourceArn=arn, tags={"team": "a", "stage": "b"})
    logs.untag_resource(resourceArn=arn, tagKeys=["stage"])
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert len(described) == 1
    assert described[0]["arn"] == f"{arn}:*"
    assert described[0]["logGroupArn"] == arn
    assert described[0]["retentionInDays"] == 30
    assert described[0]["logGroupClass"] == "STANDARD"
    assert abs(described[0]["creationTime"] - now_ms()) < 600_000
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "a"}
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]


@pytest.mark.parametrize("name", ["a/b", "..", "ünï/code 🦅", "[$LATEST]x", "%2e%2e", "x" * 512, "../../escape"])
def test_stream_of_any_name(logs, group, name):
    logs.create_log_stream(logGroupName=group, logStreamName=name)
    put(logs, group, ["hello"], stream=name)
    assert [event["logStreamName"] for event in filtered(logs, group)] == [name]
    logs.delete_log_stream(logGroupName=group, logStreamName=name)
    assert filtered(logs, group) == []


def test_messages_come_back_as_they_were_put(logs, group):
    messages = ["two\nlines\n", "\ttab", "\x00\x1b[31mred", "🦅", " ", "x" * 500_000]
    put(logs, group, messages)
    assert [event["message"] for event in filtered(logs, group)] == messages


def test_pages_of_get_log_events_meet_their_ends(logs, group):
    put(logs, group, [str(number) for number in range(25)])

    def walk(**first):
        token, texts, parameters = None, [], first
        while True:
            page = logs.get_log_events(logGroupName=group, logStreamName="s", limit=10, **parameters)
            following = page["nextForwardToken" if first["startFromHead"] else "nextBackwardToken"]
            texts.append([event["message"] for event in page["events"]])
            if following == token:
                return texts
            token = following
            parameters = {"nextToken": token, **first}

    forward = walk(startFromHead=True)
    assert [int(text) for page in forward for text in page] == list(range(25))
    backward = walk(startFromHead=False)
    assert [int(text) for page in reversed(backward) for text in page] == list(range(25))
    assert backward[0][-1] == "24"


def test_what_was_put_survives_kill(own_server):
    logs = make_client(own_server, "logs")
    logs.create_log_group(logGroupName="g", tags={"a": "b"})
    logs.put_retention_policy(logGroupName="g", retentionInDays=5)
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    acknowledged = []
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            try:
                put(logs, "g", [f"{number}", f"{number}\nmore"])
            except Exception:
                return
            acknowledged.append(number)
            number += 1

    for _ in range(2):
        acknowledged.clear()
        stop.clear()
        first = len(filtered(logs, "g"))
        writer = threading.Thread(target=write)
        writer.start()
        deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
        while len(acknowledged) < 30 and time.monotonic() < deadline:
            time.sleep(0.01)  # lets the writer work; how much it has done is checked
        own_server.kill()
        stop.set()
        writer.join()
        count = len(acknowledged)
        assert count >= 30
        own_server.start()
        logs = make_client(own_server, "logs")
        messages = [event["message"] for event in filtered(logs, "g")][first:]
        expected = [text for number in range(count) for text in (f"{number}", f"{number}\nmore")]
        assert set(expected) <= set(messages)
        assert len(messages) == len(set(messages))
        assert len(messages) <= len(expected) + 2
    described = logs.describe_log_groups()["logGroups"]
    assert [(found["logGroupName"], found["retentionInDays"]) for found in described] == [("g", 5)]
    assert logs.list_tags_for_resource(resourceArn=described[0]["logGroupArn"])["tags"] == {"a": "b"}


def test_functions_lines_survive_kill(own_server, own_functions):
    function = own_functions.create("def handler(event, context): print('kept')")
    function.ask()
    group = f"/aws/lambda/{function.name}"
    before = follow(make_client(own_server, "logs"), group, reports)
    own_server.kill()
    own_server.start()
    after = filtered(make_client(own_server, "logs"), group)
    assert {event["eventId"] for event in before} <= {event["eventId"] for event in after}
    assert [event["message"] for event in after].count("kept\n") == 1


# A function that prints as fast as it can


def test_flood_of_lines_harms_nobody(tmp_path):
    server = SwiftletServer(tmp_path, arguments=["--log-size-max", "64"])
    server.start()
    try:
        functions = Functions(server, "f")
        flood = functions.create(
            """
import os, time
BLOCK = (b"x" * 99 + b"\\n") * 1000
def handler(event, context):
    end, written = time.monotonic() + event["seconds"], 0
    while time.monotonic() < end or written < event["bytes"]:
        written += os.write(1, BLOCK)
""",
            Timeout=120,
        )
        other = functions.create("def handler(event, context): return event")
        other.ask("warm")
        flood.ask({"seconds": 0.1, "bytes": 0})
        resident = resident_megabytes(server.pid)

        slowest, peak, answers = 0.0, 0, []
        # Twice what logs may take, however slow it is.
        flooding = threading.Thread(target=lambda: answers.append(flood.ask({"seconds": 4, "bytes": 128 << 20})))
        flooding.start()
        while flooding.is_alive():
            began = time.monotonic()
            assert other.ask("still there") == "still there"
            slowest = max(slowest, time.monotonic() - began)
            peak = max(peak, resident_megabytes(server.pid))
        flooding.join()
        assert answers == [None]
        assert peak - resident < 64, f"the server grew by {peak - resident} MB"
        assert slowest < 2.5, f"an invoke of another function took {slowest:.2f} s"

        # The end of the flood is there, its beginning has made room.
        logs = make_client(server, "logs")
        group = f"/aws/lambda/{flood.name}"
        stream = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"][0]
        deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
        while time.monotonic() < deadline:
            last = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=3)["events"]
            size = sum(path.stat().st_size for path in (server.data / "logs").rglob("*.log"))
            if last and last[-1]["message"].startswith("REPORT") and size <= 64 << 20:
                break
        assert last[-1]["message"].startswith("REPORT"), last
        assert size <= 64 << 20
        assert other.ask("after") == "after"
    finally:
        server.close()


def test_line_without_end_harms_nobody(tmp_path):
    """A gigabyte without a newline: the log has it in pieces that are as long as an event may be."""
    server = SwiftletServer(tmp_path, arguments=["--log-size-max", "64"])
    server.start()
    try:
        functions = Functions(server, "f")
        endless = functions.create(
            """
import os
BLOCK = b"x" * (1 << 20)
def handler(event, context):
    left = event << 20
    while left > 0:
        left -= os.write(1, BLOCK[:left])
    return context.log_stream_name
""",
            MemorySize=1769,
            Timeout=120,
        )
        other = functions.create("def handler(event, context): return event")
        other.ask("warm")
        endless.ask(1)
        resident = peak = resident_megabytes(server.pid)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            printing = pool.submit(endless.ask, 1024)
            while not printing.done():
                assert other.ask("still there") == "still there"
                peak = max(peak, resident_megabytes(server.pid))
        assert peak - resident < 64, f"the server grew by {peak - resident} MB"

        logs = make_client(server, "logs")
        parameters = {
            "logGroupName": f"/aws/lambda/{endless.name}", "logStreamName": printing.result(), "startFromHead": False,
        }  # fmt: skip
        tail, deadline = [], time.monotonic() + ARRIVAL_SECONDS_MAX
        # One page has one such piece.
        while not (tail and tail[-1]["message"].startswith("REPORT")) and time.monotonic() < deadline:
            tail = logs.get_log_events(**parameters)["events"]
        assert tail[-1]["message"].startswith("REPORT"), [event["message"][:80] for event in tail]
        page, pieces = logs.get_log_events(**parameters), []
        while len(pieces) < 5:
            pieces += [event["message"] for event in reversed(page["events"]) if event["message"][0] == "x"]
            page = logs.get_log_events(**{**parameters, "nextToken": page["nextBackwardToken"]})
        assert all(piece.rstrip("\n").count("x") == len(piece.rstrip("\n")) for piece in pieces)
        assert len({len(piece) for piece in pieces[1:]}) == 1, "all but the last are equally long"
        assert (1 << 20) - 64 <= len(pieces[1]) <= 1 << 20
        assert len(pieces[0]) <= len(pieces[1])
        assert other.ask("after") == "after"
    finally:
        server.close()


def resident_megabytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20


# Bad requests

MISSING = "/test/no-such-group"


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "message"),
    [
        ("get_log_events", {"logGroupName": MISSING, "logStreamName": "s"}, "ResourceNotFoundException",
         "The specified log group does not exist."),
        ("filter_log_events", {"logGroupName": MISSING}, "ResourceNotFoundException",
         "The specified log group does not exist."),
        ("describe_log_streams", {"logGroupName": MISSING}, "ResourceNotFoundException",
         "The specified log group does not exist."),
        ("create_log_stream", {"logGroupName": MISSING, "logStreamName": "s"}, "ResourceNotFoundException",
         "The specified log group does not exist."),
        ("delete_log_group", {"logGroupName": MISSING}, "ResourceNotFoundException",
         "The specified log group does not exist."),
        ("put_retention_policy", {"logGroupName": MISSING, "retentionInDays": 1}, "ResourceNotFoundException",
         "The specified log group does not exist."),
        ("create_log_group", {"logGroupName": "GROUP"}, "ResourceAlreadyExistsException",
         "The specified log group already exists"),
        ("create_log_stream", {"logGroupName": "GROUP", "logStreamName": "s"}, "ResourceAlreadyExistsException",
         "The specified log stream already exists"),
        ("get_log_events", {"logGroupName": "GROUP", "logStreamName": "nope"}, "ResourceNotFoundException",
         "The specified log stream does not exist."),
        ("delete_log_stream", {"logGroupName": "GROUP", "logStreamName": "nope"}, "ResourceNotFoundException",
         "The specified log stream does not exist."),
        ("filter_log_events", {"logGroupName": "GROUP", "logStreamNames": ["nope"]}, "ResourceNotFoundException",
         "The specified log stream does not exist."),
        ("put_retention_policy", {"logGroupName": "GROUP", "retentionInDays": 2}, "InvalidParameterException",
         "Value '2' at 'retentionInDays' failed to satisfy constraint"),
        ("create_log_group", {"logGroupName": "bad name"}, "InvalidParameterException",
         "Value 'bad name' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression"),
        ("create_log_group", {"logGroupName": "x" * 513}, "InvalidParameterException",
         "Member must have length less than or equal to 512"),
        ("create_log_group", {}, "InvalidParameterException",
         "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: "
         "Member must not be null"),
        ("create_log_stream", {"logGroupName": "GROUP", "logStreamName": "a:b"}, "InvalidParameterException",
         "Value 'a:b' at 'logStreamName'"),
        ("describe_log_groups", {"limit": 51}, "InvalidParameterException",
         "Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"),
        ("describe_log_groups", {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"}, "InvalidParameterException",
         "mutually exclusive"),
        ("describe_log_streams", {"logGroupName": "GROUP", "orderBy": "LastEventTime", "logStreamNamePrefix": "a"},
         "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix."),
        ("describe_log_streams", {"logGroupName": "GROUP", "nextToken": "?"}, "InvalidParameterException",
         "The specified nextToken is invalid."),
        ("describe_log_streams", {}, "InvalidParameterException", "logGroupName"),
        ("get_log_events", {"logGroupName": "GROUP", "logStreamName": "s", "nextToken": "x"},
         "InvalidParameterException", "The specified nextToken is invalid."),
        ("get_log_events", {"logGroupName": "GROUP", "logStreamName": "s", "limit": 10_001},
         "InvalidParameterException", "less than or equal to 10000"),
        ("filter_log_events", {"logGroupName": "GROUP", "nextToken": "x"}, "InvalidParameterException",
         "The specified nextToken is invalid."),
        ("filter_log_events", {"logGroupName": "GROUP", "filterPattern": "{ $.a = "}, "InvalidParameterException",
         "Invalid filter pattern"),
        ("filter_log_events", {"logGroupName": "GROUP", "filterPattern": "x" * 1025}, "InvalidParameterException",
         "less than or equal to 1024"),
        ("put_log_events", {"logGroupName": "GROUP", "logStreamName": "s", "logEvents": []},
         "InvalidParameterException", "Member must have length greater than or equal to 1"),
        ("put_log_events", {"logGroupName": "GROUP", "logStreamName": "s",
                            "logEvents": [{"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a"}]},
         "InvalidParameterException",
         "Log events in a single PutLogEvents request must be in chronological order."),
        ("put_log_events", {"logGroupName": "GROUP", "logStreamName": "s",
                            "logEvents": [{"timestamp": 1, "message": "x" * (1 << 20)}]},
         "InvalidParameterException", "Upload too large: 1048602 bytes exceeds limit of 1048576"),
        ("list_tags_for_resource", {"resourceArn": "GROUP"}, "InvalidParameterException", "resourceArn"),
        ("describe_metric_filters", {}, "NotImplementedException", "DescribeMetricFilters"),
        ("start_query", {"queryString": "fields", "startTime": 0, "endTime": 1}, "NotImplementedException",
         "StartQuery"),
    ],
)  # fmt: skip
def test_bad_request_gets_its_error(logs, group, operation, parameters, code, message):
    parameters = {name: group if value == "GROUP" else value for name, value in parameters.items()}
    response = error_of(getattr(logs, operation), **parameters)
    assert response["Error"]["Code"] == code
    assert message in response["Error"]["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == (501 if code == "NotImplementedException" else 400)
    assert filtered(logs, group) == []


@pytest.mark.parametrize(
    ("target", "body", "status", "kind"),
    [
        ("Logs_20140328.CreateLogGroup", b"nonsense", 400, "SerializationException"),
        ("Logs_20140328.CreateLogGroup", b'{"logGroupName": 7}', 400, "SerializationException"),
        ("Logs_20140328.StartLiveTail", b"{}", 501, "NotImplementedException"),
        ("Logs_20140328.Nonsense", b"{}", 400, "UnknownOperationException"),
        ("DynamoDB_20120810.ListTables", b"{}", 400, "UnknownOperationException"),
        ("Logs_20140328.PutLogEvents", b"x" * (9 << 20), 400, "InvalidParameterException"),
    ],
)
def test_bare_request_gets_its_error(server, target, body, status, kind):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    connection.request("POST", "/", body, headers)
    response = connection.getresponse()
    answer = json.load(response)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert response.headers["x-amzn-RequestId"]
    assert answer["__type"] == kind
    assert answer["message"]
    connection.close()


# The format.

SPEAKER = """
import logging
logger = logging.getLogger()
def handler(event, context):
    logger.info("informative %s", 1)
    logger.warning("worrying")
    if event.get("fail"): raise ValueError("bad")
    return context.log_stream_name
"""


def test_json_format_makes_objects_of_all_lines(functions, logs):
    function = functions.create(SPEAKER, LoggingConfig={"LogFormat": "JSON"})
    assert function.configuration["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
    answer = function.invoke({})
    name = f"/aws/lambda/{function.name}"
    events = follow(logs, name, lambda events: any('"platform.report"' in event["message"] for event in events))
    lines = [json.loads(event["message"]) for event in events]
    platform = {line["type"]: line for line in lines if "type" in line}
    # What succeeded is of no interest at the level INFO.
    assert set(platform) == {"platform.initStart", "platform.start", "platform.report"}
    report = platform["platform.report"]["record"]
    assert (report["requestId"], report["status"]) == (answer.request_id, "success")
    assert {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"} == set(report["metrics"])
    own = {line["message"]: line for line in lines if "level" in line}
    assert own["informative 1"]["level"] == "INFO"
    assert own["worrying"]["requestId"] == answer.request_id


def test_levels_choose_what_is_logged(functions, logs):
    function = functions.create(
        SPEAKER,
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "ERROR", "SystemLogLevel": "DEBUG"},
    )
    function.invoke({})
    name = f"/aws/lambda/{function.name}"
    events = follow(logs, name, lambda events: any('"platform.report"' in event["message"] for event in events))
    types = {json.loads(event["message"]).get("type") for event in events}
    assert {"platform.initRuntimeDone", "platform.initReport", "platform.runtimeDone"} <= types
    assert not any("worrying" in event["message"] for event in events)


def test_warnings_of_the_platform_are_failures_only(functions, logs):
    function = functions.create(
        "import os\ndef handler(event, context):\n    if event.get('fail'): os._exit(1)",
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"},
    )
    function.invoke({})
    function.invoke({"fail": True})
    name = f"/aws/lambda/{function.name}"
    events = follow(logs, name, lambda events: any('"platform.report"' in event["message"] for event in events))
    lines = [json.loads(event["message"]) for event in events]
    assert {line["type"] for line in lines} == {"platform.runtimeDone", "platform.report"}
    assert all(line["record"]["errorType"] == "Runtime.ExitError" for line in lines)


def test_log_group_can_be_chosen_and_changed(functions, logs):
    group = f"/shared/{uuid.uuid4().hex}"
    function = functions.create(
        "import os\ndef handler(event, context): return [os.environ['AWS_LAMBDA_LOG_GROUP_NAME'], context.log_stream_name]",
        LoggingConfig={"LogGroup": group},
    )
    named, stream = function.ask({})
    assert named == group and f"/{function.name}[$LATEST]" in stream
    events = follow(logs, group, reports)
    assert {event["logStreamName"] for event in events} == {stream}
    function.client.update_function_configuration(FunctionName=function.name, LoggingConfig={"LogFormat": "JSON"})
    function.wait_until_updated()
    configuration = function.client.get_function_configuration(FunctionName=function.name)["LoggingConfig"]
    assert (configuration["LogFormat"], configuration["LogGroup"]) == ("JSON", group)


def test_levels_need_json(functions):
    error = error_of(
        functions.create, code="def handler(event, context): pass", LoggingConfig={"SystemLogLevel": "WARN"}
    )
    assert error["Error"]["Code"] == "InvalidParameterValueException"
    assert error["Error"]["Message"].startswith('LogLevel is not supported when LogFormat is set to "Text".')


# What is left of functions that are gone.


#: How many environments a function has when it is deleted, so that what one in two does is seen.
ENVIRONMENTS = 8


def invoked_and_reported(own_server, own_functions):
    """A function whose invokes, one in each environment, stand in its log whole; its log group; and the lines in it."""
    logs = make_client(own_server, "logs")
    # Long enough that none is free when the last one comes.
    function = own_functions.create("import time\ndef handler(event, context): time.sleep(1)")
    function.invoke_at_once([None] * ENVIRONMENTS)
    group = f"/aws/lambda/{function.name}"
    deadline = time.monotonic() + ARRIVAL_SECONDS_MAX
    while True:
        try:
            lines = sorted(event["message"] for event in filtered(logs, group))
        except logs.exceptions.ResourceNotFoundException:
            lines = []
        if sum(line.startswith("REPORT") for line in lines) == ENVIRONMENTS:
            return function, group, lines
        assert time.monotonic() < deadline, lines


def test_deleted_function_writes_nothing_more(own_server, own_functions):
    function, group, lines = invoked_and_reported(own_server, own_functions)
    function.client.delete_function(FunctionName=function.name)
    # All that is to be written is, once the server has ended.
    assert own_server.stop() == 0
    own_server.start()
    assert sorted(event["message"] for event in filtered(make_client(own_server, "logs"), group)) == lines


def test_group_of_a_deleted_function_stays_away(own_server, own_functions):
    function, group, _ = invoked_and_reported(own_server, own_functions)
    function.client.delete_function(FunctionName=function.name)
    make_client(own_server, "logs").delete_log_group(logGroupName=group)
    assert own_server.stop() == 0
    own_server.start()
    assert make_client(own_server, "logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
