"""Settings of functions that are about other services and about runtimes: kept, shown, changed and taken away."""

import pytest
from lambda_client import ACCOUNT, NODE, PYTHON, REGION, error_of, function_arn, make_client
from packages import package
from swiftlet_server import SANDBOX

CODE = "def handler(event, context): return 1"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
KEYS = [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{number}" for number in range(2)]
INVALID = (400, "InvalidParameterValueException")
ATTACHED = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
ACCESS_POINT = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/fsap-0123456789abcdef0"
FILES = [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/files"}]


@pytest.fixture
def function(functions):
    return functions.create(CODE, Publish=True)


def shown(function, **parameters):
    return function.client.get_function_configuration(FunctionName=function.name, **parameters)


def update(function, **parameters):
    function.client.update_function_configuration(FunctionName=function.name, **parameters)
    function.wait_until_updated()


# When a runtime is updated.


def runtime_management(function, **parameters):
    answer = function.client.get_runtime_management_config(FunctionName=function.name, **parameters)
    del answer["ResponseMetadata"]
    return answer


def test_runtime_is_updated_when_it_is_said(function):
    client, name = function.client, function.name
    latest = function_arn(name, "$LATEST")
    assert runtime_management(function) == {"UpdateRuntimeOn": "Auto", "FunctionArn": latest}
    put = client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="FunctionUpdate")
    assert (put["UpdateRuntimeOn"], put["FunctionArn"]) == ("FunctionUpdate", latest)
    arn = shown(function)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    put = client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Manual", RuntimeVersionArn=arn)
    assert (put["UpdateRuntimeOn"], put["RuntimeVersionArn"]) == ("Manual", arn)
    assert runtime_management(function) == {
        "UpdateRuntimeOn": "Manual", "FunctionArn": latest, "RuntimeVersionArn": arn
    }  # fmt: skip
    # A version has its own.
    assert runtime_management(function, Qualifier="1") == {
        "UpdateRuntimeOn": "Auto", "FunctionArn": function_arn(name, "1")
    }  # fmt: skip
    client.put_runtime_management_config(FunctionName=name, Qualifier="1", UpdateRuntimeOn="FunctionUpdate")
    assert runtime_management(function, Qualifier="1")["UpdateRuntimeOn"] == "FunctionUpdate"
    client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Auto")
    assert runtime_management(function) == {"UpdateRuntimeOn": "Auto", "FunctionArn": latest}
    assert function.ask() == 1


def test_errors_of_runtime_management(functions, function):
    client, name = function.client, function.name
    put, get = client.put_runtime_management_config, client.get_runtime_management_config
    arn = shown(function)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    other = functions.create(package({"app.js": "exports.handler = async () => 1"}), Runtime=NODE)
    of_other = shown(other)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    assert of_other != arn
    for parameters in [
        {"UpdateRuntimeOn": "Manual"}, {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": of_other},
        {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": arn},
        {"UpdateRuntimeOn": "FunctionUpdate", "RuntimeVersionArn": arn},
    ]:  # fmt: skip
        assert error_of(put, FunctionName=name, **parameters)[:2] == INVALID
    for parameters in {"UpdateRuntimeOn": "Sometimes"}, {}, {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "x"}:
        assert error_of(put, FunctionName=name, **parameters)[:2] == (400, "ValidationException")
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert error_of(get, FunctionName=name, Qualifier="live")[:2] == INVALID
    missing = (404, "ResourceNotFoundException", f"Function not found: {function_arn('missing-function')}")
    assert error_of(get, FunctionName="missing-function") == missing
    assert error_of(put, FunctionName="missing-function", UpdateRuntimeOn="Auto") == missing
    assert error_of(get, FunctionName=name, Qualifier="9")[:2] == missing[:2]


# Whether a function may invoke itself in a loop.


def test_recursion(function):
    client, name = function.client, function.name
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    for value in "Allow", "Terminate", "Allow":
        put = client.put_function_recursion_config(FunctionName=name, RecursiveLoop=value)
        assert put["RecursiveLoop"] == value
        assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == value
    for value in {"RecursiveLoop": "Sometimes"}, {}:
        error = error_of(client.put_function_recursion_config, FunctionName=name, **value)
        assert error[:2] == (400, "ValidationException")
    missing = (404, "ResourceNotFoundException", f"Function not found: {function_arn('missing-function')}")
    get, put = client.get_function_recursion_config, client.put_function_recursion_config
    assert error_of(get, FunctionName="missing-function") == missing
    assert error_of(put, FunctionName="missing-function", RecursiveLoop="Allow") == missing


def test_runtime_management_and_recursion_survive_kill(own_server, own_functions):
    function = own_functions.create(CODE)
    function.client.put_runtime_management_config(FunctionName=function.name, UpdateRuntimeOn="FunctionUpdate")
    function.client.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")
    own_server.kill()
    own_server.start()
    function.client = make_client(own_server)
    assert runtime_management(function)["UpdateRuntimeOn"] == "FunctionUpdate"
    assert function.client.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"] == "Allow"


# Members of the configuration.

#: Each with what it is changed to, what takes it away, and what is shown then.
MEMBERS = {
    "DeadLetterConfig": ({"TargetArn": QUEUE}, {"TargetArn": TOPIC}, {"TargetArn": ""}),
    "KMSKeyArn": (KEYS[0], KEYS[1], ""),
    "FileSystemConfigs": (FILES, [{**FILES[0], "LocalMountPath": "/mnt/other"}], []),
}


@pytest.mark.parametrize("member", MEMBERS)
def test_member_is_kept_changed_and_taken_away(functions, member):
    first, second, nothing = MEMBERS[member]
    function = functions.create(CODE, VpcConfig=ATTACHED, Publish=True, **{member: first})
    assert function.configuration[member] == first
    assert shown(function)[member] == first
    update(function, Description="other")
    assert shown(function)[member] == first
    update(function, **{member: second})
    assert shown(function)[member] == second
    second_version = function.client.publish_version(FunctionName=function.name)
    assert second_version[member] == second
    update(function, **{member: nothing})
    assert member not in shown(function)
    # Versions are as they were.
    assert [shown(function, Qualifier=version)[member] for version in "12"] == [first, second]
    assert function.client.get_function(FunctionName=function.name, Qualifier="2")["Configuration"][member] == second
    # What is taken away can be set again.
    update(function, **{member: first})
    assert shown(function)[member] == first


@pytest.mark.parametrize("member", MEMBERS)
def test_function_without_it_does_not_show_it(function, member):
    assert member not in shown(function)


@pytest.fixture
def snapshotted(functions):
    """A function with a published version that is to start from a snapshot."""
    if SANDBOX == "microvm":
        pytest.skip("there are no images of the runtimes that can start from a snapshot")
    if PYTHON not in ("python3.12", "python3.13", "python3.14"):
        runtime = {"Runtime": "java21", "Handler": "example.Handler"}
    else:
        runtime = {}
    return functions.create(CODE, Publish=True, SnapStart={"ApplyOn": "PublishedVersions"}, **runtime)


def test_snapshot_of_published_versions(snapshotted):
    function = snapshotted
    assert shown(function)["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    update(function, SnapStart={"ApplyOn": "None"})
    assert shown(function)["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert shown(function, Qualifier="1")["SnapStart"]["ApplyOn"] == "PublishedVersions"
    update(function, SnapStart={"ApplyOn": "PublishedVersions"})
    assert error_of(
        function.client.update_function_configuration, FunctionName=function.name, EphemeralStorage={"Size": 1024}
    )[:2] == INVALID


def test_version_does_not_pretend_to_have_a_snapshot(snapshotted):
    """None is made yet; Lambda would say `On`."""
    waiter = snapshotted.client.get_waiter("published_version_active")
    waiter.wait(FunctionName=snapshotted.name, Qualifier="1", WaiterConfig={"Delay": 1})
    assert shown(snapshotted, Qualifier="1")["SnapStart"] == {
        "ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"
    }  # fmt: skip


def test_runtime_that_has_no_snapshots(functions, function):
    code = package({"app.js": "exports.handler = async () => 1"})
    assert error_of(functions.create, code=code, Runtime=NODE, SnapStart={"ApplyOn": "PublishedVersions"}) == (
        *INVALID, f"{NODE} is not supported for SnapStart enabled functions."
    )  # fmt: skip
    assert shown(function)["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    status, code, message = error_of(functions.create, code=CODE, SnapStart={"ApplyOn": "Always"})
    assert (status, code) == (400, "ValidationException")
    assert "at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set" in message


def test_key_of_the_package(functions):
    function = functions.create(CODE, Code={"ZipFile": package({"app.py": CODE}), "SourceKMSKeyArn": KEYS[0]})
    code = function.client.get_function(FunctionName=function.name)["Code"]
    assert code["SourceKMSKeyArn"] == KEYS[0]
    function.client.update_function_code(
        FunctionName=function.name, ZipFile=package({"app.py": CODE + "0"}), SourceKMSKeyArn=KEYS[1]
    )
    function.wait_until_updated()
    assert function.client.get_function(FunctionName=function.name)["Code"]["SourceKMSKeyArn"] == KEYS[1]
    assert function.ask() == 10


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"DeadLetterConfig": {"TargetArn": f"arn:aws:s3:{REGION}:{ACCOUNT}:bucket"}},
         "InvalidParameterValueException"),
        ({"DeadLetterConfig": {"TargetArn": "nonsense"}}, "ValidationException"),
        ({"KMSKeyArn": "nonsense"}, "ValidationException"),
        # Without a VPC.
        ({"FileSystemConfigs": FILES}, "InvalidParameterValueException"),
        ({"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/files"}], "VpcConfig": ATTACHED},
         "ValidationException"),
        ({"ImageConfig": {"Command": ["x"]}}, "InvalidParameterValueException"),
    ],
)  # fmt: skip
def test_member_that_is_refused(functions, function, parameters, code):
    assert error_of(functions.create, code=CODE, **parameters)[:2] == (400, code)
    assert error_of(function.client.update_function_configuration, FunctionName=function.name, **parameters)[:2] == (
        400, code
    )  # fmt: skip


def test_network_stays_while_files_need_it(functions):
    function = functions.create(CODE, VpcConfig=ATTACHED, FileSystemConfigs=FILES)
    detached = {"SubnetIds": [], "SecurityGroupIds": []}
    assert error_of(
        function.client.update_function_configuration, FunctionName=function.name, VpcConfig=detached
    )[:2] == INVALID  # fmt: skip
    update(function, VpcConfig=detached, FileSystemConfigs=[])
    assert "FileSystemConfigs" not in shown(function)


def test_members_survive_kill(own_server, own_functions):
    members = {member: values[0] for member, values in MEMBERS.items()}
    function = own_functions.create(
        CODE, VpcConfig=ATTACHED, Publish=True, Code={"ZipFile": package({"app.py": CODE}), "SourceKMSKeyArn": KEYS[0]},
        **members,
    )  # fmt: skip
    own_server.kill()
    own_server.start()
    function.client = make_client(own_server)
    for qualifier in {}, {"Qualifier": "1"}:
        configuration = shown(function, **qualifier)
        assert {member: configuration[member] for member in members} == members
    assert function.client.get_function(FunctionName=function.name)["Code"]["SourceKMSKeyArn"] == KEYS[0]
