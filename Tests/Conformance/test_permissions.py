"""Resource policies of functions, versions and aliases: a statement at a time, and as whole documents."""

import concurrent.futures
import json
import re

import pytest
from lambda_client import ACCOUNT, REGION, error_of, function_arn, make_client

CODE = "def handler(event, context): return 1"
NO_POLICY = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
POLICY_SIZE_MAX = 20_480
#: A revision that nothing ever has.
OTHER_REVISION = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def function(functions):
    return functions.create(CODE, Publish=True)


def add(function, sid="one", action="lambda:InvokeFunction", principal="s3.amazonaws.com", **more):
    """Adds a statement and returns it."""
    answer = function.client.add_permission(
        FunctionName=function.name, StatementId=sid, Action=action, Principal=principal, **more
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    return answer["Statement"]


def policy_of(function, **more):
    return json.loads(function.client.get_policy(FunctionName=function.name, **more)["Policy"])


def sids(function, **more):
    return [statement["Sid"] for statement in policy_of(function, **more)["Statement"]]


def revision_of(function, **more):
    return function.client.get_policy(FunctionName=function.name, **more)["RevisionId"]


def test_statement_and_policy_to_the_byte(function):
    statement = add(function, SourceArn="arn:aws:s3:::bucket", SourceAccount="111122223333")
    assert statement == (
        '{"Sid":"one","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",'
        f'"Resource":"{function_arn(function.name)}","Condition":{{"StringEquals":{{"AWS:SourceAccount":"111122223333"}},'
        '"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}'
    )
    answer = function.client.get_policy(FunctionName=function.name)
    assert answer["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}'
    assert len(answer["RevisionId"]) == 36


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
        ("elasticloadbalancing.amazonaws.com", {"Service": "elasticloadbalancing.amazonaws.com"}),
        ("111122223333", {"AWS": "arn:aws:iam::111122223333:root"}),
        ("arn:aws:iam::111122223333:root", {"AWS": "arn:aws:iam::111122223333:root"}),
        ("arn:aws:iam::111122223333:role/path/name", {"AWS": "arn:aws:iam::111122223333:role/path/name"}),
        ("*", "*"),
    ],
)
def test_principal(function, principal, shown):
    assert json.loads(add(function, principal=principal)) == {
        "Sid": "one", "Effect": "Allow", "Principal": shown, "Action": "lambda:InvokeFunction",
        "Resource": function_arn(function.name),
    }  # fmt: skip


@pytest.mark.parametrize("principal", ["nobody", "12345", "arn:aws:s3:::bucket", "s3.example.com"])
def test_principal_that_is_none(function, principal):
    error = error_of(
        function.client.add_permission, FunctionName=function.name, StatementId="one", Action="lambda:InvokeFunction",
        Principal=principal,
    )  # fmt: skip
    assert error == (
        400, "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
    )  # fmt: skip
    assert error_of(function.client.get_policy, FunctionName=function.name) == NO_POLICY


@pytest.mark.parametrize(
    ("action", "parameters", "condition"),
    [
        ("lambda:InvokeFunction", {"SourceArn": "arn:aws:sns:us-east-1:111122223333:topic"},
         {"ArnLike": {"AWS:SourceArn": "arn:aws:sns:us-east-1:111122223333:topic"}}),
        ("lambda:InvokeFunction", {"SourceAccount": "111122223333"},
         {"StringEquals": {"AWS:SourceAccount": "111122223333"}}),
        ("lambda:InvokeFunction", {"PrincipalOrgID": "o-a1b2c3d4e5"},
         {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        ("lambda:InvokeFunction", {"EventSourceToken": "amzn1.ask.skill.1"},
         {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.1"}}),
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"},
         {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}),
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "AWS_IAM"},
         {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": False}, {"Bool": {"lambda:InvokedViaFunctionUrl": "false"}}),
        ("lambda:*", {"SourceAccount": "111122223333", "PrincipalOrgID": "o-a1b2c3d4e5"},
         {"StringEquals": {"AWS:SourceAccount": "111122223333", "aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        ("*", {}, None),
    ],
)  # fmt: skip
def test_condition(function, action, parameters, condition):
    statement = json.loads(add(function, action=action, principal="*", **parameters))
    assert (statement["Action"], statement.get("Condition")) == (action, condition)
    assert policy_of(function)["Statement"] == [statement]


def test_url_auth_type_is_for_urls_alone(function):
    error = error_of(
        function.client.add_permission, FunctionName=function.name, StatementId="one", Action="lambda:InvokeFunction",
        Principal="*", FunctionUrlAuthType="NONE",
    )  # fmt: skip
    assert error == (
        400, "InvalidParameterValueException",
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({"StatementId": "with space"}, "statementId"), ({"StatementId": "x" * 101}, "statementId"),
        ({"Action": "s3:GetObject"}, "action"), ({"SourceAccount": "12"}, "sourceAccount"),
        ({"SourceArn": "nonsense"}, "sourceArn"), ({"PrincipalOrgID": "org"}, "principalOrgID"),
        ({"FunctionUrlAuthType": "SOME"}, "functionUrlAuthType"),
    ],
)  # fmt: skip
def test_member_that_the_model_does_not_allow(function, parameters, member):
    status, code, message = error_of(
        function.client.add_permission,
        **{"FunctionName": function.name, "StatementId": "one", "Action": "lambda:InvokeFunction", "Principal": "*",
           **parameters},
    )  # fmt: skip
    assert (status, code) == (400, "ValidationException")
    assert f"at '{member}' failed to satisfy constraint" in message


def test_policy_has_its_statements_in_their_order_and_a_revision_of_its_own(function):
    before = function.client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    revisions = []
    for sid in "c", "a", "b":
        add(function, sid)
        revisions.append(revision_of(function))
    assert sids(function) == ["c", "a", "b"]
    function.client.remove_permission(FunctionName=function.name, StatementId="a")
    assert sids(function) == ["c", "b"]
    assert len({*revisions, revision_of(function)}) == 4
    assert function.client.get_function_configuration(FunctionName=function.name)["RevisionId"] == before


def test_statement_id_is_used_once(function):
    add(function, "s3")
    error = error_of(add, function=function, sid="s3", principal="sns.amazonaws.com")
    assert error == (
        409, "ResourceConflictException",
        "The statement id (s3) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
    )  # fmt: skip
    assert policy_of(function)["Statement"][0]["Principal"] == {"Service": "s3.amazonaws.com"}


def test_revision_guards_the_policy(function):
    stale = (
        412, "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetPolicy API to retrieve the latest Revision Id",
    )  # fmt: skip
    assert error_of(add, function=function, RevisionId=OTHER_REVISION) == stale
    add(function, "one")
    first = revision_of(function)
    add(function, "two", RevisionId=first)
    assert error_of(add, function=function, sid="three", RevisionId=first) == stale
    remove = function.client.remove_permission
    assert error_of(remove, FunctionName=function.name, StatementId="one", RevisionId=first) == stale
    assert sids(function) == ["one", "two"]
    remove(FunctionName=function.name, StatementId="one", RevisionId=revision_of(function))
    assert sids(function) == ["two"]


def test_unpublished_version_has_no_policy_by_its_name(function):
    refused = (
        400, "InvalidParameterValueException", "We currently do not support adding policies for $LATEST.",
    )  # fmt: skip
    assert error_of(add, function=function, Qualifier="$LATEST") == refused


def test_function_version_and_alias_have_policies_of_their_own(function):
    client = function.client
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    for qualifier in "1", "live":
        statement = json.loads(add(function, f"for-{qualifier}", Qualifier=qualifier))
        assert statement["Resource"] == function_arn(function.name, qualifier)
    assert error_of(client.get_policy, FunctionName=function.name) == NO_POLICY
    add(function, "for-all")
    assert sids(function) == ["for-all"]
    assert sids(function, Qualifier="1") == ["for-1"]
    assert sids(function, Qualifier="live") == ["for-live"]
    # By the function's name and by its ARN.
    for name, sid in (f"{function.name}:live", "for-live"), (function_arn(function.name, "1"), "for-1"):
        assert json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"][0]["Sid"] == sid
    client.remove_permission(FunctionName=function.name, StatementId="for-live", Qualifier="live")
    assert error_of(client.get_policy, FunctionName=function.name, Qualifier="live") == NO_POLICY
    assert sids(function, Qualifier="1") == ["for-1"]


def test_nothing_to_remove(function):
    client = function.client

    def remove(name, **more):
        return error_of(client.remove_permission, FunctionName=name, StatementId="none", **more)

    not_found = (404, "ResourceNotFoundException")
    assert remove("missing-function") == (*not_found, f"No policy found for: {function_arn('missing-function')}")
    assert remove(function.name) == (*not_found, "No policy is associated with the given resource.")
    add(function)
    assert remove(function.name) == (*not_found, "Statement none is not found in resource policy.")
    assert remove(function.name, Qualifier="1") == (*not_found, "No policy is associated with the given resource.")
    client.remove_permission(FunctionName=function.name, StatementId="one")
    assert remove(function.name) == (*not_found, "No policy is associated with the given resource.")


def test_what_is_missing_has_no_policy(function):
    client = function.client
    assert error_of(client.get_policy, FunctionName="missing-function") == NO_POLICY
    assert error_of(client.get_policy, FunctionName=function.name, Qualifier="9") == NO_POLICY
    for qualifier in "9", "nowhere":
        assert error_of(add, function=function, Qualifier=qualifier) == (
            404, "ResourceNotFoundException", f"Function not found: {function_arn(function.name, qualifier)}"
        )  # fmt: skip


def test_policy_is_at_most_20_kilobytes(function):
    long_source = "arn:aws:s3:::" + "b" * 2700
    for count in range(6):
        add(function, f"statement-{count}", SourceArn=long_source)
    kept = function.client.get_policy(FunctionName=function.name)
    status, code, message = error_of(add, function=function, sid="large", SourceArn=long_source)
    assert (status, code) == (400, "PolicyLengthExceededException")
    assert re.fullmatch(rf"The final policy size \(\d+\) is bigger than the limit \({POLICY_SIZE_MAX}\)\.", message)
    assert function.client.get_policy(FunctionName=function.name)["Policy"] == kept["Policy"]
    # To the last byte: what a statement has besides its source is known from another one.
    frame = len(add(function, "frame", SourceArn="arn:aws:s3:::")) + 1
    left = POLICY_SIZE_MAX - len(function.client.get_policy(FunctionName=function.name)["Policy"])
    source = "arn:aws:s3:::" + "b" * (left - frame)
    assert error_of(add, function=function, sid="exact", SourceArn=source + "b")[1] == "PolicyLengthExceededException"
    add(function, "exact", SourceArn=source)
    assert len(function.client.get_policy(FunctionName=function.name)["Policy"]) == POLICY_SIZE_MAX


def test_alias_takes_its_policy_along(function):
    client = function.client
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    add(function, Qualifier="live")
    client.delete_alias(FunctionName=function.name, Name="live")
    assert error_of(client.get_policy, FunctionName=function.name, Qualifier="live") == NO_POLICY
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    assert error_of(client.get_policy, FunctionName=function.name, Qualifier="live") == NO_POLICY
    add(function, Qualifier="live")


def test_version_takes_its_policy_along(function):
    client = function.client
    add(function, Qualifier="1")
    client.delete_function(FunctionName=function.name, Qualifier="1")
    assert error_of(client.get_policy, FunctionName=function.name, Qualifier="1") == NO_POLICY


def test_function_takes_its_policies_along(functions, function):
    client = function.client
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    for qualifier in {}, {"Qualifier": "1"}, {"Qualifier": "live"}:
        add(function, **qualifier)
    client.delete_function(FunctionName=function.name)
    again = functions.create(CODE, FunctionName=function.name, Publish=True)
    client.create_alias(FunctionName=again.name, Name="live", FunctionVersion="1")
    for qualifier in {}, {"Qualifier": "1"}, {"Qualifier": "live"}:
        assert error_of(client.get_policy, FunctionName=again.name, **qualifier) == NO_POLICY


def test_policies_survive_kill(own_server, own_functions):
    function = own_functions.create(CODE, Publish=True)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    add(function, "gone")
    kept = [add(function, "kept", SourceAccount="111122223333")]
    add(function, "of-version", Qualifier="1")
    add(function, "of-alias", Qualifier="live")
    function.client.remove_permission(FunctionName=function.name, StatementId="gone")
    before = function.client.get_policy(FunctionName=function.name)
    own_server.kill()
    own_server.start()
    function.client = make_client(own_server)
    after = function.client.get_policy(FunctionName=function.name)
    assert (after["Policy"], after["RevisionId"]) == (before["Policy"], before["RevisionId"])
    assert policy_of(function)["Statement"] == [json.loads(statement) for statement in kept]
    assert sids(function, Qualifier="1") == ["of-version"]
    assert sids(function, Qualifier="live") == ["of-alias"]
    add(function, "more", RevisionId=before["RevisionId"])


def test_many_add_statements_at_once(server, function):
    clients = [make_client(server) for _ in range(8)]

    def run(number):
        client = clients[number]
        for index in range(4):
            client.add_permission(
                FunctionName=function.name, StatementId=f"s-{number}-{index}", Action="lambda:InvokeFunction",
                Principal="s3.amazonaws.com",
            )  # fmt: skip

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert sorted(sids(function)) == sorted(f"s-{number}-{index}" for number in range(8) for index in range(4))


def test_one_of_many_gets_the_statement_id(server, function):
    clients = [make_client(server) for _ in range(8)]

    def run(client):
        try:
            client.add_permission(
                FunctionName=function.name, StatementId="same", Action="lambda:InvokeFunction", Principal="*"
            )
        except client.exceptions.ResourceConflictException:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(run, clients)) == [False] * 7 + [True]
    assert sids(function) == ["same"]


# The policy as a whole document.


def document(function, *statements, qualifier=None):
    resource = function_arn(function.name, qualifier)
    return json.dumps({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
             "Action": "lambda:InvokeFunction", "Resource": resource} for sid in statements
        ],
    })  # fmt: skip


def put(function, policy, qualifier=None, **more):
    return function.client.put_resource_policy(
        ResourceArn=function_arn(function.name, qualifier), Policy=policy, **more
    )


def test_document_and_statements_are_one_policy(function):
    client, arn = function.client, function_arn(function.name)
    answer = put(function, document(function, "first", "second"))
    shown = client.get_resource_policy(ResourceArn=arn)
    by_statements = client.get_policy(FunctionName=function.name)
    assert shown["Policy"] == by_statements["Policy"] == answer["Policy"]
    assert shown["RevisionId"] == by_statements["RevisionId"] == answer["RevisionId"]
    assert json.loads(shown["Policy"])["Statement"] == json.loads(document(function, "first", "second"))["Statement"]
    add(function, "third")
    client.remove_permission(FunctionName=function.name, StatementId="first")
    shown = json.loads(client.get_resource_policy(ResourceArn=arn)["Policy"])
    assert [statement["Sid"] for statement in shown["Statement"]] == ["second", "third"]
    assert error_of(add, function=function, sid="second")[:2] == (409, "ResourceConflictException")
    put(function, document(function, "only"))
    assert sids(function) == ["only"]
    client.delete_resource_policy(ResourceArn=arn)
    assert error_of(client.get_policy, FunctionName=function.name) == NO_POLICY
    assert error_of(client.get_resource_policy, ResourceArn=arn) == NO_POLICY
    assert error_of(client.delete_resource_policy, ResourceArn=arn) == NO_POLICY


def test_document_of_a_version_and_an_alias(function):
    client = function.client
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    for qualifier in "1", "live":
        put(function, document(function, f"of-{qualifier}", qualifier=qualifier), qualifier)
    assert sids(function, Qualifier="1") == ["of-1"]
    assert sids(function, Qualifier="live") == ["of-live"]
    assert error_of(client.get_policy, FunctionName=function.name) == NO_POLICY


def test_revision_guards_the_document(function):
    first = put(function, document(function, "first"))["RevisionId"]
    second = put(function, document(function, "second"), RevisionId=first)["RevisionId"]
    assert error_of(put, function=function, policy=document(function, "third"), RevisionId=first)[:2] == (
        412, "PreconditionFailedException"
    )  # fmt: skip
    delete = function.client.delete_resource_policy
    arn = function_arn(function.name)
    assert error_of(delete, ResourceArn=arn, RevisionId=first)[:2] == (412, "PreconditionFailedException")
    assert sids(function) == ["second"]
    delete(ResourceArn=arn, RevisionId=second)


@pytest.mark.parametrize(
    "policy",
    ["nonsense", "[]", "{}", '{"Statement":[]}', '{"Statement":["x"]}', '{"Statement":[{"Effect":"Allow"}]}'],
)
def test_document_that_is_no_policy(function, policy):
    status, code, message = error_of(put, function=function, policy=policy)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert "malformed" in message
    assert error_of(function.client.get_policy, FunctionName=function.name) == NO_POLICY


def test_document_with_one_sid_twice(function):
    assert error_of(put, function=function, policy=document(function, "same", "same"))[:2] == (
        400, "InvalidParameterValueException"
    )  # fmt: skip


def test_document_needs_what_it_is_for(function):
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:missing-function"
    policy = document(function, "one")
    assert error_of(function.client.put_resource_policy, ResourceArn=arn, Policy=policy)[:2] == (
        404, "ResourceNotFoundException"
    )  # fmt: skip
    assert error_of(function.client.get_resource_policy, ResourceArn=arn) == NO_POLICY
    assert error_of(put, function=function, policy=policy, qualifier="9")[:2] == (404, "ResourceNotFoundException")
    assert error_of(put, function=function, policy=policy, qualifier="$LATEST")[:2] == (
        400, "InvalidParameterValueException"
    )  # fmt: skip
    assert error_of(function.client.get_resource_policy, ResourceArn="nonsense")[:2] == (400, "ValidationException")


def test_document_survives_kill(own_server, own_functions):
    function = own_functions.create(CODE)
    answer = put(function, document(function, "kept"))
    own_server.kill()
    own_server.start()
    shown = make_client(own_server).get_resource_policy(ResourceArn=function_arn(function.name))
    assert (shown["Policy"], shown["RevisionId"]) == (answer["Policy"], answer["RevisionId"])
