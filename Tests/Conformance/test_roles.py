"""Roles and managed policies as IAM, and who the caller is as STS: what tools do before they create a function."""

import concurrent.futures
import datetime
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError
from lambda_client import ACCOUNT, make_client

BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}  # fmt: skip
PERMISSIONS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::a-bucket/*"}],
}
NAME_RULE = "It must contain only alphanumeric characters and/or the following: +=,.@_-"


@pytest.fixture
def iam(server):
    return make_client(server, "iam")


@pytest.fixture
def sts(server):
    return make_client(server, "sts")


class Entities:
    """Creates roles and policies under a path and names of their own."""

    def __init__(self, iam):
        self.iam = iam
        self.prefix = f"t-{uuid.uuid4().hex[:12]}"
        self.path = f"/{self.prefix}/"
        self._count = 0

    def name(self):
        self._count += 1
        return f"{self.prefix}-{self._count}"

    def role(self, **parameters):
        """Returns the role's name."""
        parameters = {
            "RoleName": self.name(), "Path": self.path, "AssumeRolePolicyDocument": json.dumps(TRUST), **parameters,
        }  # fmt: skip
        return self.iam.create_role(**parameters)["Role"]["RoleName"]

    def policy(self, **parameters):
        """Returns the policy's ARN."""
        parameters = {
            "PolicyName": self.name(), "Path": self.path, "PolicyDocument": json.dumps(PERMISSIONS), **parameters,
        }  # fmt: skip
        return self.iam.create_policy(**parameters)["Policy"]["Arn"]


@pytest.fixture
def entities(iam):
    return Entities(iam)


def refusal(operation, **parameters):
    """The status, code and text with which an operation is refused."""
    with pytest.raises(ClientError) as caught:
        operation(**parameters)
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    assert response["Error"]["Type"] == ("Sender" if status < 500 else "Receiver")
    assert response["ResponseMetadata"]["RequestId"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


def listed(client, operation, key, **parameters):
    """All that an operation lists, in pages of two."""
    pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}, **parameters)
    found = [page[key] for page in pages]
    assert all(len(page) <= 2 for page in found)
    return [entry for page in found for entry in page]


def role_not_found(name):
    return 404, "NoSuchEntity", f"The role with name {name} cannot be found."


# STS.


def test_caller_is_told(sts):
    answer = sts.get_caller_identity()
    assert answer["Account"] == ACCOUNT
    assert answer["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:")
    assert answer["UserId"]


def test_caller_is_told_to_a_get_too(server):
    query = urllib.parse.urlencode({"Action": "GetCallerIdentity", "Version": "2011-06-15"})
    with urllib.request.urlopen(f"{server.endpoint}/?{query}") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/xml")
        body = response.read().decode()
    assert f"<Account>{ACCOUNT}</Account>" in body
    assert f"<RequestId>{response.headers['x-amzn-RequestId']}</RequestId>" in body


def test_credentials_of_a_role_are_not_given_out(sts, entities):
    arn = entities.iam.get_role(RoleName=entities.role())["Role"]["Arn"]
    status, code, message = refusal(sts.assume_role, RoleArn=arn, RoleSessionName="session")
    assert (status, code) == (501, "NotImplemented")
    assert message.startswith("Swiftlet has no behaviour for AssumeRole of STS")


# Roles.


def test_created_role_is_shown(iam, entities):
    name = entities.name()
    created = iam.create_role(
        RoleName=name, Path=entities.path, AssumeRolePolicyDocument=json.dumps(TRUST, indent=2),
        Description='"two" <words> & more', MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "a b"}],
    )["Role"]  # fmt: skip
    assert created["Arn"] == f"arn:aws:iam::{ACCOUNT}:role{entities.path}{name}"
    assert re.fullmatch("AROA[A-Z0-9]{17}", created["RoleId"])
    assert created["AssumeRolePolicyDocument"] == TRUST
    age = datetime.datetime.now(datetime.timezone.utc) - created["CreateDate"]
    assert abs(age) < datetime.timedelta(minutes=5)
    shown = iam.get_role(RoleName=name)["Role"]
    assert shown["RoleLastUsed"] == {}
    assert shown["MaxSessionDuration"] == 7200
    assert shown["Description"] == '"two" <words> & more'
    assert shown["Tags"] == [{"Key": "team", "Value": "a b"}]
    for key in ("RoleName", "RoleId", "Arn", "Path", "CreateDate", "AssumeRolePolicyDocument"):
        assert shown[key] == created[key]


def test_role_of_defaults(iam):
    name = f"t-{uuid.uuid4().hex[:12]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    shown = iam.get_role(RoleName=name)["Role"]
    assert (shown["Path"], shown["MaxSessionDuration"]) == ("/", 3600)
    assert "Description" not in shown and "Tags" not in shown and "PermissionsBoundary" not in shown
    iam.delete_role(RoleName=name)


def test_document_is_url_encoded_on_the_wire(server, entities):
    document = json.dumps(TRUST)
    name = entities.role()
    form = urllib.parse.urlencode({"Action": "GetRole", "Version": "2010-05-08", "RoleName": name}).encode()
    with urllib.request.urlopen(f"{server.endpoint}/", data=form) as response:
        body = response.read().decode()
    assert f"<AssumeRolePolicyDocument>{urllib.parse.quote(document, safe='-._~')}</AssumeRolePolicyDocument>" in body
    assert re.search(r"<CreateDate>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ</CreateDate>", body)
    assert 'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"' in body


def test_role_exists_is_waited_for(iam, entities):
    name = entities.name()
    with pytest.raises(Exception, match="Max attempts exceeded"):
        iam.get_waiter("role_exists").wait(RoleName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 2})
    created = threading.Timer(0.5, lambda: entities.role(RoleName=name))
    created.start()
    iam.get_waiter("role_exists").wait(RoleName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    created.join()


def test_role_is_there_once_and_goes_when_it_is_deleted(iam, entities):
    name = entities.role()
    exists = (409, "EntityAlreadyExists", f"Role with name {name} already exists.")
    again = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(TRUST)}
    assert refusal(iam.create_role, **again) == exists
    first = iam.get_role(RoleName=name)["Role"]["RoleId"]
    iam.delete_role(RoleName=name)
    assert refusal(iam.get_role, RoleName=name) == role_not_found(name)
    assert refusal(iam.delete_role, RoleName=name) == role_not_found(name)
    iam.create_role(**again)
    assert iam.get_role(RoleName=name)["Role"]["RoleId"] != first


@pytest.mark.parametrize(
    "operation, parameters",
    [
        ("update_role", {}),
        ("update_role_description", {"Description": "d"}),
        ("update_assume_role_policy", {"PolicyDocument": json.dumps(TRUST)}),
        ("tag_role", {"Tags": [{"Key": "k", "Value": "v"}]}),
        ("untag_role", {"TagKeys": ["k"]}),
        ("list_role_tags", {}),
        ("attach_role_policy", {"PolicyArn": BASIC_EXECUTION}),
        ("detach_role_policy", {"PolicyArn": BASIC_EXECUTION}),
        ("list_attached_role_policies", {}),
        ("put_role_policy", {"PolicyName": "p", "PolicyDocument": json.dumps(PERMISSIONS)}),
        ("get_role_policy", {"PolicyName": "p"}),
        ("delete_role_policy", {"PolicyName": "p"}),
        ("list_role_policies", {}),
        ("list_instance_profiles_for_role", {}),
        ("put_role_permissions_boundary", {"PermissionsBoundary": BASIC_EXECUTION}),
        ("delete_role_permissions_boundary", {}),
    ],
)
def test_role_that_is_not_there(iam, entities, operation, parameters):
    name = entities.name()
    assert refusal(getattr(iam, operation), RoleName=name, **parameters) == role_not_found(name)


def test_role_is_updated(iam, entities):
    name = entities.role()
    iam.update_role(RoleName=name, Description="d", MaxSessionDuration=4000)
    assert iam.update_role_description(RoleName=name, Description="e")["Role"]["Description"] == "e"
    other = json.loads(json.dumps(TRUST).replace("lambda.", "ec2."))
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(other))
    shown = iam.get_role(RoleName=name)["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("e", 4000)
    assert shown["AssumeRolePolicyDocument"] == other


def test_roles_are_listed(iam, entities):
    names = [entities.role(Tags=[{"Key": "k", "Value": "v"}]) for _ in range(5)]
    roles = listed(iam, "list_roles", "Roles", PathPrefix=entities.path)
    assert [role["RoleName"] for role in roles] == sorted(names)
    assert all("Tags" not in role and role["AssumeRolePolicyDocument"] == TRUST for role in roles)
    assert iam.list_roles(PathPrefix="/nowhere/")["Roles"] == []
    assert refusal(iam.list_roles, Marker="nonsense")[:2] == (400, "ValidationError")


def test_tags_of_a_role(iam, entities):
    name = entities.role(Tags=[{"Key": "a", "Value": "1"}])
    added = {"A": "2", "b": "", "ü": "x"}
    iam.tag_role(RoleName=name, Tags=[{"Key": key, "Value": value} for key, value in added.items()])
    tags = listed(iam, "list_role_tags", "Tags", RoleName=name)
    assert {tag["Key"]: tag["Value"] for tag in tags} == added
    iam.untag_role(RoleName=name, TagKeys=["B", "ü", "other"])
    assert iam.list_role_tags(RoleName=name)["Tags"] == [{"Key": "A", "Value": "2"}]
    twice = [{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}]
    assert refusal(iam.tag_role, RoleName=name, Tags=twice) == (
        400, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )  # fmt: skip
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    assert refusal(iam.tag_role, RoleName=name, Tags=many)[:2] == (409, "LimitExceeded")


# The policies of a role.


def test_policies_are_attached_and_detached(iam, entities):
    name, own = entities.role(), entities.policy()
    arns = [BASIC_EXECUTION, "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", own]
    for arn in [*arns, own]:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    attached = listed(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    assert {policy["PolicyArn"]: policy["PolicyName"] for policy in attached} == {
        arn: arn.rsplit("/", 1)[1] for arn in arns
    }  # fmt: skip
    of_path = iam.list_attached_role_policies(RoleName=name, PathPrefix=entities.path)
    assert [policy["PolicyArn"] for policy in of_path["AttachedPolicies"]] == [own]
    conflict = (409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
    assert refusal(iam.delete_role, RoleName=name) == conflict
    for arn in arns:
        iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    assert refusal(iam.detach_role_policy, RoleName=name, PolicyArn=own) == (
        404, "NoSuchEntity", f"Policy {own} was not found.",
    )  # fmt: skip
    iam.delete_role(RoleName=name)


def test_what_is_no_policy_is_not_attached(iam, entities):
    name = entities.role()
    missing = f"arn:aws:iam::{ACCOUNT}:policy/{entities.name()}"
    assert refusal(iam.attach_role_policy, RoleName=name, PolicyArn=missing) == (
        404, "NoSuchEntity", f"Policy {missing} does not exist or is not attachable.",
    )  # fmt: skip
    role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    assert refusal(iam.attach_role_policy, RoleName=name, PolicyArn=role) == (
        400, "InvalidInput", f"ARN {role} is not valid.",
    )  # fmt: skip
    for number in range(10):
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/P{number}")
    assert refusal(iam.attach_role_policy, RoleName=name, PolicyArn=BASIC_EXECUTION) == (
        409, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10",
    )  # fmt: skip


def test_inline_policies(iam, entities):
    name = entities.role()
    for policy in ["c", "a", "b"]:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(PERMISSIONS))
    assert listed(iam, "list_role_policies", "PolicyNames", RoleName=name) == ["a", "b", "c"]
    policy = iam.get_role_policy(RoleName=name, PolicyName="a")
    assert (policy["RoleName"], policy["PolicyName"], policy["PolicyDocument"]) == (name, "a", PERMISSIONS)
    conflict = (409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
    assert refusal(iam.delete_role, RoleName=name) == conflict
    for policy in ["a", "b", "c"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    missing = (404, "NoSuchEntity", "The role policy with name a cannot be found.")
    assert refusal(iam.get_role_policy, RoleName=name, PolicyName="a") == missing
    assert refusal(iam.delete_role_policy, RoleName=name, PolicyName="a") == missing
    long = json.dumps(PERMISSIONS).replace("a-bucket", "x" * 10_240)
    assert refusal(iam.put_role_policy, RoleName=name, PolicyName="a", PolicyDocument=long) == (
        409, "LimitExceeded", f"Maximum policy size of 10240 bytes exceeded for role {name}",
    )  # fmt: skip


def test_of_concurrent_changes_of_a_role_none_is_lost(iam, entities):
    name = entities.role()

    def put(number):
        iam.put_role_policy(RoleName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(PERMISSIONS))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(8)))
    assert len(iam.list_role_policies(RoleName=name)["PolicyNames"]) == 8


def test_role_has_no_instance_profiles(iam, entities):
    assert listed(iam, "list_instance_profiles_for_role", "InstanceProfiles", RoleName=entities.role()) == []


def test_permissions_boundary(iam, entities):
    own = entities.policy()
    name = entities.role(PermissionsBoundary=own)
    boundary = iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]
    assert boundary["PermissionsBoundaryArn"] == own
    assert refusal(iam.delete_policy, PolicyArn=own)[:2] == (409, "DeleteConflict")
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=BASIC_EXECUTION)
    iam.delete_policy(PolicyArn=own)
    iam.delete_role_permissions_boundary(RoleName=name)
    assert "PermissionsBoundary" not in iam.get_role(RoleName=name)["Role"]


# Managed policies.


def test_created_policy_is_shown(iam, entities):
    name = entities.name()
    created = iam.create_policy(
        PolicyName=name, Path=entities.path, PolicyDocument=json.dumps(PERMISSIONS), Description="d",
        Tags=[{"Key": "k", "Value": "v"}],
    )["Policy"]  # fmt: skip
    arn = f"arn:aws:iam::{ACCOUNT}:policy{entities.path}{name}"
    assert created["Arn"] == arn
    assert re.fullmatch("ANPA[A-Z0-9]{17}", created["PolicyId"])
    iam.get_waiter("policy_exists").wait(PolicyArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    shown = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (shown["DefaultVersionId"], shown["AttachmentCount"], shown["IsAttachable"]) == ("v1", 0, True)
    assert (shown["Description"], shown["Tags"]) == ("d", [{"Key": "k", "Value": "v"}])
    assert shown["PolicyId"] == created["PolicyId"]
    assert refusal(iam.create_policy, PolicyName=name, PolicyDocument=json.dumps(PERMISSIONS)) == (
        409, "EntityAlreadyExists", f"A policy called {name} already exists. Duplicate names are not allowed.",
    )  # fmt: skip


def test_versions_of_a_policy(iam, entities):
    arn = entities.policy()
    document = json.dumps(PERMISSIONS).replace("GetObject", "PutObject")
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)["PolicyVersion"]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", True)
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document)
    status, code, message = refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=document)
    assert (status, code) == (409, "LimitExceeded")
    assert message.startswith("A managed policy can have up to 5 versions.")
    default = (409, "DeleteConflict", "Cannot delete the default version of a policy.")
    assert refusal(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == default
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=document)["PolicyVersion"]["VersionId"] == "v6"
    versions = listed(iam, "list_policy_versions", "Versions", PolicyArn=arn)
    assert [version["VersionId"] for version in versions] == ["v6", "v4", "v3", "v2", "v1"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == PERMISSIONS
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    for operation in (iam.get_policy_version, iam.delete_policy_version, iam.set_default_policy_version):
        assert refusal(operation, PolicyArn=arn, VersionId="v9")[:2] == (404, "NoSuchEntity")


def test_policy_is_deleted_when_nobody_uses_it_and_one_version_is_left(iam, entities):
    arn, name = entities.policy(), entities.role()
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(PERMISSIONS))
    attached = (409, "DeleteConflict", "Cannot delete a policy attached to entities.")
    assert refusal(iam.delete_policy, PolicyArn=arn) == attached
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    status, code, message = refusal(iam.delete_policy, PolicyArn=arn)
    assert (status, code) == (409, "DeleteConflict")
    assert message.startswith("This policy has more than one version.")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    missing = (404, "NoSuchEntity", f"Policy {arn} was not found.")
    assert refusal(iam.get_policy, PolicyArn=arn) == missing
    assert refusal(iam.delete_policy, PolicyArn=arn) == missing


def test_policies_of_aws(iam, entities):
    policy = iam.get_policy(PolicyArn=BASIC_EXECUTION)["Policy"]
    assert (policy["PolicyName"], policy["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    version = policy["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=BASIC_EXECUTION, VersionId=version)["PolicyVersion"]["Document"]
    assert "logs:PutLogEvents" in document["Statement"][0]["Action"]
    assert len(iam.list_policy_versions(PolicyArn=BASIC_EXECUTION)["Versions"]) == 1
    assert refusal(iam.delete_policy, PolicyArn=BASIC_EXECUTION)[:2] == (403, "AccessDenied")


def test_policies_are_listed(iam, entities):
    own, name = sorted(entities.policy() for _ in range(3)), entities.role()
    iam.attach_role_policy(RoleName=name, PolicyArn=own[1])
    mine = listed(iam, "list_policies", "Policies", Scope="Local", PathPrefix=entities.path)
    assert [policy["Arn"] for policy in mine] == own
    assert all("Tags" not in policy for policy in mine)
    attached = listed(iam, "list_policies", "Policies", OnlyAttached=True, PathPrefix=entities.path)
    assert [policy["Arn"] for policy in attached] == own[1:2]
    of_aws = listed(iam, "list_policies", "Policies", Scope="AWS")
    assert BASIC_EXECUTION in [policy["Arn"] for policy in of_aws]
    assert all(policy["Arn"].startswith("arn:aws:iam::aws:") for policy in of_aws)
    assert refusal(iam.list_policies, Scope="Mine")[:2] == (400, "ValidationError")


def test_entities_of_a_policy(iam, entities):
    arn = entities.policy()
    names = [entities.role() for _ in range(3)]
    for name in names:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    roles = listed(iam, "list_entities_for_policy", "PolicyRoles", PolicyArn=arn)
    assert [role["RoleName"] for role in roles] == sorted(names)
    answer = iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="User")
    assert (answer["PolicyRoles"], answer["PolicyUsers"], answer["PolicyGroups"]) == ([], [], [])


def test_tags_of_a_policy(iam, entities):
    arn = entities.policy()
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(3)])
    assert len(listed(iam, "list_policy_tags", "Tags", PolicyArn=arn)) == 3
    iam.untag_policy(PolicyArn=arn, TagKeys=["k0", "k1"])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "k2", "Value": "v"}]


# Documents and other constraints.


def statement(**members):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members}]})


LAMBDA = {"Service": "lambda.amazonaws.com"}


@pytest.mark.parametrize(
    "document, message",
    [
        ("{", "This policy contains invalid Json"),
        ("{}", "Syntax errors in policy."),
        (statement(Principal=LAMBDA, Action="sts:AssumeRole", Resource="*"), "Has prohibited field Resource"),
        (statement(Principal=LAMBDA), "Missing required field Action"),
        (statement(Action="sts:AssumeRole"), "Missing required field Principal"),
        (
            statement(Principal=LAMBDA, Action="s3:GetObject"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            statement(Principal={"Service": "lambda"}, Action="sts:AssumeRole"),
            'Invalid principal in policy: "SERVICE":"lambda"',
        ),
    ],
)
def test_trust_policy_is_checked(iam, entities, document, message):
    expected = (400, "MalformedPolicyDocument", message)
    name = entities.name()
    assert refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=document) == expected
    assert refusal(iam.get_role, RoleName=name) == role_not_found(name)
    role = entities.role()
    assert refusal(iam.update_assume_role_policy, RoleName=role, PolicyDocument=document) == expected


@pytest.mark.parametrize(
    "document, message",
    [
        ("{", "Syntax errors in policy."),
        (statement(Action="s3:GetObject"), "Policy statement must contain resources."),
        (statement(Resource="*"), "Policy statement must contain actions."),
        (
            statement(Principal=LAMBDA, Action="s3:GetObject", Resource="*"),
            "Policy document should not specify a principal.",
        ),
        (
            statement(Action="s3:GetObject", Resource="bucket"),
            'Resource bucket must be in ARN format or "*".',
        ),
    ],
)
def test_policy_of_permissions_is_checked(iam, entities, document, message):
    expected = (400, "MalformedPolicyDocument", message)
    role, arn = entities.role(), entities.policy()
    assert refusal(iam.put_role_policy, RoleName=role, PolicyName="p", PolicyDocument=document) == expected
    assert refusal(iam.create_policy, PolicyName=entities.name(), PolicyDocument=document) == expected
    assert refusal(iam.create_policy_version, PolicyArn=arn, PolicyDocument=document) == expected


def test_constraints_are_checked(iam):
    def message_of(operation, **parameters):
        status, code, message = refusal(operation, **parameters)
        assert (status, code) == (400, "ValidationError")
        return message

    document = json.dumps(TRUST)
    assert message_of(iam.get_role, RoleName="a/b") == f"The specified value for roleName is invalid. {NAME_RULE}"
    assert message_of(iam.get_role, RoleName="r" * 65) == (
        f"1 validation error detected: Value '{'r' * 65}' at 'roleName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64"
    )
    assert "at 'roleName' failed to satisfy constraint: Member must not be null" in message_of(iam.get_role)
    short = message_of(iam.create_role, RoleName="r", AssumeRolePolicyDocument=document, MaxSessionDuration=60)
    assert "Value '60' at 'maxSessionDuration'" in short and "greater than or equal to 3600" in short
    path = message_of(iam.create_role, RoleName="r", AssumeRolePolicyDocument=document, Path="nowhere")
    assert path.startswith("The specified value for path is invalid. It must begin and end with /")
    assert "less than or equal to 1000" in message_of(iam.list_roles, MaxItems=1001)
    assert "at 'policyArn'" in message_of(iam.get_policy, PolicyArn="short")


def test_what_is_no_operation_is_refused(iam, server):
    assert refusal(iam.create_user, UserName="u")[:2] == (501, "NotImplemented")
    form = urllib.parse.urlencode({"Action": "Nonsense", "Version": "2010-05-08"}).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server.endpoint}/", data=form)
    with caught.value as response:
        assert response.status == 400
        assert "<Code>InvalidAction</Code>" in response.read().decode()


# Roles and functions.


def test_function_is_created_with_a_role(iam, entities, functions):
    name = entities.role()
    iam.get_waiter("role_exists").wait(RoleName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    iam.attach_role_policy(RoleName=name, PolicyArn=BASIC_EXECUTION)
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    function = functions.create("def handler(event, context): return event", Role=arn)
    assert functions.client.get_function_configuration(FunctionName=function.name)["Role"] == arn


def test_roles_outlast_the_server(own_server):
    iam = make_client(own_server, "iam")
    entities = Entities(iam)
    name, arn = entities.role(), entities.policy()
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    before = iam.get_role(RoleName=name)["Role"]
    own_server.kill()
    own_server.start()
    iam = make_client(own_server, "iam")
    assert iam.get_role(RoleName=name)["Role"] == before
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [arn]


def test_command_line_creates_a_role(aws, entities):
    name = entities.name()
    role = aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document", json.dumps(TRUST))["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/{name}"
    aws("iam", "wait", "role-exists", "--role-name", name)
    aws("iam", "attach-role-policy", "--role-name", name, "--policy-arn", BASIC_EXECUTION)
    attached = aws("iam", "list-attached-role-policies", "--role-name", name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [BASIC_EXECUTION]
    failed = aws("iam", "delete-role", "--role-name", name, check=False)
    assert failed.returncode != 0
    assert "(DeleteConflict)" in failed.stderr
    assert aws("sts", "get-caller-identity")["Account"] == ACCOUNT
