"""Every constraint of the service model, in every operation: what breaks it gets AWS's error, to the letter."""

import pytest
from model_violations import Request, cases, full, mistyped, valid, with_unknown_members
from service_model import UNKNOWN, installed_model, swiftlets_model, validation_message
from swiftlet_server import SwiftletServer
from wire import Caller

MODEL = swiftlets_model()
#: Below these the generator would have lost something.
CASES_MIN = 1050
MISTYPED_MIN = 1500
#: Why a constraint has no request that breaks it; there is no other reason.
REASONS = {
    "a path without one of its segments is another route",
    "an empty segment of a path is another route",
    "a list without elements is absent from a query",
    "a header cannot hold it",
    "a header without a value is absent",
    "no request may be as long",
    "the pattern takes every text of a legal length",
    "there are not as many different keys",
}


def all_cases():
    found, excluded = [], []
    for operation in MODEL.operations:
        of_operation = cases(operation)
        found += of_operation[0]
        excluded += of_operation[1]
    return found, excluded


CASES, EXCLUDED = all_cases()


def parameter(case):
    return pytest.param(case, id=case.name)


each_operation = pytest.mark.parametrize("operation", MODEL.operations, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    """A server of its own, since a valid request may create something."""
    server = SwiftletServer(tmp_path_factory.mktemp("server"))
    server.start()
    try:
        with Caller(server) as caller:
            yield caller
    finally:
        server.close()


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_broken_constraint_is_told_as_aws_tells_it(caller, case):
    reply = case.request.send(caller)
    assert (reply.status, reply.kind) == (400, "ValidationException"), reply.body
    assert list(reply.document) == ["message"]
    start, unknown, end = validation_message(case.request.violations).partition(UNKNOWN)
    if unknown:
        assert reply.message.startswith(start)
        assert reply.message.endswith(end.rpartition(UNKNOWN)[2])
    else:
        assert reply.message == start


@each_operation
def test_wrong_type_is_told_as_aws_tells_it(caller, operation):
    wrong = []
    for request, message in mistyped(operation):
        reply = request.send(caller)
        if (reply.status, reply.kind, reply.message) != (400, "SerializationException", message):
            wrong.append((request.body[:500], message, reply.status, reply.body[:500]))
    assert wrong == []


@each_operation
@pytest.mark.parametrize("make", [valid, full])
def test_unknown_members_are_ignored(caller, operation, make):
    members = make(operation.input)
    replies = []
    for value in members, with_unknown_members(operation.input, members):
        request = Request(operation, value)
        assert request.violations == []
        reply = request.send(caller)
        assert reply.kind not in ("ValidationException", "SerializationException"), reply.body
        replies.append((reply.status, reply.kind, reply.document if reply.body else None))
    # Where the first succeeds, the second finds other things there than the first.
    if replies[0][0] >= 300:
        assert replies[0] == replies[1]


def test_every_case_breaks_something():
    assert [case.name for case in CASES if not case.request.violations] == []


def test_constraints_are_covered():
    names = {case.name for case in CASES}
    assert len(names) == len(CASES) >= CASES_MIN
    assert sum(1 for operation in MODEL.operations for _ in mistyped(operation)) >= MISTYPED_MIN
    assert {reason for _, reason in EXCLUDED} <= REASONS
    # It takes nothing.
    assert {operation.name for operation in MODEL.operations} - {case.request.operation.name for case in CASES} == {
        "GetAccountSettings"
    }


def test_model_is_that_of_the_sdk():
    ours, theirs = MODEL.constraints(), installed_model().constraints()
    assert [name for name in theirs if ours.get(name) != theirs[name]] == []
