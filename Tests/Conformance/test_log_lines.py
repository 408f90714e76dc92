"""The platform's lines in a log of text, and those of the runtime between them, in good and in bad lives."""

import math
import re

import pytest
from lambda_client import NODE, make_client
from packages import package
from swiftlet_server import RESTART_SECONDS
from test_concurrency import provision, publish
from test_extensions import PRELUDE
from test_logs import follow

FUNCTION = """
import logging, os, time
def handler(event, context):
    if event == "print": print("printed")
    if event == "log":
        logging.getLogger().warning("told")
        logging.getLogger().info("not told at this level")
    if event == "raise": raise ValueError("bad")
    if event == "sleep": time.sleep(60)
    if event == "exit": os._exit(3)
    if event == "allocate":
        kept = []
        while True: kept.append(b"x" * (8 << 20))
"""

MS = r"\d+\.\d\d ms"
ID = r"[0-9a-f-]{36}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
REPORT = (
    rf"REPORT RequestId: ID\tDuration: {MS}\tBilled Duration: \d+ ms\t"
    r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\t"
)


def events_until(server, group, pattern, count=1):
    """A group's messages in the order in which they were printed, once enough of them match."""
    events = follow(
        make_client(server, "logs"),
        group,
        lambda events: sum(bool(re.match(pattern, event["message"])) for event in events) >= count,
    )
    return [event["message"] for event in events], events


@pytest.mark.parametrize(
    ("event", "between", "status"),
    [
        ("nothing", [], ""),
        ("print", ["printed"], ""),
        ("log", [rf"\[WARNING\]\t{TIME}\tID\ttold"], ""),
        (
            "raise",
            [
                r"\[ERROR\] ValueError: bad\rTraceback \(most recent call last\):\r"
                r"\u00a0\u00a0File \"/var/task/app\.py\", line \d+, in handler\r.*"
            ],
            "",
        ),
        # No line of its own any more says what the REPORT does.
        ("sleep", [], "Status: timeout"),
        ("exit", [], "Status: error\tError Type: Runtime.ExitError"),
        ("allocate", [], "Status: error\tError Type: Runtime.OutOfMemory"),
    ],
)
def test_lines_of_an_invoke_are_these_and_no_others(functions, event, between, status):
    function = functions.create(FUNCTION, Timeout=2 * RESTART_SECONDS)
    assert function.invoke("nothing").error is None
    answer = function.invoke(event, LogType="Tail")
    lines = answer.log.decode().split("\n")
    assert lines.pop() == ""
    wanted = ["START RequestId: ID Version: \\$LATEST", *between, "END RequestId: ID", REPORT + re.escape(status)]
    assert len(lines) == len(wanted), lines
    for line, pattern in zip(lines, wanted, strict=True):
        assert re.fullmatch(pattern.replace("ID", answer.request_id, 1) if "ID" in pattern else pattern, line), line


def test_first_invoke_bills_its_initialisation(functions):
    function = functions.create("import time; time.sleep(0.3)\ndef handler(event, context): pass")
    line = function.invoke({}, LogType="Tail").log.decode().splitlines()[-1]
    names = "Duration", "Billed Duration", "Init Duration"
    duration, billed, initialisation = (float(re.search(rf"\t{name}: ([\d.]+) ms", line)[1]) for name in names)
    assert initialisation >= 300
    assert line.endswith(" ms\t")
    assert abs(billed - math.ceil(duration + initialisation)) <= 1


def test_environment_begins_its_stream_with_its_runtime(functions, server):
    function = functions.create(FUNCTION)
    function.invoke("nothing")
    lines, events = events_until(server, f"/aws/lambda/{function.name}", "REPORT")
    assert re.fullmatch(
        r"INIT_START Runtime Version: python:3\.\d+\.v\d+\t"
        r"Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}\n",
        lines[0],
    )
    assert lines[-1].endswith("\t\n")
    assert all(line.endswith("\n") for line in lines)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", events[0]["logStreamName"])
    assert not any(line.startswith("INIT_REPORT") for line in lines)


def test_stream_names_the_version_and_in_a_shared_group_the_function(functions, server):
    function = functions.create(FUNCTION)
    function.client.publish_version(FunctionName=function.name)
    function.invoke("nothing", Qualifier="1")
    lines, events = events_until(server, f"/aws/lambda/{function.name}", "REPORT")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[1\][0-9a-f]{32}", events[0]["logStreamName"])
    assert any(re.match(rf"START RequestId: {ID} Version: 1\n", line) for line in lines)
    shared = functions.create(FUNCTION, LoggingConfig={"LogGroup": f"/shared/{function.name}"})
    shared.invoke("nothing")
    _, events = events_until(server, f"/shared/{function.name}", "REPORT")
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{shared.name}\[\$LATEST\][0-9a-f]{{32}}", events[0]["logStreamName"])


def test_initialisation_that_takes_too_long_is_reported(functions, server):
    function = functions.create("import time; time.sleep(3600)", Timeout=1)
    function.invoke({})
    lines, _ = events_until(server, f"/aws/lambda/{function.name}", "REPORT")
    first = next(line for line in lines if line.startswith("INIT_REPORT"))
    found = re.fullmatch(rf"INIT_REPORT Init Duration: ({MS})\tPhase: init\tStatus: timeout\n", first)
    # The clock of the timer is read a moment before that of the report.
    assert found and round(float(found[1].split()[0])) >= 10_000


def test_initialisation_ahead_of_invokes_is_always_reported(functions, server):
    function = functions.create(FUNCTION)
    publish(function)
    provision(function, "1", 1)
    pattern = rf"INIT_REPORT Init Duration: {MS}\tPhase: init\tStatus: success\n"
    lines, _ = events_until(server, f"/aws/lambda/{function.name}", pattern)
    assert lines[0].startswith("INIT_START ")


def test_extensions_and_their_subscriptions_have_lines(functions, server):
    script = PRELUDE + """
identity = register("INVOKE", "SHUTDOWN")
body = {"types": ["platform", "function"], "destination": {"protocol": "TCP", "port": 8080}}
call("PUT", "", json.dumps(body), identity, version="2022-07-01/telemetry")
call("PUT", "", json.dumps(body), identity, version="2020-08-15/logs")
while True: call("GET", "event/next", headers=identity)
"""
    layer = functions.client.publish_layer_version(
        LayerName=functions.name(),
        Content={"ZipFile": package({"extensions/own": script}, executable={"extensions/own"})},
    )
    function = functions.create(FUNCTION, Layers=[layer["LayerVersionArn"]])
    function.invoke("nothing")
    lines, _ = events_until(server, f"/aws/lambda/{function.name}", "REPORT")
    for line in (
        "EXTENSION\tName: own\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
        "TELEMETRY\tName: own\tState: Subscribed\tTypes: [Platform, Function]\n",
        "LOGS\tName: own\tState: Subscribed\tTypes: [Platform, Function]\n",
    ):
        assert line in lines


def test_node_lines_have_their_form_in_the_sandbox(functions):
    source = "exports.handler = async (event) => { console.log('told'); if (event) throw new Error('bad') }"
    code = package({"index.js": source})
    function = functions.create(code, Runtime=NODE, Handler="index.handler")
    answer = function.invoke(True, LogType="Tail")
    log = answer.log.decode()
    assert re.search(rf"^{TIME}\t{answer.request_id}\tINFO\ttold$", log, re.MULTILINE)
    error = rf'^{TIME}\t{answer.request_id}\tERROR\tInvoke Error \t{{"errorType":"Error"'
    assert re.search(error, log, re.MULTILINE)
