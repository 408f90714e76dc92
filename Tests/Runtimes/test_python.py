"""The Python bootstrap: awslambdaric under the module path and builtins of Lambda's own images."""

import json


def test_handler_answers(python):
    runtime = python({"app.py": "def handler(event, context): return {**event, 'id': context.aws_request_id}"})
    answer = runtime.invoke({"a": 1})
    assert answer.payload == {"a": 1, "id": answer.request_id}


def test_nested_module_is_found(python):
    runtime = python({"src/app.py": "def handler(event, context): return __name__"}, handler="src/app.handler")
    assert runtime.invoke({}).payload == "src.app"


def test_code_stands_before_layers_and_runtime(python, python_runtime_directory):
    runtime = python({"app.py": "import sys\ndef handler(event, context): return sys.path"})
    path = runtime.invoke({}).payload
    version = python_runtime_directory.name
    assert path[1:4] == [
        f"/opt/python/lib/{version}/site-packages",
        "/opt/python",
        str(python_runtime_directory),
    ]
    assert path[0] not in path[1:]
    assert not any("dist-packages" in entry for entry in path)


def test_function_may_shadow_the_runtimes_packages(python):
    runtime = python({"app.py": "import boto3\ndef handler(event, context): return boto3.mine", "boto3.py": "mine = 1"})
    assert runtime.invoke({}).payload == 1


def test_sdk_is_there(python):
    runtime = python({"app.py": "import boto3\ndef handler(event, context): return boto3.__version__"})
    assert runtime.invoke({}).payload


def test_builtins_of_an_ordinary_interpreter_are_there(python):
    runtime = python(
        {"app.py": "def handler(event, context): return [callable(f) for f in (exit, quit, help, copyright)]"}
    )
    assert runtime.invoke({}).payload == [True] * 4


def test_every_module_of_the_runtime_is_compiled(python_runtime_directory):
    for source in (python_runtime_directory / "awslambdaric").glob("*.py"):
        assert list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")), source


def test_error_has_lambdas_form(python):
    runtime = python({"app.py": "def handler(event, context): raise ValueError('bad')"})
    answer = runtime.invoke({})
    assert answer.kind == "error"
    assert (answer.payload["errorType"], answer.payload["errorMessage"]) == ("ValueError", "bad")
    assert answer.payload["requestId"] == answer.request_id


def test_missing_module_is_an_init_error(python):
    runtime = python({})
    answer = runtime.answer()
    assert answer.kind == "init/error"
    assert json.loads(answer.body)["errorType"] == "Runtime.ImportModuleError"
    assert runtime.exit_status() == 1
