"""Code signing configurations: kept, shown, used by functions, and in the way of packages that nobody has signed."""

import re

import pytest
from lambda_client import ACCOUNT, REGION, error_of, function_arn, make_client
from packages import package

CODE = "def handler(event, context): return 1"
PUBLISHERS = {"SigningProfileVersionArns": [f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/abc"]}
OTHERS = {"SigningProfileVersionArns": [f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/q/def"]}
MISSING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-00000000000000000"
MISSING_OF_FUNCTION = (
    404, "CodeSigningConfigNotFoundException",
    f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {MISSING}.",
)  # fmt: skip


@pytest.fixture
def configs(client):
    """Creates configurations, and deletes them."""
    arns = []

    def create(policy=None, **parameters):
        if policy:
            parameters["CodeSigningPolicies"] = {"UntrustedArtifactOnDeployment": policy}
        config = client.create_code_signing_config(AllowedPublishers=PUBLISHERS, **parameters)["CodeSigningConfig"]
        arns.append(config["CodeSigningConfigArn"])
        return config

    yield create
    for arn in arns:
        try:
            client.delete_code_signing_config(CodeSigningConfigArn=arn)
        except client.exceptions.ResourceNotFoundException:
            pass


@pytest.fixture
def signed(configs, functions):
    """A configuration's ARN, and a function of it; functions go before their configurations."""

    def create(policy=None):
        arn = configs(policy)["CodeSigningConfigArn"]
        return arn, functions.create(CODE, CodeSigningConfigArn=arn)

    return create


def shown(client, arn):
    return client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]


def test_configuration_is_created_shown_changed_and_deleted(client, configs):
    config = configs(Description="first")
    arn = config["CodeSigningConfigArn"]
    assert re.fullmatch(r"csc-[a-z0-9]{17}", config["CodeSigningConfigId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", config["LastModified"])
    assert config == {
        "CodeSigningConfigId": config["CodeSigningConfigId"],
        "CodeSigningConfigArn": MISSING.replace("csc-00000000000000000", config["CodeSigningConfigId"]),
        "Description": "first", "AllowedPublishers": PUBLISHERS,
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"}, "LastModified": config["LastModified"],
    }  # fmt: skip
    assert shown(client, arn) == config
    updated = client.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}
    )["CodeSigningConfig"]
    assert updated == shown(client, arn) == {
        **config, "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Enforce"},
        "LastModified": updated["LastModified"],
    }  # fmt: skip
    client.update_code_signing_config(CodeSigningConfigArn=arn, Description="", AllowedPublishers=OTHERS)
    assert (shown(client, arn)["Description"], shown(client, arn)["AllowedPublishers"]) == ("", OTHERS)
    deleted = client.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    not_found = (404, "ResourceNotFoundException", f"The Lambda code signing configuration {arn} can not be found.")
    assert error_of(client.get_code_signing_config, CodeSigningConfigArn=arn) == not_found
    assert error_of(client.delete_code_signing_config, CodeSigningConfigArn=arn) == not_found
    assert error_of(client.update_code_signing_config, CodeSigningConfigArn=arn, Description="x")[:2] == not_found[:2]
    assert error_of(client.list_functions_by_code_signing_config, CodeSigningConfigArn=arn)[:2] == not_found[:2]


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({}, "allowedPublishers"),
        ({"AllowedPublishers": {"SigningProfileVersionArns": []}}, "signingProfileVersionArns"),
        ({"AllowedPublishers": {"SigningProfileVersionArns": ["x"]}}, "signingProfileVersionArns"),
        ({"AllowedPublishers": PUBLISHERS, "Description": "x" * 257}, "description"),
        ({"AllowedPublishers": PUBLISHERS, "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Maybe"}},
         "untrustedArtifactOnDeployment"),
    ],
)  # fmt: skip
def test_member_that_the_model_does_not_allow(client, parameters, member):
    status, code, message = error_of(client.create_code_signing_config, **parameters)
    assert (status, code) == (400, "ValidationException")
    assert member in message


def test_configurations_are_listed_page_by_page(client, configs):
    mine = [configs()["CodeSigningConfigArn"] for _ in range(5)]

    def listed(**parameters):
        pages = client.get_paginator("list_code_signing_configs").paginate(PaginationConfig=parameters)
        return [config["CodeSigningConfigArn"] for page in pages for config in page["CodeSigningConfigs"]]

    assert [arn for arn in listed(PageSize=2) if arn in mine] == [arn for arn in listed() if arn in mine]
    assert set(mine) <= set(listed(PageSize=1))
    # A marker stays good when what it stands behind goes.
    first = client.list_code_signing_configs(MaxItems=2)
    last = first["CodeSigningConfigs"][-1]["CodeSigningConfigArn"]
    expected = set(mine) - {config["CodeSigningConfigArn"] for config in first["CodeSigningConfigs"]}
    if last in mine:
        client.delete_code_signing_config(CodeSigningConfigArn=last)
    more = configs()["CodeSigningConfigArn"]
    rest = client.list_code_signing_configs(Marker=first["NextMarker"])["CodeSigningConfigs"]
    assert expected <= {config["CodeSigningConfigArn"] for config in rest} <= set(listed())
    assert more in listed()


def test_function_has_one_when_it_is_created_and_later(client, configs, functions):
    arn = configs()["CodeSigningConfigArn"]
    created = functions.create(CODE, CodeSigningConfigArn=arn)
    other = functions.create(CODE)

    def config_of(function):
        answer = client.get_function_code_signing_config(FunctionName=function.name)
        del answer["ResponseMetadata"]
        return answer

    assert config_of(created) == {"CodeSigningConfigArn": arn, "FunctionName": created.name}
    assert "CodeSigningConfigArn" not in config_of(other)
    put = client.put_function_code_signing_config(FunctionName=other.name, CodeSigningConfigArn=arn)
    assert (put["CodeSigningConfigArn"], put["FunctionName"]) == (arn, other.name)
    users = client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)
    assert users["FunctionArns"] == sorted([function_arn(created.name), function_arn(other.name)])
    pages = client.get_paginator("list_functions_by_code_signing_config").paginate(
        CodeSigningConfigArn=arn, PaginationConfig={"PageSize": 1}
    )
    assert [page["FunctionArns"] for page in pages] == [[user] for user in users["FunctionArns"]]
    for function in created, other:
        answer = client.delete_function_code_signing_config(FunctionName=function.name)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert "CodeSigningConfigArn" not in config_of(function)
    assert client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == []


def test_configuration_in_use_is_not_deleted(client, signed):
    arn, function = signed()
    status, code, message = error_of(client.delete_code_signing_config, CodeSigningConfigArn=arn)
    assert (status, code) == (409, "ResourceConflictException")
    assert function.name in message
    client.delete_function(FunctionName=function.name)
    client.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_configuration_that_is_missing(client, functions):
    function = functions.create(CODE)
    put = client.put_function_code_signing_config
    assert error_of(put, FunctionName=function.name, CodeSigningConfigArn=MISSING) == MISSING_OF_FUNCTION
    assert error_of(functions.create, code=CODE, CodeSigningConfigArn=MISSING) == MISSING_OF_FUNCTION


def test_function_that_is_missing(client, configs):
    arn = configs()["CodeSigningConfigArn"]
    missing = (404, "ResourceNotFoundException", f"Function not found: {function_arn('missing-function')}")
    for call, more in [
        (client.put_function_code_signing_config, {"CodeSigningConfigArn": arn}),
        (client.get_function_code_signing_config, {}), (client.delete_function_code_signing_config, {}),
    ]:  # fmt: skip
        assert error_of(call, FunctionName="missing-function", **more) == missing


def test_enforced_signatures_refuse_packages(client, configs, functions, signed):
    arn = configs("Enforce")["CodeSigningConfigArn"]
    assert error_of(functions.create, code=CODE, CodeSigningConfigArn=arn)[:2] == (
        400, "CodeVerificationFailedException"
    )  # fmt: skip
    _, function = signed("Warn")
    code = package({"app.py": "def handler(event, context): return 2"})
    client.update_function_code(FunctionName=function.name, ZipFile=code)
    function.wait_until_updated()
    before = client.get_function_configuration(FunctionName=function.name)["CodeSha256"]
    client.put_function_code_signing_config(FunctionName=function.name, CodeSigningConfigArn=arn)
    # What is there goes on.
    assert function.ask() == 2
    other = package({"app.py": "def handler(event, context): return 3"})
    for more in {}, {"DryRun": True}, {"Publish": True}:
        error = error_of(client.update_function_code, FunctionName=function.name, ZipFile=other, **more)
        assert error[:2] == (400, "CodeVerificationFailedException")
    assert client.get_function_configuration(FunctionName=function.name)["CodeSha256"] == before
    client.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"}
    )
    client.update_function_code(FunctionName=function.name, ZipFile=other)
    function.wait_until_updated()
    assert function.ask() == 3


def test_tags(client, configs):
    arn = configs(Tags={"team": "birds"})["CodeSigningConfigArn"]
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "birds"}
    client.tag_resource(Resource=arn, Tags={"stage": "egg"})
    client.untag_resource(Resource=arn, TagKeys=["team"])
    assert client.list_tags(Resource=arn)["Tags"] == {"stage": "egg"}
    assert "Tags" not in shown(client, arn)
    many = {f"key{number}": "" for number in range(50)}
    limit = (400, "InvalidParameterValueException", "Number of tags exceeds resource tag limit.")
    assert error_of(client.tag_resource, Resource=arn, Tags=many) == limit
    for call, more in [(client.list_tags, {}), (client.tag_resource, {"Tags": {"a": "b"}})]:
        assert error_of(call, Resource=MISSING, **more)[:2] == (404, "ResourceNotFoundException")


def test_configurations_survive_kill(own_server, own_functions):
    client = own_functions.client
    config = client.create_code_signing_config(AllowedPublishers=PUBLISHERS, Tags={"a": "b"})["CodeSigningConfig"]
    arn = config["CodeSigningConfigArn"]
    function = own_functions.create(CODE, CodeSigningConfigArn=arn)
    own_server.kill()
    own_server.start()
    client = make_client(own_server)
    assert shown(client, arn) == config
    assert client.list_tags(Resource=arn)["Tags"] == {"a": "b"}
    assert client.get_function_code_signing_config(FunctionName=function.name)["CodeSigningConfigArn"] == arn
    assert error_of(client.delete_code_signing_config, CodeSigningConfigArn=arn)[0] == 409
