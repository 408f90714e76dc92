"""The Java runtime: what a handler may be, what it gets, what its caller gets, what the log gets."""

import base64
import json
import re
import signal
import subprocess
import zipfile

import pytest
from function_code import CONTEXT_HEADERS
from java_code import JAVA_HOME, compile_java


# What a handler may be.


@pytest.mark.parametrize(
    ("handler", "event", "expected"),
    [
        ("example.Handlers::greet", "é", "Hello, é"),
        ("example.Handlers::increment", 1, 2),
        ("example.Handlers::add", 1, 2),
        ("example.Handlers::add", None, 1),
        ("example.Handlers::negate", True, False),
        ("example.Handlers::map", {"a": {"b": [1, 2.5, "x", None, True]}}, {"a": {"b": [1, 2.5, "x", None, True]}}),
        ("example.Handlers::map", None, None),
        ("example.Handlers::doubled", [1, 2], [2, 4]),
        ("example.Handlers::doubled", 3, [6]),
        ("example.Handlers::echo", [2**31, 2**70, 1e300, -0.5, ""], [2**31, 2**70, 1e300, -0.5, ""]),
        ("example.Handlers::nothing", 1, None),
        ("example.Handlers::noEvent", 1, "no event"),
        ("example.Handlers::both", {"a": "x"}, "x f"),
        ("example.Handlers::fixed", "x", "static x"),
        ("example.Handlers::overloaded", "x", "long"),
        ("example.Handlers::streamWithoutContext", {"a": 1}, {"a": 1}),
        ("example.Handlers::inputOnly", "four", 6),
        ("example.Handlers$Nested::handle", "x", "nested x"),
        ("example.Stream", {"a": "é"}, {"a": "é"}),
        ("example.Stream::handleRequest", [1], [1]),
        ("example.Direct", {"id": "7", "paid": True}, {"id": "7", "paid": True}),
        ("example.Direct::handleRequest", {"id": "7"}, {"id": "7", "paid": False}),
    ],
)
def test_handler_is_called(java, handler, event, expected):
    answer = java(handler).invoke(event)
    assert (answer.kind, answer.payload) == ("response", expected)
    assert answer.headers["Content-Type"] == "application/json"


def test_streams_carry_bytes_as_they_are(java):
    assert java("example.Handlers::stream").invoke(b" [1] ").body == b"f [1] "
    assert java("example.Handlers::outputOnly").invoke().body == b"raw"


def test_generic_superclass_tells_the_types(java):
    runtime = java("example.Typed")
    answer = runtime.invoke({"id": "7"})
    assert answer.payload == {"class": "example.Beans$Order", "id": "7", "request": answer.request_id}


def test_object_is_kept_between_invokes(java):
    runtime = java("example.Handlers::count")
    assert [runtime.invoke().payload for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("example.Missing::handle", "java.lang.ClassNotFoundException", "Class not found: example.Missing"),
        ("example.Missing", "java.lang.ClassNotFoundException", "Class not found: example.Missing"),
        ("swiftlet.runtime.Main::main", "java.lang.ClassNotFoundException", "Class not found: swiftlet.runtime.Main"),
        ("a::b::c", None, "Invalid handler: `a::b::c'"),
        ("::b", None, "Invalid handler: `::b'"),
        (
            "example.Handlers::missing",
            None,
            "No public method named missing with appropriate method signature found on class example.Handlers",
        ),
        (
            "example.Handlers::tooMany",
            None,
            "No public method named tooMany with appropriate method signature found on class example.Handlers",
        ),
        (
            "example.Handlers::hidden",
            None,
            "No public method named hidden with appropriate method signature found on class example.Handlers",
        ),
        ("example.Handlers", None, "Class does not implement an appropriate handler interface: example.Handlers"),
        (
            "example.Handlers$Inner::handle",
            None,
            "Class example.Handlers$Inner cannot be instantiated because it is a non-static inner class",
        ),
        (
            "example.Failing$WithoutConstructor::handle",
            None,
            "Class example.Failing$WithoutConstructor has no public zero-argument constructor",
        ),
    ],
)
def test_wrong_handler_is_told_at_every_invoke(java, handler, kind, message):
    runtime = java(handler)
    for _ in range(2):
        answer = runtime.invoke()
        expected = {"errorMessage": message, **({"errorType": kind} if kind else {})}
        assert (answer.kind, answer.payload) == ("error", expected)
        assert answer.headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.BadFunctionCode"
    runtime.stop()
    assert runtime.log.splitlines() == [message] * 2


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("example.Failing$AtConstruction::handle", "java.lang.IllegalStateException", "not today"),
        (
            "example.Failing$AtLoad::handle",
            "java.lang.ExceptionInInitializerError",
            "Error loading class example.Failing$AtLoad",
        ),
    ],
)
def test_init_error_is_reported(java, handler, kind, message):
    runtime = java(handler)
    answer = runtime.answer()
    assert answer.kind == "init/error"
    assert (answer.payload["errorType"], answer.payload["errorMessage"]) == (kind, message)
    assert runtime.exit_status() == 1
    assert kind in runtime.log


# What the mapper does.


EVERYTHING = {
    "aByte": -128, "aShort": 32767, "anInt": -5, "aLong": 2**62, "aFloat": 1.5, "aDouble": 1e-300, "aChar": "é",
    "aBoolean": True, "boxed": 7, "boxedDouble": 2.0, "integer": 2**100, "number": 3, "text": "t", "colour": "GREEN",
    "counts": {"RED": 1}, "sorted": {"1": "a", "10": "b"}, "set": ["x"], "numbers": [1, 2],
    "bytes": base64.b64encode(b"\0\xff").decode(), "buffer": base64.b64encode(b"abc").decode(),
    "matrix": [["a"], []], "nested": [[1], [2, 3]], "optional": "o", "optionalInt": 4,
    "uuid": "01234567-89ab-cdef-0123-456789abcdef", "uri": "https://example.com/a?b", "anything": {"k": [1]},
}  # fmt: skip


def test_values_of_every_type_pass(java):
    times = {
        "date": 1700000000123, "instant": "2026-01-02T03:04:05.5Z", "duration": "PT1.5S", "day": "2026-01-02",
        "local": "2026-01-02T03:04:05",
    }  # fmt: skip
    body = json.dumps({**EVERYTHING, **times, "unknown": 1})[:-1] + ', "decimal": 1.2300000000000000000000001}'
    answer = java("example.Beans::everything").invoke(body.encode())
    assert answer.kind == "response", answer.body
    assert b'"decimal":1.2300000000000000000000001' in answer.body
    result = answer.payload
    del result["decimal"]
    assert result == {
        **EVERYTHING,
        # As Lambda's own mapper writes times.
        "date": 1700000000123, "instant": 1767323045.5, "duration": 1.5, "day": [2026, 1, 2],
        "local": [2026, 1, 2, 3, 4, 5],
    }  # fmt: skip


def test_texts_and_numbers_stand_for_each_other(java):
    given = {
        "anInt": "5", "aDouble": "2.5", "text": 7, "aBoolean": "TRUE", "boxed": "", "colour": "BLUE", "numbers": 1,
        "aLong": 3.9, "date": "1970-01-01T00:00:01Z", "instant": 1.5, "optional": None,
    }  # fmt: skip
    result = java("example.Beans::everything").invoke(given).payload
    expected = {
        "anInt": 5, "aDouble": 2.5, "text": "7", "aBoolean": True, "numbers": [1], "aLong": 3, "date": 1000,
        "instant": 1.5, "optional": None,
    }  # fmt: skip
    assert {name: result.get(name) for name in expected} == expected
    assert "boxed" not in result and "colour" not in result


@pytest.mark.parametrize(
    ("handler", "event", "message"),
    [
        ("example.Beans::everything", {"anInt": "x"}, "the number x does not fit into int"),
        ("example.Beans::everything", {"anInt": 2**31}, f"the number {2**31} does not fit into int"),
        ("example.Beans::everything", {"integer": {}}, "cannot make a java.math.BigInteger of an object"),
        ("example.Beans::everything", {"aChar": "two"}, "cannot make a char of a text"),
        ("example.Beans::everything", {"day": "tomorrow"}, "cannot make a java.time.LocalDate of"),
        ("example.Beans::everything", {"counts": 1}, "cannot make a java.util.Map of a number"),
        ("example.Beans::everything", [1, 2], "cannot make a example.Beans$Everything of an array"),
        ("example.Beans::shape", {}, "cannot make a example.Beans$Shape: it is abstract"),
        ("example.Beans::broken", {"value": 1}, "failed to make a example.Beans$Broken"),
        ("example.Beans::type", "java.lang.Runtime", "an event may not name a class to load"),
        ("example.Handlers::greet", {"a": 1}, "cannot make a java.lang.String of an object"),
        ("example.Handlers::echo", b"{", "expected a member's name, found the end"),
        ("example.Handlers::echo", b"[1,]", "expected a value"),
        ("example.Handlers::echo", b"01", "expected a value"),
        ("example.Handlers::echo", b'"\\x"', "expected an escape"),
        ("example.Handlers::echo", b"1 2", "expected the end of the document, found '2'"),
        ("example.Handlers::echo", b"[" * 100_000, "the document nests deeper than 1000 levels"),
    ],
)
def test_event_that_does_not_fit_is_an_error_of_the_invoke(java, handler, event, message):
    runtime = java(handler)
    for _ in range(2):
        answer = runtime.invoke(event)
        assert answer.kind == "error"
        assert answer.payload["errorMessage"] == "An error occurred during JSON parsing"
        assert answer.payload["errorType"] == "java.lang.RuntimeException"
        assert answer.payload["stackTrace"] == []
        assert message in answer.payload["cause"]["errorMessage"]


def test_big_numbers_cost_no_memory(java):
    answer = java("example.Beans::everything").invoke(b'{"integer": 1e999999999}')
    assert "does not fit" in answer.payload["cause"]["errorMessage"]


def test_generic_beans_are_filled(java):
    assert java("example.Beans::box").invoke({"content": {"content": {"name": "n"}}}).payload == "n"


def test_names_of_aws_events_are_found_in_any_case(java):
    event = {"Records": [{"messageId": "1"}], "eventSourceARN": "arn"}
    assert java("example.Beans::event").invoke(event).payload == [[{"messageId": "1"}], "arn"]


def test_class_that_is_not_public_is_filled(java):
    assert java("example.Beans::hidden").invoke({"value": 5}).payload == 5


def test_beans_are_written_by_their_getters(java):
    assert java("example.Beans::urls").invoke().body == b'{"infinite":"Infinity","URL":"u","x":"x","open":true}'
    assert java("example.Beans::empty").invoke().payload == {}


def test_other_values_are_written(java):
    assert java("example.Beans::described").invoke().payload == [
        "b", "c", "RED", [1], "x", 1.5, 1, None, 5, 2026, "de_DE", [1], [1, 2], '\0\x1f"\\\t\u2028',
    ]  # fmt: skip


def test_result_that_contains_itself_is_an_error(java):
    answer = java("example.Beans::endless").invoke()
    assert answer.payload["errorMessage"] == "An error occurred during JSON serialization of response"
    assert "contains itself" in answer.payload["cause"]["errorMessage"]


def test_records_pass(java, tmp_path):
    (tmp_path / "Point.java").write_text(
        "package own; public record Point(int x, java.util.List<Point> more) {"
        " public static Point twice(Point p) { return new Point(2 * p.x(), p.more()); } }"
    )
    compile_java(tmp_path, [tmp_path / "Point.java"], ["--release", "17"])
    answer = java("own.Point::twice", root=tmp_path).invoke({"x": 1, "more": [{"x": 5}], "z": 1})
    assert answer.body == b'{"x":2,"more":[{"x":5}]}'


@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_000])
@pytest.mark.parametrize("chunk_size", [None, 10_000])
def test_bodies_of_any_size_pass(java, size, chunk_size):
    runtime = java("example.Handlers::echo", chunk_size=chunk_size, options=["-XX:MaxHeapSize=256m"])
    for _ in range(2):
        assert runtime.invoke("é" * (size // 2)).payload == "é" * (size // 2)


# Errors.


def test_exception_has_lambdas_form(java):
    runtime = java("example.Failing::handle")
    answer = runtime.invoke("runtime")
    assert answer.kind == "error"
    payload = answer.payload
    assert (payload["errorMessage"], payload["errorType"]) == ("bad", "java.lang.RuntimeException")
    # Nothing of the runtime's own, nor of the reflection that it calls with.
    (frame,) = payload["stackTrace"]
    assert re.fullmatch(r"example\.Failing\.handle\(Failing\.java:\d+\)", frame)
    assert "cause" not in payload
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == "Runtime.UserException"
    assert runtime.invoke("").payload == 2
    runtime.stop()
    lines = runtime.log.splitlines()
    assert lines[:2] == ["bad: java.lang.RuntimeException", "java.lang.RuntimeException: bad"]
    assert lines[2].startswith("\tat example.Failing.handle(Failing.java:")


def test_cause_is_told(java):
    payload = java("example.Failing::handle").invoke("checked").payload
    assert payload["errorType"] == "example.Failing$Own"
    assert payload["cause"]["errorType"] == "java.lang.IllegalStateException"
    assert payload["cause"]["errorMessage"] == "inner"
    assert len(payload["cause"]["stackTrace"]) == 1


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("silent", "java.lang.NullPointerException", "java.lang.NullPointerException"),
        ("error", "java.lang.AssertionError", "wrong"),
        ("circle", "example.Failing$Own", "first"),
    ],
)
def test_other_errors_are_told_and_the_next_invoke_works(java, kind, error, message):
    runtime = java("example.Failing::handle")
    payload = runtime.invoke(kind).payload
    assert (payload["errorType"], payload["errorMessage"]) == (error, message)
    assert runtime.invoke("").payload == 2


@pytest.mark.parametrize(
    ("kind", "error"), [("stack", "java.lang.StackOverflowError"), ("memory", "java.lang.OutOfMemoryError")]
)
def test_error_of_the_virtual_machine_ends_the_process(java, kind, error):
    runtime = java("example.Failing::handle")
    answer = runtime.invoke(kind)
    assert (answer.kind, answer.payload["errorType"]) == ("error", error)
    assert runtime.exit_status() == 1


@pytest.mark.parametrize(("kind", "status"), [("exit", 3), ("halt", 0)])
def test_exit_posts_nothing(java, kind, status):
    runtime = java("example.Failing::handle")
    runtime.send(kind)
    assert runtime.exit_status() == status
    assert not runtime.has_answered()


def test_interrupt_of_one_invoke_is_not_the_next_ones(java):
    runtime = java("example.Failing::handle")
    assert [runtime.invoke("interrupt").payload for _ in range(3)] == [1, 2, 3]


# What a handler is told.


def test_context_has_all_fields(java):
    runtime = java("example.Told::context")
    answer = runtime.invoke({}, CONTEXT_HEADERS)
    told = answer.payload
    assert told.pop("remaining") > 1_000_000_000
    assert told == {
        "awsRequestId": answer.request_id,
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "2026/01/01/[$LATEST]0",
        "functionName": "f",
        "functionVersion": "$LATEST",
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "memoryLimitInMB": 128,
        "tenantId": "tenant",
        "trace": "Root=1-2-3;Sampled=0",
        "identityId": "i",
        "identityPoolId": "p",
        "custom": {"k": "v"},
        "env": {"e": "f"},
        "appTitle": "t",
        "isItself": True,
    }
    bare = runtime.invoke({}).payload
    assert [bare[name] for name in ("trace", "tenantId")] == [None, None]
    assert "identityId" not in bare and "custom" not in bare


def test_context_alone_may_be_taken(java):
    answer = java("example.Handlers::contextOnly").invoke()
    assert answer.payload == answer.request_id


def test_function_sees_its_own_classes_and_not_the_runtimes(java):
    found = java("example.Told::loaders").invoke().payload
    assert found == ["example.Told", "no swiftlet.runtime.Main", "java.sql.Timestamp", "true"]


def test_libraries_in_lib_are_found_behind_the_code(java, java_classes, tmp_path):
    root = tmp_path / "task"
    subprocess.run(["cp", "-r", str(java_classes), str(root)], check=True)
    for name in "a.jar", "b.jar":
        source = tmp_path / "Version.java"
        source.write_text(f'package library; public class Version {{ public static final String TEXT = "{name}"; }}')
        compile_java(tmp_path / name[0], [source])
        (root / "lib").mkdir(exist_ok=True)
        with zipfile.ZipFile(root / "lib" / name, "w") as archive:
            archive.write(tmp_path / name[0] / "library/Version.class", "library/Version.class")
    assert java("example.Told::library", root=root).invoke().payload == "a.jar"


def test_delivery_identifier_is_echoed(java):
    runtime = java("example.Failing::handle")
    for event, kind in ("", "response"), ("runtime", "error"):
        answer = runtime.invoke(event, {"Lambda-Runtime-Invocation-Id": "nonce"})
        assert (answer.kind, answer.headers["Lambda-Runtime-Invocation-Id"]) == (kind, "nonce")


def test_many_invokes_use_one_connection_each_after_the_other(java):
    runtime = java("example.Handlers::add")
    assert [runtime.invoke(number).payload for number in range(500)] == list(range(1, 501))


# What the log gets.


def test_standard_streams_are_the_log(java):
    runtime = java("example.Told::print")
    runtime.invoke()
    runtime.stop()
    assert runtime.log == "loaded\nout é\nerr\nunfinished"


def test_logger_writes_lines_of_text(java):
    runtime = java("example.Told::log")
    runtime.invoke()
    runtime.stop()
    levels = ["UNDEFINED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
    assert runtime.log.splitlines() == [
        "loaded", "plain", "ended", "bytes", *(f"at {level}" for level in levels), "of the library",
    ]  # fmt: skip


def test_logger_writes_json_where_configured(java):
    runtime = java("example.Told::log", {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN"})
    answer = runtime.invoke({}, {"Lambda-Runtime-Aws-Tenant-Id": "tenant"})
    runtime.stop()
    printed, *lines = runtime.log.splitlines()
    assert printed == "loaded"
    assert lines.pop(2) == "bytes"
    records = [json.loads(line) for line in lines]
    assert {record["AWSRequestId"] for record in records} == {answer.request_id}
    assert {record["tenantId"] for record in records} == {"tenant"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["timestamp"]) for record in records)
    assert [(record["level"], record["message"]) for record in records] == [
        ("UNDEFINED", "plain"),
        ("UNDEFINED", "ended\n"),
        ("UNDEFINED", "at UNDEFINED"),
        ("WARN", "at WARN"),
        ("ERROR", "at ERROR"),
        ("FATAL", "at FATAL"),
        ("UNDEFINED", "of the library"),
    ]


def test_errors_of_invokes_are_json_lines_where_configured(java):
    runtime = java("example.Failing::handle", {"AWS_LAMBDA_LOG_FORMAT": "JSON"})
    answer = runtime.invoke("checked")
    runtime.stop()
    record = json.loads(runtime.log)
    assert (record["level"], record["AWSRequestId"]) == ("ERROR", answer.request_id)
    assert (record["errorType"], record["errorMessage"]) == ("example.Failing$Own", "outer")
    assert "Caused by: java.lang.IllegalStateException: inner" in record["message"]


# The Runtime API's own failures, and signals.


def test_late_answer_is_logged_and_the_next_invoke_taken(java):
    runtime = java("example.Failing::handle")
    for count, event in enumerate(["", "runtime"]):
        runtime.refuse_next(410, "InvokeTimeout", "Invoke timeout")
        late = runtime.invoke(event)
        assert runtime.invoke("").payload == 2 * (count + 1)
        runtime.wait_until_logged(f"The answer to invoke {late.request_id} was refused with 410")


def test_failed_service_ends_the_process(java):
    runtime = java("example.Handlers::count")
    runtime.refuse_next(500, "InternalServerError", "Internal Server Error")
    runtime.send({})
    assert runtime.exit_status() == 1


def test_lost_runtime_api_ends_the_process(java):
    runtime = java("example.Handlers::count")
    runtime.wait_until_ready()
    runtime._server.invokes.put(None)
    assert runtime.exit_status() == 1


def test_termination_ends_the_process(java):
    runtime = java("example.Handlers::count")
    runtime.wait_until_ready()
    runtime.process.terminate()
    assert runtime.exit_status() == 128 + signal.SIGTERM


# Installing.


def test_install_needs_a_compiler(java_runtime, tmp_path):
    install = java_runtime.parents[2] / "runtimes/java/install"
    done = subprocess.run(
        [str(install), str(tmp_path / "java")], env={"PATH": "/usr/bin:/bin", "JAVA_HOME": "/missing"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "apt-get install openjdk-17-jdk-headless" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_install_takes_the_place_of_an_old_one(java_runtime, tmp_path):
    install = java_runtime.parents[2] / "runtimes/java/install"
    (tmp_path / "java").mkdir()
    (tmp_path / "java/old").touch()
    environment = {"PATH": "/usr/bin:/bin", "JAVA_HOME": str(JAVA_HOME)}
    subprocess.run([str(install), str(tmp_path / "java")], env=environment, check=True)
    assert sorted(path.name for path in (tmp_path / "java").iterdir()) == [".stamp", "swiftlet-runtime.jar"]
    again = subprocess.run([str(install), str(tmp_path / "java")], env=environment, capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (0, "")
