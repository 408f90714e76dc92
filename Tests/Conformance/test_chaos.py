"""Many functions that misbehave at random beside a few that do not: the few must lose nothing, and nothing may stay behind."""

import concurrent.futures
import json
import os
import random
import time

import pytest
from botocore.exceptions import ClientError
from host import Footprint
from lambda_client import Functions
from swiftlet_server import IS_EMULATED, SwiftletServer

SEED = int(os.environ.get("CHAOS_SEED", "20261125"))
SECONDS = int(os.environ.get("CHAOS_SECONDS", "60"))
#: As many as the host can have answer within their timeouts: machines without a processor's help are slow.
MISBEHAVING, GOOD = (8, 3) if IS_EMULATED else (50, 10)

#: Does what its event says, and answers nothing that anybody relies on.
MISBEHAVING_CODE = """
import ctypes, os, signal, subprocess, sys, threading, time
def handler(event, context):
    kind = event["kind"]
    if kind == "raise": raise RuntimeError("x" * 10000)
    if kind == "sleep": time.sleep(60)
    if kind == "spin":
        while True: pass
    if kind == "exit": os._exit(event["number"] % 256)
    if kind == "signal": os.kill(os.getpid(), [6, 9, 11, 15][event["number"] % 4])
    if kind == "segfault": ctypes.string_at(0)
    if kind == "allocate":
        kept = []
        while True: kept.append(b"x" * (8 << 20))
    if kind == "print":
        for _ in range(200): os.write(1, os.urandom(30000))
    if kind == "close": os.closerange(3, 1024)
    if kind == "fill":
        with open("/tmp/full", "ab") as file: file.write(b"x" * (32 << 20))
    if kind == "daemonise": subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP; while :; do sleep 1; done"])
    if kind == "fork":
        for _ in range(50):
            if os.fork() == 0: time.sleep(60); os._exit(0)
    if kind == "threads":
        for _ in range(50): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    if kind == "large": return "x" * (7 << 20)
    if kind == "stop": os.kill(os.getpid(), signal.SIGSTOP)
    return kind
"""
KINDS = [
    "raise", "sleep", "spin", "exit", "signal", "segfault", "allocate", "print", "close", "fill", "daemonise", "fork",
    "threads", "large", "stop", "nothing",
]  # fmt: skip

GOOD_CODE = """
def handler(event, context):
    return [event["number"], context.function_name, sum(range(1000))]
"""


@pytest.fixture
def server_of_its_own(tmp_path):
    server = SwiftletServer(tmp_path)
    server.start()
    yield server
    server.close()


def misbehave(function, seed, end):
    """Invokes a function with one misdeed after the other. Every answer must be one that Lambda gives."""
    dice = random.Random(seed)
    count = 0
    while time.monotonic() < end:
        answer = function.invoke({"kind": dice.choice(KINDS), "number": dice.randrange(1000)})
        assert answer.status == 200
        assert answer.error in (None, "Unhandled")
        json.loads(answer.body)
        count += 1
    return count


def behave(function, end):
    """Invokes a function over and over; each answer must be the one to its event."""
    number = 0
    while time.monotonic() < end:
        answer = function.invoke({"number": number})
        assert answer.error is None, answer.body
        assert answer.payload == [number, function.name, 499500]
        number += 1
    return number


def assert_places(function, count):
    """All places of its concurrency were given back, and none of them twice: it has exactly as many as are reserved."""
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=count)

    def outcome(_):
        try:
            return function.invoke({"kind": "sleep"}).error
        except ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(count + 1) as pool:
        outcomes = sorted(pool.map(outcome, range(count + 1)))
    assert outcomes == ["TooManyRequestsException", *["Unhandled"] * count]


def test_well_behaved_functions_lose_nothing_among_misbehaving_ones(server_of_its_own):
    server = server_of_its_own
    print(f"CHAOS_SEED={SEED}")
    functions = Functions(server, "chaos")
    good = [functions.create(GOOD_CODE) for _ in range(GOOD)]
    bad = [functions.create(MISBEHAVING_CODE, Timeout=1, wait=False) for _ in range(MISBEHAVING)]
    for function in bad:
        functions.client.get_waiter("function_active_v2").wait(FunctionName=function.name, WaiterConfig={"Delay": 1})
    end = time.monotonic() + SECONDS
    with concurrent.futures.ThreadPoolExecutor(GOOD + MISBEHAVING) as pool:
        badly = [pool.submit(misbehave, function, SEED + index, end) for index, function in enumerate(bad)]
        well = [pool.submit(behave, function, end) for function in good]
        answered = [future.result() for future in well]
        misdeeds = [future.result() for future in badly]
    assert min(answered) > 0 and min(misdeeds) > 0
    assert server.is_healthy()
    for function in bad[:5]:
        assert_places(function, 2)
    footprint = Footprint.of(server)
    assert server.stop() == 0
    assert footprint.left() == []
