"""Tags of functions."""

import concurrent.futures

import pytest
from botocore.exceptions import ClientError
from lambda_client import ACCOUNT, REGION, make_client

CODE = "def handler(event, context): return 1"


@pytest.fixture
def tagged(functions):
    return functions.create(CODE, Tags={"team": "birds", "stage": "egg"})


def arn(function):
    return function.configuration["FunctionArn"]


def test_tags_are_added_replaced_and_taken_away(tagged):
    client = tagged.client
    revision = client.get_function_configuration(FunctionName=tagged.name)["RevisionId"]
    client.tag_resource(Resource=arn(tagged), Tags={"stage": "nest", "colour": "grün"})
    expected = {"team": "birds", "stage": "nest", "colour": "grün"}
    assert client.list_tags(Resource=arn(tagged))["Tags"] == expected
    assert client.get_function(FunctionName=tagged.name)["Tags"] == expected
    client.untag_resource(Resource=arn(tagged), TagKeys=["team", "never", "colour"])
    assert client.list_tags(Resource=arn(tagged))["Tags"] == {"stage": "nest"}
    client.untag_resource(Resource=arn(tagged), TagKeys=["stage"])
    assert client.list_tags(Resource=arn(tagged))["Tags"] == {}
    assert "Tags" not in client.get_function(FunctionName=tagged.name)
    # They are no part of the configuration.
    assert client.get_function_configuration(FunctionName=tagged.name)["RevisionId"] == revision


def test_fifty_tags_and_no_more(tagged):
    client = tagged.client
    client.tag_resource(Resource=arn(tagged), Tags={f"key{number}": "" for number in range(48)})
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="exceeds resource tag limit"):
        client.tag_resource(Resource=arn(tagged), Tags={"one": "more"})
    assert len(client.list_tags(Resource=arn(tagged))["Tags"]) == 50


def test_tags_survive_kill(own_server, own_functions):
    function = own_functions.create(CODE)
    function.client.tag_resource(Resource=arn(function), Tags={"kept": "yes"})
    own_server.kill()
    own_server.start()
    assert make_client(own_server).list_tags(Resource=arn(function))["Tags"] == {"kept": "yes"}


PREFIX = f"arn:aws:lambda:{REGION}:{ACCOUNT}"


@pytest.mark.parametrize(
    ("resource", "status", "code", "message"),
    [
        (f"{PREFIX}:function:missing", 404, "ResourceNotFoundException", f"Function not found: {PREFIX}:function:missing"),
        ("{arn}:1", 400, "InvalidParameterValueException",
         "Tags on function aliases and versions are not supported. Please specify a function ARN."),
        (f"{PREFIX}:event-source-mapping:00000000-0000-4000-8000-000000000000", 404, "ResourceNotFoundException",
         f"Event source mapping not found: {PREFIX}:event-source-mapping:00000000-0000-4000-8000-000000000000"),
        ("nonsense", 400, "ValidationException", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("operation", ["tag_resource", "untag_resource", "list_tags"])
def test_bad_resource_is_refused(tagged, operation, resource, status, code, message):
    more = {"tag_resource": {"Tags": {"a": "b"}}, "untag_resource": {"TagKeys": ["a"]}}.get(operation, {})
    with pytest.raises(ClientError) as raised:
        getattr(tagged.client, operation)(Resource=resource.format(arn=arn(tagged)), **more)
    response = raised.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)
    assert message is None or response["Error"]["Message"] == message


def test_nothing_to_do_is_an_error(tagged):
    with pytest.raises(tagged.client.exceptions.InvalidParameterValueException, match="cannot be processed"):
        tagged.client.tag_resource(Resource=arn(tagged), Tags={})
    with pytest.raises(ClientError, match="tagKeys"):
        tagged.client.untag_resource(Resource=arn(tagged), TagKeys=[])


def test_function_has_no_code_signing_configuration(tagged):
    answer = tagged.client.get_function_code_signing_config(FunctionName=tagged.name)
    assert "CodeSigningConfigArn" not in answer
    with pytest.raises(tagged.client.exceptions.ResourceNotFoundException):
        tagged.client.get_function_code_signing_config(FunctionName="missing")


def test_many_change_tags_at_once(server, functions):
    function = functions.create(CODE)
    clients = [make_client(server) for _ in range(8)]

    def tag(number):
        clients[number].tag_resource(Resource=arn(function), Tags={f"key{number}": str(number)})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(tag, range(8)))
    assert function.client.list_tags(Resource=arn(function))["Tags"] == {f"key{n}": str(n) for n in range(8)}
