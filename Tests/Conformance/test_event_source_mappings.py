"""Event source mappings: what is kept and shown of each kind of source, what is refused, and how their states go on."""

import concurrent.futures
import datetime
import json
import re
import time
import uuid

import pytest
from lambda_client import ACCOUNT, REGION, error_of, function_arn, make_client

CODE = "def handler(event, context): return 1"
INVALID = (400, "InvalidParameterValueException")
NOT_FOUND = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
MISSING = "00000000-0000-4000-8000-000000000000"
#: States that go on by themselves.
PASSING = "Creating", "Enabling", "Disabling", "Updating", "Deleting"
#: How long one of them may last on a busy host, and between two looks at it, in seconds.
PASSING_SECONDS_MAX = 30
LOOK_SECONDS = 0.05


def queue(suffix=""):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:q-{uuid.uuid4().hex[:12]}{suffix}"


def kinesis():
    return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s-{uuid.uuid4().hex[:12]}"


def dynamodb():
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t-{uuid.uuid4().hex[:12]}/stream/2026-11-25T00:00:00.000"


def kafka():
    return f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c-{uuid.uuid4().hex[:12]}/{MISSING}-1"


def broker():
    return f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:b:b-{uuid.uuid4()}"


def document_db():
    return f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:d-{uuid.uuid4().hex[:12]}"


SECRET = [{"Type": "BASIC_AUTH", "URI": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:s"}]
SELF_MANAGED = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["b1.example.com:9092", "b2.example.com:9092"]}}
DOCUMENTS = {"DatabaseName": "db"}


def of(source):
    """The parameters of a mapping with what its kind of source needs."""
    return {
        "queue": lambda: {"EventSourceArn": queue()},
        "fifo": lambda: {"EventSourceArn": queue(".fifo")},
        "kinesis": lambda: {"EventSourceArn": kinesis(), "StartingPosition": "LATEST"},
        "dynamodb": lambda: {"EventSourceArn": dynamodb(), "StartingPosition": "TRIM_HORIZON"},
        "kafka": lambda: {"EventSourceArn": kafka(), "StartingPosition": "LATEST", "Topics": ["birds"]},
        "self-managed": lambda: {
            "SelfManagedEventSource": SELF_MANAGED, "StartingPosition": "LATEST", "Topics": ["birds"],
            "SourceAccessConfigurations": SECRET,
        },
        "broker": lambda: {"EventSourceArn": broker(), "Queues": ["q"], "SourceAccessConfigurations": SECRET},
        "documents": lambda: {
            "EventSourceArn": document_db(), "StartingPosition": "LATEST", "DocumentDBEventSourceConfig": DOCUMENTS,
            "SourceAccessConfigurations": SECRET,
        },
    }[source]()  # fmt: skip


SOURCES = "queue", "fifo", "kinesis", "dynamodb", "kafka", "self-managed", "broker", "documents"
STREAMS = "kinesis", "dynamodb"


class Mappings:
    """Creates mappings of one function, and deletes them."""

    def __init__(self, functions):
        self.client = functions.client
        self.function = functions.create(CODE, Publish=True)
        self._created = []

    def create(self, source="queue", **parameters):
        answer = self.client.create_event_source_mapping(**{
            "FunctionName": self.function.name, **of(source), **parameters
        })  # fmt: skip
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 202
        self._created.append(answer["UUID"])
        return answer

    def refuse(self, source="queue", **parameters):
        parameters = {"FunctionName": self.function.name, **of(source), **parameters}
        return error_of(
            self.client.create_event_source_mapping, **{k: v for k, v in parameters.items() if v is not None}
        )

    def get(self, mapping):
        answer = self.client.get_event_source_mapping(UUID=mapping["UUID"])
        del answer["ResponseMetadata"]
        return answer

    def settled(self, mapping):
        """The mapping once nothing is under way; None if it is gone."""
        deadline = time.monotonic() + PASSING_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                answer = self.get(mapping)
            except self.client.exceptions.ResourceNotFoundException:
                return None
            if answer["State"] not in PASSING:
                return answer
            time.sleep(LOOK_SECONDS)
        raise AssertionError(f"the mapping stays {answer['State']}")

    def update(self, mapping, **parameters):
        answer = self.client.update_event_source_mapping(UUID=mapping["UUID"], **parameters)
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 202
        return answer

    def delete(self, mapping):
        answer = self.client.delete_event_source_mapping(UUID=mapping["UUID"])
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 202
        return answer

    def listed(self, **parameters):
        pages = self.client.get_paginator("list_event_source_mappings").paginate(**parameters)
        return [mapping["UUID"] for page in pages for mapping in page["EventSourceMappings"]]

    def close(self):
        for mapping in self._created:
            if self.settled({"UUID": mapping}):
                self.delete({"UUID": mapping})


@pytest.fixture
def mappings(functions):
    mappings = Mappings(functions)
    yield mappings
    mappings.close()


# What is shown.


def skeleton(mapping, function):
    """What is known of every mapping from its identifier and its function."""
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", mapping["UUID"])
    age = datetime.datetime.now(datetime.timezone.utc) - mapping["LastModified"]
    assert abs(age) < datetime.timedelta(seconds=60)
    return {
        "UUID": mapping["UUID"], "FunctionArn": function_arn(function.name), "LastModified": mapping["LastModified"],
        "EventSourceMappingArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{mapping['UUID']}",
        "State": "Creating",
    }  # fmt: skip


@pytest.mark.parametrize("source", ["queue", "fifo"])
def test_mapping_of_a_queue_to_the_member(mappings, source):
    mapping = mappings.create(source)
    assert mapping == {
        **skeleton(mapping, mappings.function), "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": mapping["EventSourceArn"], "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": [],
    }  # fmt: skip


@pytest.mark.parametrize("source", STREAMS)
def test_mapping_of_a_stream_to_the_member(mappings, source):
    mapping = mappings.create(source)
    # Whether they are there without having been given is another test's.
    mapping.pop("FunctionResponseTypes", None)
    assert mapping == {
        **skeleton(mapping, mappings.function), "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": mapping["EventSourceArn"], "StateTransitionReason": "User action",
        "StartingPosition": of(source)["StartingPosition"], "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {}}, "LastProcessingResult": "No records processed",
        "MaximumRecordAgeInSeconds": -1, "BisectBatchOnFunctionError": False, "MaximumRetryAttempts": -1,
        "TumblingWindowInSeconds": 0,
    }  # fmt: skip


@pytest.mark.parametrize("source", STREAMS)
def test_mapping_of_a_stream_shows_no_response_types(mappings, source):
    assert mappings.create(source)["FunctionResponseTypes"] == []


@pytest.mark.parametrize("source", ["kafka", "self-managed", "broker", "documents"])
def test_mapping_of_a_broker_or_database(mappings, source):
    parameters = of(source)
    mapping = mappings.create(source, **parameters)
    assert {**mapping, **skeleton(mapping, mappings.function), **parameters, "BatchSize": 100} == mapping
    assert mapping["StateTransitionReason"] == "User action"
    assert {"ParallelizationFactor", "TumblingWindowInSeconds"}.isdisjoint(mapping)
    consumer = {"kafka": "AmazonManagedKafkaEventSourceConfig", "self-managed": "SelfManagedKafkaEventSourceConfig"}
    if source in consumer:
        assert mapping[consumer[source]] == {"ConsumerGroupId": mapping["UUID"]}


def test_all_settings_of_a_stream(mappings):
    settings = {
        "BatchSize": 7, "MaximumBatchingWindowInSeconds": 300, "ParallelizationFactor": 10,
        "StartingPosition": "AT_TIMESTAMP", "MaximumRecordAgeInSeconds": 60, "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 0, "TumblingWindowInSeconds": 900, "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": queue()}},
        "FilterCriteria": {"Filters": [{"Pattern": '{"data":{"a":[1]}}'}]},
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "StartingPositionTimestamp": datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc),
    }  # fmt: skip
    mapping = mappings.create("kinesis", **settings)
    assert {name: mapping[name] for name in settings} == settings
    settled = mappings.settled(mapping)
    assert {name: settled[name] for name in settings} == settings


def test_function_is_kept_with_its_qualifier(mappings):
    client, name = mappings.client, mappings.function.name
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    for given, qualifier in [
        (name, None), (f"{name}:1", "1"), (function_arn(name, "live"), "live"), (f"{ACCOUNT}:function:{name}", None),
    ]:  # fmt: skip
        assert mappings.create(FunctionName=given)["FunctionArn"] == function_arn(name, qualifier)


# How states go on.


@pytest.mark.parametrize("source", SOURCES)
def test_mapping_is_disabled_and_says_why(mappings, source):
    mapping = mappings.create(source)
    settled = mappings.settled(mapping)
    assert settled["State"] == "Disabled"
    assert "does not poll event sources" in settled["StateTransitionReason"]
    changed = {"State", "StateTransitionReason"}
    assert {k: v for k, v in settled.items() if k not in changed} == {
        k: v for k, v in mapping.items() if k not in changed
    }  # fmt: skip


def test_mapping_that_is_to_be_disabled_is_so_by_the_user(mappings):
    mapping = mappings.create(Enabled=False)
    assert mapping["State"] == "Creating"
    settled = mappings.settled(mapping)
    assert (settled["State"], settled["StateTransitionReason"]) == ("Disabled", "USER_INITIATED")
    enabling = mappings.update(mapping, Enabled=True)
    assert enabling["State"] == "Enabling"
    assert "does not poll event sources" in mappings.settled(mapping)["StateTransitionReason"]
    mappings.update(mapping, Enabled=False)
    settled = mappings.settled(mapping)
    assert (settled["State"], settled["StateTransitionReason"]) == ("Disabled", "USER_INITIATED")


def test_update_changes_what_it_names(functions, mappings):
    mapping = mappings.create(
        "kinesis", BatchSize=5, Enabled=False, FilterCriteria={"Filters": [{"Pattern": '{"data":{"a":[1]}}'}]}
    )
    before = mappings.settled(mapping)
    updated = mappings.update(mapping, BatchSize=6, MaximumRetryAttempts=3)
    assert updated["State"] == "Updating"
    assert updated["LastModified"] >= before["LastModified"]
    settled = mappings.settled(mapping)
    assert settled == {
        **before, "BatchSize": 6, "MaximumRetryAttempts": 3, "LastModified": updated["LastModified"]
    }  # fmt: skip
    other = functions.create(CODE)
    mappings.update(mapping, FunctionName=other.name, FilterCriteria={"Filters": []})
    settled = mappings.settled(mapping)
    assert settled["FunctionArn"] == function_arn(other.name)
    assert "FilterCriteria" not in settled
    assert mappings.listed(FunctionName=other.name) == [mapping["UUID"]]
    assert mappings.listed(FunctionName=mappings.function.name) == []


def test_update_that_is_refused_changes_nothing(mappings):
    mapping = mappings.create(BatchSize=5)
    before = mappings.settled(mapping)
    for parameters, text in [
        ({"BatchSize": 11},
         "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"),
        ({"FunctionName": "missing-function"}, "Function does not exist"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "nonsense"}]}}, "Invalid filter pattern definition."),
    ]:  # fmt: skip
        assert error_of(mappings.update, mapping=mapping, **parameters) == (*INVALID, text)
        assert mappings.get(mapping) == before
    mappings.update(mapping, BatchSize=11, MaximumBatchingWindowInSeconds=1)
    assert mappings.settled(mapping)["BatchSize"] == 11


@pytest.mark.parametrize("source", SOURCES)
def test_deleted_mapping_goes(mappings, source):
    mapping = mappings.create(source)
    before = mappings.settled(mapping)
    deleted = mappings.delete(mapping)
    assert {**before, "State": "Deleting"} == deleted
    assert mappings.settled(mapping) is None
    for call in (
        mappings.client.get_event_source_mapping, mappings.client.delete_event_source_mapping,
        mappings.client.update_event_source_mapping,
    ):  # fmt: skip
        assert error_of(call, UUID=mapping["UUID"]) == NOT_FOUND
    assert mapping["UUID"] not in mappings.listed()


def test_one_of_many_deletes_it(server, mappings):
    mapping = mappings.create()
    mappings.settled(mapping)
    clients = [make_client(server) for _ in range(8)]

    def run(client):
        try:
            return client.delete_event_source_mapping(UUID=mapping["UUID"])["ResponseMetadata"]["HTTPStatusCode"]
        except (client.exceptions.ResourceInUseException, client.exceptions.ResourceNotFoundException) as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, clients))
    assert answers.count(202) == 1
    # In use or gone.
    assert set(answers) <= {202, 400, 404}


def test_mapping_outlives_its_function(mappings):
    mapping = mappings.create()
    before = mappings.settled(mapping)
    mappings.client.delete_function(FunctionName=mappings.function.name)
    assert mappings.get(mapping)["FunctionArn"] == before["FunctionArn"]


# What is refused.


def violation(text):
    return f"1 validation error detected: {text}"


@pytest.mark.parametrize(
    ("source", "parameters", "text"),
    [
        ("queue", {"EventSourceArn": None}, "Unrecognized event source."),
        ("queue", {"EventSourceArn": "arn:aws:s3:::bucket"}, "Unrecognized event source."),
        ("queue", {"EventSourceArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t"}, "Unrecognized event source."),
        ("queue", {"FunctionName": "missing-function"}, "Function does not exist"),
        ("queue", {"BatchSize": 11},
         "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"),
        ("queue", {"DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}}},
         "Unsupported DestinationConfig parameter for given event source mapping type."),
        ("queue", {"FilterCriteria": {"Filters": [{"Pattern": "nonsense"}]}}, "Invalid filter pattern definition."),
        ("self-managed", {"SourceAccessConfigurations": None},
         "Required 'sourceAccessConfigurations' parameter is missing."),
        *[(source, {"StartingPosition": None},
           violation("Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."))
          for source in ("kinesis", "dynamodb", "kafka", "self-managed", "documents")],
    ],
)  # fmt: skip
def test_refused_with_the_text_of_aws(mappings, source, parameters, text):
    assert mappings.refuse(source, **parameters) == (*INVALID, text)


def test_streams_of_tables_have_no_times(mappings):
    arn = dynamodb()
    now = datetime.datetime.now(datetime.timezone.utc)
    error = mappings.refuse(EventSourceArn=arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=now)
    assert error == (*INVALID, f"Unsupported starting position for arn type: {arn}")


@pytest.mark.parametrize(
    ("source", "parameters"),
    [
        ("fifo", {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 1}),
        ("fifo", {"MaximumBatchingWindowInSeconds": 1}),
        ("queue", {"StartingPosition": "LATEST"}), ("queue", {"ParallelizationFactor": 2}),
        ("queue", {"BisectBatchOnFunctionError": True}), ("queue", {"MaximumRetryAttempts": 1}),
        ("queue", {"MaximumRecordAgeInSeconds": 60}), ("queue", {"TumblingWindowInSeconds": 1}),
        ("queue", {"Topics": ["birds"]}), ("queue", {"Queues": ["q"]}),
        ("queue", {"DocumentDBEventSourceConfig": DOCUMENTS}),
        ("kinesis", {"ScalingConfig": {"MaximumConcurrency": 2}}), ("kinesis", {"StartingPosition": "AT_TIMESTAMP"}),
        ("kinesis", {"MaximumRecordAgeInSeconds": 59}), ("kinesis", {"ProvisionedPollerConfig": {"MinimumPollers": 1}}),
        ("kinesis", {"DestinationConfig": {"OnSuccess": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}}}),
        ("kafka", {"Topics": None}), ("kafka", {"MaximumRetryAttempts": 1}), ("kafka", {"Queues": ["q"]}),
        ("kafka", {"ProvisionedPollerConfig": {"MinimumPollers": 5, "MaximumPollers": 1}}),
        ("broker", {"Queues": None}), ("broker", {"StartingPosition": "LATEST"}),
        ("broker", {"FunctionResponseTypes": ["ReportBatchItemFailures"]}),
        ("documents", {"ParallelizationFactor": 2}),
    ],
)  # fmt: skip
def test_setting_that_the_source_does_not_have(mappings, source, parameters):
    assert mappings.refuse(source, **parameters)[:2] == INVALID


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({"StartingPosition": "SOMEWHERE"}, "startingPosition"), ({"BatchSize": 0}, "batchSize"),
        ({"BatchSize": 10_001}, "batchSize"),
        ({"MaximumBatchingWindowInSeconds": 301}, "maximumBatchingWindowInSeconds"),
        ({"ParallelizationFactor": 11}, "parallelizationFactor"),
        ({"MaximumRetryAttempts": 10_001}, "maximumRetryAttempts"),
        ({"MaximumRecordAgeInSeconds": 604_801}, "maximumRecordAgeInSeconds"),
        ({"TumblingWindowInSeconds": 901}, "tumblingWindowInSeconds"),
        ({"FunctionResponseTypes": ["Some"]}, "functionResponseTypes"),
        ({"EventSourceArn": "nonsense"}, "eventSourceArn"),
        ({"FunctionName": None}, "functionName"), ({"ScalingConfig": {"MaximumConcurrency": 1}}, "maximumConcurrency"),
    ],
)  # fmt: skip
def test_member_that_the_model_does_not_allow(mappings, parameters, member):
    status, code, message = mappings.refuse("kinesis", **parameters)
    assert (status, code) == (400, "ValidationException")
    assert member in message
    if member == "startingPosition":
        assert re.search(r"Member must satisfy enum value set: \[[A-Z_, ]+\]", message)


@pytest.mark.parametrize(
    ("pattern", "is_valid"),
    [
        ('{"body":{"a":[1,"x",null,true]}}', True), ('{"body":{"a":[{"prefix":"x"}]}}', True),
        ('{"body":{"a":[{"exists":false}],"b":[{"numeric":[">",1]}]}}', True),
        ('{"$or":[{"body":{"a":[1]}},{"body":{"b":[2]}}]}', True), ('{"body":[""]}', True),
        ("", False), ("[]", False), ("{}", False), ('{"body":1}', False), ('{"body":[]}', False),
        ('{"body":{"a":[{"unknown":1}]}}', False), ('{"body":{"a":"x"}}', False), ("{", False),
    ],
)
def test_filter(mappings, pattern, is_valid):
    criteria = {"Filters": [{"Pattern": pattern}]}
    if is_valid:
        assert mappings.create(FilterCriteria=criteria)["FilterCriteria"] == criteria
    else:
        assert mappings.refuse(FilterCriteria=criteria) == (*INVALID, "Invalid filter pattern definition.")


def test_ten_filters_and_no_more(mappings):
    filters = [{"Pattern": json.dumps({"body": [number]})} for number in range(11)]
    assert mappings.refuse(FilterCriteria={"Filters": filters})[:2] == INVALID
    assert len(mappings.create(FilterCriteria={"Filters": filters[:10]})["FilterCriteria"]["Filters"]) == 10


# One mapping for each source and function.


def test_second_mapping_of_a_queue(mappings):
    mapping = mappings.create()
    arn = mapping["EventSourceArn"]
    assert mappings.refuse(EventSourceArn=arn) == (
        409, "ResourceConflictException",
        f'An event source mapping with SQS arn (" {arn} ") and function (" {mappings.function.name} ") already exists. '
        f"Please update or delete the existing mapping with UUID {mapping['UUID']}",
    )  # fmt: skip
    # That of a version is another function's.
    mappings.create(EventSourceArn=arn, FunctionName=f"{mappings.function.name}:1")
    mappings.settled(mapping)
    mappings.delete(mapping)
    mappings.settled(mapping)
    mappings.create(EventSourceArn=arn)


@pytest.mark.parametrize("source", STREAMS)
def test_second_mapping_of_a_stream(mappings, source):
    mapping = mappings.create(source)
    arn = mapping["EventSourceArn"]
    assert mappings.refuse(source, EventSourceArn=arn) == (
        409, "ResourceConflictException",
        f'The event source arn (" {arn} ") and function (" {mappings.function.name} ") provided mapping already '
        f"exists. Please update or delete the existing mapping with UUID {mapping['UUID']}",
    )  # fmt: skip


def test_second_mapping_of_a_topic(mappings):
    mapping = mappings.create("self-managed")
    assert mappings.refuse("self-managed") == (
        409, "ResourceConflictException",
        'An event source mapping with event source ("b1.example.com:9092,b2.example.com:9092"), '
        f'function ("{function_arn(mappings.function.name)}"), topics ("birds") already exists. '
        f"Please update or delete the existing mapping with UUID {mapping['UUID']}",
    )  # fmt: skip
    mappings.create("self-managed", Topics=["other"])


def test_one_of_many_creates_it(server, mappings):
    arns = [queue() for _ in range(20)]
    clients = [make_client(server) for _ in range(8)]

    def run(client):
        created = []
        for arn in arns:
            try:
                client.create_event_source_mapping(FunctionName=mappings.function.name, EventSourceArn=arn)
            except client.exceptions.ResourceConflictException:
                continue
            created.append(arn)
        return created

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        created = [arn for answer in pool.map(run, clients) for arn in answer]
    found = [mappings.listed(EventSourceArn=arn) for arn in arns]
    mappings._created += [mapping for of_arn in found for mapping in of_arn]
    assert [len(of_arn) for of_arn in found] == [1] * len(arns)
    assert sorted(created) == sorted(arns)


# Lists.


def test_mappings_are_listed_by_function_and_source(functions, mappings):
    client, name = mappings.client, mappings.function.name
    shared = queue()
    mine = [mappings.create(EventSourceArn=shared)["UUID"], *(mappings.create()["UUID"] for _ in range(4))]
    other = functions.create(CODE)
    of_other = mappings.create(EventSourceArn=shared, FunctionName=other.name)["UUID"]
    assert sorted(mappings.listed(FunctionName=name)) == sorted(mine)
    assert mappings.listed(FunctionName=function_arn(name)) == mappings.listed(FunctionName=name)
    assert sorted(mappings.listed(EventSourceArn=shared)) == sorted([mine[0], of_other])
    assert mappings.listed(EventSourceArn=shared, FunctionName=other.name) == [of_other]
    assert mappings.listed(EventSourceArn=queue()) == []
    assert {*mine, of_other} <= set(mappings.listed())
    whole = mappings.listed(FunctionName=name)
    pages = client.get_paginator("list_event_source_mappings").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 2}
    )
    assert [[m["UUID"] for m in page["EventSourceMappings"]] for page in pages] == [whole[:2], whole[2:4], whole[4:]]
    # What a marker stands behind may go meanwhile.
    first = client.list_event_source_mappings(FunctionName=name, MaxItems=2)
    gone = {"UUID": whole[1]}
    mappings.settled(gone)
    mappings.delete(gone)
    assert mappings.settled(gone) is None
    rest = client.list_event_source_mappings(FunctionName=name, Marker=first["NextMarker"])
    assert [mapping["UUID"] for mapping in rest["EventSourceMappings"]] == whole[2:]


def test_list_has_whole_mappings(mappings):
    mapping = mappings.settled(mappings.create("kinesis"))
    found = mappings.client.list_event_source_mappings(FunctionName=mappings.function.name)["EventSourceMappings"]
    assert found == [mapping]


def test_bad_marker(mappings):
    assert error_of(mappings.client.list_event_source_mappings, Marker="no marker!")[:2] == INVALID


# Tags.


def test_tags(mappings):
    mapping = mappings.create(Tags={"team": "birds"})
    client, arn = mappings.client, mapping["EventSourceMappingArn"]
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "birds"}
    client.tag_resource(Resource=arn, Tags={"stage": "egg"})
    client.untag_resource(Resource=arn, TagKeys=["team"])
    assert client.list_tags(Resource=arn)["Tags"] == {"stage": "egg"}
    mappings.settled(mapping)
    mappings.update(mapping, BatchSize=1)
    mappings.settled(mapping)
    assert client.list_tags(Resource=arn)["Tags"] == {"stage": "egg"}
    mappings.delete(mapping)
    mappings.settled(mapping)
    assert error_of(client.list_tags, Resource=arn) == (
        404, "ResourceNotFoundException", f"Event source mapping not found: {arn}"
    )  # fmt: skip


# Power failures.


def test_what_was_under_way_is_finished_after_kill(own_server, own_functions):
    mappings = Mappings(own_functions)

    def restart():
        own_server.kill()
        own_server.start()
        mappings.client = make_client(own_server)

    # Some of them are caught in the middle, and all were answered.
    created = [mappings.create(source, Tags={"kept": "yes"}) for source in SOURCES]
    restart()
    settled = [mappings.settled(mapping) for mapping in created]
    assert [mapping["State"] for mapping in settled] == ["Disabled"] * len(SOURCES)
    assert {tag for m in created for tag in mappings.client.list_tags(Resource=m["EventSourceMappingArn"])["Tags"]} == {
        "kept"
    }  # fmt: skip
    for mapping in settled:
        mappings.update(mapping, BatchSize=3)
    restart()
    settled = [mappings.settled(mapping) for mapping in created]
    assert [(mapping["State"], mapping["BatchSize"]) for mapping in settled] == [("Disabled", 3)] * len(SOURCES)
    for mapping in settled:
        mappings.delete(mapping)
    restart()
    assert [mappings.settled(mapping) for mapping in created] == [None] * len(SOURCES)
    assert mappings.listed() == []
