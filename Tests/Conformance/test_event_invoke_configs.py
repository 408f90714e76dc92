"""How often asynchronous invokes are tried and where their outcome goes: what is configured, shown and refused."""

import concurrent.futures
import datetime

import pytest
from lambda_client import ACCOUNT, REGION, error_of, function_arn, make_client

CODE = "def handler(event, context): return 1"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
BUCKET = "arn:aws:s3:::bucket"
NOWHERE = {"OnSuccess": {}, "OnFailure": {}}
INVALID = (400, "InvalidParameterValueException")


@pytest.fixture
def function(functions):
    return functions.create(CODE, Publish=True)


def config_of(answer):
    del answer["ResponseMetadata"]
    return answer


def put(function, **parameters):
    return config_of(function.client.put_function_event_invoke_config(FunctionName=function.name, **parameters))


def update(function, **parameters):
    return config_of(function.client.update_function_event_invoke_config(FunctionName=function.name, **parameters))


def get(function, **parameters):
    return config_of(function.client.get_function_event_invoke_config(FunctionName=function.name, **parameters))


def without_time(config):
    return {name: value for name, value in config.items() if name != "LastModified"}


def no_config(function, qualifier="$LATEST"):
    return (
        404, "ResourceNotFoundException",
        f"The function {function_arn(function.name, qualifier)} doesn't have an EventInvokeConfig",
    )  # fmt: skip


def test_put_replaces_all(function):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
    config = put(
        function, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": TOPIC}},
    )  # fmt: skip
    assert before < config["LastModified"] < before + datetime.timedelta(seconds=60)
    assert without_time(config) == {
        "FunctionArn": function_arn(function.name, "$LATEST"), "MaximumRetryAttempts": 1,
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": TOPIC}},
    }  # fmt: skip
    assert get(function) == config
    replaced = put(function, MaximumRetryAttempts=0)
    assert replaced["LastModified"] > config["LastModified"]
    assert without_time(replaced) == {
        "FunctionArn": function_arn(function.name, "$LATEST"), "MaximumRetryAttempts": 0, "DestinationConfig": NOWHERE,
    }  # fmt: skip
    assert get(function) == replaced


def test_update_changes_what_it_names(function):
    put(function, MaximumRetryAttempts=1, DestinationConfig={"OnSuccess": {"Destination": QUEUE}})
    updated = update(
        function, MaximumEventAgeInSeconds=21_600, DestinationConfig={"OnFailure": {"Destination": BUCKET}}
    )
    assert without_time(updated) == {
        "FunctionArn": function_arn(function.name, "$LATEST"), "MaximumRetryAttempts": 1,
        "MaximumEventAgeInSeconds": 21_600,
        "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": BUCKET}},
    }  # fmt: skip
    assert get(function) == updated
    # An empty destination is none.
    cleared = update(function, DestinationConfig={"OnSuccess": {}})
    assert cleared["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": BUCKET}}
    assert cleared["MaximumRetryAttempts"] == 1


def test_function_version_and_alias_have_their_own(function):
    client = function.client
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    put(function, MaximumRetryAttempts=0)
    for qualifier in "1", "live":
        assert error_of(get, function=function, Qualifier=qualifier) == no_config(function, qualifier)
    assert put(function, Qualifier="1", MaximumRetryAttempts=1)["FunctionArn"] == function_arn(function.name, "1")
    put(function, Qualifier="live", MaximumRetryAttempts=2)
    attempts = [get(function, **q)["MaximumRetryAttempts"] for q in ({}, {"Qualifier": "1"}, {"Qualifier": "live"})]
    assert attempts == [0, 1, 2]
    # By its name the unpublished version is the same as without one.
    assert get(function, Qualifier="$LATEST") == get(function)
    client.delete_alias(FunctionName=function.name, Name="live")
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    client.delete_function_event_invoke_config(FunctionName=function.name)
    assert error_of(get, function=function) == no_config(function)
    assert get(function, Qualifier="1")["MaximumRetryAttempts"] == 1


def test_configurations_are_listed_page_by_page(function):
    client = function.client
    assert client.list_function_event_invoke_configs(FunctionName=function.name)["FunctionEventInvokeConfigs"] == []
    put(function, MaximumRetryAttempts=0)
    for alias in "c", "a", "b", "d":
        client.create_alias(FunctionName=function.name, Name=alias, FunctionVersion="1")
        put(function, Qualifier=alias, MaximumRetryAttempts=1)
    whole = client.list_function_event_invoke_configs(FunctionName=function.name)
    assert "NextMarker" not in whole
    arns = [config["FunctionArn"] for config in whole["FunctionEventInvokeConfigs"]]
    assert sorted(arns) == sorted(function_arn(function.name, q) for q in ("$LATEST", "a", "b", "c", "d"))
    assert whole["FunctionEventInvokeConfigs"][0] == get(function, Qualifier=arns[0].rpartition(":")[2])
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName=function.name, PaginationConfig={"PageSize": 2}
    )
    assert [[c["FunctionArn"] for c in page["FunctionEventInvokeConfigs"]] for page in pages] == [
        arns[:2], arns[2:4], arns[4:]
    ]  # fmt: skip
    # What a marker stands behind may go meanwhile.
    first = client.list_function_event_invoke_configs(FunctionName=function.name, MaxItems=2)
    client.delete_function_event_invoke_config(FunctionName=function.name, Qualifier=arns[1].rpartition(":")[2])
    rest = client.list_function_event_invoke_configs(FunctionName=function.name, Marker=first["NextMarker"])
    assert [config["FunctionArn"] for config in rest["FunctionEventInvokeConfigs"]] == arns[2:]


def test_nothing_is_set(function):
    assert error_of(put, function=function) == (
        *INVALID, "You must specify at least one of error handling or destination setting."
    )  # fmt: skip
    assert error_of(update, function=function, MaximumRetryAttempts=1) == no_config(function)
    assert error_of(function.client.delete_function_event_invoke_config, FunctionName=function.name) == (
        no_config(function)
    )


def test_function_is_missing(function):
    client = function.client
    missing = (404, "ResourceNotFoundException", "The function doesn't exist.")
    for call in client.put_function_event_invoke_config, client.update_function_event_invoke_config:
        assert error_of(call, FunctionName="missing-function", MaximumRetryAttempts=1) == missing
        assert error_of(call, FunctionName=function.name, Qualifier="9", MaximumRetryAttempts=1) == missing
    for call in client.list_function_event_invoke_configs, client.delete_function_event_invoke_config:
        assert error_of(call, FunctionName="missing-function") == missing


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({"MaximumRetryAttempts": 3}, "maximumRetryAttempts"), ({"MaximumRetryAttempts": -1}, "maximumRetryAttempts"),
        ({"MaximumEventAgeInSeconds": 59}, "maximumEventAgeInSeconds"),
        ({"MaximumEventAgeInSeconds": 21_601}, "maximumEventAgeInSeconds"),
        ({"DestinationConfig": {"OnSuccess": {"Destination": "nonsense"}}}, "destinationConfig.onSuccess.destination"),
    ],
)  # fmt: skip
def test_value_that_the_model_does_not_allow(function, parameters, member):
    for call in put, update:
        status, code, message = error_of(call, function=function, **parameters)
        assert (status, code) == (400, "ValidationException")
        assert f"at '{member}' failed to satisfy constraint" in message


@pytest.mark.parametrize("destination", [QUEUE, TOPIC, BUS])
@pytest.mark.parametrize("outcome", ["OnSuccess", "OnFailure"])
def test_destination(function, destination, outcome):
    config = put(function, DestinationConfig={outcome: {"Destination": destination}})
    assert config["DestinationConfig"] == {**NOWHERE, outcome: {"Destination": destination}}


def test_destination_that_is_a_function(functions, function):
    other = functions.create(CODE)
    arn = function_arn(other.name)
    assert put(function, DestinationConfig={"OnSuccess": {"Destination": arn}})["DestinationConfig"]["OnSuccess"] == {
        "Destination": arn
    }  # fmt: skip
    for outcome in "OnSuccess", "OnFailure":
        for own in function_arn(function.name), function_arn(function.name, "1"):
            assert error_of(put, function=function, DestinationConfig={outcome: {"Destination": own}}) == (
                *INVALID, "You can't specify the function as a destination for itself."
            )  # fmt: skip
        missing = function_arn("missing-function")
        assert error_of(put, function=function, DestinationConfig={outcome: {"Destination": missing}}) == (
            *INVALID, f"The destination ARN {missing} is invalid."
        )  # fmt: skip


def test_destination_of_another_service(function):
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t"
    for destinations, text in [
        ({"OnSuccess": {"Destination": table}}, f"onSuccess=OnSuccess(destination={table}), onFailure=null"),
        ({"OnFailure": {"Destination": table}}, f"onSuccess=null, onFailure=OnFailure(destination={table})"),
        # Buckets are for failures.
        ({"OnSuccess": {"Destination": BUCKET}}, f"onSuccess=OnSuccess(destination={BUCKET}), onFailure=null"),
    ]:
        assert error_of(put, function=function, DestinationConfig=destinations) == (
            *INVALID, f"The provided destination config DestinationConfig({text}) is invalid."
        )  # fmt: skip
    assert error_of(get, function=function) == no_config(function)


def test_function_takes_its_configurations_along(functions, function):
    put(function, MaximumRetryAttempts=1)
    put(function, Qualifier="1", MaximumRetryAttempts=1)
    function.client.delete_function(FunctionName=function.name)
    functions.create(CODE, FunctionName=function.name, Publish=True)
    assert error_of(get, function=function) == no_config(function)
    assert error_of(get, function=function, Qualifier="1") == no_config(function, "1")


def test_configurations_survive_kill(own_server, own_functions):
    function = own_functions.create(CODE, Publish=True)
    kept = [
        put(function, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": QUEUE}}),
        put(function, Qualifier="1", MaximumEventAgeInSeconds=60),
    ]
    own_server.kill()
    own_server.start()
    function.client = make_client(own_server)
    assert [get(function), get(function, Qualifier="1")] == kept


def test_many_change_them_at_once(server, function):
    aliases = [f"alias-{number}" for number in range(8)]
    for alias in aliases:
        function.client.create_alias(FunctionName=function.name, Name=alias, FunctionVersion="1")
    clients = dict(zip(aliases, (make_client(server) for _ in aliases), strict=True))

    def run(alias):
        clients[alias].put_function_event_invoke_config(
            FunctionName=function.name, Qualifier=alias, MaximumRetryAttempts=1
        )

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(run, aliases))
    configs = function.client.list_function_event_invoke_configs(FunctionName=function.name)
    assert len(configs["FunctionEventInvokeConfigs"]) == 8
