"""Where there are users, requests are signed by one of them, and policies say what each may do."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import pytest
from botocore.exceptions import ClientError
from lambda_client import ACCOUNT, PYTHON, REGION, ROLE, Answer, function_arn
from packages import package
from swiftlet_server import BINARY, SwiftletServer

ECHO = package({"app.py": "def handler(event, context): return event"})
#: How long a change that takes five seconds is waited for on a busy host, in seconds.
PATIENCE_SECONDS = 60


def swiftlet(*arguments, check=True):
    return subprocess.run([str(BINARY), *arguments], check=check, capture_output=True, text=True, timeout=60)


class User:
    """A user of a server, with the access key that was printed for it."""

    def __init__(self, server, name, *options):
        self.server = server
        self.name = name
        self.keep(swiftlet("user", "add", name, *options, "--data", str(server.data)).stdout)

    def keep(self, printed):
        exports = dict(
            line.removeprefix("export ").split("=", 1) for line in printed.splitlines() if line.startswith("export ")
        )
        self.key, self.secret = exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"]

    def client(self, service="lambda", region=REGION, secret=None):
        return boto3.client(
            service, endpoint_url=self.server.endpoint, region_name=region, aws_access_key_id=self.key,
            aws_secret_access_key=secret or self.secret,
            config=botocore.config.Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server whose requests must be signed; its administrator is `guarded.root`."""
    server = SwiftletServer(tmp_path_factory.mktemp("guarded"), ["--authentication", "required"])
    server.data.mkdir(mode=0o700)
    server.root = User(server, "root", "--administrator")
    server.start()
    client = server.root.client()
    for name in ("open", "closed"):
        client.create_function(
            FunctionName=name, Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": ECHO}
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    yield server
    server.close()


@pytest.fixture
def user(guarded, tmp_path, request):
    """Makes users with the policy of the given statements."""
    made = []

    def make(*statements):
        name = f"user-{len(made)}-{request.node.name[:30].translate(str.maketrans('[]/ ', '____'))}"
        options = []
        if statements:
            file = tmp_path / "policy.json"
            file.write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
            options = ["--policy", str(file)]
        made.append(User(guarded, name, *options))
        return made[-1]

    yield make
    for one in made:
        swiftlet("user", "remove", one.name, "--data", str(guarded.data), check=False)


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def refused(call, code, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    response = raised.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return response["Error"]["Message"]


# What nobody has to know to be refused.


def test_listener_that_others_reach_needs_users(tmp_path):
    done = swiftlet("serve", "--listen", "0.0.0.0:0", "--data", str(tmp_path / "data"), check=False)
    assert done.returncode != 0
    assert "there are no users" in done.stderr
    assert "swiftlet user add" in done.stderr


def test_turning_it_off_is_warned_about(tmp_path):
    server = SwiftletServer(tmp_path, ["--authentication", "off"])
    server.command()
    command = [part.replace("127.0.0.1:", "0.0.0.0:") for part in server.command()]
    server.command = lambda: command
    server.start()
    try:
        assert "AUTHENTICATION IS OFF" in server.log
    finally:
        server.close()


def test_request_without_signature_is_refused(guarded):
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{guarded.endpoint}/2015-03-31/functions", timeout=60)
    with contextlib.closing(raised.value) as error:
        assert error.code == 403
        assert error.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
        assert json.loads(error.read()) == {"message": "Missing Authentication Token"}
    assert guarded.is_healthy()


def test_wrong_secret_key_region_and_service_are_refused(guarded, user):
    one = user(allow("lambda:*"))
    message = refused(one.client(secret="x" * 40).list_functions, "InvalidSignatureException")
    assert message.startswith("The request signature we calculated does not match the signature you provided.")
    message = refused(one.client(region="eu-west-1").list_functions, "InvalidSignatureException")
    assert message.startswith("Credential should be scoped to a valid region")
    one.key = "AKIA" + "X" * 16
    message = refused(one.client().list_functions, "UnrecognizedClientException")
    assert message == "The security token included in the request is invalid."


@pytest.mark.parametrize("operation", ["list_functions", "invoke"])
def test_each_signature_is_checked_anew(guarded, user, operation):
    """What is in memory after the first request lets no other in."""
    one = user(allow("lambda:*"))
    parameters = {"FunctionName": "open", "Payload": b"{}"} if operation == "invoke" else {}
    for _ in range(2):
        answer = getattr(one.client(), operation)(**parameters)
        if operation == "invoke":
            Answer(answer)
        refused(getattr(one.client(secret="y" * 40), operation), "InvalidSignatureException", **parameters)


def sign(user, method, path, body=b"", headers=None, when=None, signer=botocore.auth.SigV4Auth, **more):
    """A signed request of botocore's, for whatever boto3 would not send."""
    request = botocore.awsrequest.AWSRequest(method, user.server.endpoint + path, headers=headers or {}, data=body)
    auth = signer(botocore.credentials.Credentials(user.key, user.secret), "lambda", REGION, **more)
    with freeze(when):
        auth.add_auth(request)
    return request.prepare()


@contextlib.contextmanager
def freeze(when):
    """Has botocore sign for another moment."""
    if when is None:
        yield
        return
    original = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: when.replace(tzinfo=None)
    try:
        yield
    finally:
        botocore.auth.get_current_datetime = original


def send(prepared):
    request = urllib.request.Request(
        prepared.url, data=prepared.body or None, headers=dict(prepared.headers), method=prepared.method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_clock_may_be_off_by_five_minutes(user, minutes):
    one = user(allow("lambda:*"))
    when = datetime.now(UTC) + timedelta(minutes=minutes)
    status, body = send(sign(one, "GET", "/2015-03-31/functions", when=when))
    assert status == 403
    assert (b"Signature expired" if minutes < 0 else b"Signature not yet current") in body
    when = datetime.now(UTC) + timedelta(minutes=minutes / 2)
    assert send(sign(one, "GET", "/2015-03-31/functions", when=when))[0] == 200


def test_presigned_request_is_taken_while_it_is_good(user):
    one = user(allow("lambda:*"))
    query = {"signer": botocore.auth.SigV4QueryAuth, "expires": 60}
    assert send(sign(one, "GET", "/2015-03-31/functions", **query))[0] == 200
    when = datetime.now(UTC) - timedelta(seconds=61)
    status, body = send(sign(one, "GET", "/2015-03-31/functions", when=when, **query))
    assert status == 403, body


def test_altered_body_is_refused(user):
    one = user(allow("lambda:*"))
    prepared = sign(one, "POST", "/2015-03-31/functions/open/invocations", body=b'{"a": 1}')
    assert send(prepared) == (200, b'{"a": 1}') or json.loads(send(prepared)[1]) == {"a": 1}
    prepared.body = b'{"a": 2}'
    assert send(prepared)[0] == 403


# What policies decide.


def test_user_without_policy_may_nothing_but_know_who_it_is(user):
    one = user()
    identity = one.client("sts").get_caller_identity()
    assert identity["Account"] == ACCOUNT
    arn = f"arn:aws:iam::{ACCOUNT}:user/{one.name}"
    assert identity["Arn"] == arn
    assert refused(one.client().list_functions, "AccessDeniedException") == (
        f"User: {arn} is not authorized to perform: lambda:ListFunctions on resource: * "
        "because no identity-based policy allows the lambda:ListFunctions action"
    )
    refused(one.client().invoke, "AccessDeniedException", FunctionName="open", Payload=b"{}")
    refused(one.client("iam").list_roles, "AccessDenied")
    with pytest.raises(ClientError, match="logs:DescribeLogGroups"):
        one.client("logs").describe_log_groups()


def test_actions_and_resources_are_told_apart(user):
    client = user(allow("lambda:Get*"), allow("lambda:InvokeFunction", function_arn("open*"))).client()
    client.get_function(FunctionName="closed")
    assert Answer(client.invoke(FunctionName="open", Payload=b"1")).payload == 1
    message = refused(client.invoke, "AccessDeniedException", FunctionName="closed", Payload=b"1")
    assert f"lambda:InvokeFunction on resource: {function_arn('closed')}" in message
    refused(client.invoke_with_response_stream, "AccessDeniedException", FunctionName="closed", Payload=b"1")
    refused(client.delete_function, "AccessDeniedException", FunctionName="open")
    # What may not be done is not told from what is not there.
    refused(client.delete_function, "AccessDeniedException", FunctionName="missing")


def test_denial_wins(user):
    client = user(allow("*"), {"Effect": "Deny", "Action": "lambda:Delete*", "Resource": "*"}).client()
    message = refused(client.delete_function, "AccessDeniedException", FunctionName="open")
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_condition_keys_of_lambda_count(user):
    statement = allow("lambda:AddPermission", Condition={"StringEquals": {"lambda:Principal": "s3.amazonaws.com"}})
    client = user(statement, allow("lambda:RemovePermission")).client()
    parameters = {"FunctionName": "open", "StatementId": "conditional", "Action": "lambda:InvokeFunction"}
    refused(client.add_permission, "AccessDeniedException", Principal="sns.amazonaws.com", **parameters)
    client.add_permission(Principal="s3.amazonaws.com", **parameters)
    client.remove_permission(FunctionName="open", StatementId="conditional")


def test_source_address_counts(user):
    inside = user(allow("lambda:ListFunctions", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
    inside.client().list_functions()
    outside = user(allow("lambda:ListFunctions", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    refused(outside.client().list_functions, "AccessDeniedException")


def test_role_has_to_be_passed(user):
    client = user(allow("lambda:CreateFunction")).client()
    message = refused(
        client.create_function, "AccessDeniedException", FunctionName="passing", Runtime=PYTHON, Role=ROLE,
        Handler="app.handler", Code={"ZipFile": ECHO},
    )  # fmt: skip
    assert f"iam:PassRole on resource: {ROLE}" in message


def test_policy_of_the_function_lets_a_user_in(guarded, user):
    one = user()
    root = guarded.root.client()
    root.add_permission(
        FunctionName="closed", StatementId="one", Action="lambda:InvokeFunction",
        Principal=f"arn:aws:iam::{ACCOUNT}:user/{one.name}",
    )  # fmt: skip
    try:
        assert Answer(one.client().invoke(FunctionName="closed", Payload=b"2")).payload == 2
        refused(one.client().invoke, "AccessDeniedException", FunctionName="open", Payload=b"2")
    finally:
        root.remove_permission(FunctionName="closed", StatementId="one")
    refused(one.client().invoke, "AccessDeniedException", FunctionName="closed", Payload=b"2")


def test_url_with_iam_takes_signed_requests_only(guarded, user):
    root = guarded.root.client()
    url = root.create_function_url_config(FunctionName="open", AuthType="AWS_IAM")["FunctionUrl"]
    path = "/_url/" + url.split("//")[1].split(".")[0] + "/hello"
    may = user(allow(["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], function_arn("open")))
    may_not = user(allow("lambda:InvokeFunction"))
    try:
        status, body = send(sign(may, "GET", path))
        assert status == 200
        iam = json.loads(body)["requestContext"]["authorizer"]["iam"]
        assert iam["accessKey"] == may.key
        assert iam["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/{may.name}"
        for refusal in (send(sign(may_not, "GET", path)), send_plain(guarded, path)):
            assert refusal[0] == 403
            assert b"Forbidden" in refusal[1]
    finally:
        root.delete_function_url_config(FunctionName="open")


def send_plain(server, path):
    try:
        with urllib.request.urlopen(server.endpoint + path, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


# Users while the service runs.


def wait_until(server, condition):
    """Asks until the service has taken up a change of its users, which it does within five seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return
        assert server.is_healthy()
    raise AssertionError("the change is not taken up")


def works(client):
    try:
        client.list_functions()
        return True
    except ClientError:
        return False


def test_change_of_a_user_is_taken_up(guarded, user):
    one = user(allow("lambda:ListFunctions"))
    data = ("--data", str(guarded.data))
    first = one.client()
    assert works(first)
    one.keep(swiftlet("user", "add-key", one.name, *data).stdout)
    second = one.client()
    assert works(second)
    assert "2 access keys" in swiftlet("user", "add-key", one.name, *data, check=False).stderr
    key = swiftlet("user", "list", *data).stdout.split(one.name)[1].split()[1]
    swiftlet("user", "remove-key", one.name, key, *data)
    wait_until(guarded, lambda: not works(first))
    assert works(second)
    swiftlet("user", "remove-policy", one.name, "policy", *data)
    wait_until(guarded, lambda: not works(second))
    swiftlet("user", "remove", one.name, *data)
    assert one.name not in swiftlet("user", "list", *data).stdout


@pytest.mark.parametrize(
    ("name", "policy", "message"),
    [
        ("root", None, "There is a user root already."),
        ("no/name", None, "is not a user's name"),
        ("new", "{", "malformed"),
        ("new", '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}', "malformed"),
    ],
)
def test_bad_user_is_refused(guarded, tmp_path, name, policy, message):
    options = []
    if policy:
        (tmp_path / "p.json").write_text(policy)
        options = ["--policy", str(tmp_path / "p.json")]
    done = swiftlet("user", "add", name, *options, "--data", str(guarded.data), check=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert "new" not in swiftlet("user", "list", "--data", str(guarded.data)).stdout.split()


def test_secrets_are_nowhere_to_be_read(guarded):
    """Neither in the log nor in the database, and the key beside it is its owner's alone."""
    secret = guarded.root.secret.encode()
    guarded.root.client().list_functions()
    refused(guarded.root.client(secret="z" * 40).list_functions, "InvalidSignatureException")
    for path in [guarded.log_path, *guarded.data.glob("metadata.sqlite*")]:
        assert secret not in path.read_bytes(), path
    assert (guarded.data / "secrets.key").stat().st_mode & 0o777 == 0o600
