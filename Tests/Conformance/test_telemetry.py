"""The events of the Telemetry API: what the record of each type has, in good and in bad lives."""

import re

import pytest
from packages import package
from swiftlet_server import RESTART_SECONDS
from test_extensions import PRELUDE, SUBSCRIBER

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

#: Waits until the subscriber has been told of everything that is wanted, and tells it.
READER = """
import json, os, time
def told():
    try:
        with open("/tmp/telemetry") as file: return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []
def handler(event, context):
    kind = event.get("kind")
    if kind == "exit": os._exit(3)
    if kind == "raise": raise ValueError("bad")
    if kind == "sleep": time.sleep(60)
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline and not set(event.get("wanted", [])) <= {e["type"] for e in told()}:
        time.sleep(0.02)
    return told()
"""


@pytest.fixture
def subscribed(functions):
    def create(code=READER, types='["platform"]', subscriber=SUBSCRIBER, **parameters):
        script = PRELUDE + subscriber % types
        layer = functions.client.publish_layer_version(
            LayerName=functions.name(),
            Content={"ZipFile": package({"extensions/subscriber": script}, executable={"extensions/subscriber"})},
        )
        return functions.create(code, **{"Layers": [layer["LayerVersionArn"]], "Timeout": 12, **parameters})

    return create


def is_duration(value):
    return isinstance(value, (int, float)) and value >= 0


def check(record, **expected):
    """The record has these members and no others; a value may be a predicate."""
    assert set(record) == set(expected), record
    for name, wanted in expected.items():
        assert wanted(record[name]) if callable(wanted) else record[name] == wanted, (name, record)


def test_records_of_a_good_life_have_their_members(subscribed):
    function = subscribed(MemorySize=256)
    # Who wants the log waits for the extension too, so that the same environment is free for the next invoke.
    first = function.invoke({}, LogType="Tail")
    trace = {"type": "X-Amzn-Trace-Id", "value": first.headers["x-amzn-trace-id"]}
    events = function.ask({"wanted": ["platform.report"]})
    assert all(re.fullmatch(TIME, event["time"]) for event in events)
    records = {}
    for event in events:
        records.setdefault(event["type"], event["record"])
    kind = {"initializationType": "on-demand", "phase": "init"}
    check(
        records["platform.initStart"], **kind,
        runtimeVersion=lambda value: re.fullmatch(r"python:3\.\d+\.v\d+", value),
        runtimeVersionArn=lambda value: re.fullmatch(r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}", value),
        functionName=function.name, functionVersion="$LATEST", instanceMaxMemory=256 << 20,
        instanceId=lambda value: re.fullmatch(r"[0-9a-f]{32}", value),
    )  # fmt: skip
    check(records["platform.initRuntimeDone"], **kind, status="success")
    check(
        records["platform.initReport"], **kind, status="success",
        metrics=lambda value: set(value) == {"durationMs"} and is_duration(value["durationMs"]),
    )  # fmt: skip
    check(records["platform.extension"], name="subscriber", state="Ready", events=["INVOKE", "SHUTDOWN"])
    check(records["platform.telemetrySubscription"], name="subscriber", state="Subscribed", types=["platform"])
    check(records["platform.start"], requestId=first.request_id, version="$LATEST", tracing=trace)
    done = records["platform.runtimeDone"]
    spans = done["spans"]
    check(
        done, requestId=first.request_id, status="success", tracing=trace,
        metrics=lambda value: is_duration(value["durationMs"]) and value["producedBytes"] == len(first.body),
        spans=lambda value: [s["name"] for s in value] == ["responseLatency", "responseDuration", "runtimeOverhead"],
    )  # fmt: skip
    for span in spans:
        check(span, name=str.isalpha, start=lambda value: re.fullmatch(TIME, value), durationMs=is_duration)
    check(records["platform.report"], requestId=first.request_id, status="success", metrics=bool, tracing=trace)
    metrics = records["platform.report"]["metrics"]
    check(
        metrics, durationMs=is_duration, billedDurationMs=is_duration, initDurationMs=is_duration, memorySizeMB=256,
        maxMemoryUsedMB=lambda value: 1 <= value <= 256,
    )  # fmt: skip
    # Billed is what was used, initialisation included, in whole milliseconds.
    assert 0 <= metrics["billedDurationMs"] - metrics["durationMs"] - metrics["initDurationMs"] < 1.01


@pytest.mark.parametrize(
    ("kind", "status", "error_type"),
    [("exit", "error", "Runtime.ExitError"), ("sleep", "timeout", None)],
)
def test_report_of_a_failed_invoke_tells_its_status(subscribed, kind, status, error_type):
    # What happened to the old processes is told to the old subscriber before it is killed: in the same file.
    function = subscribed(subscriber=SUBSCRIBER.replace("break", "time.sleep(60)"), Timeout=3 * RESTART_SECONDS)
    function.invoke({}, LogType="Tail")
    failed = function.invoke({"kind": kind})
    assert failed.error == "Unhandled"
    # The subscriber that the next invoke initialises has its first events a moment later.
    for _ in range(100):
        events = function.ask({})
        phases = [event["record"]["phase"] for event in events if event["type"] == "platform.initStart"]
        if len(phases) > 1:
            break
    told = {event["type"]: event["record"] for event in events if event["record"].get("requestId") == failed.request_id}
    for name in "platform.runtimeDone", "platform.report":
        assert told[name]["status"] == status
        assert error_type is None or told[name]["errorType"] == error_type
    assert phases == ["init", "invoke"]


def test_error_of_the_handler_is_an_error_of_the_runtime_only(subscribed):
    function = subscribed()
    failed = function.invoke({"kind": "raise"}, LogType="Tail")
    events = function.ask({"wanted": ["platform.report"]})
    told = {event["type"]: event["record"] for event in events if event["record"].get("requestId") == failed.request_id}
    assert told["platform.runtimeDone"]["status"] in ("error", "failure")
    assert "errorType" in told["platform.runtimeDone"]


def test_objects_of_a_json_log_stay_objects(subscribed):
    printing = '    print(json.dumps({"level": "INFO", "own": 1})); print("plain")\n'
    function = subscribed(
        READER.replace("    kind = event", f"{printing}    kind = event"),
        types='["function"]', LoggingConfig={"LogFormat": "JSON"},
    )  # fmt: skip
    function.invoke({}, LogType="Tail")
    events = function.ask({"wanted": ["function"]})
    records = [event["record"] for event in events if event["type"] == "function"]
    assert {"level": "INFO", "own": 1} in records
    assert any(isinstance(record, str) and record.strip() == "plain" for record in records)
