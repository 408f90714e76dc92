"""AWS's own client for runtimes in C++, under `provided.al2023`.

The Python runtime's client is that library (aws-lambda-cpp with its libcurl) behind a module for Python. The packages
here take the module alone, and their bootstrap does with it what the library's `run_handler` does: it asks for events
without end, gives up after three failures in a row, and ends when an answer was not taken.
"""

import json
import re
from pathlib import Path

import pytest
from lambda_client import PYTHON
from packages import package
from swiftlet_server import RUNTIMES

USER_AGENT = "AWS_Lambda_Cpp/0.2.6"
RESPONSE_BYTES_MAX = 6_291_556

RUN_HANDLER = """#!/usr/bin/python3
import json, os, sys
sys.path.insert(0, "/var/task")
import runtime_client
runtime_client.initialize_client("%s")

def handle(event):
    kind, size = event["kind"], event.get("size", 0)
    if kind == "whoami": return True, json.dumps(os.getpid()), "application/json"
    if kind == "text": return True, "<p>\\u00e9</p>", "text/html"
    if kind == "empty": return True, "", "application/json"
    if kind == "sized": return True, "x" * size, "application/json"
    if kind == "failure":
        return False, '{"errorMessage":"error message here","errorType":"error type here","stackTrace":[]}', ""
    if kind == "sized failure": return False, "x" * size, ""

failures = 0
while failures < 3:
    try:
        body, headers = runtime_client.next()
    except RuntimeError:
        failures += 1
        continue
    failures = 0
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    event = json.loads(body)
    if event["kind"] == "headers":
        runtime_client.post_invocation_result(request_id, json.dumps(headers).encode(), "application/json", None)
        continue
    succeeded, payload, content_type = handle(event)
    try:
        if succeeded:
            runtime_client.post_invocation_result(request_id, payload.encode(), content_type, event.get("delivery"))
        else:
            runtime_client.post_error(request_id, payload, event.get("cause", ""), event.get("delivery"))
    except RuntimeError as error:
        print("not taken:", error, flush=True)
        break
""" % USER_AGENT


def client_module():
    """The compiled client, from wherever the Python runtime is installed."""
    for directory in RUNTIMES.split(":"):
        for module in (Path(directory) / PYTHON).glob("runtime_client.*.so"):
            return module
    raise AssertionError(f"the runtime {PYTHON} is not installed in {RUNTIMES}")


@pytest.fixture
def cpp(functions):
    module = client_module()
    files = {"bootstrap": RUN_HANDLER, module.name: module.read_bytes()}
    return functions.provided(package(files, executable={"bootstrap", module.name}))


def test_the_client_is_aws_lambda_cpp():
    """Otherwise the rest of this file would prove nothing about it."""
    assert b"AWS_Lambda_Cpp/" in client_module().read_bytes()


def test_one_process_answers_many_events(cpp):
    assert len({cpp.ask({"kind": "whoami"}) for _ in range(20)}) == 1


def test_event_comes_with_the_headers_that_it_reads(cpp):
    answer = cpp.invoke({"kind": "headers"})
    headers = answer.payload
    assert headers["Lambda-Runtime-Aws-Request-Id"] == answer.request_id
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == cpp.configuration["FunctionArn"]
    assert headers["Lambda-Runtime-Trace-Id"] == answer.headers["x-amzn-trace-id"]
    assert re.fullmatch(r"\d{13}", str(headers["Lambda-Runtime-Deadline-Ms"]))


def test_content_type_of_its_answer_is_passed_on(cpp):
    answer = cpp.invoke({"kind": "text"})
    assert (answer.body.decode(), answer.headers["content-type"]) == ("<p>é</p>", "text/html")


def test_empty_answer_is_one(cpp):
    answer = cpp.invoke({"kind": "empty"})
    assert (answer.body, answer.error) == (b"", None)


@pytest.mark.parametrize("cause", ["", json.dumps({"working_directory": "/var/task", "exceptions": [], "paths": []})])
def test_failure_is_told_and_the_process_goes_on(cpp, cause):
    before = cpp.ask({"kind": "whoami"})
    answer = cpp.invoke({"kind": "failure", "cause": cause})
    assert (answer.error_type, answer.error_message) == ("error type here", "error message here")
    assert answer.headers["content-type"] == "application/json"
    assert cpp.ask({"kind": "whoami"}) == before


def test_large_event_and_largest_answer_pass(cpp):
    answer = cpp.invoke({"kind": "sized", "size": RESPONSE_BYTES_MAX, "padding": "x" * 6_000_000})
    assert (len(answer.body), answer.error) == (RESPONSE_BYTES_MAX, None)


@pytest.mark.parametrize("kind", ["sized", "sized failure"])
@pytest.mark.parametrize("size", [RESPONSE_BYTES_MAX + 1, 3 * RESPONSE_BYTES_MAX])
def test_oversized_answer_ends_the_process_and_not_the_function(cpp, kind, size):
    """The library's loop ends when an answer is refused, and the process with it; another takes its place."""
    answer = cpp.invoke({"kind": kind, "size": size}, LogType="Tail")
    assert answer.error_type == "Function.ResponseSizeTooLarge"
    # libcurl has read the refusal, and not only seen a broken connection.
    assert b"not taken: " in answer.log
    assert cpp.invoke({"kind": "text"}).error is None


def test_answer_to_a_delivery_that_is_over_is_refused(cpp):
    """The caller waits for a process that has ended without an answer: that is its error."""
    answer = cpp.invoke({"kind": "text", "delivery": "00000000-0000-4000-8000-000000000000"}, LogType="Tail")
    assert answer.error_type == "Runtime.ExitError"
    assert b"not taken: " in answer.log
    assert cpp.invoke({"kind": "text"}).error is None
