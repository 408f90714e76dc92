"""Packages that requests name in S3: what is fetched, how it is asked for, and what is told when it cannot be."""

import base64
import concurrent.futures
import hashlib
import io
import os
import socket
import threading
import urllib.request
import uuid
import zipfile

import moto.server
import pytest
from botocore.exceptions import ClientError
from lambda_client import Functions, make_client
from object_store import ObjectStore, error_document
from packages import package
from swiftlet_server import SwiftletServer
from test_packages import CANNOT_UNZIP, NOTHING_INSIDE

KEY_ID, SECRET = "AKIDSWIFTLET", "a/secret+with=signs"
PART_BYTES = 8 << 20
UNZIPPED_BYTES_MAX = 262_144_000
UNZIPPED_TOO_LARGE = f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes"
NO_SUCH_KEY = "The specified key does not exist."
#: The object that tests of an `ObjectStore` ask for.
ANYWHERE = {"S3Bucket": "a-bucket", "S3Key": "a-key"}


def s3_error(code, message):
    return (
        "InvalidParameterValueException",
        f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}",
    )


def answering(number):
    return package({"app.py": f"def handler(event, context): return {number}"})


def large_package(size, number=0):
    """A package that is larger than `size`, and whose function answers with the digest of what makes it so."""
    content = os.urandom(size)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("content", content)
        archive.writestr(
            "app.py",
            "import hashlib\n"
            "def handler(event, context):\n"
            f"    return [{number}, hashlib.sha256(open('/var/task/content', 'rb').read()).hexdigest()]",
        )
    return output.getvalue(), [number, hashlib.sha256(content).hexdigest()]


def code_sha256(code):
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def with_s3(directory, endpoint, signed=True):
    if not signed:
        return SwiftletServer(directory, ["--s3-endpoint", endpoint])
    return SwiftletServer(
        directory, ["--s3-endpoint", endpoint, "--s3-access-key-id", KEY_ID],
        environment={"SWIFTLET_S3_SECRET_ACCESS_KEY": SECRET},
    )  # fmt: skip


def refusal(operation, **parameters):
    with pytest.raises(ClientError) as caught:
        operation(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def download(location):
    with urllib.request.urlopen(location) as response:
        return response.read()


# With moto as S3.


class Moto:
    """moto's S3 on a port of its own, with one bucket that keeps versions."""

    def __init__(self):
        self._server = moto.server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self.client = make_client(self, "s3")
        self.bucket = f"packages-{uuid.uuid4().hex[:8]}"
        self.client.create_bucket(Bucket=self.bucket)
        self.client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(self, content, key=None):
        """Stores an object, and returns how requests name it, version and all."""
        key = key or f"{uuid.uuid4().hex}.zip"
        version = self.client.put_object(Bucket=self.bucket, Key=key, Body=content)["VersionId"]
        return {"S3Bucket": self.bucket, "S3Key": key, "S3ObjectVersion": version}

    def close(self):
        self.client.close()
        self._server.stop()


@pytest.fixture(scope="module")
def s3():
    s3 = Moto()
    yield s3
    s3.close()


@pytest.fixture(scope="module")
def moto_server(s3, tmp_path_factory):
    server = with_s3(tmp_path_factory.mktemp("with-moto"), s3.endpoint)
    server.start()
    yield server
    server.close()


@pytest.fixture
def moto_functions(moto_server):
    functions = Functions(moto_server, f"t-{uuid.uuid4().hex[:12]}")
    yield functions
    functions.close()


def create_from(functions, source, **parameters):
    return functions.create(None, Code=source, **parameters)


def current(source):
    """The object that a source names, in whichever version is current."""
    return {"S3Bucket": source["S3Bucket"], "S3Key": source["S3Key"]}


def test_function_is_created_from_an_object(s3, moto_functions):
    code = answering(1)
    function = create_from(moto_functions, current(s3.put(code)))
    assert function.configuration["CodeSize"] == len(code)
    assert function.configuration["CodeSha256"] == code_sha256(code)
    assert function.ask() == 1
    assert download(function.client.get_function(FunctionName=function.name)["Code"]["Location"]) == code


def test_object_need_not_stay(s3, moto_functions):
    source = s3.put(answering(1))
    function = create_from(moto_functions, current(source))
    s3.client.delete_object(Bucket=source["S3Bucket"], Key=source["S3Key"])
    assert function.ask() == 1
    function.client.update_function_configuration(FunctionName=function.name, MemorySize=256)
    function.wait_until_updated()
    assert function.ask() == 1


def test_versions_of_an_object(s3, moto_functions):
    first = s3.put(answering(1))
    second = s3.put(answering(2), key=first["S3Key"])
    third = s3.put(answering(3), key=first["S3Key"])
    function = create_from(moto_functions, first)
    assert function.ask() == 1
    for source, answer in [(second, 2), (current(first), 3), (first, 1), (third, 3)]:
        function.client.update_function_code(FunctionName=function.name, **source)
        function.wait_until_updated()
        assert function.ask() == answer


def test_version_that_is_not_there(s3, moto_functions):
    source = s3.put(answering(1))
    function = create_from(moto_functions, source)
    with pytest.raises(ClientError) as caught:
        s3.client.get_object(Bucket=source["S3Bucket"], Key=source["S3Key"], VersionId="missing")
    error = caught.value.response["Error"]
    assert refusal(
        function.client.update_function_code, FunctionName=function.name, **{**source, "S3ObjectVersion": "missing"}
    ) == s3_error(error["Code"], error["Message"])
    assert function.ask() == 1


def test_deleted_object_is_not_there_but_its_version_is(s3, moto_functions):
    source = s3.put(answering(1))
    s3.client.delete_object(Bucket=source["S3Bucket"], Key=source["S3Key"])
    assert refusal(create_from, functions=moto_functions, source=current(source)) == s3_error("NoSuchKey", NO_SUCH_KEY)
    assert create_from(moto_functions, source).ask() == 1


def test_object_of_several_parts(s3, moto_functions):
    code, answer = large_package(20_000_000)
    function = create_from(moto_functions, current(s3.put(code)), MemorySize=512)
    assert function.configuration["CodeSize"] == len(code)
    assert function.configuration["CodeSha256"] == code_sha256(code)
    assert function.ask() == answer


@pytest.mark.parametrize(
    "key", ["with spaces/and more.zip", "päckchen/包裹/📦.zip", "a+b&c=d%20e?f#g.zip", "(it's)!*~.zip"]
)
def test_key_of_any_characters(s3, moto_functions, key):
    source = s3.put(answering(1), key=key)
    assert create_from(moto_functions, current(source)).ask() == 1
    assert create_from(moto_functions, source).ask() == 1


def test_layer_is_published_from_an_object(s3, moto_functions):
    content = package({"text": "from a layer"})
    source = s3.put(content)
    s3.put(package({"text": "another"}), key=source["S3Key"])
    client, name = moto_functions.client, f"l-{uuid.uuid4().hex[:12]}"
    published = client.publish_layer_version(LayerName=name, Content=source)
    assert published["Content"]["CodeSha256"] == code_sha256(content)
    assert published["Content"]["CodeSize"] == len(content)
    function = moto_functions.create(
        "def handler(event, context): return open('/opt/text').read()", Layers=[published["LayerVersionArn"]]
    )
    assert function.ask() == "from a layer"
    second = client.publish_layer_version(LayerName=name, Content=current(source))
    function.client.update_function_configuration(FunctionName=function.name, Layers=[second["LayerVersionArn"]])
    function.wait_until_updated()
    assert function.ask() == "another"


def test_missing_key(s3, moto_functions):
    missing = {"S3Bucket": s3.bucket, "S3Key": "missing.zip"}
    client, name = moto_functions.client, moto_functions.name()
    expected = s3_error("NoSuchKey", NO_SUCH_KEY)
    assert refusal(create_from, functions=moto_functions, source=missing, FunctionName=name) == expected
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)
    function = moto_functions.create(answering(1))
    before = client.get_function_configuration(FunctionName=function.name)
    assert refusal(client.update_function_code, FunctionName=function.name, **missing) == expected
    after = client.get_function_configuration(FunctionName=function.name)
    assert {**before, "ResponseMetadata": None} == {**after, "ResponseMetadata": None}
    assert refusal(client.publish_layer_version, LayerName=name, Content=missing) == expected
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []


def test_missing_bucket(s3, moto_functions):
    assert refusal(
        create_from, functions=moto_functions, source={"S3Bucket": "nobody-has-this", "S3Key": "a.zip"}
    ) == s3_error("NoSuchBucket", "The specified bucket does not exist")


@pytest.mark.parametrize("content, message", [(b"no archive", CANNOT_UNZIP), (b"", NOTHING_INSIDE)])
def test_object_that_is_no_package(s3, moto_functions, content, message):
    code, told = refusal(create_from, functions=moto_functions, source=current(s3.put(content)))
    assert (code, told) == ("InvalidParameterValueException", message)


def test_dry_run_changes_nothing(s3, moto_functions):
    function = moto_functions.create(answering(1))
    client, code = function.client, answering(2)
    before = client.get_function_configuration(FunctionName=function.name)
    told = client.update_function_code(FunctionName=function.name, DryRun=True, **current(s3.put(code)))
    assert told["CodeSha256"] == code_sha256(code)
    after = client.get_function_configuration(FunctionName=function.name)
    assert {**before, "ResponseMetadata": None} == {**after, "ResponseMetadata": None}
    assert function.ask() == 1
    assert refusal(
        client.update_function_code, FunctionName=function.name, DryRun=True, S3Bucket=s3.bucket, S3Key="missing"
    ) == s3_error("NoSuchKey", NO_SUCH_KEY)


def test_update_publishes_a_version(s3, moto_functions):
    function = moto_functions.create(answering(1))
    published = function.client.update_function_code(
        FunctionName=function.name, Publish=True, **current(s3.put(answering(2)))
    )
    assert published["Version"] == "1"
    function.wait_until_updated()
    assert function.ask(Qualifier="1") == 2


def test_many_at_once(s3, moto_functions):
    sources = [current(s3.put(answering(number))) for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(sources)) as pool:
        functions = list(pool.map(lambda source: create_from(moto_functions, source), sources))
    assert [function.ask() for function in functions] == list(range(8))


def test_package_survives_a_kill(s3, tmp_path):
    server = with_s3(tmp_path, s3.endpoint)
    server.start()
    try:
        functions = Functions(server, "f")
        code, answer = large_package(PART_BYTES)
        source = s3.put(code)
        function = create_from(functions, current(source), MemorySize=512)
        updated = functions.create(answering(1))
        updated.client.update_function_code(FunctionName=updated.name, **current(s3.put(answering(2))))
        server.kill()
        s3.client.delete_object(Bucket=source["S3Bucket"], Key=source["S3Key"])
        server.start()
        client = make_client(server)
        client.get_waiter("function_updated_v2").wait(FunctionName=updated.name, WaiterConfig={"Delay": 1})
        function.client = updated.client = client
        assert function.ask() == answer
        assert updated.ask() == 2
        assert download(client.get_function(FunctionName=function.name)["Code"]["Location"]) == code
    finally:
        server.close()


# With a server that answers as the test says.


@pytest.fixture(scope="module")
def _store():
    store = ObjectStore()
    yield store
    store.close()


@pytest.fixture
def store(_store):
    _store.reset()
    return _store


@pytest.fixture(scope="module")
def store_server(_store, tmp_path_factory):
    server = with_s3(tmp_path_factory.mktemp("with-store"), _store.endpoint)
    server.start()
    yield server
    server.close()


@pytest.fixture
def store_functions(store_server):
    functions = Functions(store_server, f"t-{uuid.uuid4().hex[:12]}")
    yield functions
    functions.close()


def test_requests_are_signed(store, store_functions):
    code, answer = large_package(PART_BYTES)

    def answer_if_signed(asked):
        if not asked.is_signed_by(KEY_ID, SECRET):
            return 403, {}, error_document("SignatureDoesNotMatch", "The signatures differ.")
        return asked.part_of(code, '"1"')

    store.answer = answer_if_signed
    source = {"S3Bucket": "a-bucket", "S3Key": "päth with/$igns+&=.zip", "S3ObjectVersion": "v/1+2 =.~"}
    assert create_from(store_functions, source, MemorySize=512).ask() == answer
    assert [asked.first for asked in store.asked] == [0, PART_BYTES]
    for asked in store.asked:
        assert asked.path == "/a-bucket/päth with/$igns+&=.zip"
        assert asked.query == {"versionId": ["v/1+2 =.~"]}
        assert not asked.is_signed_by(KEY_ID, "another secret")
        assert not asked.is_signed_by("ANOTHERKEY", SECRET)


def test_refused_signature_is_told(store, store_functions):
    message = "The request signature we calculated does not match the signature you provided."
    store.answer = lambda asked: (403, {}, error_document("SignatureDoesNotMatch", message))
    assert refusal(create_from, functions=store_functions, source=ANYWHERE) == s3_error(
        "SignatureDoesNotMatch", message
    )
    assert len(store.asked) == 1


def test_nothing_is_signed_without_a_key(store, tmp_path):
    store.hold(answering(1))
    server = with_s3(tmp_path, store.endpoint, signed=False)
    server.start()
    try:
        assert create_from(Functions(server, "f"), ANYWHERE).ask() == 1
    finally:
        server.close()
    (asked,) = store.asked
    assert "authorization" not in asked.headers
    assert not any(name.startswith("x-amz-") for name in asked.headers)


@pytest.mark.parametrize(
    "key", ["a//b.zip", "/a.zip", "a/../b.zip", "./a.zip", "a/", "a;b,c@d:e", "\x7f\t", "k" * 1024]
)
def test_key_is_asked_for_as_it_is(store, store_functions, key):
    store.hold(answering(1))
    create_from(store_functions, {"S3Bucket": "a-bucket", "S3Key": key})
    (asked,) = store.asked
    assert asked.path == f"/a-bucket/{key}"
    assert asked.is_signed_by(KEY_ID, SECRET)


def test_object_replaced_meanwhile_is_read_anew(store, store_functions):
    old, _ = large_package(2 * PART_BYTES, 1)
    new, expected = large_package(2 * PART_BYTES, 2)

    def replaced_after_the_first_part(asked):
        return asked.part_of(old, '"old"') if len(store.asked) == 1 else asked.part_of(new, '"new"')

    store.answer = replaced_after_the_first_part
    function = create_from(store_functions, ANYWHERE, MemorySize=512)
    assert function.ask() == expected
    assert function.configuration["CodeSha256"] == code_sha256(new)
    assert [asked.first for asked in store.asked] == [0, PART_BYTES, 0, PART_BYTES, 2 * PART_BYTES]
    assert [asked.headers.get("if-match") for asked in store.asked] == [None, '"old"', None, '"new"', '"new"']


def test_object_replaced_again_and_again_is_given_up(store, store_functions):
    code, _ = large_package(PART_BYTES)
    store.answer = lambda asked: asked.part_of(code, f'"{len(store.asked)}"')
    assert refusal(create_from, functions=store_functions, source=ANYWHERE) == s3_error(
        "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
    )
    assert 2 <= len(store.asked) <= 20


def test_parts_of_two_objects_are_never_put_together(store, store_functions):
    """Not everything that speaks S3's protocol heeds `If-Match`."""
    old, _ = large_package(2 * PART_BYTES, 1)
    new = bytearray(old)
    # Still a package, and of the same size.
    new[2 * PART_BYTES - 100] ^= 1

    def deaf(asked):
        asked.headers.pop("if-match", None)
        return asked.part_of(old, '"old"') if len(store.asked) == 1 else asked.part_of(bytes(new), '"new"')

    store.answer = deaf
    try:
        function = create_from(store_functions, ANYWHERE, MemorySize=512)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidParameterValueException"
    else:
        assert function.configuration["CodeSha256"] == code_sha256(bytes(new))
    assert store.asked[2].first == 0


def test_store_without_ranges(store, store_functions):
    code, expected = large_package(2 * PART_BYTES)
    store.answer = lambda asked: (200, {"ETag": '"1"'}, code)
    assert create_from(store_functions, ANYWHERE, MemorySize=512).ask() == expected


@pytest.mark.parametrize(
    "status, error",
    [(500, "InternalError"), (503, "SlowDown"), (502, None), (429, "TooManyRequests")],
)
def test_failure_that_passes_is_asked_again(store, store_functions, status, error):
    code, expected = large_package(PART_BYTES)
    failed = set()

    def fails_twice_for_each_part(asked):
        for attempt in (1, 2):
            if (asked.first, attempt) not in failed:
                failed.add((asked.first, attempt))
                return status, {}, error_document(error, "Please try again.") if error else b"<html>Bad Gateway</html>"
        return asked.part_of(code, '"1"')

    store.answer = fails_twice_for_each_part
    assert create_from(store_functions, ANYWHERE, MemorySize=512).ask() == expected
    assert [asked.first for asked in store.asked] == [0] * 3 + [PART_BYTES] * 3


def test_failure_that_stays_is_told(store, store_functions):
    message = "We encountered an internal error. Please try again."
    store.answer = lambda asked: (500, {}, error_document("InternalError", message))
    assert refusal(create_from, functions=store_functions, source=ANYWHERE) == s3_error("InternalError", message)
    assert 2 <= len(store.asked) <= 10


@pytest.mark.parametrize(
    "status, body, error",
    [
        (403, error_document("AccessDenied", "Access Denied"), ("AccessDenied", "Access Denied")),
        (403, b"", ("AccessDenied", "Access Denied")),
        (404, b"<html>Not Found</html>", ("NoSuchKey", NO_SUCH_KEY)),
        (400, error_document("InvalidArgument", "Invalid version id specified"),
         ("InvalidArgument", "Invalid version id specified")),
        (404, error_document("NoSuchKey", "a &lt;b&gt; &amp; c"), ("NoSuchKey", "a <b> & c")),
    ],
)  # fmt: skip
def test_refusal_is_told_at_once(store, store_functions, status, body, error):
    store.answer = lambda asked: (status, {}, body)
    assert refusal(create_from, functions=store_functions, source=ANYWHERE) == s3_error(*error)
    assert len(store.asked) == 1


def test_answer_that_breaks_off_is_asked_for_again(store, store_functions):
    code = answering(1)

    def breaks_off_once(asked):
        status, headers, body = asked.part_of(code, '"1"', **{"Content-Length": str(len(code))})
        return status, headers, body[: len(body) // 2] if len(store.asked) == 1 else body

    store.answer = breaks_off_once
    assert create_from(store_functions, ANYWHERE).ask() == 1
    assert len(store.asked) == 2


def test_nobody_answers(tmp_path):
    with socket.socket() as taken:
        # Nothing listens there, and nobody else can have it meanwhile.
        taken.bind(("127.0.0.1", 0))
        server = with_s3(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
        server.start()
        try:
            functions = Functions(server, "f")
            code, message = refusal(create_from, functions=functions, source=ANYWHERE)
            assert code == "InvalidParameterValueException"
            assert message.startswith("Error occurred while GetObject. S3 Error Code: ")
            assert functions.client.list_functions()["Functions"] == []
            assert functions.create(answering(1)).ask() == 1
        finally:
            server.close()


def test_object_that_is_too_large_is_not_read(store, store_functions):
    body = bytes(PART_BYTES)
    described = f"bytes 0-{PART_BYTES - 1}/{UNZIPPED_BYTES_MAX + 1}"
    store.answer = lambda asked: (206, {"ETag": '"1"', "Content-Range": described}, body)
    assert refusal(create_from, functions=store_functions, source=ANYWHERE) == (
        "InvalidParameterValueException", UNZIPPED_TOO_LARGE,
    )  # fmt: skip
    assert len(store.asked) == 1


def test_object_may_be_larger_than_an_upload(store, store_functions):
    code, expected = large_package(60_000_000)
    store.hold(code)
    function = create_from(store_functions, ANYWHERE, MemorySize=512)
    assert function.configuration["CodeSize"] == len(code)
    assert function.ask() == expected


def test_slow_store_holds_up_nobody_else(store, store_functions):
    code, asked_for, may_answer = answering(1), threading.Event(), threading.Event()

    def waits(asked):
        asked_for.set()
        may_answer.wait()
        return asked.part_of(code, '"1"')

    store.answer = waits
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        try:
            names = [store_functions.name() for _ in range(16)]
            waiting = [pool.submit(create_from, store_functions, ANYWHERE, FunctionName=name) for name in names]
            asked_for.wait()
            other = store_functions.create(answering(2))
            assert other.ask() == 2
        finally:
            may_answer.set()
        assert [function.result().ask() for function in waiting] == [1] * 16


# Requests that name no object, or too much.


INCOMPLETE = [
    ({}, "Please provide a source for function code."),
    ({"S3Bucket": "a-bucket", "S3Key": "a", "ZipFile": answering(1)},
     "Please do not provide other FunctionCode parameters when providing a ZipFile."),
]  # fmt: skip


@pytest.mark.parametrize("source, message", INCOMPLETE)
def test_source_that_is_none_is_refused(store, store_functions, source, message):
    expected = ("InvalidParameterValueException", message)
    assert refusal(create_from, functions=store_functions, source=source) == expected
    function = store_functions.create(answering(1))
    assert refusal(function.client.update_function_code, FunctionName=function.name, **source) == expected
    assert function.ask() == 1
    assert store.asked == []


@pytest.mark.parametrize("source", [{"S3Bucket": "a-bucket"}, {"S3Key": "a"}])
def test_half_a_source_is_refused(store, store_functions, source):
    assert refusal(create_from, functions=store_functions, source=source)[0] == "InvalidParameterValueException"
    assert store.asked == []


def test_server_without_s3_says_what_to_do(client, functions):
    code, message = refusal(create_from, functions=functions, source=ANYWHERE)
    assert code == "InvalidParameterValueException"
    assert "s3-endpoint" in message and "a-bucket/a-key" in message and "ZipFile" in message
    function = functions.create(answering(1))
    assert refusal(client.update_function_code, FunctionName=function.name, **ANYWHERE) == (code, message)
    assert refusal(client.publish_layer_version, LayerName=functions.name(), Content=ANYWHERE) == (code, message)


@pytest.mark.parametrize(
    "endpoint, key, secret, named",
    [
        (None, KEY_ID, SECRET, "s3-endpoint"),
        ("http://127.0.0.1:1", KEY_ID, None, "s3-secret-access-key"),
        ("http://127.0.0.1:1", None, SECRET, "s3-secret-access-key"),
        ("http://127.0.0.1:1/path", KEY_ID, SECRET, "s3-endpoint"),
        ("127.0.0.1:1", KEY_ID, SECRET, "s3-endpoint"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_the_start(tmp_path, endpoint, key, secret, named):
    arguments = [*(["--s3-endpoint", endpoint] if endpoint else []), *(["--s3-access-key-id", key] if key else [])]
    server = SwiftletServer(
        tmp_path, arguments, environment={"SWIFTLET_S3_SECRET_ACCESS_KEY": secret} if secret else {}
    )
    with pytest.raises(AssertionError, match="ended with status"):
        server.start()
    assert named in server.log
    assert SECRET not in server.log
