"""The phases of an environment's life: initialisation, its repetition within an invoke, reset, and what survives."""

import re

from lambda_client import make_client
from packages import script_package
from swiftlet_server import RESTART_SECONDS
from test_logs import follow, reports

#: Counts its initialisations in /tmp, which survives, and its invokes in memory, which does not.
COUNTER = """
import os, sys, time
with open("/tmp/inits", "a") as file: file.write("x")
count = 0
def handler(event, context):
    global count
    count += 1
    kind = event.get("fail") if event else None
    if kind == "sleep": time.sleep(60)
    if kind == "exit": os._exit(1)
    if kind == "allocate":
        kept = []
        while True: kept.append(b"x" * (8 << 20))
    return [count, os.path.getsize("/tmp/inits"), context.log_stream_name]
"""


def test_reset_keeps_temporary_files_and_loses_memory(functions):
    function = functions.create(COUNTER, Timeout=RESTART_SECONDS)
    first = function.ask()
    assert first[:2] == [1, 1]
    for kind in ("sleep", "exit"):
        assert function.invoke({"fail": kind}).error == "Unhandled"
    after = function.ask()
    # Each failure was followed by an initialisation in the same environment, under the same log stream.
    assert after == [1, 3, first[2]]


def test_initialisation_after_a_reset_is_part_of_the_invoke(functions):
    function = functions.create("import time; time.sleep(0.5)\n" + COUNTER, Timeout=5)
    assert b"Init Duration" in function.invoke({}, LogType="Tail").log
    function.invoke({"fail": "exit"})
    log = function.invoke({}, LogType="Tail").log.decode()
    assert "Init Duration" not in log
    assert float(re.search(r"\tDuration: ([\d.]+) ms", log)[1]) >= 500


def test_memory_beyond_the_limit_gives_the_next_invoke_a_new_environment(functions):
    function = functions.create(COUNTER, MemorySize=128)
    first = function.ask()
    answer = function.invoke({"fail": "allocate"}, LogType="Tail")
    assert answer.error_type == "Runtime.OutOfMemory"
    assert b"Status: error\tError Type: Runtime.OutOfMemory" in answer.log
    after = function.ask()
    assert after[:2] == [1, 1] and after[2] != first[2]


def test_failed_initialisation_is_tried_once_more_in_the_invoke(functions):
    """The first attempt leaves a mark in /tmp that lets the second succeed."""
    function = functions.create(
        """
import os
if not os.path.exists("/tmp/tried"):
    open("/tmp/tried", "w").close()
    raise RuntimeError("not yet")
def handler(event, context): return "second attempt"
"""
    )
    answer = function.invoke({}, LogType="Tail")
    assert answer.payload == "second attempt"
    log = answer.log.decode()
    assert "Init Duration: " not in log.split("START", 1)[1]


def test_initialisation_that_fails_twice_is_the_invokes_error(functions):
    function = functions.create("print('attempt')\nraise RuntimeError('never')\ndef handler(event, context): pass")
    answer = function.invoke({}, LogType="Tail")
    assert (answer.error_type, answer.error_message) == ("RuntimeError", "never")
    assert function.invoke({}).error_message == "never"


def test_initialisation_within_the_invoke_has_the_functions_timeout(functions):
    function = functions.create(
        """
import os, time
if os.path.exists("/tmp/tried"): time.sleep(60)
open("/tmp/tried", "w").close()
raise RuntimeError("not yet")
""",
        Timeout=1,
    )
    answer = function.invoke({})
    assert answer.error_type == "Sandbox.Timedout"
    assert answer.error_message.endswith("Task timed out after 1.00 seconds")


def test_platform_tells_of_the_initialisation(functions, server):
    function = functions.create("raise RuntimeError('never')")
    function.invoke({})
    lines = function_log(server, function.name)
    assert re.search(r"INIT_START Runtime Version: python:\S+\tRuntime Version ARN: arn:aws:lambda:\S+::runtime:", lines)
    # The type of the exception is for the caller; the platform's own lines have no names that anybody may choose.
    report = r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: Runtime.Unknown\n"
    assert re.search(report, lines), lines
    assert re.search(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error", lines), lines


def test_timeout_soon_after_the_initialisation_is_that_of_the_function(functions):
    """And not what was left of the ten seconds for the initialisation."""
    function = functions.create(COUNTER, Timeout=2)
    log = function.invoke({"fail": "sleep"}, LogType="Tail").log.decode()
    assert 2000 <= float(re.search(r"\tDuration: ([\d.]+) ms", log)[1]) < 5000


def test_runtime_that_exits_after_its_answer_harms_nobody(functions):
    function = functions.provided(
        script_package("""
request_id, event = next_invoke()
respond(request_id, json.dumps(os.path.exists("/tmp/mark")))
open("/tmp/mark", "w").close()
sys.exit(5)
""")
    )
    assert function.ask() is False
    # The next invoke comes to an environment that is being reset or to a new one; it is answered all the same.
    assert function.ask() in (True, False)


def function_log(server, name):
    """All of a function's log, with the report of its last invoke."""
    client = make_client(server, "logs")
    return "".join(event["message"] for event in follow(client, f"/aws/lambda/{name}", reports))
