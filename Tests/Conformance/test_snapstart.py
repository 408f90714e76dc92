"""SnapStart: versions that start from a snapshot of an environment that has initialised."""

import concurrent.futures
import json
import os
import re
import time

import pytest
from lambda_client import error_of, make_client
from packages import package
from swiftlet_server import IS_EMULATED, SANDBOX
from test_extensions import FAITHFUL, PRELUDE
from test_logs import follow, reports

SNAPSTART = {"ApplyOn": "PublishedVersions"}

#: Only sandboxes that are virtual machines can be copied.
in_machines = pytest.mark.skipif(SANDBOX != "microvm", reason="namespaces have no snapshots")

#: Tells all that must not be the same in two environments, and what must.
CODE = """
import os, random, secrets, ssl, tempfile, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot

random.random(), tempfile.mktemp(), ssl.RAND_bytes(1)
started, marks, count = str(uuid.uuid4()), [], 0
if os.environ.get("SLOW"): time.sleep(float(os.environ["SLOW"]))

@register_before_snapshot
def before():
    marks.append("before")
    with open("/tmp/kept", "w") as file: file.write("kept")

@register_after_restore
def after():
    marks.append("after")

def handler(event, context):
    global count
    count += 1
    if event == "sleep": time.sleep(60)
    if event == "pause": time.sleep(1)
    if event == "keys":
        import botocore.session
        keys = botocore.session.get_session().get_credentials()
        return [keys.method, keys.access_key]
    return {
        "started": started, "marks": marks, "count": count, "time": time.time(),
        "kept": open("/tmp/kept").read() if os.path.exists("/tmp/kept") else None,
        "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        "named": sorted(n for n in os.environ if "LOG_STREAM" in n or "ACCESS_KEY" in n),
        "unique": [
            random.random(), secrets.token_hex(), str(uuid.uuid4()), tempfile.mktemp(), ssl.RAND_bytes(16).hex(),
            os.urandom(16).hex(),
        ],
    }
"""


def active(client, name, version="1"):
    waiter = client.get_waiter("published_version_active")
    waiter.wait(FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return client.get_function_configuration(FunctionName=name, Qualifier=version)


def published(functions, code=CODE, **parameters):
    """A function whose version 1 has its snapshot."""
    function = functions.create(code, SnapStart=SNAPSTART, Publish=True, **parameters)
    configuration = active(function.client, function.name)
    assert configuration["SnapStart"] == {**SNAPSTART, "OptimizationStatus": "On"}
    return function


@in_machines
def test_version_is_pending_until_it_has_its_snapshot(functions):
    function = functions.create(CODE, SnapStart=SNAPSTART, Environment={"Variables": {"SLOW": "2"}})
    assert function.ask()["type"] == "on-demand"
    version = function.client.publish_version(FunctionName=function.name)
    assert version["State"] == "Pending" and version["StateReasonCode"] == "Creating"
    assert version["SnapStart"] == {**SNAPSTART, "OptimizationStatus": "Off"}
    assert error_of(function.client.invoke, FunctionName=function.name, Qualifier="1") == (
        409, "SnapStartNotReadyException",
        "Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE.",
    )  # fmt: skip
    configuration = active(function.client, function.name)
    assert configuration["SnapStart"] == {**SNAPSTART, "OptimizationStatus": "On"}
    assert function.client.get_function_configuration(FunctionName=function.name)["SnapStart"] == {
        **SNAPSTART, "OptimizationStatus": "Off"
    }  # fmt: skip
    told = function.ask(Qualifier="1")
    assert told["type"] == "snap-start" and told["version"] == "1" and told["count"] == 1
    assert error_of(
        function.client.put_provisioned_concurrency_config,
        FunctionName=function.name, Qualifier="1", ProvisionedConcurrentExecutions=1,
    )[:2] == (400, "InvalidParameterValueException")  # fmt: skip


@in_machines
def test_environments_go_on_from_one_initialisation_and_share_nothing_else(functions):
    function = published(functions)
    told = [answer.payload for answer in at_once(function, 3)]
    assert len({each["started"] for each in told}) == 1
    for each in told:
        assert each["marks"] == ["before", "after"] and each["kept"] == "kept" and each["count"] == 1
        assert each["named"] == [] and abs(each["time"] - time.time()) < 60
    drawn = [value for each in told for value in each["unique"]]
    assert len(set(drawn)) == len(drawn)
    keys = [answer.payload for answer in at_once(function, 2, "keys")]
    assert [method for method, _ in keys] == ["container-role"] * 2
    # Each environment has its own, however often it is asked.
    assert all(key.startswith("ASIA") for _, key in keys)


def at_once(function, count, event="pause"):
    """As many environments, each with an invoke of its own."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        waiting = [pool.submit(function.invoke, event, Qualifier="1", LogType="Tail") for _ in range(count)]
        return [each.result() for each in waiting]


@in_machines
def test_log_tells_of_initialisation_and_restorations(functions, server):
    function = published(functions, Environment={"Variables": {"SLOW": "0.5"}})
    first = function.invoke(Qualifier="1", LogType="Tail").log.decode()
    report = re.search(r"Restore Duration: ([\d.]+) ms\tBilled Restore Duration: (\d+) ms\t$", first, re.MULTILINE)
    assert report and "Init Duration" not in first, first
    duration, billed = re.search(r"\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms", first).groups()
    assert abs(float(duration) + float(report[2]) - int(billed)) <= 2
    second = function.invoke(Qualifier="1", LogType="Tail").log.decode()
    assert "Restore Duration" not in second
    logs = make_client(server, "logs")
    events = follow(logs, f"/aws/lambda/{function.name}", lambda events: len(reports(events)) == 2)
    streams = {}
    for event in events:
        streams.setdefault(event["logStreamName"], []).append(event["message"])
    assert len(streams) == 2
    template, restored = sorted(streams.values(), key=lambda lines: lines[0])
    assert template[0].startswith("INIT_START Runtime Version: python:")
    assert re.match(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: success\n", template[-1])
    assert restored[0].startswith("RESTORE_START Runtime Version: python:")
    assert re.match(r"RESTORE_REPORT Restore Duration: [\d.]+ ms\n", restored[1])


@in_machines
def test_environment_does_not_outlive_a_failure(functions):
    function = published(functions, Timeout=3)
    before = function.ask(Qualifier="1")
    assert function.invoke("sleep", Qualifier="1").error_type == "Sandbox.Timedout"
    after = function.ask(Qualifier="1")
    assert after["started"] == before["started"] and after["count"] == 1 and after["marks"] == ["before", "after"]
    assert not set(after["unique"]) & set(before["unique"])


@in_machines
def test_function_that_cannot_initialise_has_no_version(functions):
    function = functions.create("raise RuntimeError('not today')", SnapStart=SNAPSTART)
    function.client.publish_version(FunctionName=function.name)
    configuration = wait_for_state(function, "Failed")
    assert configuration["StateReasonCode"] == "FunctionError.RuntimeInitError"
    assert "SnapStart" in configuration["StateReason"]
    assert configuration["SnapStart"]["OptimizationStatus"] == "Off"
    assert error_of(function.client.invoke, FunctionName=function.name, Qualifier="1")[:2] == (
        409, "ResourceConflictException"
    )  # fmt: skip
    # The next one is another version.
    function.client.update_function_code(FunctionName=function.name, ZipFile=package({"app.py": CODE}))
    function.wait_until_updated()
    function.client.publish_version(FunctionName=function.name)
    assert active(function.client, function.name, "2")["SnapStart"]["OptimizationStatus"] == "On"


def wait_for_state(function, state):
    for _ in range(600):
        configuration = function.client.get_function_configuration(FunctionName=function.name, Qualifier="1")
        if configuration["State"] == state:
            return configuration
        time.sleep(0.1)  # the interval of a client that polls; nothing is assumed to have happened in it
    raise AssertionError(configuration)


@in_machines
@pytest.mark.parametrize(
    "hook, status, error, outcome",
    [
        ("raise RuntimeError('not restored')", 400, "SnapStartException", "error\tError Type: Runtime.AfterRestoreError"),
        ("os._exit(3)", 400, "SnapStartException", "error\tError Type: Runtime.ExitError"),
        ("time.sleep(60)", 408, "SnapStartTimeoutException", "timeout"),
    ],
)
def test_restoration_that_fails_is_told_to_the_caller(functions, server, hook, status, error, outcome):
    code = CODE.replace('marks.append("after")', hook)
    function = published(functions, code)
    for _ in range(2 if status == 400 else 1):
        assert error_of(function.client.invoke, FunctionName=function.name, Qualifier="1")[:2] == (status, error)
    logs = make_client(server, "logs")
    events = follow(
        logs, f"/aws/lambda/{function.name}", lambda events: any("RESTORE_REPORT" in e["message"] for e in events)
    )
    lines = [event["message"] for event in events if "RESTORE_REPORT" in event["message"]]
    assert lines[0].endswith(f"\tStatus: {outcome}\n"), lines


@in_machines
def test_extensions_go_on_too(functions):
    reader = """
def handler(event, context):
    return open("/tmp/notes").read().split("\\n")[:-1]
"""
    files = {"extensions/faithful": PRELUDE + FAITHFUL}
    layer = functions.client.publish_layer_version(
        LayerName=functions.name(), Content={"ZipFile": package(files, executable=set(files))}
    )
    function = published(functions, reader, Layers=[layer["LayerVersionArn"]])
    first = function.invoke(Qualifier="1")
    second = function.invoke(Qualifier="1")
    notes = second.payload
    assert notes[:2] == ["registered", f"INVOKE {first.request_id}"] and notes[2:] in ([], [f"INVOKE {second.request_id}"])


def snapshots(server):
    directory = server.data / "snapshots"
    return sorted(path for path in directory.iterdir() if not path.name.startswith("unfinished"))


@in_machines
def test_snapshots_are_kept_from_one_process_to_the_next(own_server, own_functions):
    function = published(own_functions)
    before = function.ask(Qualifier="1")
    assert len(snapshots(own_server)) == 1
    own_server.kill()
    own_server.start()
    client = make_client(own_server)
    ask = asker(client, function.name)
    after = ask()
    assert after["started"] == before["started"] and not set(after["unique"]) & set(before["unique"])
    # What was altered is not used: the version initialises, and gets another snapshot.
    own_server.stop()
    (path,) = snapshots(own_server)
    with open(path / "memory", "r+b") as memory:
        memory.seek(os.path.getsize(path / "memory") // 2)
        memory.write(b"altered")
    own_server.start()
    client = make_client(own_server)
    ask = asker(client, function.name)
    fallen_back = ask()
    assert fallen_back["started"] != before["started"] and fallen_back["type"] == "snap-start"
    assert fallen_back["marks"] == ["before", "after"]
    assert client.get_function_configuration(FunctionName=function.name, Qualifier="1")["State"] == "Active"
    for _ in range(600):
        if snapshots(own_server):
            break
        time.sleep(0.1)  # until the other one is there
    own_server.stop()
    own_server.start()
    ask = asker(make_client(own_server), function.name)
    again = ask()
    assert again["started"] not in (before["started"], fallen_back["started"]) and again["count"] == 1
    # Versions that go take theirs along, also those that go while nobody looks.
    (own_server.data / "snapshots" / "other:1:configuration").mkdir()
    own_server.stop()
    own_server.start()
    assert [path.name.split(":")[0] for path in snapshots(own_server)] == [function.name]
    make_client(own_server).delete_function(FunctionName=function.name)
    for _ in range(600):
        if not snapshots(own_server):
            break
        time.sleep(0.1)  # until it is gone
    assert not snapshots(own_server)


def asker(client, name):
    def ask():
        answer = client.invoke(FunctionName=name, Qualifier="1", Payload=b"{}")
        body = answer["Payload"].read()
        assert "FunctionError" not in answer, body
        return json.loads(body)

    return ask


@in_machines
def test_publication_survives_the_end_of_the_process(own_server, own_functions):
    function = own_functions.create(CODE, SnapStart=SNAPSTART, Environment={"Variables": {"SLOW": "3"}})
    for end in (own_server.kill, own_server.stop):
        version = function.client.publish_version(FunctionName=function.name)["Version"]
        end()
        own_server.start()
        client = make_client(own_server)
        configuration = active(client, function.name, version)
        assert configuration["SnapStart"]["OptimizationStatus"] == "On"
        function.client = client
        # The next one has something to publish.
        client.update_function_configuration(FunctionName=function.name, Description=version)
        function.wait_until_updated()
    assert asker(client, function.name)()["marks"] == ["before", "after"]


@pytest.mark.skipif(IS_EMULATED, reason="virtual machines have snapshots")
def test_hooks_run_where_there_are_no_snapshots(functions):
    function = functions.create(CODE, SnapStart=SNAPSTART, Publish=True)
    configuration = active(function.client, function.name)
    assert configuration["SnapStart"] == {**SNAPSTART, "OptimizationStatus": "Off"}
    told = function.ask(Qualifier="1")
    assert told["type"] == "snap-start" and told["marks"] == ["before", "after"]
    assert function.ask("keys", Qualifier="1")[0] == "container-role"
