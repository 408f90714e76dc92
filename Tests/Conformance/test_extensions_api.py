"""The Extensions, Telemetry and Logs APIs as an extension meets them: documents, headers, and every refusal's error."""

import json
import uuid

import pytest
from packages import package, script_package
from probes import probe, probe_first, prober_package, request
from test_extensions import PRELUDE, READER

EXTENSION = "/2020-01-01/extension"
TELEMETRY = "/2022-07-01/telemetry"
LOGS = "/2020-08-15/logs"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
OWN = {"Lambda-Extension-Identifier": "{extension}"}


def register(name, body='{"events": ["INVOKE"]}', **headers):
    return request("POST", f"{EXTENSION}/register", {"Lambda-Extension-Name": name, **headers}, body)


@pytest.fixture
def early(functions):
    """Makes requests from within a runtime that has not asked for its first event, and tells what came of them."""

    def make(*requests):
        function = functions.provided(prober_package(*requests))
        return function, probe_first(function)

    return make


@pytest.fixture
def layer_function(functions):
    """A function with one external extension, `watcher`."""

    def create(script, code=READER, **parameters):
        layer = functions.client.publish_layer_version(
            LayerName=functions.name(),
            Content={"ZipFile": package({"extensions/watcher": PRELUDE + script}, executable={"extensions/watcher"})},
        )
        return functions.create(code, **{"Layers": [layer["LayerVersionArn"]], "Timeout": 10, **parameters})

    return create


def tail(function):
    """Who wants the log waits for the extensions too, so that the same environment is free for the next invoke."""
    return function.invoke({}, LogType="Tail")


def refusal(said):
    document = json.loads(said.body)
    return said.status, document["errorType"], document["errorMessage"]


# Registration.


def test_registration_tells_of_the_function(early):
    feature = {"Lambda-Extension-Accept-Feature": "accountId"}
    function, (plain, with_account) = early(register("one"), register("two", **feature))
    told = {"functionName": function.name, "functionVersion": "$LATEST", "handler": "unused"}
    assert (plain.status, json.loads(plain.body)) == (200, told)
    assert json.loads(with_account.body) == {**told, "accountId": "000000000000"}
    identifiers = {str(uuid.UUID(said.headers["lambda-extension-identifier"])) for said in (plain, with_account)}
    assert len(identifiers) == 2


def test_internal_extension_starts_no_other_runtime(functions):
    """It registers from within the runtime, which goes on alone."""
    function = functions.provided(script_package("""
import threading
def starts():
    with open("/tmp/starts") as file: return file.read().split()
with open("/tmp/starts", "a") as file: file.write(f"{os.getpid()}\\n")
connection.request("POST", "/2020-01-01/extension/register", '{"events": []}', {"Lambda-Extension-Name": "inside"})
response = connection.getresponse()
response.read()
identity = {"Lambda-Extension-Identifier": response.headers["Lambda-Extension-Identifier"] or ""}
def take_part():
    own = connect()
    own.request("GET", "/2020-01-01/extension/event/next", headers=identity)
    own.getresponse().read()
threading.Thread(target=take_part, daemon=True).start()
# As long as it initialises, and a second longer than a start takes.
deadline = time.monotonic() + 1
while len(starts()) < 2 and time.monotonic() < deadline: time.sleep(0.01)
while True:
    request_id, event = next_invoke()
    respond(request_id, json.dumps(starts()))
"""))
    assert len(function.ask()) == 1


EARLY_REFUSALS = [
    (request("POST", f"{EXTENSION}/register", {}, "{}"), "Extension.InvalidExtensionName", "Empty extension name"),
    (register("bad", "no json"), "InvalidRequestFormat", None),
    (register("bad", "[]"), "InvalidRequestFormat", None),
    (register("bad", '{"events": "INVOKE"}'), "InvalidRequestFormat", None),
    (
        register("bad", '{"events": [], "configurationKeys": ["a"]}'), "InvalidRequestFormat",
        "configurationKeys are deprecated; use environment variables instead",
    ),
    (register("bad", '{"events": ["NONSENSE"]}'), "Extension.InvalidEventType", "NONSENSE: ErrInvalidEventType"),
    # Only what the platform has started itself can be told of the end.
    (register("bad", '{"events": ["SHUTDOWN"]}'), "Extension.InvalidEventType", "SHUTDOWN: ErrInvalidEventType"),
    (
        register("taken"), "Extension.InvalidExtensionState", "Extension with this name already registered",
    ),
    (request("GET", f"{EXTENSION}/event/next"), "Extension.MissingExtensionIdentifier", None),
    (
        request("GET", f"{EXTENSION}/event/next", {"Lambda-Extension-Identifier": "x"}),
        "Extension.InvalidExtensionIdentifier", None,
    ),
    (
        request("GET", f"{EXTENSION}/event/next", {"Lambda-Extension-Identifier": UNKNOWN}),
        "Extension.UnknownExtensionIdentifier", None,
    ),
    (request("POST", f"{EXTENSION}/init/error", OWN), "Extension.MissingHeader", None),
    (request("POST", f"{EXTENSION}/exit/error", OWN), "Extension.MissingHeader", None),
    (request("POST", f"{EXTENSION}/init/error"), "Extension.MissingExtensionIdentifier", None),
    (request("PUT", TELEMETRY, {}, "{}"), "Extension.MissingExtensionIdentifier", None),
    (
        request("PUT", TELEMETRY, {"Lambda-Extension-Identifier": UNKNOWN}, "{}"),
        "Extension.UnknownExtensionIdentifier", None,
    ),
]  # fmt: skip


def test_refused_requests_have_their_errors(early):
    """All in one life: none of them may change what comes after it."""
    _, (registered, *refused) = early(register("taken"), *(asked for asked, _, _ in EARLY_REFUSALS))
    assert registered.status == 200
    for said, (asked, kind, message) in zip(refused, EARLY_REFUSALS, strict=True):
        status, found, text = refusal(said)
        assert (status, found) == (403, kind), asked
        assert text and (message is None or text == message), asked


def test_eleventh_extension_is_refused(early):
    _, said = early(*(register(f"e{number}") for number in range(11)))
    assert [answer.status for answer in said] == [200] * 10 + [403]
    assert refusal(said[-1]) == (403, "Extension.TooManyExtensions", "Extension limit (10) reached")


def test_initialisation_closes_registration_and_subscriptions(early):
    function, _ = early(register("one"))
    subscription = json.dumps({"types": ["platform"], "destination": {"protocol": "TCP", "port": 8080}})
    late = probe(
        function, register("two"), request("PUT", TELEMETRY, OWN, subscription), request("PUT", LOGS, OWN, subscription)
    )
    assert [refusal(said)[:2] for said in late] == [
        (403, "Extension.RegistrationClosed"),
        (403, "Telemetry.SubscriptionClosed"),
        (403, "Logs.SubscriptionClosed"),
    ]
    assert refusal(late[0])[2] == "Extension registration closed already"


def test_external_extension_registers_once(layer_function):
    function = layer_function("""
identity = register("INVOKE")
status, _, body = call("POST", "register", '{"events": []}', {"Lambda-Extension-Name": NAME})
note(json.dumps([status, json.loads(body)]))
while True: call("GET", "event/next", headers=identity)
""")
    status, document = json.loads(function.ask()[0])
    assert (status, document["errorType"]) == (403, "Extension.InvalidExtensionState")
    assert document["errorMessage"] == (
        "State transition from Registered to Registered failed for extension watcher. "
        "Error: State transition is not allowed"
    )


def test_runtime_starts_when_all_have_registered(layer_function):
    function = layer_function(
        """
time.sleep(0.5)
note("about to register")
identity = register("INVOKE")
while True: call("GET", "event/next", headers=identity)
""",
        'import os\nseen = os.path.exists("/tmp/notes")\ndef handler(event, context): return seen',
    )
    assert function.ask() is True


def test_only_files_directly_in_the_directory_are_extensions(functions):
    started = "#!/bin/sh\necho started-$0\nexit 1\n"
    files = {"extensions/below/other": started, "extensions-of-others/other": started, "other": started}
    layer = functions.client.publish_layer_version(
        LayerName=functions.name(), Content={"ZipFile": package(files, executable=set(files))}
    )
    function = functions.create("def handler(event, context): return 1", Layers=[layer["LayerVersionArn"]])
    answer = function.invoke({}, LogType="Tail")
    assert answer.payload == 1
    assert b"started-" not in answer.log


# Events.

WATCHER = """
identity = register("INVOKE", "SHUTDOWN")
while True:
    status, headers, body = call("GET", "event/next", headers=identity)
    note(json.dumps([time.time() * 1000, status, headers, json.loads(body)]))
    if "SHUTDOWN" in body: break
"""


def test_invoke_event_has_its_members(layer_function):
    function = layer_function(WATCHER)
    answer = tail(function)
    _, status, headers, event = json.loads(function.ask()[0])
    assert status == 200
    assert uuid.UUID(headers["Lambda-Extension-Event-Identifier"])
    tracing = event.pop("tracing")
    assert tracing["type"] == "X-Amzn-Trace-Id"
    assert tracing["value"] == answer.headers["x-amzn-trace-id"]
    assert isinstance(event.pop("deadlineMs"), int)
    assert event == {
        "eventType": "INVOKE", "requestId": answer.request_id,
        "invokedFunctionArn": function.configuration["FunctionArn"],
    }  # fmt: skip


def test_shutdown_event_has_its_members_and_two_seconds(layer_function):
    function = layer_function(WATCHER)
    tail(function)
    # Who is answered after a failure finds the environment that it had, with /tmp as it was left.
    assert function.invoke({"kind": "exit"}).error_type == "Runtime.ExitError"
    notes = [json.loads(note) for note in function.ask()]
    told, status, _, event = next(note for note in notes if note[3]["eventType"] == "SHUTDOWN")
    assert (status, set(event)) == (200, {"eventType", "shutdownReason", "deadlineMs"})
    assert event["shutdownReason"] == "failure"
    assert 0 < event["deadlineMs"] - told <= 2000


def test_extension_is_asked_to_end_and_then_killed(layer_function):
    """The runtime gets SIGTERM where an extension has registered; an extension that stays is gone after two seconds."""
    function = layer_function(
        "note('started')\n" + WATCHER.replace("break", "\n        while True: note('alive'); time.sleep(0.05)"),
        """
import os, signal, sys, time
def note(text):
    with open("/tmp/notes", "a") as file: file.write(text + "\\n")
def end(*_):
    note("terminated")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
def handler(event, context):
    if event and event.get("kind") == "sleep":
        while True: time.sleep(0.1)
    with open("/tmp/notes") as file: return file.read().split("\\n")[:-1]
""",
        Timeout=3,
    )
    tail(function)
    assert function.invoke({"kind": "sleep"}).error_type == "Sandbox.Timedout"
    notes = tail(function).payload
    assert "terminated" in notes
    shutdown = next(index for index, note in enumerate(notes) if "SHUTDOWN" in note)
    assert notes.index("terminated") < shutdown
    assert '"timeout"' in notes[shutdown]
    # Nobody adds to the notes any more: of the old extension, that is.
    alive = notes.count("alive")
    assert alive >= 1
    assert function.ask().count("alive") == alive


def test_variables_of_extensions_lack_those_of_runtimes(layer_function):
    function = layer_function(
        "note(json.dumps(dict(os.environ)))\n" + WATCHER,
        "import os\ndef handler(event, context): return [dict(os.environ), open('/tmp/notes').readline()]",
        Environment={"Variables": {"OWN": "value"}},
    )
    runtimes, line = function.ask()
    extensions = json.loads(line)
    of_runtimes_only = {
        "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT",
    }  # fmt: skip
    assert of_runtimes_only <= set(runtimes)
    assert not of_runtimes_only & set(extensions)
    for name in "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "AWS_SESSION_TOKEN", "OWN":
        assert extensions[name] == runtimes[name]


# Subscriptions.

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/"}
GOOD = {"types": ["platform"], "destination": HTTP}


@pytest.mark.parametrize("path", [TELEMETRY, LOGS])
def test_subscriptions_are_taken_or_refused(early, path):
    versions = ["2022-07-01", "2022-12-13", "2025-01-29"] if path == TELEMETRY else ["2020-08-15", "2021-03-18"]
    good = [
        GOOD,
        *({**GOOD, "schemaVersion": version} for version in versions),
        {**GOOD, "types": ["platform", "function", "extension"]},
        {**GOOD, "destination": {**HTTP, "URI": "http://sandbox:1234/path"}},
        {**GOOD, "destination": {"protocol": "TCP", "port": 8080}},
        {**GOOD, "buffering": {"maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 25}},
        {**GOOD, "buffering": {"maxItems": 10_000, "maxBytes": 1_048_576, "timeoutMs": 30_000}},
    ]
    bad = [
        {**GOOD, "schemaVersion": "1999-01-01"},
        {**GOOD, "schemaVersion": "2020-08-15" if path == TELEMETRY else "2022-12-13"},
        {**GOOD, "types": []},
        {**GOOD, "types": ["nonsense"]},
        {"types": ["platform"]},
        {"destination": HTTP},
        {**GOOD, "destination": {"protocol": "UDP", "port": 8080}},
        {**GOOD, "destination": {"protocol": "TCP", "port": 9001}},
        {**GOOD, "destination": {"protocol": "TCP", "port": 70_000}},
        {**GOOD, "destination": {**HTTP, "URI": "http://sandbox.localdomain:9001/"}},
        {**GOOD, "destination": {**HTTP, "URI": "http://example.com:8080/"}},
        {**GOOD, "destination": {**HTTP, "URI": "https://sandbox.localdomain:8080/"}},
        *(
            {**GOOD, "buffering": {name: value}}
            for name, values in {
                "maxItems": (999, 10_001), "maxBytes": (262_143, 1_048_577), "timeoutMs": (24, 30_001),
            }.items()
            for value in values
        ),
    ]  # fmt: skip
    asked = [request("PUT", path, OWN, json.dumps(body)) for body in good + bad]
    _, (_, *said) = early(register("one"), *asked)
    taken, refused = said[: len(good)], said[len(good) :]
    for body, answer in zip(good, taken, strict=True):
        assert (answer.status, answer.body) == (200, '"OK"'), body
    for body, answer in zip(bad, refused, strict=True):
        assert answer.status == 400 and json.loads(answer.body)["errorType"], body
