"""Extensions, from layers and from within a runtime: registration, events, telemetry, shutdown, and how they fail."""

import json
import re
import time

import pytest
from packages import package
from swiftlet_server import IS_EMULATED
from test_phases import function_log

#: What the scripts of external extensions begin with. Their file's name is the extension's.
PRELUDE = """#!/usr/bin/python3
import http.client, json, os, signal, sys, time
NAME = os.path.basename(sys.argv[0])
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def call(method, path, body=None, headers={}, version="2020-01-01/extension"):
    connection.request(method, f"/{version}/{path}".rstrip("/"), body, headers)
    response = connection.getresponse()
    return response.status, dict(response.headers), response.read().decode()

def register(*events):
    status, headers, body = call("POST", "register", json.dumps({"events": events}), {"Lambda-Extension-Name": NAME})
    assert status == 200, body
    return {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}

def note(text):
    with open("/tmp/notes", "a") as file: file.write(text + "\\n")

"""

#: A function that tells what extensions have noted.
READER = """
import os, time
def handler(event, context):
    kind = event.get("kind") if event else None
    if kind == "sleep": time.sleep(60)
    if kind == "exit": os._exit(1)
    if kind == "pause": time.sleep(0.5)
    try:
        with open("/tmp/notes") as file: return file.read().split("\\n")[:-1]
    except FileNotFoundError:
        return []
"""

FAITHFUL = """
identity = register("INVOKE", "SHUTDOWN")
note("registered")
while True:
    status, headers, body = call("GET", "event/next", headers=identity)
    event = json.loads(body)
    note(event["eventType"] + " " + event.get("shutdownReason", event.get("requestId", "")))
    if event["eventType"] == "SHUTDOWN": break
"""


@pytest.fixture
def extended(functions):
    """Creates a function with external extensions: `extended(name=script)`."""

    def create(code=READER, mode=0o755, **scripts):
        files = {f"extensions/{name}": PRELUDE + script for name, script in scripts.items()}
        layer = functions.client.publish_layer_version(
            LayerName=functions.name(), Content={"ZipFile": package(files, executable=set(files) if mode == 0o755 else ())}
        )
        return functions.create(code, Layers=[layer["LayerVersionArn"]], Timeout=10)

    return create


def tail(function, event=None):
    return function.invoke(event, LogType="Tail").log.decode()


def test_extension_is_told_of_each_invoke(extended):
    function = extended(faithful=FAITHFUL)
    first = function.invoke({})
    second = function.invoke({})
    assert first.payload[0] == "registered"
    assert second.payload[:2] == ["registered", f"INVOKE {first.request_id}"]


def test_caller_does_not_wait_for_extensions(extended):
    """The answer comes when the runtime gave it; the environment is busy until the extension is done too."""
    function = extended(
        slow='identity = register("INVOKE")\n'
        'while True:\n    call("GET", "event/next", headers=identity)\n    time.sleep(1.5)\n    note("done")\n'
    )
    function.ask()
    started = time.monotonic()
    log = tail(function)
    elapsed = time.monotonic() - started
    # Who wants the log does wait, for the REPORT at its end.
    assert float(re.search(r"\tDuration: ([\d.]+) ms", log)[1]) >= 1500
    assert elapsed >= 1.4
    started = time.monotonic()
    function.ask()
    assert time.monotonic() - started < 1.4


@pytest.mark.skipif(IS_EMULATED, reason="a reset takes longer than the function may, where processors are emulated")
@pytest.mark.parametrize(("kind", "reason"), [("sleep", "timeout"), ("exit", "failure")])
def test_extension_is_told_why_its_environment_is_reset(extended, kind, reason):
    function = extended(faithful=FAITHFUL)
    function.ask()
    function.client.update_function_configuration(FunctionName=function.name, Timeout=2)
    function.wait_until_updated()
    function.invoke({"kind": kind})
    # While it is reset, others take the invokes. Of so many at once, one comes to it in the end.
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answers = [answer.payload for answer in function.invoke_at_once([{"kind": "pause"}] * 4)]
        for notes in answers:
            if f"SHUTDOWN {reason}" in notes:
                assert notes.count("registered") == 2
                return
    pytest.fail("the environment did not come back")


def test_log_tells_of_extensions(extended, server):
    function = extended(faithful=FAITHFUL)
    function.ask()
    assert "EXTENSION\tName: faithful\tState: Ready\tEvents: [INVOKE, SHUTDOWN]" in function_log(server, function.name)


@pytest.mark.parametrize(
    ("script", "error_type", "message"),
    [
        ("sys.exit(0)", "Extension.Crash", "exit code 0"),
        ("sys.exit(3)", "Extension.Crash", "exit status 3"),
        ("register(); os.kill(os.getpid(), 9)", "Extension.Crash", "signal: killed"),
        (
            'identity = register()\ncall("POST", "init/error", "{}", '
            '{**identity, "Lambda-Extension-Function-Error-Type": "Extension.Own"})\nsys.exit(1)',
            "Extension.InitError", "exit status 1",
        ),
        (
            'identity = register("INVOKE")\ncall("GET", "event/next", headers=identity)\nsys.exit(4)',
            "Extension.Crash", "exit status 4",
        ),
        (
            'identity = register("INVOKE")\ncall("GET", "event/next", headers=identity)\n'
            'call("POST", "exit/error", "{}", {**identity, "Lambda-Extension-Function-Error-Type": "Extension.Own"})\n'
            "sys.exit(5)",
            "Extension.ExitError", "exit status 5",
        ),
    ],
)  # fmt: skip
def test_extension_that_fails_fails_the_invoke(extended, functions, script, error_type, message):
    # The function never answers by itself before the extension is gone.
    function = extended("import time\ndef handler(event, context): time.sleep(5)", failing=script)
    answer = function.invoke({})
    assert (answer.error_type, answer.error_message) == (error_type, f"RequestId: {answer.request_id} Error: {message}")


def test_extension_without_the_run_bit_cannot_be_launched(extended):
    function = extended(mode=0o644, plain="")
    answer = function.invoke({})
    assert answer.error_type == "Extension.LaunchError"
    assert "/opt/extensions/plain: permission denied" in answer.error_message


def test_more_than_ten_extensions_are_refused(extended):
    function = extended(**{f"e{number:02}": FAITHFUL for number in range(11)})
    assert function.invoke({}).error_type == "Extension.TooManyExtensions"


def test_ten_extensions_take_part(extended):
    function = extended(**{f"e{number}": FAITHFUL for number in range(10)})
    function.ask()
    notes = function.ask()
    assert notes.count("registered") == 10
    assert sum(note.startswith("INVOKE") for note in notes) >= 10


def test_extension_that_never_registers_exceeds_the_initialisation(extended):
    function = extended(idle="time.sleep(3600)")
    function.client.update_function_configuration(FunctionName=function.name, Timeout=1)
    function.wait_until_updated()
    started = time.monotonic()
    answer = function.invoke({})
    # Ten seconds ahead of the invoke, and once more within its timeout.
    assert answer.error_type == "Sandbox.Timedout"
    assert 10 < time.monotonic() - started < 25


def test_internal_extension_takes_part(functions):
    function = functions.create(
        """
import http.client, json, os, threading
address = os.environ["AWS_LAMBDA_RUNTIME_API"]
seen, results = [], []

def call(connection, method, path, body=None, headers={}):
    connection.request(method, "/2020-01-01/extension/" + path, body, headers)
    response = connection.getresponse()
    return response.status, response.headers, response.read().decode()

def register(name, events):
    connection = http.client.HTTPConnection(address)
    status, headers, body = call(
        connection, "POST", "register", json.dumps({"events": events}), {"Lambda-Extension-Name": name})
    return connection, status, headers, body

connection, status, headers, body = register("inside", ["INVOKE"])
identity = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
refused = register("other", ["SHUTDOWN"])

def loop():
    while True:
        seen.append(json.loads(call(connection, "GET", "event/next", headers=identity)[2])["requestId"])
threading.Thread(target=loop, daemon=True).start()

def handler(event, context):
    late = register("late", ["INVOKE"])
    return [seen, refused[1], json.loads(refused[3])["errorType"], late[1], json.loads(late[3])["errorType"]]
"""
    )
    first = function.invoke({})
    seen, *refusals = function.ask()
    assert first.request_id in seen
    assert refusals == [403, "Extension.InvalidEventType", 403, "Extension.RegistrationClosed"]


SUBSCRIBER = """
import http.server, threading
KINDS = %s
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("/tmp/telemetry", "a") as file:
            for event in events: file.write(json.dumps(event) + "\\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
    protocol_version = "HTTP/1.1"
server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
identity = register("INVOKE", "SHUTDOWN")
status, headers, body = call("PUT", "", json.dumps({
    "schemaVersion": "2022-12-13", "types": KINDS, "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/x"},
}), identity, version="2022-07-01/telemetry")
note(f"subscribed {status} {body}")
while True:
    event = json.loads(call("GET", "event/next", headers=identity)[2])
    if event["eventType"] == "SHUTDOWN": break
"""

TELEMETRY_READER = """
import json, os, time
def handler(event, context):
    # In one piece: an extension may print at any moment.
    os.write(1, f"printed {event.get('number')}\\n".encode())
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        try:
            with open("/tmp/telemetry") as file: events = [json.loads(line) for line in file]
        except FileNotFoundError:
            events = []
        if all(any(e["type"] == wanted for e in events) for wanted in event["wanted"]): return events
    return events
"""


def test_telemetry_of_the_platform_is_delivered(extended):
    function = extended(TELEMETRY_READER, subscriber=SUBSCRIBER % '["platform"]')
    first = function.invoke({"wanted": ["platform.start"]})
    wanted = ["platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.start",
              "platform.runtimeDone", "platform.report", "platform.extension", "platform.telemetrySubscription"]
    events = function.ask({"wanted": wanted})
    records = {event["type"]: event["record"] for event in events}
    assert set(wanted) <= set(records), records.keys()
    start = next(event for event in events if event["type"] == "platform.start")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", start["time"])
    assert start["record"]["requestId"] == first.request_id
    assert start["record"]["version"] == "$LATEST"
    assert records["platform.initStart"]["phase"] == "init"
    assert records["platform.telemetrySubscription"] == {
        "name": "subscriber", "state": "Subscribed", "types": ["platform"]
    }  # fmt: skip
    report = records["platform.report"]
    assert report["status"] == "success" and report["metrics"]["memorySizeMB"] == 128
    done = records["platform.runtimeDone"]
    assert done["metrics"]["producedBytes"] > 0
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]


def test_refused_subscriptions_are_errors(functions, extended):
    function = extended(
        nonsense='identity = register("INVOKE")\n'
        'for body in ("{", json.dumps({"types": ["nonsense"]})):\n'
        '    note(str(call("PUT", "", body, identity, version="2022-07-01/telemetry")[0]))\n'
        'while True: call("GET", "event/next", headers=identity)\n'
    )
    assert function.ask()[:2] == ["400", "400"]


@pytest.mark.parametrize("behaviour", ["pass", "time.sleep(3600)", "self.connection.close()", "self.send_error(500)"])
def test_subscriber_that_misbehaves_harms_nobody(extended, behaviour):
    script = SUBSCRIBER % '["platform"]'
    script = script.replace("    def do_POST(self):\n", f"    def do_POST(self):\n        {behaviour}; return\n")
    function = extended("def handler(event, context): return 'fine'", subscriber=script)
    for _ in range(5):
        assert function.ask() == "fine"


def test_what_functions_and_extensions_print_is_told_apart(extended):
    script = 'print("from the extension", flush=True)\n' + SUBSCRIBER % '["function", "extension"]'
    script = script.replace('    event = json.loads(call("GET"', '    print("loop", flush=True)\n    event = json.loads(call("GET"')
    function = extended(TELEMETRY_READER, subscriber=script)
    function.invoke({"wanted": [], "number": 1})
    events = function.ask({"wanted": ["function", "extension"], "number": 2})
    assert {"printed 1\n"} <= {event["record"] for event in events if event["type"] == "function"}
    assert {"loop\n"} <= {event["record"] for event in events if event["type"] == "extension"}
    assert not any(event["type"].startswith("platform") for event in events)
    log = tail(function, {"wanted": [], "number": 3})
    assert "printed 3\n" in log and "loop\n" in log


def test_older_logs_api_and_tcp(extended):
    script = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 8081))
def collect():
    stream = listener.accept()[0].makefile()
    for line in stream:
        with open("/tmp/telemetry", "a") as file: file.write(line)
threading.Thread(target=collect, daemon=True).start()
identity = register("INVOKE", "SHUTDOWN")
status, headers, body = call("PUT", "", json.dumps({
    "schemaVersion": "2021-03-18", "types": ["platform", "function"], "buffering": {"timeoutMs": 25},
    "destination": {"protocol": "TCP", "port": 8081},
}), identity, version="2020-08-15/logs")
note(f"subscribed {status} {body}")
while True:
    event = json.loads(call("GET", "event/next", headers=identity)[2])
    if event["eventType"] == "SHUTDOWN": break
"""
    function = extended(TELEMETRY_READER, subscriber=script)
    first = function.invoke({"wanted": []})
    events = function.ask({"wanted": ["platform.end", "platform.report", "platform.logsSubscription", "function"]})
    assert {"platform.start", "platform.end", "platform.report", "platform.logsSubscription", "function"} <= {
        event["type"] for event in events
    }
    end = next(event for event in events if event["type"] == "platform.end")
    assert end["record"] == {"requestId": first.request_id}
    assert not any(event["type"].startswith("platform.init") for event in events)
