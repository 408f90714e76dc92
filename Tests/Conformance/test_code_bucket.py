"""Packages in a bucket: one server with `code-bucket`, whose disk keeps nothing that cannot be fetched again."""

import base64
import os
import shutil
import socket
import urllib.request
import uuid

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError
from lambda_client import ROLE, Functions, make_client
from object_service import ObjectService
from packages import SCRIPT_PRELUDE, package
from swiftlet_server import SwiftletServer
from test_concurrency import eventually
from test_service import run

KEY_ID, SECRET = "AKIDSWIFTLET", "a/secret+with=signs"
#: Answers with its number, and with what a layer has brought.
ANSWERING = """
import glob
while True:
    request_id, body = next_invoke()
    layers = [open(name).read() for name in sorted(glob.glob("/opt/layer*"))]
    respond(request_id, json.dumps([{number}, *layers]))
"""
CACHE_MEGABYTES = 64


def answering(number, ballast=0):
    """A function's package, with so many bytes that it has no use for."""
    source = SCRIPT_PRELUDE + ANSWERING.format(number=number)
    return package({"bootstrap": source, "ballast": b"\0" * ballast}, executable={"bootstrap"})


@pytest.fixture(scope="module")
def service():
    service = ObjectService()
    yield service
    service.close()


class Bucket:
    """A bucket, the server's client, and what happens on the way."""

    def __init__(self, service):
        self.endpoint = service.endpoint
        self.name = f"code-{uuid.uuid4().hex[:12]}"
        self.front = service.bucket(self.name)
        self.client = boto3.client(
            "s3", endpoint_url=service.endpoint, region_name="us-east-1", aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET, config=botocore.config.Config(s3={"addressing_style": "path"}),
        )  # fmt: skip
        self.client.create_bucket(Bucket=self.name)

    @property
    def keys(self):
        return {entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])}

    def refuse(self, status, code):
        with self.front.lock:
            self.front.faults = [{"kind": "status", "status": status, "code": code}]

    def answer(self):
        with self.front.lock:
            self.front.faults = []

    def count(self, method):
        with self.front.lock:
            return sum(asked.startswith(f"{method} ") and asked.endswith(".zip") for asked in self.front.asked)


@pytest.fixture
def bucket(service):
    bucket = Bucket(service)
    yield bucket
    bucket.client.close()


@pytest.fixture
def server(bucket, tmp_path):
    server = SwiftletServer(
        tmp_path,
        [
            "--code-bucket", bucket.name, "--code-bucket-endpoint", bucket.endpoint, "--code-bucket-prefix", "some/",
            "--code-cache-max", str(CACHE_MEGABYTES), "--s3-access-key-id", KEY_ID,
        ],
        environment={"SWIFTLET_S3_SECRET_ACCESS_KEY": SECRET},
    )  # fmt: skip
    server.start()
    yield server
    server.close()


@pytest.fixture
def functions(server):
    # They are not deleted: their server's directory goes away whole.
    return Functions(server, "f")


def again(server, function):
    """The same function, of the server after its restart."""
    function.client = make_client(server)
    return function


def content_size(server):
    """What the trees take, a file of several names once, in bytes."""
    sizes = {}
    for kind in "unpacked", "merged":
        for directory, _, names in os.walk(server.data / "code" / kind):
            for status in (os.lstat(f"{directory}/{name}") for name in names):
                sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def key_of(configuration):
    return f"some/{base64.b64decode(configuration['CodeSha256']).hex()}.zip"


def test_packages_are_in_the_bucket_and_nowhere_else(server, bucket, functions):
    code = answering(1)
    function = functions.provided(code)
    assert function.ask() == [1]
    assert bucket.keys == {key_of(function.configuration)}
    assert bucket.client.get_object(Bucket=bucket.name, Key=key_of(function.configuration))["Body"].read() == code
    assert list((server.data / "code" / "archives").iterdir()) == []
    with urllib.request.urlopen(function.client.get_function(FunctionName=function.name)["Code"]["Location"]) as answer:
        assert answer.read() == code
    # What is on the disk need not be fetched to run.
    assert bucket.count("GET") == 2, "the test's and the download's"


def test_update_and_delete(server, bucket, functions):
    function = functions.provided(answering(1))
    updated = function.client.update_function_code(FunctionName=function.name, ZipFile=answering(2))
    function.wait_until_updated()
    assert function.ask() == [2]
    assert bucket.keys == {key_of(function.configuration), key_of(updated)}
    function.client.delete_function(FunctionName=function.name)
    other = functions.provided(answering(2))
    assert other.ask() == [2]


def test_functions_outlive_their_host(server, bucket, functions):
    first = functions.provided(answering(1))
    layers = [
        first.client.publish_layer_version(
            LayerName=f"layer-{number}", Content={"ZipFile": package({f"layer-{number}": f"text {number}"})}
        )["LayerVersionArn"]
        for number in (1, 2)
    ]  # fmt: skip
    second = functions.provided(answering(2), Layers=layers)
    assert first.ask() == [1]
    server.kill()
    shutil.rmtree(server.data / "code")
    server.start()
    assert again(server, first).ask() == [1]
    assert again(server, second).ask() == [2, "text 1", "text 2"]
    assert bucket.count("GET") == 4
    server.kill()
    server.start()
    assert again(server, first).ask() == [1]
    assert again(server, second).ask() == [2, "text 1", "text 2"]
    assert bucket.count("GET") == 4, "what was unpacked outlives the process"


def test_start_and_stop_remove_nothing_from_the_bucket(server, bucket, functions):
    function = functions.provided(answering(1))
    foreign = "some/" + "0" * 64 + ".zip"
    bucket.client.put_object(Bucket=bucket.name, Key=foreign, Body=b"another's")
    assert server.stop() == 0
    server.start()
    assert again(server, function).ask() == [1]
    assert bucket.keys == {key_of(function.configuration), foreign}


def test_cache_keeps_to_its_bound_and_everything_runs(server, bucket, functions):
    created = [functions.provided(answering(number, ballast=25 << 20)) for number in range(5)]
    assert content_size(server) <= CACHE_MEGABYTES << 20
    for number, function in enumerate(created):
        assert function.ask() == [number]
    # Idle environments still show theirs.
    assert content_size(server) > CACHE_MEGABYTES << 20
    for function in created:
        function.client.delete_function(FunctionName=function.name)
    eventually(lambda: content_size(server) <= CACHE_MEGABYTES << 20)


def test_bucket_that_does_not_answer(server, bucket, functions):
    function = functions.provided(answering(1))
    bucket.refuse(503, "SlowDown")
    with pytest.raises(ClientError) as caught:
        function.client.create_function(
            FunctionName="other", Runtime="provided.al2023", Handler="unused", Role=ROLE,
            Code={"ZipFile": answering(2)},
        )  # fmt: skip
    assert caught.value.response["Error"]["Code"] == "ServiceException"
    server.kill()
    server.start()
    assert "the bucket of packages does not answer" in server.log
    assert again(server, function).ask() == [1], "it is unpacked already"
    bucket.answer()
    assert Functions(server, "g").provided(answering(2)).ask() == [2]
    assert SECRET not in server.log


def test_update_does_not_fail_for_want_of_the_bucket(server, bucket, functions):
    function = functions.provided(answering(1))
    server.kill()
    shutil.rmtree(server.data / "code")
    bucket.refuse(503, "SlowDown")
    server.start()
    again(server, function).client.update_function_configuration(FunctionName=function.name, MemorySize=256)
    function.wait_until_updated()
    configuration = function.client.get_function_configuration(FunctionName=function.name)
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    bucket.answer()
    assert function.ask() == [1]


def test_code_that_is_gone_fails_the_function_alone(server, bucket, functions):
    lost, kept = functions.provided(answering(1)), functions.provided(answering(2))
    bucket.client.delete_object(Bucket=bucket.name, Key=key_of(lost.configuration))
    server.kill()
    shutil.rmtree(server.data / "code")
    server.start()
    with pytest.raises(ClientError) as caught:
        again(server, lost).invoke()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    assert again(server, kept).ask() == [2]
    # Uploading it once more puts it right.
    lost.client.update_function_code(FunctionName=lost.name, ZipFile=answering(1))
    lost.wait_until_updated()
    assert lost.ask() == [1]


def test_packages_of_the_disk_move_into_the_bucket(service, bucket, tmp_path):
    server = SwiftletServer(tmp_path)
    server.start()
    function = Functions(server, "f").provided(answering(1))
    server.kill()
    server.arguments = [
        "--code-bucket", bucket.name, "--s3-endpoint", bucket.endpoint, "--aws-access-key-id", KEY_ID,
    ]  # fmt: skip
    server.environment = {"SWIFTLET_AWS_SECRET_ACCESS_KEY": SECRET}
    server.start()
    try:
        assert bucket.keys == {key_of(function.configuration).replace("some/", "packages/")}
        assert list((server.data / "code" / "archives").iterdir()) == []
        assert again(server, function).ask() == [1]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (["--code-bucket", "b"], "code-bucket"),
        (["--code-bucket", "Not_A_Bucket"], "code-bucket"),
        (["--code-bucket", "bucket", "--code-bucket-prefix", "/a"], "code-bucket-prefix"),
        (["--code-bucket", "bucket", "--code-bucket-prefix", "a"], "code-bucket-prefix"),
        (["--code-bucket", "bucket", "--code-bucket-region", "No where"], "code-bucket-region"),
        (["--code-bucket", "bucket", "--code-bucket-endpoint", "http://a/b"], "code-bucket-endpoint"),
        (["--code-bucket", "bucket"], "code-bucket-endpoint"),
        (["--code-bucket-endpoint", "http://127.0.0.1:1"], "code-bucket"),
        (["--code-cache-max", "63"], "code-cache-max"),
    ],
)
def test_configuration_that_does_not_fit_is_told(options, key, tmp_path):
    done = run("serve", "--data", str(tmp_path / "data"), *options)
    assert done.returncode != 0
    assert f"configuration key '{key}'" in done.stderr


def test_bucket_that_refuses_stops_the_start(service, tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    missing = f"missing-{uuid.uuid4().hex[:12]}"
    done = run(
        "serve", "--listen", f"127.0.0.1:{port}", "--data", str(tmp_path / "data"), "--code-bucket", missing,
        "--code-bucket-endpoint", service.endpoint,
    )  # fmt: skip
    assert done.returncode == 1
    assert "configuration key 'code-bucket'" in done.stderr
    assert missing in done.stderr and "NoSuchBucket" in done.stderr
