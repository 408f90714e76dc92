"""Layers: published versions, and what functions see of them at /opt."""

import base64
import concurrent.futures
import hashlib
import json
import subprocess
import threading
import urllib.request
import uuid
from urllib.parse import quote

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from lambda_client import ACCOUNT, NODE, PYTHON, REGION, Functions, make_client
from packages import entry, package, package_of, script_package, symlink
from test_packages import CANNOT_UNZIP, HOSTILE, NOTHING_INSIDE, bomb

UNZIPPED_BYTES_MAX = 262_144_000
KILLS = 3

LIST_OPT = """
import os
def handler(event, context):
    return {
        os.path.relpath(os.path.join(directory, name), "/opt"): open(os.path.join(directory, name)).read()
        for directory, _, names in os.walk("/opt") for name in names
    }"""


def version_arn(name, version):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}:{version}"


class Layers:
    """Publishes layers under names of their own. `publish` returns the ARN of the version."""

    def __init__(self, client):
        self.client = client
        self._prefix = f"l-{uuid.uuid4().hex[:12]}"
        self._count = 0

    def name(self):
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def publish(self, content, name=None, **parameters):
        if isinstance(content, dict):
            content = package(content)
        published = self.client.publish_layer_version(
            LayerName=name or self.name(), Content={"ZipFile": content}, **parameters
        )
        return published["LayerVersionArn"]


@pytest.fixture
def layers(client):
    return Layers(client)


def refusal(operation, **parameters):
    with pytest.raises(ClientError) as caught:
        operation(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


# The operations.


def test_published_version_is_shown_and_downloaded(client, layers):
    content, name = package({"a": "1"}), layers.name()
    published = client.publish_layer_version(
        LayerName=name, Description="two words", Content={"ZipFile": content}, LicenseInfo="MIT",
        CompatibleRuntimes=[PYTHON, "provided.al2023"], CompatibleArchitectures=["x86_64"],
    )  # fmt: skip
    assert published["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert published["Version"] == 1
    assert published["LayerArn"] == version_arn(name, 1)[:-2]
    assert published["LayerVersionArn"] == version_arn(name, 1)
    assert published["CreatedDate"].endswith("+0000")
    assert published["Content"]["CodeSize"] == len(content)
    assert published["Content"]["CodeSha256"] == base64.b64encode(hashlib.sha256(content).digest()).decode()
    by_number = client.get_layer_version(LayerName=name, VersionNumber=1)
    by_arn = client.get_layer_version_by_arn(Arn=published["LayerVersionArn"])
    for shown in (by_number, by_arn):
        with urllib.request.urlopen(shown["Content"].pop("Location")) as response:
            assert response.read() == content
        shown.pop("ResponseMetadata")
    assert by_number == by_arn
    assert by_number["CompatibleRuntimes"] == [PYTHON, "provided.al2023"]
    assert (by_number["LicenseInfo"], by_number["Description"]) == ("MIT", "two words")


def test_missing_versions_have_the_texts_of_aws(client, layers):
    name = layers.name()
    missing = ("ResourceNotFoundException", "The resource you requested does not exist.")
    below_one = ("InvalidParameterValueException", "Layer Version Cannot be less than 1")
    assert refusal(client.get_layer_version, LayerName=name, VersionNumber=1) == missing
    assert refusal(client.get_layer_version_by_arn, Arn=version_arn(name, 1)) == missing
    assert refusal(client.get_layer_version, LayerName=name, VersionNumber=0) == below_one
    assert refusal(client.delete_layer_version, LayerName=name, VersionNumber=-1) == below_one
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []
    deleted = client.delete_layer_version(LayerName=name, VersionNumber=7)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    code, message = refusal(client.get_layer_version_by_arn, Arn=version_arn(name, 1)[:-2])
    assert code == "ValidationException" and "'arn' failed to satisfy constraint" in message


def test_code_from_s3_needs_an_s3(client, layers):
    name = layers.name()
    code, message = refusal(
        client.publish_layer_version, LayerName=name, Content={"S3Bucket": "bucket", "S3Key": "key"}
    )
    assert code == "InvalidParameterValueException" and "s3-endpoint" in message
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []


def test_lists_are_paged_and_filtered(own_server):
    client = make_client(own_server)
    for name, runtime in [("a", PYTHON), ("b", PYTHON), ("b", NODE), ("b", NODE), ("c", NODE)]:
        client.publish_layer_version(
            LayerName=name, Content={"ZipFile": package({"a": name})}, CompatibleRuntimes=[runtime],
            CompatibleArchitectures=["arm64" if name == "c" else "x86_64"],
        )  # fmt: skip

    def listed(**filters):
        pages = client.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1}, **filters)
        return [
            (layer["LayerName"], layer["LatestMatchingVersion"]["Version"]) for page in pages for layer in page["Layers"]
        ]

    assert listed() == [("a", 1), ("b", 3), ("c", 1)]
    assert listed(CompatibleRuntime=PYTHON) == [("a", 1), ("b", 1)]
    assert listed(CompatibleRuntime=NODE, CompatibleArchitecture="arm64") == [("c", 1)]
    pages = client.get_paginator("list_layer_versions").paginate(LayerName="b", PaginationConfig={"PageSize": 2})
    assert [[version["Version"] for version in page["LayerVersions"]] for page in pages] == [[3, 2], [1]]
    client.delete_layer_version(LayerName="b", VersionNumber=3)
    assert listed(CompatibleRuntime=NODE) == [("b", 2), ("c", 1)]
    code, message = refusal(client.list_layers, CompatibleRuntime="cobol1")
    assert code == "ValidationException" and "Value 'cobol1' at 'compatibleRuntime'" in message


def test_policy_of_a_version(client, layers):
    arn = layers.publish({"a": "1"})
    name = arn.split(":")[-2]
    key = {"LayerName": name, "VersionNumber": 1}
    no_policy = ("ResourceNotFoundException", "No policy is associated with the given resource.")
    assert refusal(client.get_layer_version_policy, **key) == no_policy
    allow = {**key, "Action": "lambda:GetLayerVersion"}
    added = client.add_layer_version_permission(StatementId="s1", Principal="*", **allow)
    assert added["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert json.loads(added["Statement"]) == {
        "Sid": "s1", "Effect": "Allow", "Principal": "*", "Action": "lambda:GetLayerVersion", "Resource": arn,
    }  # fmt: skip
    code, message = refusal(client.add_layer_version_permission, StatementId="s1", Principal="*", **allow)
    assert code == "ResourceConflictException"
    assert message.startswith("The statement id (s1) provided already exists.")
    code, message = refusal(
        client.add_layer_version_permission, StatementId="s2", Principal="*", RevisionId=str(uuid.uuid4()), **allow
    )
    assert code == "PreconditionFailedException" and "GetLayerPolicy API" in message
    client.add_layer_version_permission(
        StatementId="s2", Principal="123456789012", RevisionId=added["RevisionId"], **allow
    )
    policy = json.loads(client.get_layer_version_policy(**key)["Policy"])
    assert (policy["Version"], policy["Id"]) == ("2012-10-17", "default")
    assert [statement["Principal"] for statement in policy["Statement"]] == [
        "*", {"AWS": "arn:aws:iam::123456789012:root"},
    ]  # fmt: skip
    missing = ("ResourceNotFoundException", "Statement s3 is not found in resource policy.")
    assert refusal(client.remove_layer_version_permission, StatementId="s3", **key) == missing
    for statement in ("s1", "s2"):
        removed = client.remove_layer_version_permission(StatementId=statement, **key)
        assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(client.get_layer_version_policy, **key) == no_policy
    code, message = refusal(client.get_layer_version_policy, LayerName=name, VersionNumber=9)
    assert message == f"Layer version {version_arn(name, 9)} does not exist."


def test_command_line_publishes_and_uses_a_layer(aws, functions, tmp_path):
    (tmp_path / "layer.zip").write_bytes(package({"python/lib_of_layer.py": "ANSWER = 42"}))
    name = f"cli-{uuid.uuid4().hex[:12]}"
    published = aws("lambda", "publish-layer-version", "--layer-name", name, "--zip-file", "fileb://layer.zip")
    function = functions.create(
        "import lib_of_layer\ndef handler(event, context): return lib_of_layer.ANSWER",
        Layers=[published["LayerVersionArn"]],
    )
    assert function.ask() == 42
    assert published["LayerArn"] in aws("lambda", "list-layers", "--query", "Layers[].LayerArn")
    # An ARN stands in the path as well as a name does.
    shown = aws("lambda", "get-layer-version", "--layer-name", published["LayerArn"], "--version-number", "1")
    assert shown["LayerVersionArn"] == published["LayerVersionArn"]
    assert quote(shown["Content"]["CodeSha256"])


# What functions see.


def test_python_finds_its_libraries(functions, layers):
    site = f"python/lib/{PYTHON}/site-packages"
    first = layers.publish({"python/plain.py": "FROM = 'python'", "python/both.py": "FROM = 'python'"})
    second = layers.publish({f"{site}/deep.py": "FROM = 'site'", f"{site}/both.py": "FROM = 'site'"})
    function = functions.create(
        "import plain, deep, both\ndef handler(event, context): return [plain.FROM, deep.FROM, both.FROM]",
        Layers=[first, second],
    )
    assert function.ask() == ["python", "site", "site"]


def test_node_finds_its_modules(functions, layers):
    layer = layers.publish({"nodejs/node_modules/of-layer/index.js": "exports.answer = 42"})
    code = package({"index.js": "exports.handler = async () => require('of-layer').answer"})
    assert functions.create(code, Runtime=NODE, Handler="index.handler", Layers=[layer]).ask() == 42


def test_programs_and_shared_libraries_are_found(functions, layers, tmp_path):
    source, library = tmp_path / "answer.c", tmp_path / "libanswer.so"
    source.write_text("int answer(void) { return 42; }")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    content = {"bin/of-layer": "#!/bin/sh\necho ran $1\n", "lib/libanswer.so": library.read_bytes()}
    layer = layers.publish(package(content, executable={"bin/of-layer"}))
    function = functions.create(
        """
import ctypes, os, subprocess
def handler(event, context):
    return [
        subprocess.run(["of-layer", "it"], capture_output=True, text=True).stdout,
        ctypes.CDLL("libanswer.so").answer(),
        oct(os.stat("/opt/bin/of-layer").st_mode & 0o777),
    ]""",
        Layers=[layer],
    )
    assert function.ask() == ["ran it\n", 42, "0o755"]


def test_later_layers_override_earlier_and_a_change_of_order_counts_at_once(functions, layers):
    first = layers.publish({"shared": "first", "dir/only-first": "first", "x/old": "first"})
    second = layers.publish({"shared": "second", "dir/only-second": "second", "x": "a file now"})
    function = functions.create(LIST_OPT, Layers=[first, second])
    assert function.ask() == {
        "shared": "second", "dir/only-first": "first", "dir/only-second": "second", "x": "a file now",
    }  # fmt: skip
    configuration = function.client.update_function_configuration(FunctionName=function.name, Layers=[second, first])
    assert [layer["Arn"] for layer in configuration["Layers"]] == [second, first]
    function.wait_until_updated()
    assert function.ask() == {
        "shared": "first", "dir/only-first": "first", "dir/only-second": "second", "x/old": "first",
    }  # fmt: skip
    function.client.update_function_configuration(FunctionName=function.name, Timeout=5)
    function.wait_until_updated()
    assert function.ask()["shared"] == "first"
    cleared = function.client.update_function_configuration(FunctionName=function.name, Layers=[])
    assert "Layers" not in cleared
    function.wait_until_updated()
    assert function.ask() == {}


def test_opt_is_read_only_and_owned_by_root(functions, layers):
    function = functions.create(
        """
import os
def handler(event, context):
    errors = []
    for attempt in (lambda: open("/opt/new", "w"), lambda: open("/opt/file", "w"), lambda: os.remove("/opt/file")):
        try:
            attempt()
        except OSError as error:
            errors.append(error.errno)
    return [errors, open("/opt/file").read(), os.stat("/opt").st_mode & 0o777]""",
        Layers=[layers.publish({"file": "kept"}), layers.publish({"other": "x"})],
    )
    errors, content, mode = function.ask()
    assert len(errors) == 3 and set(errors) <= {1, 13, 30}
    assert (content, mode) == ("kept", 0o755)


def test_bootstrap_from_a_layer(functions, layers):
    source = """
while True:
    request_id, body = next_invoke()
    respond(request_id, json.dumps([sys.argv[0], os.path.exists("/var/task/data")]))
"""
    layer = layers.publish(script_package(source))
    function = functions.provided(package({"data": "x"}), Layers=[layer])
    assert function.ask() == ["/opt/bootstrap", True]
    # The package's own comes first.
    own = functions.provided(script_package(source), Layers=[layer])
    assert own.ask() == ["/var/task/bootstrap", False]


def test_wrapper_from_a_layer(functions, layers):
    wrapper = '#!/bin/sh\nexport WRAPPED="by $0"\nexec "$@"\n'
    layer = layers.publish(package({"wrapper": wrapper}, executable={"wrapper"}))
    function = functions.create(
        "import os\ndef handler(event, context): return os.environ['WRAPPED']",
        Layers=[layer], Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}},
    )  # fmt: skip
    assert function.ask() == "by /opt/wrapper"


def test_absolute_links_into_opt_lead_there(functions, layers):
    first = layers.publish(package_of([(entry("data/text"), "from a layer"), symlink("alias", "/opt/data/text")]))
    second = layers.publish(package_of([symlink("across", "/opt/data/text"), symlink("relative", "data/text")]))
    code = package_of(
        [
            (entry("app.py"), "def handler(event, context): return [open(path).read() for path in event]"),
            symlink("to-layer", "/opt/alias"),
        ]
    )
    function = functions.create(code, Layers=[first, second])
    paths = ["/opt/alias", "/opt/across", "/opt/relative", "/var/task/to-layer"]
    assert function.ask(paths) == ["from a layer"] * 4


def test_many_functions_share_one_merged_tree(server, functions, layers):
    marker = f"marker-{uuid.uuid4().hex}"
    stack = [layers.publish({marker: "1"}), layers.publish({"other": "2"})]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        created = list(pool.map(lambda _: functions.create(LIST_OPT, Layers=stack), range(6)))
    answers = [function.ask() for function in created]
    assert answers == [{marker: "1", "other": "2"}] * 6
    files = {path.stat().st_ino for path in server.data.rglob(marker)}
    assert len(files) == 1, "the file is there once, whatever names it has"


# What is refused.


def test_five_layers_and_no_sixth(functions, layers):
    six = [layers.publish({f"f{number}": str(number)}) for number in range(6)]
    function = functions.create(LIST_OPT, Layers=six[:5])
    assert function.ask() == {f"f{number}": str(number) for number in range(5)}
    change = {"operation": function.client.update_function_configuration, "FunctionName": function.name}
    refused = "InvalidParameterValueException"
    assert refusal(**change, Layers=six) == (refused, "Cannot reference more than 5 layers.")
    name = six[0].split(":")[-2]
    assert refusal(**change, Layers=[version_arn(name, 9)]) == (
        refused, f"Layer version {version_arn(name, 9)} does not exist.",
    )  # fmt: skip
    again = layers.publish({"f": "again"}, name=name)
    assert refusal(**change, Layers=[six[0], again]) == (
        refused,
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        f"{six[0]} and {again} are versions of the same layer.",
    )
    assert refusal(**change, Layers=[six[0].replace(REGION, "eu-west-3")]) == (
        refused, f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}.",
    )  # fmt: skip
    code, message = refusal(**change, Layers=[six[0].replace(ACCOUNT, "123456789012")])
    assert code == "AccessDeniedException" and "lambda:GetLayerVersion" in message
    code, _ = refusal(**change, Layers=["no-arn"])
    assert code == "ValidationException"
    shown = function.client.get_function_configuration(FunctionName=function.name)
    assert [layer["Arn"] for layer in shown["Layers"]] == six[:5]
    assert shown["RevisionId"] == function.client.get_function(FunctionName=function.name)["Configuration"]["RevisionId"]
    assert len(function.ask()) == 5


def test_too_much_together_is_refused(functions, layers):
    half = UNZIPPED_BYTES_MAX // 2
    content = [package_of([(entry(name), bytes(half))]) for name in ("a", "b")]
    stack = [layers.publish(archive) for archive in content]
    code = b"def handler(event, context): return 1"
    with pytest.raises(ClientError) as caught:
        functions.create(package({"app.py": code}), Layers=stack)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert caught.value.response["Error"]["Message"] == (
        f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES_MAX} bytes. "
        f"The actual size is {2 * half + len(code)} bytes."
    )
    assert functions.create(package({"app.py": code}), Layers=stack[:1]).ask() == 1


def test_layer_that_is_too_large_is_refused(client, layers):
    name = layers.name()
    assert refusal(client.publish_layer_version, LayerName=name, Content={"ZipFile": bomb(UNZIPPED_BYTES_MAX)}) == (
        "InvalidParameterValueException", f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes",
    )  # fmt: skip
    code, _ = refusal(client.publish_layer_version, LayerName=name, Content={"ZipFile": bytes(52_428_801)})
    assert code == "RequestEntityTooLargeException"
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_layer_is_refused_whole(client, layers, kind):
    name = layers.name()
    code, message = refusal(client.publish_layer_version, LayerName=name, Content={"ZipFile": HOSTILE[kind]})
    assert code == "InvalidParameterValueException"
    if kind != "empty":
        assert message == (NOTHING_INSIDE if kind == "no entries" else CANNOT_UNZIP)
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []
    assert layers.publish({"a": "1"}, name=name) == version_arn(name, 1)


@pytest.mark.parametrize("target", ["/etc/passwd", "/opt/../etc/passwd", "../out", "/optical"])
def test_link_out_of_a_layer_is_refused(client, layers, target):
    content = package_of([symlink("link", target)])
    code, message = refusal(client.publish_layer_version, LayerName=layers.name(), Content={"ZipFile": content})
    assert (code, message) == ("InvalidParameterValueException", CANNOT_UNZIP)


def test_links_that_lead_out_only_together_are_refused_and_none_is_written_through(server, functions, layers):
    up = layers.publish(package_of([symlink("x/y/up", "..")]))
    out = layers.publish(package_of([symlink("out", "x/y/up/../../etc")]))
    function = functions.create(LIST_OPT, Layers=[up])
    code, message = refusal(
        function.client.update_function_configuration, FunctionName=function.name, Layers=[up, out]
    )
    assert code == "InvalidParameterValueException" and "lead" in message and "out" in message
    # A link of one layer where another has a directory: the directory takes its place.
    marker = f"marker-{uuid.uuid4().hex}"
    target = layers.publish(package_of([(entry("real/keep"), "1"), symlink("lib", "real")]))
    through = layers.publish(package_of([(entry(f"lib/{marker}"), "2")]))
    mixed = functions.create(LIST_OPT, Layers=[target, through])
    assert mixed.ask() == {"real/keep": "1", f"lib/{marker}": "2"}
    assert all(path.parent.name == "lib" for path in server.data.rglob(marker))


# Deletion, restart and crash.


def test_deleted_version_keeps_its_functions_working(own_server, own_functions):
    client = own_functions.client
    layers = Layers(client)
    stack = [layers.publish({"f": "kept"}), layers.publish({"g": "kept, too"})]
    function = own_functions.create(LIST_OPT, Layers=stack)
    for arn in stack:
        client.delete_layer_version(LayerName=arn.split(":")[-2], VersionNumber=1)
    expected = {"f": "kept", "g": "kept, too"}
    assert function.ask() == expected
    assert client.list_layers()["Layers"] == []
    # An update that does not name the layers makes new environments with them.
    client.update_function_configuration(FunctionName=function.name, MemorySize=256)
    function.wait_until_updated()
    assert function.ask() == expected
    code, message = refusal(client.update_function_configuration, FunctionName=function.name, Layers=stack)
    assert (code, message) == ("InvalidParameterValueException", f"Layer version {stack[0]} does not exist.")
    own_server.stop()
    own_server.start()
    client = make_client(own_server)
    answer = client.invoke(FunctionName=function.name)["Payload"].read()
    assert json.loads(answer) == expected
    shown = client.get_function_configuration(FunctionName=function.name)
    assert [layer["Arn"] for layer in shown["Layers"]] == stack
    # The number stays taken.
    name = stack[0].split(":")[-2]
    assert Layers(client).publish({"f": "new"}, name=name) == version_arn(name, 2)


def test_kill_during_publish_keeps_what_was_acknowledged(own_server):
    acknowledged, attempts = {}, 0
    for round_number in range(KILLS):
        client = make_client(own_server)
        enough, killed = threading.Event(), threading.Event()

        def publish_until_killed(worker, client=client, enough=enough, killed=killed, round_number=round_number):
            done = {}
            while not killed.is_set():
                # Some contents are published again and again, some for the first time.
                text = f"{worker}-{round_number}-{len(done) % 3}"
                try:
                    published = client.publish_layer_version(
                        LayerName="l", Content={"ZipFile": package({"text": text, f"of-{worker}": "x" * 10_000})}
                    )
                except (ClientError, BotoCoreError):
                    break
                done[published["Version"]] = (worker, text)
                if len(done) > 2 + round_number:
                    enough.set()
            return done

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            workers = [pool.submit(publish_until_killed, worker) for worker in range(3)]
            assert enough.wait(timeout=60)
            own_server.kill()
            killed.set()
            for worker in workers:
                for version, content in worker.result().items():
                    assert version not in acknowledged, "no number is given out twice"
                    acknowledged[version] = content
        own_server.start()
        client = make_client(own_server)
        pages = client.get_paginator("list_layer_versions").paginate(LayerName="l")
        found = {version["Version"] for page in pages for version in page["LayerVersions"]}
        assert acknowledged.keys() <= found
        # At most one publication of each worker was under way.
        attempts += 3
        assert len(found) <= len(acknowledged) + attempts
        assert not list((own_server.data / "code" / "temporary").iterdir())
    functions = Functions(own_server, "f")
    for version in sorted(acknowledged)[:: max(1, len(acknowledged) // 4)]:
        worker, text = acknowledged[version]
        answer = functions.create(LIST_OPT, Layers=[version_arn("l", version)]).ask()
        assert answer == {"text": text, f"of-{worker}": "x" * 10_000}


def test_kill_while_functions_with_layers_are_created_leaves_whole_trees(own_server):
    client = make_client(own_server)
    layers = Layers(client)
    stack = [layers.publish({f"f{number}": "1", "all": str(number)}) for number in range(300, 303)]
    orders = [stack, stack[::-1], stack[1:], stack[:2]]
    for round_number in range(KILLS):
        functions = Functions(own_server, f"f-{round_number}")
        enough = threading.Event()

        def create(order, functions=functions, enough=enough):
            try:
                functions.create(LIST_OPT, wait=False, Layers=order)
            except (ClientError, BotoCoreError):
                return
            enough.set()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(create, order) for order in orders]
            assert enough.wait(timeout=60)
            own_server.kill()
            concurrent.futures.wait(running)
        own_server.start()
        client = make_client(own_server)
        names = [function["FunctionName"] for function in client.list_functions()["Functions"]]
        assert names
        for name in names:
            client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
            shown = client.get_function_configuration(FunctionName=name)
            numbers = [300 + stack.index(layer["Arn"]) for layer in shown["Layers"]]
            answer = json.loads(client.invoke(FunctionName=name)["Payload"].read())
            assert answer == {**{f"f{number}": "1" for number in numbers}, "all": str(numbers[-1])}
