"""Stop, `kill -9` and restart: what was acknowledged is there, what was not is gone whole, nothing else is left."""

import concurrent.futures
import sqlite3
import threading
import uuid

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from lambda_client import PYTHON, ROLE, Answer, Functions, make_client
from host import Footprint, processes_with
from packages import package
from swiftlet_server import IS_EMULATED, SwiftletServer
from test_logs import follow

KILLS = 4
FAILURES = (ClientError, BotoCoreError)


def version_package(number):
    return package({"app.py": f"def handler(event, context): return {number}"})


def create(client, name, code, **more):
    return client.create_function(
        FunctionName=name, Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": code}, Timeout=30, **more
    )


def wait_until_active(client, name):
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def all_names(client):
    pages = client.get_paginator("list_functions").paginate()
    return {function["FunctionName"] for page in pages for function in page["Functions"]}


def assert_database_is_sound(server):
    for path in server.data.rglob("*"):
        if path.is_file() and path.suffix in (".sqlite", ".sqlite3", ".db"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_graceful_stop_leaves_nothing(own_server, own_functions):
    marker = uuid.uuid4().hex
    for _ in range(3):
        function = own_functions.create(version_package(1), Environment={"Variables": {"MARKER": marker}})
        function.ask()
    # The host sees no process of a guest.
    assert IS_EMULATED or processes_with(marker)
    footprint = Footprint.of(own_server)
    assert footprint.processes
    assert own_server.stop() == 0
    assert footprint.left() == []
    assert not processes_with(marker)


def test_stop_lets_a_running_invoke_finish(own_server, own_functions):
    function = own_functions.create(
        "import time\ndef handler(event, context): print('begun', flush=True); time.sleep(event); return 'finished'"
    )
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke, 3)
        logs = make_client(own_server, "logs")
        follow(logs, f"/aws/lambda/{function.name}", lambda events: any(e["message"] == "begun\n" for e in events))
        assert own_server.stop() == 0
        assert running.result().payload == "finished"


def test_state_survives_a_restart(own_server, own_functions):
    function = own_functions.create(version_package(7), Description="kept", Environment={"Variables": {"KEY": "V"}})
    before = own_functions.client.get_function(FunctionName=function.name)["Configuration"]
    own_server.stop()
    own_server.start()
    client = make_client(own_server)
    assert client.get_function(FunctionName=function.name)["Configuration"] == before
    assert client.invoke(FunctionName=function.name)["Payload"].read() == b"7"


def test_kill_while_idle_leaves_nothing_after_the_next_start(own_server, own_functions):
    marker = uuid.uuid4().hex
    function = own_functions.create(version_package(1), Environment={"Variables": {"MARKER": marker}})
    function.ask()
    footprint = Footprint.of(own_server)
    own_server.kill()
    own_server.start()
    assert footprint.left() == []
    assert not processes_with(marker)
    assert make_client(own_server).invoke(FunctionName=function.name)["Payload"].read() == b"1"


def test_kill_during_create_keeps_what_was_acknowledged(own_server):
    acknowledged, attempted = set(), set()
    code = version_package(1)
    for round_number in range(KILLS):
        client = make_client(own_server)
        enough = threading.Event()
        killed = threading.Event()

        def create_until_killed(worker, client=client, enough=enough, killed=killed, round_number=round_number):
            number = 0
            while not killed.is_set():
                name = f"f-{round_number}-{worker}-{number}"
                number += 1
                attempted.add(name)
                try:
                    create(client, name, code)
                except FAILURES:
                    return
                acknowledged.add(name)
                # Each round kills after another number of creations.
                if number > 2 + round_number:
                    enough.set()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(create_until_killed, worker) for worker in range(4)]
            enough.wait(timeout=60)
            own_server.kill()
            killed.set()
            concurrent.futures.wait(workers)
        assert_database_is_sound(own_server)
        own_server.start()
        found = all_names(make_client(own_server))
        assert acknowledged <= found <= attempted
    client = make_client(own_server)
    for name in sorted(found):
        wait_until_active(client, name)
    for name in sorted(found)[:: max(1, len(found) // 8)]:
        assert client.invoke(FunctionName=name)["Payload"].read() == b"1"


def test_kill_during_update_leaves_one_version_whole(own_server):
    client = make_client(own_server)
    create(client, "f", version_package(0))
    wait_until_active(client, "f")
    acknowledged = 0
    for round_number in range(KILLS):
        client = make_client(own_server)
        started = threading.Event()
        last = [acknowledged, acknowledged]

        def update_until_killed(client=client, started=started, last=last, round_number=round_number):
            while True:
                last[1] = last[0] + 1
                try:
                    client.update_function_code(FunctionName="f", ZipFile=version_package(last[1]))
                except client.exceptions.ResourceConflictException:
                    continue
                except FAILURES:
                    return
                last[0] = last[1]
                if last[0] > acknowledged + round_number:
                    started.set()

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            updating = pool.submit(update_until_killed)
            assert started.wait(timeout=60)
            own_server.kill()
            updating.result()
        own_server.start()
        client = make_client(own_server)
        client.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        running = int(client.invoke(FunctionName="f")["Payload"].read())
        assert running in last
        acknowledged = running


def test_kill_during_invokes_leaves_nothing_after_the_next_start(own_server, own_functions):
    marker = uuid.uuid4().hex
    function = own_functions.create(
        "import time\ndef handler(event, context): time.sleep(event); return 'ran'",
        Environment={"Variables": {"MARKER": marker}}, Timeout=60,
    )  # fmt: skip
    for _ in range(KILLS):
        client = make_client(own_server)

        def invoke(event, client=client):
            try:
                Answer(client.invoke(FunctionName=function.name, Payload=event))
            except FAILURES:
                pass

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(invoke, b"50") for _ in range(3)]
            # Once this one is answered the service is in the middle of the others.
            Answer(client.invoke(FunctionName=function.name, Payload=b"0"))
            footprint = Footprint.of(own_server)
            own_server.kill()
            concurrent.futures.wait(running)
        own_server.start()
        assert footprint.left() == []
        assert not processes_with(marker)
        assert make_client(own_server).invoke(FunctionName=function.name, Payload=b"0")["Payload"].read() == b'"ran"'


def test_second_server_on_the_same_data_is_refused(own_server, tmp_path):
    second = SwiftletServer(tmp_path)
    try:
        with pytest.raises(AssertionError, match="ended with status"):
            second.start()
    finally:
        second.close()
    assert own_server.is_healthy()


def test_functions_that_were_deleted_stay_deleted(own_server, own_functions):
    function = own_functions.create(version_package(1))
    own_functions.client.delete_function(FunctionName=function.name)
    own_server.kill()
    own_server.start()
    assert all_names(make_client(own_server)) == set()
    assert Functions(own_server, "g").create(version_package(2)).ask() == 2
