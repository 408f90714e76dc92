"""Published versions and aliases: immutable, invoked by number and name, weighted, and gone when they are deleted."""

import collections

import pytest
from botocore.exceptions import ClientError
from lambda_client import PYTHON, ROLE, Answer, Functions, function_arn, make_client
from packages import package

#: Answers with what the environment knows of its version, and how often it has been invoked.
VERSIONED = """
import os
count = 0
def handler(event, context):
    global count
    count += 1
    return [{label!r}, os.environ["AWS_LAMBDA_FUNCTION_VERSION"], context.function_version,
            context.invoked_function_arn, os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], count]
"""


def code(label):
    return package({"app.py": VERSIONED.format(label=label)})


def update(function, label, **parameters):
    function.client.update_function_code(FunctionName=function.name, ZipFile=code(label), **parameters)
    function.wait_until_updated()


def publish(function, **parameters):
    version = function.client.publish_version(FunctionName=function.name, **parameters)
    wait_until_version_is_active(function.client, function.name, version["Version"])
    return version


def wait_until_version_is_active(client, name, version):
    client.get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


@pytest.fixture
def function(functions):
    return functions.create(code("one"), Description="first")


def error_of(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    response = raised.value.response
    error = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


def test_version_keeps_its_code_and_configuration(function):
    version = publish(function, Description="frozen")
    assert (version["Version"], version["Description"], version["State"]) == ("1", "frozen", "Pending")
    assert version["FunctionArn"] == function_arn(function.name, "1")
    function.client.update_function_configuration(FunctionName=function.name, MemorySize=256)
    function.wait_until_updated()
    update(function, "two")
    frozen = function.client.get_function(FunctionName=function.name, Qualifier="1")
    assert frozen["Configuration"]["MemorySize"] == 128
    assert frozen["Configuration"]["CodeSha256"] == version["CodeSha256"]
    assert frozen["Configuration"]["State"] == "Active"
    latest = function.client.get_function_configuration(FunctionName=function.name)
    assert (latest["Version"], latest["MemorySize"]) == ("$LATEST", 256)

    answer = function.invoke(Qualifier="1")
    arn = function_arn(function.name, "1")
    assert answer.payload[:4] == ["one", "1", "1", arn]
    assert "[1]" in answer.payload[4]
    assert answer.version == "1"
    assert function.invoke().payload[:3] == ["two", "$LATEST", "$LATEST"]
    by_name = Answer(function.client.invoke(FunctionName=f"{function.name}:1"))
    assert by_name.version == "1"


def test_nothing_new_is_published_when_nothing_changed(function):
    assert [publish(function)["Version"] for _ in range(2)] == ["1", "1"]
    # The same values again are no change.
    function.client.update_function_configuration(FunctionName=function.name, Description="first")
    function.wait_until_updated()
    assert publish(function)["Version"] == "1"
    update(function, "two")
    assert publish(function)["Version"] == "2"


def test_numbers_are_not_used_twice(function):
    client = function.client
    assert publish(function)["Version"] == "1"
    update(function, "two")
    assert publish(function)["Version"] == "2"
    client.delete_function(FunctionName=function.name, Qualifier="2")
    assert publish(function)["Version"] == "3"
    again = client.delete_function(FunctionName=function.name, Qualifier="2")
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 204
    versions = client.list_versions_by_function(FunctionName=function.name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "3"]
    assert versions[0]["FunctionArn"] == function_arn(function.name, "$LATEST")
    not_found = (404, "ResourceNotFoundException", f"Function not found: {function_arn(function.name, '2')}")
    assert error_of(client.invoke, FunctionName=function.name, Qualifier="2") == not_found
    assert error_of(client.get_function, FunctionName=function.name, Qualifier="2") == not_found


def test_guards_of_publication(function):
    client = function.client
    sha = client.get_function_configuration(FunctionName=function.name)["CodeSha256"]
    assert error_of(client.publish_version, FunctionName=function.name, CodeSha256="x") == (
        400, "InvalidParameterValueException",
        f"CodeSHA256 (x) is different from current CodeSHA256 in $LATEST ({sha}). "
        "Please try again with the CodeSHA256 in $LATEST.",
    )  # fmt: skip
    status, name, _ = error_of(client.publish_version, FunctionName=function.name, RevisionId="x")
    assert (status, name) == (412, "PreconditionFailedException")
    revision = client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    assert publish(function, CodeSha256=sha, RevisionId=revision)["Version"] == "1"


def test_publish_with_creation_and_update(functions):
    client = functions.client
    name = functions.name()
    created = client.create_function(
        FunctionName=name, Runtime=PYTHON, Role=ROLE, Handler="app.handler", Code={"ZipFile": code("one")}, Publish=True
    )
    functions._created.append(name)
    assert (created["Version"], created["FunctionArn"]) == ("1", function_arn(name))
    wait_until_version_is_active(client, name, "1")
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    updated = client.update_function_code(FunctionName=name, ZipFile=code("two"), Publish=True)
    assert updated["Version"] == "2"
    wait_until_version_is_active(client, name, "2")
    labels = [client.invoke(FunctionName=name, Qualifier=q)["Payload"].read()[:6] for q in ("1", "2")]
    assert labels == [b'["one"', b'["two"']


def test_invoke_waits_for_a_pending_version(function):
    version = function.client.publish_version(FunctionName=function.name)
    assert function.invoke(Qualifier=version["Version"]).payload[0] == "one"


def test_versions_have_environments_of_their_own(function):
    publish(function)
    assert [function.invoke(Qualifier="1").payload[5] for _ in range(2)] == [1, 2]
    assert function.invoke().payload[5] == 1


def test_versions_are_listed_in_pages(function):
    for label in "two", "three", "four":
        publish(function)
        update(function, label)
    pages = function.client.get_paginator("list_versions_by_function").paginate(
        FunctionName=function.name, PaginationConfig={"PageSize": 2}
    )
    assert [[v["Version"] for v in page["Versions"]] for page in pages] == [["$LATEST", "1"], ["2", "3"]]
    pages = function.client.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 3}
    )
    mine = [f["FunctionArn"] for page in pages for f in page["Functions"] if f["FunctionName"] == function.name]
    assert mine == [function_arn(function.name, v) for v in ("$LATEST", "1", "2", "3")]


def test_alias_moves_at_once(function):
    client = function.client
    publish(function)
    update(function, "two")
    publish(function)
    alias = client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1", Description="d")
    arn = function_arn(function.name, "live")
    assert (alias["AliasArn"], alias["FunctionVersion"], alias["Description"]) == (arn, "1", "d")
    answer = function.invoke(Qualifier="live")
    assert answer.payload[:4] == ["one", "1", "1", arn]
    assert answer.version == "1"
    updated = client.update_alias(FunctionName=function.name, Name="live", FunctionVersion="2")
    assert updated["RevisionId"] != alias["RevisionId"]
    for _ in range(5):
        assert function.invoke(Qualifier="live").payload[:2] == ["two", "2"]
    shown = client.get_function_configuration(FunctionName=function.name, Qualifier="live")
    assert (shown["FunctionArn"], shown["Version"]) == (arn, "2")


def test_alias_divides_invokes_by_weight(function):
    client = function.client
    publish(function)
    update(function, "two")
    publish(function)
    client.create_alias(
        FunctionName=function.name, Name="canary", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.3}},
    )  # fmt: skip
    counts = collections.Counter(function.invoke(Qualifier="canary").version for _ in range(200))
    # 200 draws at 0.3: 60, and outside of 25 to 100 less than once in ten million runs.
    assert 25 < counts["2"] < 100
    assert counts["1"] + counts["2"] == 200
    cleared = client.update_alias(FunctionName=function.name, Name="canary", RoutingConfig={})
    assert "RoutingConfig" not in cleared
    assert {function.invoke(Qualifier="canary").version for _ in range(20)} == {"1"}


def test_aliases_are_listed(function):
    client = function.client
    publish(function)
    for name, version in ("a", "1"), ("b", "$LATEST"), ("c", "1"):
        client.create_alias(FunctionName=function.name, Name=name, FunctionVersion=version)
    pages = client.get_paginator("list_aliases").paginate(
        FunctionName=function.name, PaginationConfig={"PageSize": 2}
    )
    assert [[a["Name"] for a in page["Aliases"]] for page in pages] == [["a", "b"], ["c"]]
    only = client.list_aliases(FunctionName=function.name, FunctionVersion="1")["Aliases"]
    assert [alias["Name"] for alias in only] == ["a", "c"]


def test_errors_of_aliases(function):
    client, name = function.client, function.name
    publish(function)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    arn = function_arn(name, "live")

    def create(alias, version, **more):
        return error_of(client.create_alias, FunctionName=name, Name=alias, FunctionVersion=version, **more)

    def weights(**versions):
        return {"RoutingConfig": {"AdditionalVersionWeights": {v.lstrip("v"): w for v, w in versions.items()}}}

    invalid = (400, "InvalidParameterValueException")
    assert create("live", "1") == (409, "ResourceConflictException", f"Alias already exists: {arn}")
    missing = (404, "ResourceNotFoundException", f"Function not found: {function_arn(name, '10')}")
    assert create("new", "10") == missing
    assert create("new", "1", **weights(v10=0.5)) == missing
    assert create("new", "1", **weights(v1=0.5)) == (
        *invalid, "Invalid function version 1. Function version 1 is already included in routing configuration."
    )  # fmt: skip
    assert create("new", "1", **weights(v2=0.5, v3=0.1)) == (
        *invalid, "Number of items in AdditionalVersionWeights cannot be greater than 1"
    )  # fmt: skip
    assert create("new", "$LATEST", **weights(v1=0.5)) == (
        *invalid, "$LATEST is not supported for an alias pointing to more than 1 version"
    )  # fmt: skip
    assert create("new", "1", **weights(v2=2.0)) == (
        400, "ValidationException",
        "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
        "constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must "
        "have value greater than or equal to 0.0, Member must not be null]",
    )  # fmt: skip
    assert create("12", "1")[:2] == (400, "ValidationException")
    assert error_of(client.get_alias, FunctionName=name, Name="none") == (
        404, "ResourceNotFoundException", f"Cannot find alias arn: {function_arn(name, 'none')}"
    )  # fmt: skip
    assert error_of(client.update_alias, FunctionName=name, Name="none", FunctionVersion="1") == (
        404, "ResourceNotFoundException", f"Alias not found: {function_arn(name, 'none')}"
    )  # fmt: skip
    assert error_of(client.update_alias, FunctionName=name, Name="live", RevisionId="x")[0] == 412
    assert error_of(client.delete_function, FunctionName=name, Qualifier="1") == (
        409, "ResourceConflictException",
        "Unable to delete version because the following aliases reference it: [live]",
    )  # fmt: skip
    assert error_of(client.delete_function, FunctionName=name, Qualifier="$LATEST")[2] == (
        "$LATEST version cannot be deleted without deleting the function."
    )
    assert error_of(client.delete_function, FunctionName=name, Qualifier="live")[2] == (
        "Deletion of aliases is not currently supported."
    )
    for _ in range(2):
        client.delete_alias(FunctionName=name, Name="live")
    assert error_of(client.invoke, FunctionName=name, Qualifier="live") == (
        404, "ResourceNotFoundException", f"Function not found: {arn}"
    )  # fmt: skip
    client.delete_function(FunctionName=name, Qualifier="1")


def test_revision_of_a_function_is_not_that_of_its_aliases(function):
    client = function.client
    publish(function)
    before = client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    assert client.get_function_configuration(FunctionName=function.name)["RevisionId"] == before


def test_version_keeps_its_layers(own_server, own_functions):
    client = own_functions.client
    layer = client.publish_layer_version(
        LayerName="words", Content={"ZipFile": package({"python/words.py": "word = 'kept'"})}
    )
    function = own_functions.create(
        "def handler(event, context):\n    import words\n    return words.word", Layers=[layer["LayerVersionArn"]]
    )
    publish(function)
    client.update_function_configuration(FunctionName=function.name, Layers=[])
    function.wait_until_updated()
    client.delete_layer_version(LayerName="words", VersionNumber=layer["Version"])
    shown = client.get_function_configuration(FunctionName=function.name, Qualifier="1")
    assert [shown_layer["Arn"] for shown_layer in shown["Layers"]] == [layer["LayerVersionArn"]]
    # Packages that nothing refers to go at the start.
    own_server.kill()
    own_server.start()
    client = make_client(own_server)
    assert client.invoke(FunctionName=function.name, Qualifier="1")["Payload"].read() == b'"kept"'
    assert Answer(client.invoke(FunctionName=function.name)).error == "Unhandled"


def test_versions_and_aliases_survive_kill(own_server, own_functions):
    function = own_functions.create(code("one"))
    publish(function)
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    update(function, "two")
    pending = function.client.publish_version(FunctionName=function.name)
    own_server.kill()
    own_server.start()
    client = make_client(own_server)
    wait_until_version_is_active(client, function.name, pending["Version"])
    answers = [
        client.invoke(FunctionName=function.name, Qualifier=q)["Payload"].read()[:6] for q in ("live", "2", "$LATEST")
    ]
    assert answers == [b'["one"', b'["two"', b'["two"']
    assert Functions(own_server, "g").client.list_versions_by_function(FunctionName=function.name)["Versions"][2][
        "Version"
    ] == "2"
