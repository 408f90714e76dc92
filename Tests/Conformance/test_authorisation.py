"""What a request says besides does not change what it is allowed: names are decided on as they are acted on."""

import json
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError
from lambda_client import ACCOUNT, REGION
from packages import package
from test_identity import allow, function_arn, guarded, refused, send, sign, user  # noqa: F401

FUNCTIONS = "/2015-03-31/functions"
ACCOUNT_ARN = f"{REGION}:{ACCOUNT}"


def deny(action, resource, **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def status(user, method, path, body=None):
    payload = b"" if body is None else json.dumps(body).encode()
    return send(sign(user, method, path, body=payload))[0]


@pytest.fixture
def alias(guarded):
    client = guarded.root.client()
    client.create_alias(FunctionName="closed", Name="canary", FunctionVersion="$LATEST")
    yield "canary"
    client.delete_alias(FunctionName="closed", Name="canary")


WHOLE_FUNCTION = {
    "configuration": ("PUT", "/configuration", {"Description": "changed"}),
    "code": ("PUT", "/code", {"DryRun": True, "ZipFile": ""}),
    "publish": ("POST", "/versions", {}),
    "alias": ("POST", "/aliases", {"Name": "stolen", "FunctionVersion": "$LATEST"}),
    "recursion": ("PUT", "/../../2024-08-31/functions/closed/recursion-config", {"RecursiveLoop": "Allow"}),
}


@pytest.mark.parametrize("operation", ["configuration", "code", "publish", "alias"])
def test_qualifier_that_an_operation_has_not_changes_nothing(guarded, user, alias, operation):  # noqa: F811
    method, path, body = WHOLE_FUNCTION[operation]
    denied = user(allow("*"), deny("lambda:*", function_arn("closed")))
    of_alias = user(allow("lambda:*", function_arn("closed", alias)))
    for query in ("", "?Qualifier=x", "?Qualifier=%21%21", f"?Qualifier={alias}", "?qualifier=x"):
        assert status(denied, method, f"{FUNCTIONS}/closed{path}{query}", body) in (400, 403), query
        assert status(of_alias, method, f"{FUNCTIONS}/closed{path}{query}", body) == 403, query
    # A qualifier in the name means the whole function, too, where the operation is on it.
    assert status(of_alias, method, f"{FUNCTIONS}/closed:{alias}{path}", body) in (400, 403)
    client = guarded.root.client()
    assert client.get_function_configuration(FunctionName="closed")["Description"] == ""
    assert [one["Name"] for one in client.list_aliases(FunctionName="closed")["Aliases"]] == [alias]


def test_alias_is_its_own_where_an_operation_is_on_it(user, alias):  # noqa: F811
    one = user(allow("lambda:*", function_arn("closed", alias)))
    assert status(one, "GET", f"{FUNCTIONS}/closed?Qualifier={alias}") == 200
    assert status(one, "GET", f"{FUNCTIONS}/closed:{alias}") == 200
    assert status(one, "GET", f"{FUNCTIONS}/closed") == 403
    assert status(one, "POST", f"{FUNCTIONS}/closed/invocations?Qualifier={alias}", {}) == 200
    assert status(one, "POST", f"{FUNCTIONS}/closed/invocations", {}) == 403


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws"])
def test_every_spelling_of_a_function_is_the_function(user, partition):  # noqa: F811
    one = user(allow("*"), deny("*", function_arn("closed")))
    arn = f"arn:{partition}:lambda:{ACCOUNT_ARN}:function:closed"
    quoted = urllib.parse.quote(arn, safe="")
    assert status(one, "GET", f"{FUNCTIONS}/{quoted}") in (400, 403)
    assert status(one, "POST", f"/2017-03-31/tags/{quoted}", {"Tags": {"a": "b"}}) in (400, 403, 404)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "lambda:*", "Resource": "*"}]})  # fmt: skip
    assert status(one, "PUT", f"/2024-09-16/resource-policy/{quoted}", {"Policy": policy}) in (400, 403, 404)


@pytest.fixture
def layers(guarded):
    client = guarded.root.client()
    made = []
    for name in ("allowed", "secret"):
        made.append(
            client.publish_layer_version(LayerName=name, Content={"ZipFile": package({"a": name})})["LayerVersionArn"]
        )
    yield made
    for arn in made:
        client.delete_layer_version(LayerName=arn.split(":")[6], VersionNumber=int(arn.split(":")[7]))


def test_another_layers_arn_opens_nothing(user, layers):  # noqa: F811
    allowed, secret = layers
    one = user(allow("lambda:*", f"arn:aws:lambda:{ACCOUNT_ARN}:layer:allowed:*"))
    version = secret.split(":")[7]
    path = f"/2018-10-31/layers/secret/versions/{version}"
    query = "?Arn=" + urllib.parse.quote(allowed, safe="")
    for method, tail in (("GET", ""), ("DELETE", ""), ("GET", "/policy")):
        assert status(one, method, path + tail + query) == 403
    for spelling in (f"/2018-10-31/layers/secret/versions/+{version}", f"/2018-10-31/layers/secret/versions/0{version}"):
        assert status(user(allow("*"), deny("*", secret)), "GET", spelling) in (400, 403, 404)
    assert status(one, "GET", f"/2018-10-31/layers?find=LayerVersion&Arn={urllib.parse.quote(allowed, safe='')}") == 200


def test_layer_is_used_only_by_who_may_get_it(user, layers):  # noqa: F811
    client = user(allow("*"), deny("lambda:GetLayerVersion", layers[1])).client()
    message = refused(
        client.update_function_configuration, "AccessDeniedException", FunctionName="closed", Layers=[layers[1]]
    )
    assert "lambda:GetLayerVersion" in message


def test_mapping_of_another_region_is_none(guarded):
    client = guarded.root.client()
    mapping = client.create_event_source_mapping(
        FunctionName="open", EventSourceArn=f"arn:aws:sqs:{ACCOUNT_ARN}:queue-of-{len(guarded.root.name)}"
    )
    try:
        for arn in (f"arn:aws:lambda:eu-west-9:{ACCOUNT}", f"arn:aws:lambda:{REGION}:999999999999"):
            with pytest.raises(client.exceptions.ResourceNotFoundException):
                client.tag_resource(Resource=f"{arn}:event-source-mapping:{mapping['UUID']}", Tags={"a": "b"})
    finally:
        client.get_event_source_mapping(UUID=mapping["UUID"])


def test_log_group_is_the_same_by_any_name(guarded, user):  # noqa: F811
    logs = guarded.root.client("logs")
    logs.create_log_group(logGroupName="/secret/group")
    arn = f"arn:aws:logs:{ACCOUNT_ARN}:log-group:/secret/group"
    try:
        denied = user(allow("*"), deny("logs:*", f"{arn}:*")).client("logs")
        only = user(allow("logs:*", f"{arn}:*")).client("logs")
        for parameters in (
            {"logGroupName": "/secret/group"}, {"logGroupIdentifier": "/secret/group"}, {"logGroupIdentifier": arn},
        ):  # fmt: skip
            with pytest.raises(ClientError, match="AccessDenied"):
                denied.filter_log_events(**parameters)
            assert only.filter_log_events(**parameters)["events"] == []
        with pytest.raises(ClientError, match="AccessDenied"):
            denied.tag_resource(resourceArn=arn, tags={"a": "b"})
        # One group that is allowed does not open another beside it.
        other = user(allow("logs:*", f"arn:aws:logs:{ACCOUNT_ARN}:log-group:/mine:*")).client("logs")
        with pytest.raises(ClientError, match="AccessDenied"):
            other.filter_log_events(logGroupName="/mine", logGroupIdentifier=arn)
    finally:
        logs.delete_log_group(logGroupName="/secret/group")


def test_address_counts_for_urls_too(guarded, user):  # noqa: F811
    root = guarded.root.client()
    url = root.create_function_url_config(FunctionName="open", AuthType="AWS_IAM")["FunctionUrl"]
    path = "/_url/" + url.split("//")[1].split(".")[0] + "/"
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    try:
        assert status(user(allow("lambda:*", Condition=here)), "GET", path) == 200
        assert status(user(allow("*"), deny("*", "*", Condition=here)), "GET", path) == 403
    finally:
        root.delete_function_url_config(FunctionName="open")


def test_role_that_is_passed_is_the_one_that_is_used(user):  # noqa: F811
    role = f"arn:aws:iam::{ACCOUNT}:role"
    one = user(allow("lambda:CreateCapacityProvider"), allow("iam:PassRole", f"{role}/harmless"))
    body = {
        "CapacityProviderName": "decoy", "Role": f"{role}/harmless",
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": []},
        "PermissionsConfig": {"CapacityProviderOperatorRoleArn": f"{role}/powerful"},
    }  # fmt: skip
    assert status(one, "POST", "/2025-11-30/capacity-providers", body) == 403


def test_operation_alone_says_what_it_is_on(guarded, user):  # noqa: F811
    one = user(allow("iam:*", f"arn:aws:iam::{ACCOUNT}:role/dev-*"))
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("*")]})
    form = {"Version": "2010-05-08", "PolicyName": "mine", "PolicyDocument": document, "RoleName": "dev-x"}
    for action in ("CreatePolicy", "ListRoles", "ListPolicies"):
        body = urllib.parse.urlencode({"Action": action, **form}).encode()
        request = botocore.awsrequest.AWSRequest(
            "POST", guarded.endpoint + "/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        credentials = botocore.credentials.Credentials(one.key, one.secret)
        botocore.auth.SigV4Auth(credentials, "iam", REGION).add_auth(request)
        assert send(request.prepare())[0] == 403, action


def test_rates_are_not_used_up_by_strangers(tmp_path):
    from swiftlet_server import SwiftletServer
    from test_identity import User, send_plain

    server = SwiftletServer(tmp_path, ["--authentication", "required", "--api-rates", "lambda"])
    server.data.mkdir(mode=0o700)
    server.root = User(server, "root", "--administrator")
    server.start()
    try:
        for _ in range(60):
            assert send_plain(server, f"{FUNCTIONS}")[0] == 403
        client = server.root.client()
        client.list_functions()
        with pytest.raises(client.exceptions.TooManyRequestsException) as raised:
            for _ in range(60):
                client.list_functions()
        assert raised.value.response["Reason"] == "CallerRateLimitExceeded"
    finally:
        server.close()
