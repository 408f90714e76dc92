"""The Python bootstrap: awslambdaric under the module path and builtins of Lambda's own images."""

import json
import re

import pytest
from function_code import CONTEXT_HEADERS


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


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        ({}, "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler': not enough values to unpack"),
        ({"app.py": "import missing"}, "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app'"),
        ({"app.py": ""}, "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ({"app.py": "def handler(:"}, "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ({"app.py": "raise KeyError('at load')"}, "app.handler", "KeyError", "'at load'"),
    ],
)
def test_init_error_has_lambdas_form(python, files, handler, kind, message):
    runtime = python(files, handler)
    answer = runtime.answer()
    assert answer.kind == "init/error"
    assert answer.payload["errorType"] == kind
    assert answer.payload["errorMessage"].startswith(message)
    assert answer.payload["requestId"] == ""
    assert isinstance(answer.payload["stackTrace"], list)
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == kind
    assert runtime.exit_status() == 1


def test_result_without_json_is_an_error_of_the_invoke(python):
    runtime = python({"app.py": "def handler(event, context): return event and {1, 2}"})
    answer = runtime.invoke(True)
    assert answer.payload["errorType"] == "Runtime.MarshalError"
    assert "Unable to marshal response: Object of type set is not JSON serializable" in answer.payload["errorMessage"]
    assert runtime.invoke(None).body == b"null"


def test_event_that_is_not_json_is_an_error_of_the_invoke(python):
    runtime = python({"app.py": "def handler(event, context): return event"})
    assert runtime.invoke(b"{").payload["errorType"] == "Runtime.UnmarshalError"
    assert runtime.invoke({}).payload == {}


CONTEXT = """
import os
def handler(event, context):
    names = ("aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
             "invoked_function_arn tenant_id")
    told = {name: getattr(context, name) for name in names.split()}
    told["left"] = context.get_remaining_time_in_millis()
    told["trace"] = os.environ.get("_X_AMZN_TRACE_ID")
    told["identity"] = [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]
    client = context.client_context
    told["client"] = client and [client.custom, client.env, client.client and client.client.app_title]
    return told
"""


def test_context_has_all_fields(python):
    runtime = python({"app.py": CONTEXT})
    answer = runtime.invoke({}, CONTEXT_HEADERS)
    told = answer.payload
    assert told.pop("left") > 1_000_000_000
    assert told == {
        "aws_request_id": answer.request_id,
        "log_group_name": "/aws/lambda/f",
        "log_stream_name": "2026/01/01/[$LATEST]0",
        "function_name": "f",
        "memory_limit_in_mb": "128",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "tenant_id": "tenant",
        "trace": "Root=1-2-3;Sampled=0",
        "identity": ["i", "p"],
        "client": [{"k": "v"}, {"e": "f"}, "t"],
    }
    bare = runtime.invoke({}).payload
    assert [bare[name] for name in ("tenant_id", "client", "identity")] == [None, None, [None, None]]


LOGGING = """
import logging
logger = logging.getLogger()
def handler(event, context):
    logger.debug("no")
    logger.info("n %d", 1)
    logger.warning("with more", extra={"more": {"a": 1}})
    print("printed")
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("caught")
"""


def test_loggers_write_text(python):
    runtime = python({"app.py": LOGGING})
    answer = runtime.invoke({})
    runtime.stop()
    # Without a level of its own the root logger lets warnings and worse pass.
    warning, printed, caught, *trace = runtime.log.splitlines()
    assert re.fullmatch(rf"\[WARNING\]\t[\d:.TZ-]{{24}}\t{answer.request_id}\twith more", warning)
    assert "n 1" not in runtime.log
    assert printed == "printed"
    assert caught.endswith(f"{answer.request_id}\tcaught")
    assert trace[-1] == "ValueError: bad"


@pytest.mark.parametrize(("level", "levels"), [("INFO", ["INFO", "WARNING", "ERROR"]), ("ERROR", ["ERROR"])])
def test_loggers_write_json_where_configured(python, level, levels):
    runtime = python(
        {"app.py": LOGGING}, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}
    )
    answer = runtime.invoke({}, {"Lambda-Runtime-Aws-Tenant-Id": "tenant"})
    runtime.stop()
    lines = runtime.log.splitlines()
    lines.remove("printed")
    records = [json.loads(line) for line in lines]
    assert {record["requestId"] for record in records} == {answer.request_id}
    assert {record["tenantId"] for record in records} == {"tenant"}
    assert [record["level"] for record in records] == levels
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["timestamp"]) for record in records)
    error = records[-1]
    assert (error["message"], error["errorType"], error["errorMessage"]) == ("caught", "ValueError", "bad")
    assert any("raise ValueError" in line for line in error["stackTrace"])
    if level == "INFO":
        assert records[0]["message"] == "n 1"
        assert records[1]["more"] == {"a": 1}


def test_errors_of_invokes_are_json_lines_where_configured(python):
    runtime = python(
        {"app.py": "def handler(event, context): raise ValueError('bad')"},
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"},
    )
    answer = runtime.invoke({})
    runtime.stop()
    record = json.loads(runtime.log)
    assert (record["level"], record["requestId"]) == ("ERROR", answer.request_id)
    assert (record["errorType"], record["errorMessage"]) == ("ValueError", "bad")


def test_identifier_of_the_delivery_is_no_obstacle(python):
    # The official client does not send it back, and the service checks what is sent back only.
    runtime = python({"app.py": "def handler(event, context): return event"})
    assert [runtime.invoke(n, {"Lambda-Runtime-Invocation-Id": "nonce"}).payload for n in range(2)] == [0, 1]


def test_termination_is_the_functions_to_handle(python):
    runtime = python(
        {
            "app.py": """
import signal, sys
def end(*_):
    print("terminating")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
def handler(event, context): return 1"""
        }
    )
    runtime.wait_until_ready()
    runtime.process.terminate()
    # The official client waits for an invoke in C code, in which Python cannot handle a signal: it is handled, at the
    # latest, when that wait ends.
    runtime.send({})
    assert runtime.exit_status() == 0
    assert "terminating" in runtime.log
