"""Durable functions: they are configured and shown; that none can run is said, and no execution is found."""

import datetime

import pytest
from lambda_client import error_of, function_arn, make_client

CODE = "def handler(event, context): return 1"
CALLBACK = "Y2FsbGJhY2s="
EXECUTION = function_arn("missing-function", "1") + "/durable-execution/name/id"


@pytest.fixture
def durable(functions):
    return functions.create(CODE, DurableConfig={"ExecutionTimeout": 3600})


def test_configuration_is_shown_with_its_default(durable):
    expected = {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 14}
    assert durable.configuration["DurableConfig"] == expected
    client = durable.client
    assert client.get_function_configuration(FunctionName=durable.name)["DurableConfig"] == expected
    changed = {"ExecutionTimeout": 60, "RetentionPeriodInDays": 1}
    client.update_function_configuration(FunctionName=durable.name, DurableConfig=changed)
    durable.wait_until_updated()
    assert client.get_function_configuration(FunctionName=durable.name)["DurableConfig"] == changed
    version = client.publish_version(FunctionName=durable.name)
    assert version["DurableConfig"] == changed


def test_only_a_function_that_is_created_so_is_durable(functions):
    function = functions.create(CODE)
    assert "DurableConfig" not in function.configuration
    update = function.client.update_function_configuration
    assert error_of(update, FunctionName=function.name, DurableConfig={"ExecutionTimeout": 60}) == (
        400, "InvalidParameterValueException", "DurableConfig can only be set when a function is created."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("config", "member"),
    [
        ({"ExecutionTimeout": 0}, "executionTimeout"), ({"ExecutionTimeout": 31_622_401}, "executionTimeout"),
        ({"ExecutionTimeout": 1, "RetentionPeriodInDays": 91}, "retentionPeriodInDays"),
        ({"ExecutionTimeout": 1, "RetentionPeriodInDays": 0}, "retentionPeriodInDays"),
    ],
)  # fmt: skip
def test_value_that_the_model_does_not_allow(functions, config, member):
    status, code, message = error_of(functions.create, code=CODE, DurableConfig=config)
    assert (status, code) == (400, "ValidationException")
    assert f"at 'durableConfig.{member}' failed to satisfy constraint" in message


def test_timeout_is_required(functions):
    status, _, message = error_of(functions.create, code=CODE, DurableConfig={})
    assert status == 400
    assert "'durableConfig.executionTimeout' failed to satisfy constraint: Member must not be null" in message


def test_invoke_says_that_there_are_none(durable):
    client = durable.client
    client.publish_version(FunctionName=durable.name)
    waiter = client.get_waiter("published_version_active")
    waiter.wait(FunctionName=durable.name, Qualifier="1", WaiterConfig={"Delay": 1})
    for call in client.invoke, client.invoke_with_response_stream:
        for qualifier in {}, {"Qualifier": "$LATEST"}, {"Qualifier": "1"}:
            status, _, message = error_of(call, FunctionName=durable.name, Payload=b"{}", **qualifier)
            assert status >= 400
            assert message == (
                f"Swiftlet cannot start durable executions yet, so the function {durable.name} cannot be invoked."
            )


def test_name_of_an_execution_is_for_durable_functions(functions):
    function = functions.create(CODE)
    status, _, message = error_of(function.client.invoke, FunctionName=function.name, DurableExecutionName="name")
    assert status >= 400
    assert "durable" in message


@pytest.mark.parametrize(
    "operation",
    [
        "get_durable_execution", "get_durable_execution_history", "stop_durable_execution", "pause_durable_execution",
        "resume_durable_execution", "delete_durable_execution",
    ],
)  # fmt: skip
def test_no_execution_is_found(client, operation):
    call = getattr(client, operation)
    assert error_of(call, DurableExecutionArn=EXECUTION) == (
        404, "ResourceNotFoundException", f"Durable execution not found: {EXECUTION}"
    )  # fmt: skip
    assert error_of(call, DurableExecutionArn="nonsense")[:2] == (400, "ValidationException")


@pytest.mark.parametrize("operation", ["get_durable_execution_state", "checkpoint_durable_execution"])
def test_no_checkpoint_is_taken(client, operation):
    """Runtimes look at how the text begins."""
    call = getattr(client, operation)
    status, code, message = error_of(call, DurableExecutionArn=EXECUTION, CheckpointToken=CALLBACK)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message.startswith("Invalid Checkpoint Token")
    assert error_of(call, DurableExecutionArn=EXECUTION)[:2] == (400, "ValidationException")


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("send_durable_execution_callback_success", {"Result": b"{}"}),
        ("send_durable_execution_callback_failure", {"Error": {"ErrorType": "Own"}}),
        ("send_durable_execution_callback_heartbeat", {}),
    ],
)
def test_no_callback_is_found(client, operation, parameters):
    call = getattr(client, operation)
    assert error_of(call, CallbackId=CALLBACK, **parameters) == (
        404, "ResourceNotFoundException", f"Callback not found: {CALLBACK}"
    )  # fmt: skip
    assert error_of(call, CallbackId="not base64!", **parameters)[:2] == (400, "ValidationException")


def test_function_has_no_executions(durable):
    client = durable.client
    now = datetime.datetime.now(datetime.timezone.utc)
    pages = list(client.get_paginator("list_durable_executions_by_function").paginate(
        FunctionName=durable.name, Statuses=["RUNNING"], StartedBefore=now
    ))  # fmt: skip
    assert [page["DurableExecutions"] for page in pages] == [[]]
    assert error_of(client.list_durable_executions_by_function, FunctionName="missing-function") == (
        404, "ResourceNotFoundException", f"Function not found: {function_arn('missing-function')}"
    )  # fmt: skip
    assert error_of(client.list_durable_executions_by_function, FunctionName=durable.name, Statuses=["SOME"])[:2] == (
        400, "ValidationException"
    )  # fmt: skip


def test_configuration_survives_kill(own_server, own_functions):
    function = own_functions.create(CODE, DurableConfig={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 2})
    own_server.kill()
    own_server.start()
    shown = make_client(own_server).get_function_configuration(FunctionName=function.name)
    assert shown["DurableConfig"] == {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 2}
