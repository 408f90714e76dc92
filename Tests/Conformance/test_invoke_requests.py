"""The bare request of an invoke: which headers, names and bodies are taken, and the exact error of each that is not."""

import http.client
import json
import time
import urllib.parse
import uuid

import pytest
from lambda_client import ACCOUNT, REGION, Functions, function_arn

SOURCE = "(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
EXPECTED_VALUE = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
NOT_JSON = "Could not parse request body into json: Could not parse payload into json: "


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def kind(self):
        return self.headers["x-amzn-errortype"]

    @property
    def document(self):
        return json.loads(self.body)


def post(server, reference, body=b"{}", headers=None, query="", operation="invocations", version="2015-03-31"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        path = f"/{version}/functions/{urllib.parse.quote(reference, safe='')}/{operation}{query}"
        connection.request("POST", path, body, headers or {})
        return Reply(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def teller(server):
    """A function that tells the ARN by which it was invoked."""
    functions = Functions(server, f"t-{uuid.uuid4().hex[:12]}")
    yield functions.create("def handler(event, context): return context.invoked_function_arn")
    functions.close()


def test_answer_has_exactly_these_headers(server, teller):
    reply = post(server, teller.name)
    assert {name.lower() for name in reply.headers} == {
        "content-type", "content-length", "x-amzn-requestid", "x-amzn-trace-id", "x-amzn-remapped-content-length",
        "x-amz-executed-version", "date",
    }  # fmt: skip
    assert reply.headers["X-Amzn-Remapped-Content-Length"] == "0"
    assert reply.headers["X-Amz-Executed-Version"] == "$LATEST"


def test_dry_run_has_no_version(server, teller):
    reply = post(server, teller.name, headers={"X-Amz-Invocation-Type": "DryRun"})
    assert (reply.status, reply.body) == (204, b"")
    assert "X-Amz-Executed-Version" not in reply.headers
    assert uuid.UUID(reply.headers["x-amzn-RequestId"])


def test_callers_trace_is_honoured(server, teller):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    answered = post(server, teller.name, headers={"X-Amzn-Trace-Id": trace}).headers["X-Amzn-Trace-Id"]
    assert answered.split(";Lineage=")[0] == trace


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-amz-json-1.0", "application/octet-stream"])
def test_content_type_of_the_request_does_not_matter(server, teller, content_type):
    assert post(server, teller.name, headers={"Content-Type": content_type} if content_type else {}).status == 200


@pytest.mark.parametrize(
    ("form", "query", "qualifier"),
    [
        ("{name}", "", None),
        ("{name}:$LATEST", "", "$LATEST"),
        ("{name}", "?Qualifier=%24LATEST", "$LATEST"),
        ("{name}:$LATEST", "?Qualifier=%24LATEST", "$LATEST"),
        (f"function:{{name}}", "", None),
        (f"{ACCOUNT}:function:{{name}}", "", None),
        (f"{ACCOUNT}:function:{{name}}:$LATEST", "", "$LATEST"),
        (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}", "", None),
        (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}:$LATEST", "", "$LATEST"),
    ],
)
def test_every_form_of_a_name_is_taken(server, teller, form, query, qualifier):
    reply = post(server, form.format(name=teller.name), query=query)
    assert (reply.status, reply.document) == (200, function_arn(teller.name, qualifier))


@pytest.mark.parametrize(
    ("reference", "query", "status", "kind", "document"),
    [
        (
            "missing", "", 404, "ResourceNotFoundException",
            {"Type": "User", "Message": f"Function not found: {function_arn('missing', '$LATEST')}"},
        ),
        (
            "missing:live", "", 404, "ResourceNotFoundException",
            {"Type": "User", "Message": f"Function not found: {function_arn('missing', 'live')}"},
        ),
        (
            "{name}", "?Qualifier=nobody", 404, "ResourceNotFoundException",
            {"Type": "User", "Message": "Function not found: {arn}:nobody"},
        ),
        (
            "{name}", "?Qualifier=17", 404, "ResourceNotFoundException",
            {"Type": "User", "Message": "Function not found: {arn}:17"},
        ),
        (
            f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{{name}}", "", 404, "ResourceNotFoundException",
            {"Type": "User", "Message": f"Functions from 'eu-west-1' are not reachable in this region ('{REGION}')"},
        ),
        (
            f"arn:aws:lambda:{REGION}:111111111111:function:{{name}}", "", 403, "AccessDeniedException",
            {"Message": None},
        ),
        (
            "{name}:one", "?Qualifier=two", 400, "InvalidParameterValueException",
            {
                "Type": "User",
                "message": "The derived qualifier from the function name does not match the specified qualifier.",
            },
        ),
        (
            "bad name", "", 400, "ValidationException",
            {
                "message": "1 validation error detected: Value 'bad name' at 'functionName' failed to satisfy "
                f"constraint: Member must satisfy regular expression pattern: {NAME_PATTERN}"
            },
        ),
    ],
)  # fmt: skip
def test_bad_reference_has_its_error(server, teller, reference, query, status, kind, document):
    reply = post(server, reference.replace("{name}", teller.name), query=query)
    wanted = {
        key: value.replace("{arn}", function_arn(teller.name)) if value else value for key, value in document.items()
    }
    assert (reply.status, reply.kind, reply.document) == (status, kind, wanted)
    assert uuid.UUID(reply.headers["x-amzn-RequestId"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            b"\x99", f"Unexpected character ((CTRL-CHAR, code 153)): {EXPECTED_VALUE}\n at [Source: REDACTED {SOURCE}; "
            "line: 1, column: 1]",
        ),
        # What comes of JSON that a client takes for base64: this is `{"body"` in the command line's default.
        (b"n\x87r", f"Invalid UTF-8 start byte 0x87\n at [Source: REDACTED {SOURCE}; line: 1, column: 3]"),
        (b'"\x87"', f"Invalid UTF-8 start byte 0x87\n at [Source: REDACTED {SOURCE}; line: 1, column: 3]"),
        (b'["\xe9"]', f"Invalid UTF-8 middle byte 0x22\n at [Source: REDACTED {SOURCE}; line: 1, column: 5]"),
        (
            b"nope", "Unrecognized token 'nope': was expecting (JSON String, Number, Array, Object or token 'null', "
            f"'true' or 'false')\n at [Source: REDACTED {SOURCE}; line: 1, column: 5]",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_body_that_is_not_json_has_its_error(server, teller, body, reason, kind):
    reply = post(server, teller.name, body, {"X-Amz-Invocation-Type": kind})
    assert (reply.status, reply.kind) == (400, "InvalidRequestContentException")
    assert reply.document == {"Type": "User", "message": NOT_JSON + reason}


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"X-Amz-Invocation-Type": "Nonsense"}, 400, "ValidationException"),
        ({"X-Amz-Log-Type": "Nonsense"}, 400, "ValidationException"),
        ({"x-amzn-RequestId": "no-uuid"}, 400, "InvalidRequestContentException"),
        ({"X-Amz-Client-Context": "e30=" * 896}, 400, "InvalidRequestContentException"),
        ({"X-Amz-Client-Context": "bm8ganNvbg=="}, 400, "InvalidRequestContentException"),
        ({"X-Amz-Tenant-Id": "blue"}, 400, "InvalidParameterValueException"),
        # Not yet there, and not pretended either.
        ({"X-Amz-Durable-Execution-Name": "own"}, 501, "NotImplementedException"),
    ],
)
def test_bad_header_has_its_error(server, teller, headers, status, kind):
    reply = post(server, teller.name, headers=headers)
    assert (reply.status, reply.kind) == (status, kind)


def test_event_beyond_the_limit_has_its_error(server, teller):
    reply = post(server, teller.name, b'"' + b"x" * 6_291_455 + b'"')
    assert (reply.status, reply.kind) == (413, "RequestEntityTooLargeException")
    assert reply.document == {"Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"}


def test_function_that_failed_is_in_conflict(server, functions):
    """A runtime that this host lacks; its creation ends in the state Failed."""
    function = functions.create("x", wait=False, Runtime="dotnet8")
    deadline = time.monotonic() + 30
    while function.client.get_function_configuration(FunctionName=function.name)["State"] == "Pending":
        assert time.monotonic() < deadline
    reply = post(server, function.name)
    assert (reply.status, reply.kind) == (409, "ResourceConflictException")
    assert reply.document["message"] == (
        "The operation cannot be performed at this time. The function is currently in the following state: Failed"
    )


def test_reservation_of_nothing_has_its_error(server, functions):
    function = functions.create("def handler(event, context): pass")
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    reply = post(server, function.name)
    assert (reply.status, reply.kind) == (429, "TooManyRequestsException")
    assert reply.document == {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded.",
    }  # fmt: skip


def test_older_asynchronous_operation_is_found_with_and_without_its_last_slash(server, teller):
    for operation in "invoke-async", "invoke-async/":
        reply = post(server, teller.name, operation=operation, version="2014-11-13")
        assert (reply.status, reply.document) == (202, {"Status": 202})
