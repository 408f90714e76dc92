"""Capacity providers, the functions on them, and how many environments those are to have: kept and shown."""

import uuid

import pytest
from lambda_client import ACCOUNT, REGION, ROLE, error_of, function_arn, make_client

CODE = "def handler(event, context): return event"
NETWORK = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
REQUIRED = {"VpcConfig": NETWORK, "PermissionsConfig": {"CapacityProviderOperatorRoleArn": ROLE}}


@pytest.fixture
def providers(client):
    """Creates providers with names of their own, and deletes them."""
    prefix = f"cp-{uuid.uuid4().hex[:12]}"
    names = []

    def create(**parameters):
        names.append(f"{prefix}-{len(names)}")
        return client.create_capacity_provider(CapacityProviderName=names[-1], **REQUIRED, **parameters)[
            "CapacityProvider"
        ]

    create.prefix = prefix
    yield create
    for name in names:
        try:
            client.delete_capacity_provider(CapacityProviderName=name)
        except client.exceptions.ResourceNotFoundException:
            pass


@pytest.fixture
def managed(providers, functions):
    """A provider's ARN, and a function on it with one version."""
    arn = providers()["CapacityProviderArn"]
    function = functions.create(CODE, CapacityProviderConfig=on(arn), Publish=True)
    waiter = function.client.get_waiter("published_version_active")
    waiter.wait(FunctionName=function.name, Qualifier="1", WaiterConfig={"Delay": 1})
    return arn, function


def arn_of(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:capacity-provider:{name}"


def name_of(arn):
    return arn.rpartition(":")[2]


def on(arn):
    return {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn}}


def shown(client, name):
    return client.get_capacity_provider(CapacityProviderName=name)["CapacityProvider"]


def not_found(name):
    return 404, "ResourceNotFoundException", f"Capacity provider not found: {arn_of(name)}"


def test_provider_is_created_shown_changed_and_deleted(client, providers):
    requirements = {"Architectures": ["x86_64"], "AllowedInstanceTypes": ["m7i.*"]}
    policies = [{"PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 70.0}]
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
    created = providers(
        InstanceRequirements=requirements, KmsKeyArn=key,
        CapacityProviderScalingConfig={"ScalingMode": "Manual", "MaxVCpuCount": 12, "ScalingPolicies": policies},
    )  # fmt: skip
    arn, name = created["CapacityProviderArn"], name_of(created["CapacityProviderArn"])
    assert arn == arn_of(name)
    assert created == {
        "CapacityProviderArn": arn, "State": "Pending", **REQUIRED, "InstanceRequirements": requirements,
        "CapacityProviderScalingConfig": {"ScalingMode": "Manual", "MaxVCpuCount": 12, "ScalingPolicies": policies},
        "KmsKeyArn": key, "LastModified": created["LastModified"],
    }  # fmt: skip
    assert shown(client, name) == shown(client, arn) == {**created, "State": "Active"}
    updated = client.update_capacity_provider(
        CapacityProviderName=name, CapacityProviderScalingConfig={"MaxVCpuCount": 20}
    )
    assert updated["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert shown(client, name)["CapacityProviderScalingConfig"] == {
        "ScalingMode": "Manual", "MaxVCpuCount": 20, "ScalingPolicies": policies
    }  # fmt: skip
    deleted = client.delete_capacity_provider(CapacityProviderName=name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert deleted["CapacityProvider"]["State"] == "Deleting"
    for call in client.get_capacity_provider, client.delete_capacity_provider, client.update_capacity_provider:
        assert error_of(call, CapacityProviderName=name) == not_found(name)
    assert error_of(client.list_function_versions_by_capacity_provider, CapacityProviderName=name) == not_found(name)


def test_defaults(providers):
    created = providers()
    assert created["CapacityProviderScalingConfig"] == {"ScalingMode": "Auto", "MaxVCpuCount": 400}
    assert "KmsKeyArn" not in created


def test_tags_to_propagate_are_kept(client, providers):
    propagated = {"Mode": "Explicit", "ExplicitTags": {"team": "birds"}}
    created = providers(PropagateTags=propagated)
    assert shown(client, name_of(created["CapacityProviderArn"]))["PropagateTags"] == propagated


def test_name_is_used_once(client, providers):
    created = providers()
    status, code, _ = error_of(
        client.create_capacity_provider, CapacityProviderName=name_of(created["CapacityProviderArn"]), **REQUIRED
    )
    assert (status, code) == (409, "ResourceConflictException")


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({"VpcConfig": None}, "vpcConfig"), ({"PermissionsConfig": None}, "permissionsConfig"),
        ({"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}, "vpcConfig.subnetIds"),
        ({"CapacityProviderName": "with space"}, "capacityProviderName"),
        ({"CapacityProviderScalingConfig": {"MaxVCpuCount": 1}}, "capacityProviderScalingConfig.maxVCpuCount"),
        ({"CapacityProviderScalingConfig": {"ScalingMode": "Never"}}, "capacityProviderScalingConfig.scalingMode"),
    ],
)  # fmt: skip
def test_member_that_the_model_does_not_allow(client, parameters, member):
    parameters = {"CapacityProviderName": f"cp-{uuid.uuid4().hex}", **REQUIRED, **parameters}
    status, code, message = error_of(
        client.create_capacity_provider, **{k: v for k, v in parameters.items() if v is not None}
    )
    assert (status, code) == (400, "ValidationException")
    assert f"at '{member}' failed to satisfy constraint" in message


def test_providers_are_listed_page_by_page(client, providers):
    mine = [providers()["CapacityProviderArn"] for _ in range(5)]

    def listed(**parameters):
        pages = client.get_paginator("list_capacity_providers").paginate(**parameters)
        return [provider["CapacityProviderArn"] for page in pages for provider in page["CapacityProviders"]]

    assert [arn for arn in listed(PaginationConfig={"PageSize": 2}) if arn in mine] == sorted(mine)
    assert set(mine) <= set(listed(State="Active"))
    assert listed(State="Failed") == []
    first = client.list_capacity_providers(MaxItems=1)
    assert len(first["CapacityProviders"]) == 1
    last = first["CapacityProviders"][0]["CapacityProviderArn"]
    if last in mine:
        client.delete_capacity_provider(CapacityProviderName=last)
    rest = client.list_capacity_providers(Marker=first["NextMarker"])["CapacityProviders"]
    assert [arn for arn in mine if arn != last] == [
        p["CapacityProviderArn"] for p in rest if p["CapacityProviderArn"] in mine
    ]  # fmt: skip


def test_function_on_a_provider(client, managed):
    arn, function = managed
    assert function.configuration["CapacityProviderConfig"] == on(arn)
    for qualifier in {}, {"Qualifier": "1"}:
        configuration = client.get_function_configuration(FunctionName=function.name, **qualifier)
        assert configuration["CapacityProviderConfig"] == on(arn)
    versions = client.list_function_versions_by_capacity_provider(CapacityProviderName=name_of(arn))
    assert versions["CapacityProviderArn"] == arn
    assert function_arn(function.name, "1") in [version["FunctionArn"] for version in versions["FunctionVersions"]]
    assert function.ask(7, Qualifier="1") == 7
    # It is not taken from under them.
    status, code, message = error_of(client.delete_capacity_provider, CapacityProviderName=arn)
    assert (status, code) == (409, "ResourceConflictException")
    assert function.name in message
    client.delete_function(FunctionName=function.name)
    assert client.list_function_versions_by_capacity_provider(CapacityProviderName=arn)["FunctionVersions"] == []
    client.delete_capacity_provider(CapacityProviderName=arn)


def test_versions_on_a_provider_are_listed_page_by_page(client, managed):
    arn, function = managed
    for number in range(3):
        client.update_function_configuration(FunctionName=function.name, Description=str(number))
        function.wait_until_updated()
        client.publish_version(FunctionName=function.name)
    whole = client.list_function_versions_by_capacity_provider(CapacityProviderName=arn)["FunctionVersions"]
    arns = [version["FunctionArn"] for version in whole]
    assert {function_arn(function.name, str(number)) for number in range(1, 5)} <= set(arns)
    pages = client.get_paginator("list_function_versions_by_capacity_provider").paginate(
        CapacityProviderName=arn, PaginationConfig={"PageSize": 2}
    )
    assert [version["FunctionArn"] for page in pages for version in page["FunctionVersions"]] == arns


def test_only_functions_made_for_providers_have_one(client, providers, functions):
    function = functions.create(CODE)
    arn = providers()["CapacityProviderArn"]
    assert error_of(
        client.update_function_configuration, FunctionName=function.name, CapacityProviderConfig=on(arn)
    ) == (
        400, "InvalidParameterValueException",
        "CapacityProviderConfig isn't supported for Lambda Default functions.",
    )  # fmt: skip
    missing = arn_of("missing-provider")
    assert error_of(functions.create, code=CODE, CapacityProviderConfig=on(missing)) == not_found("missing-provider")


def test_scaling_of_a_version(client, managed):
    _, function = managed
    version = {"FunctionName": function.name, "Qualifier": "1"}

    def config():
        answer = client.get_function_scaling_config(**version)
        del answer["ResponseMetadata"]
        return answer

    assert config() == {"FunctionArn": function_arn(function.name, "1")}
    put = client.put_function_scaling_config(
        **version, FunctionScalingConfig={"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 5}
    )
    assert (put["ResponseMetadata"]["HTTPStatusCode"], put["FunctionState"]) == (202, "Active")
    scaling = {"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 5}
    assert config() == {
        "FunctionArn": function_arn(function.name, "1"), "AppliedFunctionScalingConfig": scaling,
        "RequestedFunctionScalingConfig": scaling,
    }  # fmt: skip
    status, code, _ = error_of(
        client.put_function_scaling_config, **version,
        FunctionScalingConfig={"MinExecutionEnvironments": 6, "MaxExecutionEnvironments": 5},
    )  # fmt: skip
    assert (status, code) == (400, "InvalidParameterValueException")
    assert config()["AppliedFunctionScalingConfig"] == scaling
    client.put_function_scaling_config(**version)
    assert config() == {"FunctionArn": function_arn(function.name, "1")}


def test_scaling_of_what_has_none(client, managed, functions):
    _, function = managed
    ordinary = functions.create(CODE, Publish=True)
    for call in client.get_function_scaling_config, client.put_function_scaling_config:
        assert error_of(call, FunctionName=function.name, Qualifier="9")[:2] == (404, "ResourceNotFoundException")
        assert error_of(call, FunctionName=function.name, Qualifier="alias")[:2] == (400, "ValidationException")
        assert error_of(call, FunctionName="missing-function", Qualifier="1")[:2] == (404, "ResourceNotFoundException")
        assert error_of(call, FunctionName=ordinary.name, Qualifier="1")[:2] == (400, "InvalidParameterValueException")


def test_tags(client, providers):
    arn = providers(Tags={"team": "birds"})["CapacityProviderArn"]
    client.tag_resource(Resource=arn, Tags={"stage": "egg"})
    client.untag_resource(Resource=arn, TagKeys=["team"])
    assert client.list_tags(Resource=arn)["Tags"] == {"stage": "egg"}
    missing = arn_of("missing-provider")
    for call, more in [
        (client.list_tags, {}), (client.tag_resource, {"Tags": {"a": "b"}}),
        (client.untag_resource, {"TagKeys": ["a"]}),
    ]:  # fmt: skip
        assert error_of(call, Resource=missing, **more) == not_found("missing-provider")


def test_providers_survive_kill(own_server, own_functions):
    client = own_functions.client
    client.create_capacity_provider(CapacityProviderName="kept", Tags={"a": "b"}, **REQUIRED)
    before = shown(client, "kept")
    function = own_functions.create(CODE, CapacityProviderConfig=on(arn_of("kept")), Publish=True)
    scaling = {"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 5}
    client.put_function_scaling_config(FunctionName=function.name, Qualifier="1", FunctionScalingConfig=scaling)
    own_server.kill()
    own_server.start()
    client = make_client(own_server)
    assert shown(client, "kept") == before
    assert client.list_tags(Resource=arn_of("kept"))["Tags"] == {"a": "b"}
    config = client.get_function_scaling_config(FunctionName=function.name, Qualifier="1")
    assert config["RequestedFunctionScalingConfig"] == scaling
