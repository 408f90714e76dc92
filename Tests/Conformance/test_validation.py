"""Requests that are wrong get AWS's own error and change nothing."""

import http.client
import json
import urllib.parse
import uuid

import pytest
from botocore.exceptions import ClientError
from lambda_client import PYTHON, ROLE, function_arn
from packages import package

CODE = package({"app.py": "def handler(event, context): return 1"})
ROLE_PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
FUNCTIONS = "/2015-03-31/functions"


def violation(value, path, constraint):
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def refusal(client, **parameters):
    """Tries to create a function; returns the error's code and message once it is sure that there is no function."""
    name = f"refused-{uuid.uuid4().hex}"
    request = {
        "FunctionName": name, "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler", "Code": {"ZipFile": CODE},
        **parameters,
    }  # fmt: skip
    with pytest.raises(ClientError) as caught:
        client.create_function(**{key: value for key, value in request.items() if value is not None})
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return response["Error"]["Code"], response["Error"]["Message"]


@pytest.mark.parametrize(
    ("parameters", "violations"),
    [
        ({"Role": "r1"}, [violation("r1", "role", f"Member must satisfy regular expression pattern: {ROLE_PATTERN}")]),
        ({"Timeout": 0}, [violation(0, "timeout", "Member must have value greater than or equal to 1")]),
        ({"MemorySize": 127}, [violation(127, "memorySize", "Member must have value greater than or equal to 128")]),
        (
            {"EphemeralStorage": {"Size": 511}},
            [violation(511, "ephemeralStorage.size", "Member must have value greater than or equal to 512")],
        ),
        (
            {"PackageType": "Tar"},
            [violation("Tar", "packageType", "Member must satisfy enum value set: [Zip, Image]")],
        ),
        (
            {"Description": "d" * 257},
            [violation("d" * 257, "description", "Member must have length less than or equal to 256")],
        ),
        (
            {"Architectures": ["x86_64", "arm64"]},
            [violation("[x86_64, arm64]", "architectures", "Member must have length less than or equal to 1")],
        ),
        (
            # Several at once stand in the model's order, whatever the request's.
            {"MemorySize": 1, "Timeout": 0, "Role": "r1"},
            [
                violation("r1", "role", f"Member must satisfy regular expression pattern: {ROLE_PATTERN}"),
                violation(0, "timeout", "Member must have value greater than or equal to 1"),
                violation(1, "memorySize", "Member must have value greater than or equal to 128"),
            ],
        ),
    ],
)
def test_violations_are_told_as_aws_tells_them(client, parameters, violations):
    count = f"{len(violations)} validation error{'s' if len(violations) > 1 else ''} detected: "
    assert refusal(client, **parameters) == ("ValidationException", count + "; ".join(violations))


def test_bad_function_name_is_refused(client):
    code, message = refusal(client, FunctionName="bad name!")
    assert code == "ValidationException"
    assert message.startswith("1 validation error detected: Value 'bad name!' at 'functionName' failed to satisfy")


def test_long_function_name_is_refused(client):
    code, message = refusal(client, FunctionName="a" * 65)
    assert code == "InvalidParameterValueException"
    assert message == "1 validation error detected: " + violation(
        "a" * 65, "functionName", "Member must have length less than or equal to 64"
    )


@pytest.mark.parametrize("runtime", ["python9.9", "cobol"])
def test_unknown_runtime_is_refused(client, runtime):
    code, message = refusal(client, Runtime=runtime)
    assert code == "InvalidParameterValueException"
    assert message.startswith(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ["
    )
    assert message.endswith("] or be a valid ARN")


@pytest.mark.parametrize("runtime", ["python2.7", "nodejs12.x", "go1.x"])
def test_blocked_runtime_is_refused(client, runtime):
    code, message = refusal(client, Runtime=runtime)
    assert code == "InvalidParameterValueException"
    assert message == (
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
def test_zip_package_needs_runtime_and_handler(client, missing):
    code, _ = refusal(client, **{missing: None})
    assert code == "InvalidParameterValueException"


def test_reserved_variables_are_refused(client):
    code, message = refusal(client, Environment={"Variables": {"AWS_REGION": "x"}})
    assert code == "InvalidParameterValueException"
    assert message == (
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: AWS_REGION"
    )


def test_too_many_variables_are_refused(client):
    code, message = refusal(client, Environment={"Variables": {"KEY": "x" * 4096}})
    assert code == "InvalidParameterValueException"
    assert message.startswith(
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided exceeded the 4KB limit. String measured: "
    )


# Below the SDK: bytes that no SDK would send.


def exchange(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.headers.items()}, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"FunctionName": {}}', b'{"Timeout": "x"}']
)
def test_malformed_body_is_the_callers_fault(server, body):
    status, headers, answer = exchange(server, "POST", FUNCTIONS, body)
    assert status == 400
    assert headers["x-amzn-errortype"]
    assert "message" in {key.lower() for key in json.loads(answer)}
    assert server.is_healthy()


def test_unknown_path_is_not_found(server):
    status, _, _ = exchange(server, "GET", "/2015-03-31/nothing")
    assert status in (403, 404)


def test_deeply_nested_json_is_refused(server):
    status, _, _ = exchange(server, "POST", FUNCTIONS, b"[" * 100_000)
    assert status == 400
    assert server.is_healthy()


def test_oversized_body_is_refused(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.putrequest("POST", FUNCTIONS)
        connection.putheader("Content-Length", str(80 * 1024 * 1024))
        connection.endheaders()
        try:
            for _ in range(80):
                connection.send(b"x" * (1024 * 1024))
        except (BrokenPipeError, ConnectionResetError):
            pass  # The server need not read what it has refused already.
        try:
            status = connection.getresponse().status
        except (ConnectionError, http.client.HTTPException):
            status = None
    finally:
        connection.close()
    assert status in (413, None)
    assert server.is_healthy()


@pytest.mark.parametrize(
    "reference", ["bad name", "a/b", "..", "arn:aws:lambda:us-east-1:000000000000:layer:x", "x" * 300]
)
def test_bad_reference_is_refused(server, reference):
    path = f"{FUNCTIONS}/{urllib.parse.quote(reference, safe='')}"
    status, headers, _ = exchange(server, "GET", path)
    assert status in (400, 404)
    assert headers["x-amzn-errortype"].startswith(
        ("ValidationException", "ResourceNotFoundException", "InvalidParameter")
    )


def test_half_a_request_blocks_nobody(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.connect()
    connection.sock.sendall(b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    assert server.is_healthy()
    connection.close()
    assert server.is_healthy()


def test_missing_function_error_has_aws_form(server):
    status, headers, body = exchange(server, "GET", f"{FUNCTIONS}/missing")
    assert status == 404
    assert headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert headers["x-amzn-requestid"]
    assert json.loads(body) == {"Type": "User", "Message": f"Function not found: {function_arn('missing')}"}
