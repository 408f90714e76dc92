"""Execution environments: reuse, concurrency, variables, freezing."""

import time

import pytest
from lambda_client import NODE, PYTHON, REGION
from packages import package
from swiftlet_server import IS_EMULATED

#: Answers with what names the environment; the event says for how many seconds to stay busy.
IDENTIFIED = """
import time, uuid
environment = uuid.uuid4().hex
count = 0
def handler(event, context):
    global count
    count += 1
    time.sleep(event or 0)
    return [environment, count]
"""


def test_environment_is_reused(functions):
    function = functions.create(IDENTIFIED)
    answers = [function.ask() for _ in range(5)]
    assert {environment for environment, _ in answers} == {answers[0][0]}
    assert [count for _, count in answers] == [1, 2, 3, 4, 5]


def test_concurrent_invokes_have_environments_of_their_own(functions):
    function = functions.create(IDENTIFIED)
    answers = function.invoke_at_once([5] * 16)
    environments = {answer.payload[0] for answer in answers}
    assert len(environments) == 16
    again = function.invoke_at_once([1] * 16)
    assert {answer.payload[0] for answer in again} <= environments
    assert function.ask()[0] in environments


def test_environments_draw_numbers_of_their_own(functions):
    """Also those that are copies of one that waited: of the kernel, of the library, of the interpreter."""
    function = functions.create("""
import os, random, secrets, tempfile, time, uuid
def handler(event, context):
    time.sleep(event)
    return [os.urandom(8).hex(), random.random(), secrets.token_hex(8), str(uuid.uuid4()), tempfile.mktemp()]
""", Timeout=20)
    answers = [answer.payload for answer in function.invoke_at_once([3] * 6)]
    for drawn in zip(*answers):
        assert len(set(drawn)) == 6


def test_environments_are_not_shared_by_functions(functions):
    one, other = functions.create(IDENTIFIED), functions.create(IDENTIFIED)
    assert one.ask()[0] != other.ask()[0]
    assert (one.ask()[1], other.ask()[1]) == (2, 2)


def test_update_takes_new_environments(functions):
    function = functions.create(IDENTIFIED)
    before = function.ask()
    function.client.update_function_configuration(FunctionName=function.name, Timeout=20)
    function.wait_until_updated()
    after = function.ask()
    assert after[0] != before[0]
    assert after[1] == 1


def test_invoke_under_way_survives_an_update(functions):
    import concurrent.futures

    function = functions.create(IDENTIFIED)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke, 3)
        function.client.update_function_configuration(FunctionName=function.name, Timeout=20)
        function.wait_until_updated()
        answer = running.result()
    assert answer.error is None


def test_temporary_files_stay_with_their_environment(functions):
    function = functions.create("""
import os
def handler(event, context):
    found = os.path.exists("/tmp/kept")
    open("/tmp/kept", "w").close()
    return found""")
    assert [function.ask(), function.ask()] == [False, True]


def test_nothing_runs_between_invokes(functions):
    # A thread that counts all the time makes no progress while its environment is frozen.
    function = functions.create("""
import threading, time
ticks = []
def count():
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)
threading.Thread(target=count, daemon=True).start()
def handler(event, context):
    # On a busy host the thread may not have had its first turn yet.
    while not ticks: time.sleep(0.001)
    times = [*ticks, time.monotonic()]
    return [context.log_stream_name, max(b - a for a, b in zip(times, times[1:]))]""")
    environment, _ = function.ask(LogType="Tail")
    # The time between is what is tested here.
    time.sleep(2)
    again, longest_gap = function.ask()
    assert again == environment
    assert longest_gap > 1


def test_variables_are_lambdas(functions):
    function = functions.create(
        "import os\ndef handler(event, context): return dict(os.environ)",
        MemorySize=256,
        Environment={"Variables": {"OWN": "value", "TZ": "Europe/Berlin", "MORE": "a=b c\n"}},
    )
    found = function.ask()
    expected = {
        "AWS_LAMBDA_FUNCTION_NAME": function.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}", "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime", "_HANDLER": "app.handler", "LANG": "en_US.UTF-8",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "OWN": "value", "TZ": "Europe/Berlin", "MORE": "a=b c\n",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin", "PYTHONPATH": "/var/runtime",
    }  # fmt: skip
    assert {key: found.get(key) for key in expected} == expected
    for name in "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API":
        assert found[name]
    assert found["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert "HOME" not in found
    assert not [name for name in found if name.startswith("SWIFTLET")]


def test_custom_runtimes_have_no_execution_env(functions):
    code = package({"bootstrap": "#!/bin/sh\nexec /usr/bin/env"}, executable={"bootstrap"})
    function = functions.provided(code)
    answer = function.invoke({}, LogType="Tail")
    assert answer.error == "Unhandled"
    log = answer.log.decode()
    assert "LAMBDA_TASK_ROOT=/var/task" in log
    assert "AWS_EXECUTION_ENV" not in log


@pytest.mark.parametrize("family", ["python", "node"])
def test_code_is_the_working_directory(functions, family):
    if family == "python":
        function = functions.create("import os\ndef handler(event, context): return os.getcwd()")
    else:
        code = package({"index.js": "exports.handler = async () => process.cwd()"})
        function = functions.create(code, Runtime=NODE, Handler="index.handler")
    assert function.ask() == "/var/task"


@pytest.mark.skipif(IS_EMULATED, reason="shares of the CPU are multiplied where processors are emulated")
def test_cpu_follows_memory(functions):
    source = """
import time
def handler(event, context):
    wall, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - wall < 1.5: pass
    return (time.process_time() - cpu) / (time.monotonic() - wall)"""
    small, large = functions.create(source, MemorySize=128), functions.create(source, MemorySize=1769)
    # 128 of 1769 MB is 7 % of a CPU; a period's rounding and a busy host blur both.
    assert small.ask() < 0.2
    assert large.ask() > 0.4
