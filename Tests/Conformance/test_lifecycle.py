"""A function's life from the command line, for each family of runtimes."""

import json

import pytest
from lambda_client import NODE, PYTHON, ROLE, function_arn
from packages import package


def _variants(echo_package):
    return {
        "python": (
            PYTHON,
            "app.handler",
            package({"app.py": "def handler(event, context): return {'n': event['n'] + 1}"}),
            package({"app.py": "def handler(event, context): return {'n': event['n'] + 2}"}),
        ),
        "node": (
            NODE,
            "index.handler",
            package({"index.mjs": "export const handler = async (event) => ({ n: event.n + 1 })"}),
            package({"index.mjs": "export const handler = async (event) => ({ n: event.n + 2 })"}),
        ),
        "provided": ("provided.al2023", "unused", echo_package, echo_package),
    }


@pytest.mark.parametrize("family", ["python", "node", "provided"])
def test_create_wait_invoke_update_delete(aws, functions, echo_package, tmp_path, family):
    runtime, handler, first, second = _variants(echo_package)[family]
    (tmp_path / "first.zip").write_bytes(first)
    (tmp_path / "second.zip").write_bytes(second)
    (tmp_path / "event.json").write_text('{"n": 40}')
    name = functions.name()

    created = aws(
        "lambda", "create-function", "--function-name", name, "--runtime", runtime, "--handler", handler,
        "--role", ROLE, "--zip-file", "fileb://first.zip",
    )  # fmt: skip
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert created["FunctionArn"] == function_arn(name)
    aws("lambda", "wait", "function-active-v2", "--function-name", name)

    def invoke():
        shown = aws("lambda", "invoke", "--function-name", name, "--payload", "fileb://event.json", "answer.json")
        assert (shown["StatusCode"], shown["ExecutedVersion"]) == (200, "$LATEST")
        assert "FunctionError" not in shown
        return json.loads((tmp_path / "answer.json").read_text())

    assert invoke() == ({"n": 40} if family == "provided" else {"n": 41})

    updated = aws("lambda", "update-function-code", "--function-name", name, "--zip-file", "fileb://second.zip")
    assert updated["RevisionId"] != created["RevisionId"]
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    assert invoke() == ({"n": 40} if family == "provided" else {"n": 42})

    aws("lambda", "delete-function", "--function-name", name)
    gone = aws("lambda", "get-function", "--function-name", name, check=False)
    assert gone.returncode != 0
    assert f"Function not found: {function_arn(name)}" in gone.stderr


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2"])
def test_compiled_program_echoes(functions, echo_package, runtime):
    function = functions.create(echo_package, Runtime=runtime, Handler="unused")
    assert function.ask({"text": "é" * 10_000}) == {"text": "é" * 10_000}


@pytest.mark.parametrize("name", ["hello", "hello-node"])
def test_examples_work(functions, name):
    from swiftlet_server import ROOT

    directory = ROOT / "examples" / name
    if name == "hello":
        function = functions.create(package({"app.py": (directory / "app.py").read_text()}))
    else:
        code = package({"index.mjs": (directory / "index.mjs").read_text()})
        function = functions.create(code, Runtime=NODE, Handler="index.handler")
    assert function.ask({"name": "you"})["greeting"] == "Hello, you!"


def test_runtime_that_the_host_lacks_fails_with_a_hint(functions):
    function = functions.create(package({"A.dll": "x"}), wait=False, Runtime="dotnet10", Handler="A::B::C")
    waiter = function.client.get_waiter("function_active_v2")
    with pytest.raises(Exception, match="terminal failure state"):
        waiter.wait(FunctionName=function.name, WaiterConfig={"Delay": 1})
    configuration = function.client.get_function_configuration(FunctionName=function.name)
    assert (configuration["State"], configuration["StateReasonCode"]) == ("Failed", "InvalidRuntime")
    assert "dotnet10" in configuration["StateReason"]
    with pytest.raises(function.client.exceptions.ResourceConflictException) as caught:
        function.invoke({})
    assert "Failed" in str(caught.value)
