"""A function that invokes itself again and again is stopped, unless it may."""

import contextlib
import re

import pytest
from botocore.exceptions import ClientError
from lambda_client import Answer

TELL = "import os\ndef handler(event, context): return os.environ['_X_AMZN_TRACE_ID']"
INVOCATIONS_MAX = 16


@pytest.fixture
def function(functions):
    return functions.create(TELL)


@contextlib.contextmanager
def within(function, trace):
    """What is invoked meanwhile is so as by the function's own SDK from inside: with the trace of the invoke that it is in."""

    def add(params, **_):
        if trace:
            params["headers"]["X-Amzn-Trace-Id"] = trace

    events = function.client.meta.events
    events.register("before-call.lambda.Invoke", add)
    try:
        yield
    finally:
        events.unregister("before-call.lambda.Invoke", add)


def invoke(function, trace=None, **parameters):
    with within(function, trace):
        return Answer(function.client.invoke(FunctionName=function.name, **parameters))


def chain(function, length, trace=None):
    """So many invokes, each with the trace of the one before; returns the last trace."""
    for _ in range(length):
        answer = invoke(function, trace)
        assert answer.error is None
        trace = answer.payload
    return trace


def test_chain_of_invokes_is_stopped(function):
    trace = chain(function, INVOCATIONS_MAX)
    assert re.search(rf";Lineage=[0-9a-f]{{8}}:{INVOCATIONS_MAX}$", trace)
    with pytest.raises(ClientError) as raised:
        invoke(function, trace)
    response = raised.value.response
    assert response["Error"]["Code"] == "RecursiveInvocationException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    # Another chain is another matter.
    assert invoke(function).error is None


def test_function_that_may_loop_is_let_go_on(function):
    assert function.client.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"] == "Terminate"
    trace = chain(function, INVOCATIONS_MAX)
    function.client.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")
    assert function.client.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"] == "Allow"
    trace = chain(function, 4, trace)
    function.client.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Terminate")
    with pytest.raises(function.client.exceptions.RecursiveInvocationException):
        invoke(function, trace)


def test_versions_of_a_function_are_one(function):
    """A loop through an alias or a version is a loop."""
    version = function.client.publish_version(FunctionName=function.name)["Version"]
    function.client.get_waiter("published_version_active").wait(
        FunctionName=function.name, Qualifier=version, WaiterConfig={"Delay": 1}
    )
    trace = chain(function, INVOCATIONS_MAX)
    with pytest.raises(function.client.exceptions.RecursiveInvocationException):
        invoke(function, trace, Qualifier=version)


def test_two_functions_in_turn_are_counted_apart(functions, function):
    other = functions.create(TELL)
    trace = None
    for _ in range(INVOCATIONS_MAX):
        trace = chain(other, 1, chain(function, 1, trace))
    with pytest.raises(function.client.exceptions.RecursiveInvocationException):
        invoke(function, trace)


@pytest.mark.parametrize("lineage", ["Lineage=", "Lineage=a", "Lineage=a:b:c", "Lineage=" + "a:1|" * 100])
def test_lineage_that_is_none_is_no_harm(function, lineage):
    answer = invoke(function, f"Root=1-5759e988-bd862e3fe1be46a994272793;{lineage}")
    assert answer.payload.startswith("Root=1-5759e988-bd862e3fe1be46a994272793")
