"""Function URLs: their configuration, who is let in, the event that a function sees, and the answer it gives."""

import base64
import concurrent.futures
import json
import re
import socket
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from function_urls import FORBIDDEN, FunctionURL
from lambda_client import ACCOUNT, CREDENTIALS, REGION, error_of, function_arn, make_client
from swiftlet_server import RESTART_SECONDS

#: Answers with its event, or does what the header `x-command` says.
MIRROR = """
import json, time
count = 0
def handler(event, context):
    global count
    count += 1
    command = json.loads(event["headers"].get("x-command", "{}"))
    if "return" in command: return command["return"]
    if "size" in command: return "x" * command["size"]
    if "count" in command: return count
    if "arn" in command: return [context.invoked_function_arn, context.aws_request_id]
    if "raise" in command: raise ValueError(command["raise"])
    if "sleep" in command: time.sleep(command["sleep"])
    return event
"""
NO_CONFIG = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
NO_FUNCTION = (404, "ResourceNotFoundException", "Function does not exist")


@pytest.fixture
def function(functions):
    return functions.create(MIRROR, Publish=True)


@pytest.fixture
def url(server, function):
    return FunctionURL(server, function)


def command(**what):
    return {"x-command": json.dumps(what)}


def returned(url, result):
    """The answer to a request for which the function returns `result`."""
    return url.ask(headers=command(**{"return": result}))


# Configuration.


def test_url_is_created_shown_changed_and_deleted(server, function):
    client, name = function.client, function.name
    created = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    assert created.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    address = created["FunctionUrl"]
    assert re.fullmatch(rf"http://[a-z0-9]{{32}}\.lambda-url\.us-east-1\.localhost:{server.port}/", address)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", created["CreationTime"])
    assert created == {
        "FunctionUrl": address, "FunctionArn": function_arn(name), "AuthType": "NONE",
        "CreationTime": created["CreationTime"],
    }  # fmt: skip

    def shown():
        answer = client.get_function_url_config(FunctionName=name)
        del answer["ResponseMetadata"]
        return answer

    assert shown() == {**created, "LastModifiedTime": created["CreationTime"], "InvokeMode": "BUFFERED"}
    cors = {
        "AllowCredentials": True, "AllowHeaders": ["x-one"], "AllowMethods": ["GET"],
        "AllowOrigins": ["https://example.com"], "ExposeHeaders": ["x-two"], "MaxAge": 60,
    }  # fmt: skip
    updated = client.update_function_url_config(
        FunctionName=name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM", Cors=cors
    )
    del updated["ResponseMetadata"]
    assert updated == shown() == {
        **created, "AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM", "Cors": cors,
        "LastModifiedTime": updated["LastModifiedTime"],
    }  # fmt: skip
    assert updated["LastModifiedTime"] > created["CreationTime"]
    # What is not named stays.
    client.update_function_url_config(FunctionName=name, AuthType="NONE")
    assert (shown()["AuthType"], shown()["InvokeMode"], shown()["Cors"]) == ("NONE", "RESPONSE_STREAM", cors)
    client.update_function_url_config(FunctionName=name, Cors={})
    assert "Cors" not in shown()
    deleted = client.delete_function_url_config(FunctionName=name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert error_of(client.get_function_url_config, FunctionName=name) == NO_CONFIG
    again = client.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="BUFFERED")
    assert again["FunctionUrl"] != address
    assert again["InvokeMode"] == "BUFFERED"


def test_urls_of_a_function_are_listed_page_by_page(function):
    client, name = function.client, function.name
    assert client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []
    for alias in "b", "a", "c":
        client.create_alias(FunctionName=name, Name=alias, FunctionVersion="1")
        client.create_function_url_config(FunctionName=name, Qualifier=alias, AuthType="NONE")
    client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    whole = client.list_function_url_configs(FunctionName=name)
    assert "NextMarker" not in whole
    arns = [config["FunctionArn"] for config in whole["FunctionUrlConfigs"]]
    assert sorted(arns) == sorted([function_arn(name), *(function_arn(name, alias) for alias in "abc")])
    pages = client.get_paginator("list_function_url_configs").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 3}
    )
    assert [len(page["FunctionUrlConfigs"]) for page in pages] == [3, 1]
    for config in whole["FunctionUrlConfigs"]:
        qualifier = config["FunctionArn"].split(":")[7:]
        one = client.get_function_url_config(FunctionName=name, **({"Qualifier": qualifier[0]} if qualifier else {}))
        del one["ResponseMetadata"]
        assert one == config
    # A marker is good for more than the list that it came from.
    first = client.list_function_url_configs(FunctionName=name, MaxItems=2)
    client.delete_function_url_config(**{
        "FunctionName": name, "Qualifier": first["FunctionUrlConfigs"][1]["FunctionArn"].rpartition(":")[2]
    })  # fmt: skip
    rest = client.list_function_url_configs(FunctionName=name, Marker=first["NextMarker"])["FunctionUrlConfigs"]
    assert [config["FunctionArn"] for config in rest] == arns[2:]


def test_errors_of_configurations(function):
    client, name = function.client, function.name
    create, update = client.create_function_url_config, client.update_function_url_config
    assert error_of(create, FunctionName="missing-function", AuthType="NONE") == NO_FUNCTION
    assert error_of(update, FunctionName="missing-function", AuthType="NONE")[:2] == NO_CONFIG[:2]
    assert error_of(client.list_function_url_configs, FunctionName="missing-function") == NO_FUNCTION
    for call in client.get_function_url_config, client.delete_function_url_config:
        assert error_of(call, FunctionName="missing-function") == NO_CONFIG
        assert error_of(call, FunctionName=name) == NO_CONFIG
    assert error_of(update, FunctionName=name, AuthType="NONE") == NO_CONFIG
    create(FunctionName=name, AuthType="NONE")
    assert error_of(create, FunctionName=name, AuthType="NONE") == (
        409, "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {function_arn(name)}]. "
        "Error message:  FunctionUrlConfig exists for this Lambda function",
    )  # fmt: skip
    assert error_of(create, FunctionName=name, Qualifier="nowhere", AuthType="NONE")[:2] == NO_FUNCTION[:2]


@pytest.mark.parametrize("qualifier", ["1", "$LATEST"])
@pytest.mark.parametrize("operation", ["create", "get", "update", "delete"])
def test_only_functions_and_aliases_have_urls(function, operation, qualifier):
    more = {"AuthType": "NONE"} if operation in ("create", "update") else {}
    error = error_of(
        getattr(function.client, f"{operation}_function_url_config"), FunctionName=function.name,
        Qualifier=qualifier, **more,
    )  # fmt: skip
    assert error == (
        400, "ValidationException",
        f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({"AuthType": "SOME"}, "authType"), ({"AuthType": None}, "authType"),
        ({"InvokeMode": "SLOWLY"}, "invokeMode"), ({"Cors": {"MaxAge": 86401}}, "cors.maxAge"),
        ({"Cors": {"MaxAge": -1}}, "cors.maxAge"), ({"Cors": {"AllowMethods": ["x" * 9]}}, "cors.allowMethods"),
    ],
)  # fmt: skip
def test_member_that_the_model_does_not_allow(function, parameters, member):
    parameters = {"FunctionName": function.name, "AuthType": "NONE", **parameters}
    status, code, message = error_of(
        function.client.create_function_url_config, **{k: v for k, v in parameters.items() if v is not None}
    )
    assert (status, code) == (400, "ValidationException")
    assert f"at '{member}" in message


def test_configuration_and_policy_survive_kill(own_server, own_functions):
    function = own_functions.create(MIRROR, Publish=True)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    urls = [FunctionURL(own_server, function), FunctionURL(own_server, function, "live")]
    assert [url.ask().status for url in urls] == [200, 200]
    own_server.kill()
    own_server.start()
    function.client = make_client(own_server)
    for url in urls:
        assert url.ask(headers=command(arn=1)).document[0] == url.config["FunctionArn"]
        shown = function.client.get_function_url_config(**url.qualified)
        assert (shown["CreationTime"], url.id in shown["FunctionUrl"]) == (url.config["CreationTime"], True)
        # Its address has the port of the server as it is.
        assert shown["FunctionUrl"] == f"http://{url.domain}:{own_server.port}/"


# Who is let in.


def test_nobody_is_let_in_without_both_permissions(server, function):
    url = FunctionURL(server, function, allowed=False)

    def assert_forbidden():
        reply = url.ask()
        assert (reply.status, reply.body) == (403, FORBIDDEN)
        assert (reply.kind, reply.headers["Content-Type"]) == ("AccessDeniedException", "application/json")

    add, remove = function.client.add_permission, function.client.remove_permission
    assert_forbidden()
    add(
        **url.qualified, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE"
    )
    assert_forbidden()
    add(
        **url.qualified, StatementId="function", Action="lambda:InvokeFunction", Principal="*",
        InvokedViaFunctionUrl=True,
    )  # fmt: skip
    assert url.ask().status == 200
    remove(**url.qualified, StatementId="url")
    assert_forbidden()
    # For another kind of URL.
    add(
        **url.qualified, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="AWS_IAM",
    )  # fmt: skip
    assert_forbidden()
    remove(**url.qualified, StatementId="url")
    # For others than everybody.
    add(**url.qualified, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal=ACCOUNT)
    assert_forbidden()
    remove(**url.qualified, StatementId="url")
    add(**url.qualified, StatementId="url", Action="lambda:*", Principal="*")
    assert url.ask().status == 200


def test_denial_in_the_policy_keeps_out(server, function):
    url = FunctionURL(server, function)
    assert url.ask().status == 200
    arn = function_arn(function.name)
    allow = {"Effect": "Allow", "Principal": "*", "Action": "lambda:*", "Resource": arn}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "Resource": arn}
    put = function.client.put_resource_policy
    put(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]}))
    assert url.ask().status == 403
    put(ResourceArn=arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    assert url.ask().status == 200


def test_unsigned_request_is_kept_out_of_a_signed_url(server, function):
    url = FunctionURL(server, function, AuthType="AWS_IAM")
    reply = url.ask()
    assert (reply.status, reply.body, reply.kind) == (403, FORBIDDEN, "AccessDeniedException")


def test_event_of_a_signed_request_says_who_signed_it(server, function):
    url = FunctionURL(server, function, AuthType="AWS_IAM")
    request = botocore.awsrequest.AWSRequest("GET", f"http://{url.domain}:{server.port}/")
    credentials = botocore.credentials.Credentials(*CREDENTIALS.values())
    botocore.auth.SigV4Auth(credentials, "lambda", REGION).add_auth(request)
    reply = url.ask(headers=dict(request.headers), by_host=True)
    assert reply.status == 200
    context = reply.document["requestContext"]
    assert context["accountId"] == ACCOUNT
    assert context["authorizer"]["iam"]["accountId"] == ACCOUNT
    assert context["authorizer"]["iam"]["accessKey"] == CREDENTIALS["AWS_ACCESS_KEY_ID"]


@pytest.mark.parametrize("identifier", ["nothing", "a" * 32, "a" * 63])
def test_unknown_url(url, identifier):
    url.id = identifier
    for by_host in False, True:
        reply = url.ask(by_host=by_host)
        assert (reply.status, reply.kind) == (403, "AccessDeniedException")


def test_deleted_url(url):
    assert url.ask().status == 200
    url.function.client.delete_function_url_config(FunctionName=url.function.name)
    assert url.ask().status == 403
    again = FunctionURL(url.server, url.function, allowed=False)
    assert again.ask().status == 200
    assert url.ask().status == 403
    url.function.client.delete_function(FunctionName=url.function.name)
    assert again.ask().status == 403


def test_url_of_an_alias_follows_it_and_outlives_it(server, functions):
    function = functions.create("def handler(event, context): return context.function_version", Publish=True)
    client, name = function.client, function.name
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    url = FunctionURL(server, function, "live")
    assert url.ask().body == b"1"
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    assert url.ask().body == b"$LATEST"
    client.delete_alias(FunctionName=name, Name="live")
    reply = url.ask()
    assert (reply.status, reply.body) == (403, FORBIDDEN)
    assert client.get_function_url_config(**url.qualified)["FunctionUrl"] == url.config["FunctionUrl"]
    assert error_of(client.update_function_url_config, **url.qualified, AuthType="NONE")[0] == 404
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    # Its policy went with the alias.
    assert url.ask().status == 403
    url.allow()
    assert url.ask().body == b"1"
    client.delete_alias(FunctionName=name, Name="live")
    client.delete_function_url_config(**url.qualified)
    assert error_of(client.get_function_url_config, **url.qualified) == NO_CONFIG


# The event.


@pytest.mark.parametrize("by_host", [False, True])
def test_event_to_the_member(url, by_host):
    before = int(time.time() * 1000)
    reply = url.ask(
        "POST", "/pa2%Fth/1?q=one&multiQuery=foo&multiQuery=%2Fbar&plus=a+b&empty", body='{"x": "ü"}'.encode(),
        headers={
            "Content-Type": "application/json; charset=utf-8", "Cookie": "one=1; two=2", "User-Agent": "test/1",
            "X-Mixed-Case": "Value", "Accept-Encoding": "identity", "X-Forwarded-For": "203.0.113.1",
            "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
        },
        by_host=by_host,
    )  # fmt: skip
    event = reply.document
    context = event["requestContext"]
    assert before <= context["timeEpoch"] <= int(time.time() * 1000)
    trace = event["headers"]["x-amzn-trace-id"]
    assert trace.startswith("Root=1-5759e988-bd862e3fe1be46a994272793")
    assert reply.headers["X-Amzn-Trace-Id"] == trace
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/pa2%Fth/1",
        "rawQueryString": "q=one&multiQuery=foo&multiQuery=%2Fbar&plus=a+b&empty",
        "cookies": ["one=1", "two=2"],
        "headers": {
            "host": f"{url.domain if by_host else '127.0.0.1'}:{url.server.port}",
            "accept-encoding": "identity",
            "content-length": "11",
            "content-type": "application/json; charset=utf-8",
            "user-agent": "test/1",
            "x-mixed-case": "Value",
            "x-amzn-trace-id": trace,
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": str(url.server.port),
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"q": "one", "multiQuery": "foo,/bar", "plus": "a b", "empty": ""},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": url.id,
            "domainName": url.domain,
            "domainPrefix": url.id,
            "http": {
                "method": "POST", "path": "/pa2%Fth/1", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": "test/1",
            },
            "requestId": reply.headers["x-amzn-RequestId"],
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(context["timeEpoch"] // 1000)),
            "timeEpoch": context["timeEpoch"],
        },
        "body": '{"x": "ü"}',
        "isBase64Encoded": False,
    }  # fmt: skip


def test_event_of_the_least_request(url):
    event = url.ask(target="").document
    assert (event["rawPath"], event["rawQueryString"], event["isBase64Encoded"]) == ("/", "", False)
    assert {"body", "cookies", "queryStringParameters"}.isdisjoint(event)
    event = url.ask(target="?a=1").document
    assert (event["rawPath"], event["rawQueryString"]) == ("/", "a=1")


def test_request_is_the_invoke(url):
    reply = url.ask(headers=command(arn=1))
    assert reply.document == [url.config["FunctionArn"], reply.headers["x-amzn-RequestId"]]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_function(url, method):
    assert url.ask(method).document["requestContext"]["http"]["method"] == method


@pytest.mark.parametrize(
    ("content_type", "body", "is_text"),
    [
        ("text/plain", b"text", True), ("application/json", b"{}", True), ("application/xml", b"<a/>", True),
        ("application/javascript", b"1", True), ("text/csv; charset=utf-8", b"a,b", True),
        ("application/octet-stream", b"text", False), ("image/png", b"\x89PNG", False), (None, b"text", False),
        ("multipart/form-data; boundary=b", b"--b--", False), ("application/x-www-form-urlencoded", b"a=b", False),
        ("text/plain", b"\xff\xfe", False),
    ],
)  # fmt: skip
def test_body_is_text_or_base64(url, content_type, body, is_text):
    event = url.ask("POST", body=body, headers={"Content-Type": content_type} if content_type else {}).document
    assert event["isBase64Encoded"] is not is_text
    assert event["body"] == (body.decode() if is_text else base64.b64encode(body).decode())


def test_headers_of_one_name_are_joined(url):
    connection = url.send()
    connection.close()
    # What `http.client` sends of a mapping has each name once.
    connection.putrequest("GET", f"/_url/{url.id}/")
    for name, value in ("X-Many", "one"), ("x-many", "two"), ("Cookie", "a=1"), ("Cookie", "b=2; c=3"):
        connection.putheader(name, value)
    connection.endheaders()
    event = json.loads(connection.getresponse().read())
    connection.close()
    assert event["headers"]["x-many"] == "one,two"
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in event["headers"]


# The answer.


@pytest.mark.parametrize(
    ("result", "body"),
    [
        ("hello", b"hello"), ("", b""), ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'), (17, b"17"), (True, b"true"),
        (None, b"null"), ([1, {"b": 2}], b'[1,{"b":2}]'), ({"body": "no status"}, b'{"body":"no status"}'),
    ],
)  # fmt: skip
def test_result_without_a_status_is_the_body(url, result, body):
    reply = returned(url, result)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    if isinstance(body, str):
        assert json.loads(reply.body) == json.loads(body)
    else:
        assert reply.body == body
    assert reply.headers["Content-Length"] == str(len(reply.body))


def test_whole_response(url):
    reply = returned(url, {
        "statusCode": 201, "headers": {"Content-Type": "text/html", "X-Own": "yes", "X-Number": 5},
        "cookies": ["a=1; Secure", "b=2"], "body": "<p>ü</p>",
    })  # fmt: skip
    assert (reply.status, reply.body) == (201, "<p>ü</p>".encode())
    assert [reply.headers[name] for name in ("Content-Type", "X-Own", "X-Number")] == ["text/html", "yes", "5"]
    assert reply.headers.get_all("Set-Cookie") == ["a=1; Secure", "b=2"]
    assert len(reply.headers["x-amzn-RequestId"]) == 36


def test_body_in_base64_is_decoded(url):
    content = bytes(range(256))
    reply = returned(url, {
        "statusCode": 200, "headers": {"Content-Type": "image/png"}, "isBase64Encoded": True,
        "body": base64.b64encode(content).decode(),
    })  # fmt: skip
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, content, "image/png")


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        ({"statusCode": 404}, 404, b""), ({"statusCode": "202", "body": "text"}, 202, b"text"),
        ({"statusCode": 200, "body": {"a": 1}}, 200, b'{"a":1}'), ({"statusCode": 204, "body": "none"}, 204, b""),
        ({"statusCode": 500, "body": "own"}, 500, b"own"),
        ({"statusCode": 302, "headers": {"Location": "/x"}}, 302, b""),
    ],
)  # fmt: skip
def test_status_of_the_function(url, response, status, body):
    reply = returned(url, response)
    assert (reply.status, reply.body) == (status, body)


@pytest.mark.parametrize(
    "response",
    [
        {"statusCode": "many"}, {"statusCode": 99}, {"statusCode": 600}, {"statusCode": 2.5},
        {"statusCode": 200, "headers": "text"}, {"statusCode": 200, "cookies": {"a": 1}},
        {"statusCode": 200, "isBase64Encoded": True, "body": "no base64!"},
        {"statusCode": 200, "headers": {"X-Split": "a\r\nX-Injected: yes"}},
        {"statusCode": 200, "headers": {"X Space": "a"}}, {"statusCode": 200, "cookies": ["a\r\nX-Injected: yes"]},
    ],
)  # fmt: skip
def test_malformed_response_is_a_bad_gateway(url, response):
    reply = returned(url, response)
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    assert "X-Injected" not in reply.headers
    assert returned(url, "again").body == b"again"


def test_function_does_not_say_how_its_answer_is_framed(url):
    reply = returned(url, {
        "statusCode": 200, "body": "text",
        "headers": {"Content-Length": "9999", "Transfer-Encoding": "chunked", "Connection": "close"},
    })  # fmt: skip
    assert (reply.status, reply.body, reply.headers.get_all("Content-Length")) == (200, b"text", ["4"])
    assert "Transfer-Encoding" not in reply.headers


def test_failed_function_is_a_bad_gateway(url):
    reply = url.ask(headers=command(**{"raise": "secret"}))
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


def test_timeout_is_a_bad_gateway(server, functions):
    url = FunctionURL(server, functions.create(MIRROR, Timeout=RESTART_SECONDS))
    reply = url.ask(headers=command(sleep=60))
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    assert url.ask().status == 200


def test_exhausted_concurrency_is_too_many_requests(url):
    client, name = url.function.client, url.function.name
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    reply = url.ask()
    assert (reply.status, reply.kind) == (429, "TooManyRequestsException")
    client.delete_function_concurrency(FunctionName=name)
    assert url.ask().status == 200


def test_event_of_more_than_six_megabytes(url):
    # In base64 it is a third larger than what came.
    for size in 5 << 20, 7 << 20:
        reply = url.ask("POST", body=b"x" * size, headers={"Content-Type": "application/octet-stream"})
        assert (reply.status, reply.kind) == (413, "RequestEntityTooLargeException")
        assert reply.message == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    headers = {"Content-Type": "text/plain", **command(**{"return": "taken"})}
    assert url.ask("POST", body=b"x" * (6_291_456 - 4096), headers=headers).body == b"taken"


def test_response_of_almost_six_megabytes_is_whole(url):
    assert url.ask(headers=command(size=6 << 20)).body == b"x" * (6 << 20)
    reply = url.ask(headers=command(size=(6 << 20) + 1024))
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


def test_head_has_no_body(url):
    connection = url.send("HEAD", headers=command(**{"return": "hello"}))
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Length"], response.read()) == (200, "5", b"")
    # The connection is as good as before.
    connection.request("GET", f"/_url/{url.id}/", headers=command(**{"return": "next"}))
    assert connection.getresponse().read() == b"next"
    connection.close()


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body_has_none(url, status):
    """Read below HTTP, since a client drops what it does not expect."""
    with socket.create_connection(("127.0.0.1", url.server.port), timeout=60) as connection:
        wanted = json.dumps({"return": {"statusCode": status, "body": "none"}})
        connection.sendall((
            f"GET /_url/{url.id}/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Command: {wanted}\r\n\r\n"
        ).encode())  # fmt: skip
        head, _, rest = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert rest == b""
    # RFC 9110 section 8.6, RFC 9112 section 6.1.
    assert status != 204 or not re.search(rb"(?i)content-length|transfer-encoding", head)


def test_answer_has_a_date(url):
    assert "Date" in url.ask().headers


def test_many_ask_at_once(url):
    def ask(number):
        return url.ask("POST", f"/{number}", body=str(number), headers={"Content-Type": "text/plain"}).document

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        events = list(pool.map(ask, range(64)))
    assert [(event["rawPath"], event["body"]) for event in events] == [(f"/{n}", str(n)) for n in range(64)]
    assert len({event["requestContext"]["requestId"] for event in events}) == 64


# Scripts of other sites.

ORIGIN = "https://example.com"
CORS = {
    "AllowOrigins": [ORIGIN], "AllowMethods": ["GET", "POST"], "AllowHeaders": ["x-one", "x-two"],
    "ExposeHeaders": ["x-three"], "AllowCredentials": True, "MaxAge": 600,
}  # fmt: skip


def allowed(reply):
    """The headers of an answer that a browser decides by."""
    prefix = "access-control-"
    return {k.lower().removeprefix(prefix): v for k, v in reply.headers.items() if k.lower().startswith(prefix)}


def preflight(url, origin=ORIGIN):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-own"}
    return url.ask("OPTIONS", "/some/path", headers=headers)


def test_preflight_is_answered_without_the_function(server, function):
    url = FunctionURL(server, function, Cors=CORS)
    assert url.ask(headers=command(count=1)).body == b"1"
    reply = preflight(url)
    assert (reply.status, reply.body) == (200, b"")
    assert allowed(reply) == {
        "allow-origin": ORIGIN, "allow-credentials": "true", "allow-methods": "GET,POST",
        "allow-headers": "x-one,x-two", "max-age": "600",
    }  # fmt: skip
    other = preflight(url, "https://other.example.com")
    assert (other.status, allowed(other)) == (200, {})
    assert url.ask(headers=command(count=1)).body == b"2"
    # It asks for nothing that a permission is for.
    function.client.remove_permission(FunctionName=function.name, StatementId="url")
    assert preflight(url).status == 200
    assert url.ask("OPTIONS", headers={"Origin": ORIGIN}).status == 403


def test_preflight_of_a_url_that_allows_all(server, function):
    url = FunctionURL(server, function, Cors={"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"]})
    assert allowed(preflight(url))["allow-headers"] in ("*", "x-own")
    assert allowed(preflight(url))["allow-methods"] in ("*", "POST")
    assert allowed(preflight(url))["allow-origin"] in ("*", ORIGIN)


def test_answers_to_allowed_origins_say_so(server, function):
    url = FunctionURL(server, function, Cors=CORS)
    own = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "X-Own": "yes"}}
    expected = {"allow-origin": ORIGIN, "allow-credentials": "true", "expose-headers": "x-three"}
    reply = url.ask(headers={"Origin": ORIGIN, **command(**{"return": own})})
    assert (allowed(reply), reply.headers["X-Own"]) == (expected, "yes")
    assert reply.headers.get_all("Access-Control-Allow-Origin") == [ORIGIN]
    # Failures too, or scripts could not see them.
    assert allowed(url.ask(headers={"Origin": ORIGIN, **command(**{"raise": "x"})})) == expected
    assert allowed(url.ask(headers={"Origin": "https://other.example.com"})) == {}
    assert allowed(url.ask()) == {}


def test_without_cors_everything_is_the_functions(url):
    assert preflight(url).document["requestContext"]["http"]["method"] == "OPTIONS"
    own = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}
    assert allowed(url.ask(headers={"Origin": ORIGIN, **command(**{"return": own})})) == {"allow-origin": "*"}
