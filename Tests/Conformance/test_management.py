"""CreateFunction, GetFunction, List, Update, Delete: fields, states, names and revisions."""

import base64
import hashlib
import re
import urllib.request

import pytest
from botocore.exceptions import ClientError
from lambda_client import ACCOUNT, PYTHON, REGION, ROLE, Answer, function_arn
from packages import package

SOURCE = "def handler(event, context): return 1"
OTHER_SOURCE = "def handler(event, context): return 2"
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$")


def sha256(code):
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def test_create_returns_the_whole_configuration(functions):
    code = package({"app.py": SOURCE})
    created = functions.create(
        code, wait=False, Description="d", MemorySize=256, Timeout=7, Environment={"Variables": {"KEY": "value"}},
        EphemeralStorage={"Size": 600},
    ).configuration  # fmt: skip
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert created["FunctionArn"] == function_arn(created["FunctionName"])
    expected = {
        "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler", "CodeSize": len(code), "CodeSha256": sha256(code),
        "Description": "d", "MemorySize": 256, "Timeout": 7, "Version": "$LATEST", "PackageType": "Zip",
        "State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating",
        "Environment": {"Variables": {"KEY": "value"}}, "EphemeralStorage": {"Size": 600},
        "TracingConfig": {"Mode": "PassThrough"}, "Architectures": ["x86_64"],
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    }  # fmt: skip
    assert {key: created.get(key) for key in expected} == expected
    assert "LastUpdateStatus" not in created
    assert UUID.match(created["RevisionId"])
    assert TIMESTAMP.match(created["LastModified"])


def test_defaults_are_lambdas(client, functions):
    name = functions.name()
    created = client.create_function(
        FunctionName=name,
        Runtime=PYTHON,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": package({"app.py": SOURCE})},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    assert (created["MemorySize"], created["Timeout"], created["Description"]) == (128, 3, "")
    assert created["EphemeralStorage"] == {"Size": 512}
    assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
    assert "Environment" not in created
    client.delete_function(FunctionName=name)


def test_active_function_has_a_new_revision(functions):
    function = functions.create(SOURCE)
    active = function.client.get_function(FunctionName=function.name)["Configuration"]
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert "StateReason" not in active
    assert active["RevisionId"] != function.configuration["RevisionId"]


def test_code_location_downloads_the_same_bytes(functions):
    code = package({"app.py": SOURCE})
    function = functions.create(code)
    found = function.client.get_function(FunctionName=function.name)
    assert found["Code"]["RepositoryType"] == "S3"
    with urllib.request.urlopen(found["Code"]["Location"], timeout=30) as response:
        assert response.read() == code


def test_create_twice_is_a_conflict(functions):
    function = functions.create(SOURCE, wait=False)
    with pytest.raises(function.client.exceptions.ResourceConflictException) as caught:
        functions.create(SOURCE, FunctionName=function.name)
    assert caught.value.response["Error"]["Message"] == f"Function already exist: {function.name}"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_publish_is_not_pretended(functions):
    """Versions have no behaviour yet: the answer is either a version or an error, never `$LATEST` silently."""
    try:
        created = functions.create(SOURCE, Publish=True).configuration
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 400
    else:
        assert created["Version"] == "1"


def test_update_code_changes_what_runs(functions):
    function = functions.create(SOURCE)
    assert function.ask() == 1
    code = package({"app.py": OTHER_SOURCE})
    updated = function.client.update_function_code(FunctionName=function.name, ZipFile=code)
    assert (updated["CodeSha256"], updated["CodeSize"]) == (sha256(code), len(code))
    assert (updated["LastUpdateStatus"], updated["LastUpdateStatusReasonCode"]) == ("InProgress", "Creating")
    function.wait_until_updated()
    assert function.ask() == 2


def test_update_code_dry_run_changes_nothing(functions):
    function = functions.create(SOURCE)
    code = package({"app.py": OTHER_SOURCE})
    answered = function.client.update_function_code(FunctionName=function.name, ZipFile=code, DryRun=True)
    assert answered["CodeSha256"] == sha256(code)
    assert function.client.get_function(FunctionName=function.name)["Configuration"]["CodeSha256"] != sha256(code)
    assert function.ask() == 1


def test_update_configuration_applies_to_the_next_invoke(functions):
    function = functions.create(
        "import os\ndef handler(event, context): return [os.environ.get('KEY'), context.memory_limit_in_mb]"
    )
    assert function.ask() == [None, "128"]
    updated = function.client.update_function_configuration(
        FunctionName=function.name, MemorySize=192, Environment={"Variables": {"KEY": "new"}}
    )
    assert (updated["MemorySize"], updated["LastUpdateStatus"]) == (192, "InProgress")
    function.wait_until_updated()
    assert function.ask() == ["new", "192"]


def test_update_keeps_what_it_does_not_name(functions):
    function = functions.create(SOURCE, Description="kept", Environment={"Variables": {"KEY": "kept"}})
    function.client.update_function_configuration(FunctionName=function.name, Timeout=9)
    function.wait_until_updated()
    configuration = function.client.get_function_configuration(FunctionName=function.name)
    assert (configuration["Description"], configuration["Timeout"]) == ("kept", 9)
    assert configuration["Environment"] == {"Variables": {"KEY": "kept"}}


@pytest.mark.parametrize("operation", ["update_function_code", "update_function_configuration"])
def test_stale_revision_is_refused(functions, operation):
    function = functions.create(SOURCE)
    parameters = {"ZipFile": package({"app.py": OTHER_SOURCE})} if operation.endswith("code") else {"Timeout": 5}
    with pytest.raises(ClientError) as caught:
        getattr(function.client, operation)(
            FunctionName=function.name, RevisionId=function.configuration["RevisionId"], **parameters
        )
    assert caught.value.response["Error"]["Code"] == "PreconditionFailedException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert caught.value.response["Error"]["Message"].startswith(
        "The Revision Id provided does not match the latest Revision Id."
    )
    current = function.client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    getattr(function.client, operation)(FunctionName=function.name, RevisionId=current, **parameters)


@pytest.mark.parametrize(
    "reference",
    [
        "{name}",
        "function:{name}",
        "{account}:function:{name}",
        "arn:aws:lambda:{region}:{account}:function:{name}",
        "arn:aws:lambda:{region}:{account}:function:{name}:$LATEST",
        "{name}:$LATEST",
    ],
)
def test_every_form_of_a_name_is_accepted(functions, reference):
    function = functions.create(SOURCE)
    text = reference.format(name=function.name, account=ACCOUNT, region=REGION)
    expected = function_arn(function.name, "$LATEST" if text.endswith("$LATEST") else None)
    assert function.client.get_function_configuration(FunctionName=text)["FunctionArn"] == expected
    assert Answer(function.client.invoke(FunctionName=text)).status == 200


@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration", "delete_function"])
def test_missing_function_is_not_found(client, operation):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        getattr(client, operation)(FunctionName="missing")
    assert caught.value.response["Error"]["Message"] == f"Function not found: {function_arn('missing')}"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_unknown_qualifier_is_not_found(functions):
    function = functions.create(SOURCE, wait=False)
    for operation in function.client.get_function, function.client.get_function_configuration:
        with pytest.raises(function.client.exceptions.ResourceNotFoundException) as caught:
            operation(FunctionName=function.name, Qualifier="alias")
        assert function_arn(function.name, "alias") in str(caught.value)


def test_other_region_is_not_reachable(client):
    with pytest.raises(ClientError) as caught:
        client.get_function(FunctionName=f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')" in str(caught.value)


def test_list_is_paged(own_server, own_functions):
    code = package({"app.py": SOURCE})
    names = sorted(own_functions.create(code, wait=False).name for _ in range(7))
    client = own_functions.client
    first = client.list_functions(MaxItems=3)
    assert len(first["Functions"]) == 3
    assert first["NextMarker"]
    paginator = client.get_paginator("list_functions")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Functions"]) for page in pages] == [3, 3, 1]
    listed = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert sorted(listed) == names
    assert "NextMarker" not in pages[-1]
    with pytest.raises(ClientError) as caught:
        client.list_functions(Marker="no marker of ours")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_list_shows_the_unpublished_version(functions):
    function = functions.create(SOURCE)
    for page in function.client.get_paginator("list_functions").paginate():
        for listed in page["Functions"]:
            if listed["FunctionName"] == function.name:
                assert (listed["Version"], listed["FunctionArn"]) == ("$LATEST", function_arn(function.name))
                assert "LastUpdateStatus" not in listed
                return
    pytest.fail("the function is not listed")


def test_account_settings_have_lambdas_limits(functions):
    before = functions.client.get_account_settings()
    limit = before["AccountLimit"]
    assert (limit["CodeSizeUnzipped"], limit["CodeSizeZipped"]) == (262144000, 52428800)
    assert limit["ConcurrentExecutions"] > 0
    functions.create(SOURCE, wait=False)
    assert functions.client.get_account_settings()["AccountUsage"]["FunctionCount"] >= 1


def test_deleted_function_is_gone_and_its_name_free(functions):
    function = functions.create(SOURCE)
    assert function.ask() == 1
    deleted = function.client.delete_function(FunctionName=function.name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(function.client.exceptions.ResourceNotFoundException):
        function.invoke()
    again = functions.create(OTHER_SOURCE, FunctionName=function.name)
    assert again.ask() == 2
