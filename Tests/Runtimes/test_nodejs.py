"""The Node.js bootstrap: what a handler gets, what its caller gets, what the log gets."""

import base64
import json
import re
import signal

import pytest
from function_code import CLIENT_CONTEXT, CONTEXT_HEADERS

LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t([^\t]+)\t([A-Z]+)\t(.*)$")


def log_lines(runtime):
    return [match.groups() for match in map(LOG_LINE.match, runtime.log.splitlines()) if match]


# What a handler may be.


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"index.js": "exports.handler = async () => 'ok'"}, "index.handler"),
        ({"index.cjs": "exports.handler = async () => 'ok'"}, "index.handler"),
        ({"index.mjs": "export const handler = async () => 'ok'"}, "index.handler"),
        (
            {"package.json": '{"type":"module"}', "index.js": "export const handler = async () => 'ok'"},
            "index.handler",
        ),
        (
            {
                "package.json": '{"type":"module"}',
                "old/package.json": "{}",
                "old/index.js": "exports.handler = async () => 'ok'",
            },
            "old/index.handler",
        ),
        ({"src/app.js": "exports.api = { v1: { handler: async () => 'ok' } }"}, "src/app.api.v1.handler"),
        ({"lib/index.js": "exports.handler = async () => 'ok'"}, "lib.handler"),
        ({"node_modules/dep/index.js": "exports.handler = async () => 'ok'"}, "dep.handler"),
        (
            {"index.mjs": "const wait = await Promise.resolve('ok'); export const handler = async () => wait"},
            "index.handler",
        ),
    ],
)
def test_handler_is_found(node, files, handler):
    assert node(files, handler).invoke().payload == "ok"


def test_relative_requires_and_packages_resolve(node):
    runtime = node(
        {
            "index.js": "const a = require('./a'), b = require('dep'); exports.handler = async () => a + b",
            "a.js": "module.exports = 'a'",
            "node_modules/dep/index.js": "module.exports = 'b'",
        }
    )
    assert runtime.invoke().payload == "ab"


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        ({}, "index.handler", "Runtime.ImportModuleError", r"Error: Cannot find module 'index'"),
        (
            {"index.js": "require('missing-package')"},
            "index.handler",
            "Runtime.ImportModuleError",
            r"Error: Cannot find module 'missing-package'",
        ),
        (
            {"index.mjs": "import 'missing-package'; export const handler = 1"},
            "index.handler",
            "Runtime.ImportModuleError",
            r"missing-package",
        ),
        (
            {"index.js": "exports.other = 1"},
            "index.handler",
            "Runtime.HandlerNotFound",
            r"^index\.handler is undefined or not exported$",
        ),
        (
            {"index.js": "exports.handler = 1"},
            "index.handler",
            "Runtime.HandlerNotFound",
            r"^index\.handler is not a function$",
        ),
        ({"index.js": "exports.handler = ("}, "index.handler", "Runtime.UserCodeSyntaxError", r"^SyntaxError: "),
        ({"index.mjs": "export const handler = ("}, "index.handler", "Runtime.UserCodeSyntaxError", r"^SyntaxError: "),
        ({}, "handler", "Runtime.MalformedHandlerName", r"^Bad handler$"),
        ({}, "../index.handler", "Runtime.MalformedHandlerName", r"is not a valid handler name"),
        ({"index.js": "throw new TypeError('at load')"}, "index.handler", "TypeError", r"^at load$"),
    ],
)
def test_init_error_is_reported(node, files, handler, kind, message):
    runtime = node(files, handler)
    answer = runtime.answer()
    assert answer.kind == "init/error"
    assert answer.payload["errorType"] == kind
    assert re.search(message, answer.payload["errorMessage"])
    assert isinstance(answer.payload["trace"], list)
    assert answer.headers["lambda-runtime-function-error-type"] == kind
    assert runtime.exit_status() == 1
    assert log_lines(runtime)[-1][:2] == ("undefined", "ERROR")


def test_rejection_while_loading_is_an_init_error(node):
    runtime = node({"index.js": "Promise.reject(new Error('early')); exports.handler = () => new Promise(() => {})"})
    # The rejection is noticed before the first request for an invoke, or while that waits; both end the process.
    assert runtime.exit_status() == 128


# How a handler may answer.


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("async (event) => event", b'{"a":[1,"\xc3\xa9"]}'),
        ("async () => {}", b"null"),
        ("async () => null", b"null"),
        ("async () => () => {}", b"null"),
        ("async () => 1.5", b"1.5"),
        ("async () => '\\u2028'", '"\u2028"'.encode()),
        ("(event) => Promise.resolve(event.a)", b'[1,"\xc3\xa9"]'),
        ("(event) => ({ then(done) { done('thenable') } })", b'"thenable"'),
        ("(event, context, callback) => callback(null, event.a)", b'[1,"\xc3\xa9"]'),
        ("(event, context, callback) => { setTimeout(() => callback(null, 1), 5) }", b"1"),
        ("(event, context, callback) => callback()", b"null"),
        ("(event, context) => context.succeed('s')", b'"s"'),
        ("(event, context) => context.done(null, 'd')", b'"d"'),
        ("() => 'ignored, as there is neither promise nor callback'", b"null"),
        ("() => new Promise(() => {})", b"null"),
    ],
)
def test_result_is_the_response(node, body, expected):
    runtime = node({"index.js": f"exports.handler = {body}"})
    event = '{"a":[1,"é"]}'.encode()
    for _ in range(2):
        answer = runtime.invoke(event)
        assert (answer.kind, answer.body) == ("response", expected)
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("async () => { throw new RangeError('bad') }", "RangeError", "bad"),
        ("() => { throw new RangeError('bad') }", "RangeError", "bad"),
        ("async () => { const e = new Error('own'); e.name = 'Own'; throw e }", "Own", "own"),
        ("async () => { throw 'text' }", "string", "text"),
        ("(event, context, callback) => callback(new Error('called'))", "Error", "called"),
        ("(event, context, callback) => callback('text')", "string", "text"),
        ("(event, context) => context.fail(new Error('failed'))", "Error", "failed"),
        ("async () => ({ big: 1n })", "Error", "Unable to stringify response body"),
    ],
)
def test_error_is_reported_and_the_next_invoke_works(node, body, kind, message):
    runtime = node({"index.js": f"""
                let count = 0;
                const first = {body};
                exports.handler = (...all) => (count++ ? Promise.resolve(count) : first(...all));"""})
    answer = runtime.invoke()
    assert answer.kind == "error"
    assert (answer.payload["errorType"], answer.payload["errorMessage"]) == (kind, message)
    assert answer.headers["lambda-runtime-function-error-type"] == kind
    assert runtime.invoke().payload == 2
    runtime.stop()
    request_id, level, text = log_lines(runtime)[0]
    assert (request_id, level) == (answer.request_id, "ERROR")
    title, _, logged = text.partition("\t")
    assert title == "Invoke Error "
    if kind != "string":
        assert json.loads(logged)["errorType"] == kind


def test_trace_names_the_users_file(node):
    runtime = node({"index.js": "exports.handler = async () => { throw new Error('x') }"})
    trace = runtime.invoke().payload["trace"]
    assert trace[0] == "Error: x"
    assert "index.js:1" in trace[1]


@pytest.mark.parametrize(
    ("body", "kind", "message", "status"),
    [
        ("() => { setImmediate(() => { throw new TypeError('late') }) }", "TypeError", "late", 129),
        (
            "() => { setImmediate(() => Promise.reject(new TypeError('late'))) }",
            "Runtime.UnhandledPromiseRejection",
            "TypeError: late",
            128,
        ),
    ],
)
def test_uncaught_error_is_reported_and_ends_the_process(node, body, kind, message, status):
    runtime = node({"index.js": f"exports.handler = {body}"})
    answer = runtime.invoke()
    assert answer.kind == "error"
    assert (answer.payload["errorType"], answer.payload["errorMessage"]) == (kind, message)
    assert runtime.exit_status() == status


def test_process_exit_posts_nothing(node):
    runtime = node({"index.js": "exports.handler = () => process.exit(3)"})
    runtime.send({})
    assert runtime.exit_status() == 3
    assert not runtime.has_answered()


def test_callback_waits_for_the_event_loop(node):
    runtime = node({"index.js": """
                exports.handler = (event, context, callback) => {
                    setTimeout(() => console.log('timer'), 30);
                    callback(null, 'called');
                }"""})
    assert runtime.invoke().payload == "called"
    runtime.wait_until_logged("\ttimer\n")


def test_callback_does_not_wait_where_told_so(node):
    runtime = node({"index.js": """
                exports.handler = (event, context, callback) => {
                    context.callbackWaitsForEmptyEventLoop = false;
                    setTimeout(() => {}, 3_600_000);
                    callback(null, context.callbackWaitsForEmptyEventLoop);
                }"""})
    assert runtime.invoke().payload is False
    assert runtime.invoke().payload is False


def test_only_the_first_answer_counts(node):
    runtime = node({"index.js": """
                let n = 0;
                exports.handler = async (event, context, callback) => {
                    n += 1;
                    callback(new Error('second'));
                    context.succeed('third');
                    return n;
                }"""})
    assert [runtime.invoke().payload for _ in range(3)] == [1, 2, 3]
    assert not runtime.has_answered()


# Runtimes without callbacks.


MODERN = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("async (event) => event", {"a": 1}),
        ("(event) => event", {"a": 1}),
        ("() => {}", None),
        ("(event, context) => Object.keys(context).filter((name) => /done|fail|succeed|callback/.test(name))", []),
        ("async (...all) => all.length", 2),
    ],
)
def test_newer_runtimes_answer_by_what_is_returned(node, body, expected):
    runtime = node({"index.js": f"exports.handler = {body}"}, environment=MODERN)
    for _ in range(2):
        assert runtime.invoke({"a": 1}).payload == expected


def test_newer_runtimes_do_not_wait_for_the_event_loop(node):
    runtime = node(
        {"index.js": "exports.handler = () => { setTimeout(() => {}, 3_600_000); return 1 }"}, environment=MODERN
    )
    assert [runtime.invoke().payload for _ in range(2)] == [1, 1]


def test_newer_runtimes_refuse_callbacks(node):
    runtime = node({"index.js": "exports.handler = (event, context, callback) => callback()"}, environment=MODERN)
    answer = runtime.answer()
    assert (answer.kind, answer.payload["errorType"]) == ("init/error", "Runtime.CallbackHandlerDeprecated")
    assert "has removed support for callback-based function handlers" in answer.payload["errorMessage"]
    assert runtime.exit_status() == 1


def test_newer_runtimes_stream(node):
    runtime = node(
        {"index.js": "exports.handler = awslambda.streamifyResponse(async (e, stream, context) => stream.end('x'))"},
        environment=MODERN,
    )
    assert runtime.invoke().body == b"x"


# What a handler gets.


def test_context_has_all_fields(node):
    runtime = node(
        {
            "index.js": """
                exports.handler = async (event, context) => ({
                    ...context, remaining: context.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID })"""
        }
    )
    answer = runtime.invoke({}, CONTEXT_HEADERS)
    context = answer.payload
    assert context.pop("remaining") > 1_000_000_000
    assert context == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "f",
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "2026/01/01/[$LATEST]0",
        "clientContext": CLIENT_CONTEXT,
        "identity": {"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"},
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "awsRequestId": answer.request_id,
        "tenantId": "tenant",
        "trace": "Root=1-2-3;Sampled=0",
    }
    assert "trace" not in runtime.invoke({}).payload


def test_delivery_identifier_is_echoed(node):
    runtime = node({"index.js": "exports.handler = async (e) => { if (e) throw new Error('x') }"})
    for event, kind in (0, "response"), (1, "error"):
        answer = runtime.invoke(event, {"Lambda-Runtime-Invocation-Id": "nonce"})
        assert (answer.kind, answer.headers["lambda-runtime-invocation-id"]) == (kind, "nonce")


@pytest.mark.parametrize("size", [0, 1, 65_536, 6_000_000])
@pytest.mark.parametrize("chunk_size", [None, 10_000])
def test_bodies_of_any_size_pass(node, size, chunk_size):
    runtime = node({"index.js": "exports.handler = async (event) => event"}, chunk_size=chunk_size)
    for _ in range(2):
        assert runtime.invoke("é" * (size // 2)).payload == "é" * (size // 2)


def test_many_invokes_use_one_connection_each_after_the_other(node):
    runtime = node({"index.js": "exports.handler = async (event) => event + 1"})
    assert [runtime.invoke(number).payload for number in range(500)] == list(range(1, 501))


def test_event_that_is_not_json_is_an_error_of_the_invoke(node):
    runtime = node({"index.js": "exports.handler = async (event) => event"})
    assert runtime.invoke(b"{").payload["errorType"] == "SyntaxError"
    assert runtime.invoke({}).payload == {}


# What the log gets.


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("log", "INFO"),
        ("info", "INFO"),
        ("warn", "WARN"),
        ("error", "ERROR"),
        ("debug", "DEBUG"),
        ("trace", "TRACE"),
    ],
)
def test_console_writes_lambdas_format(node, method, level):
    runtime = node({"index.js": f"""
                console.{method}('init');
                exports.handler = async () => console.{method}('n %d', 1, {{ a: 1 }}, 'two\\nlines');"""})
    answer = runtime.invoke()
    runtime.stop()
    lines = runtime.log.split("\n")
    assert LOG_LINE.match(lines[0]).groups() == ("undefined", level, "init")
    prefix, _, text = lines[1].partition(f"\t{answer.request_id}\t{level}\t")
    assert re.fullmatch(r"[\d:.TZ-]{24}", prefix)
    assert text == "n 1 { a: 1 } two\rlines"


def test_console_writes_json_where_configured(node):
    runtime = node(
        {"index.js": """
                exports.handler = async () => {
                    const round = {}; round.self = round;
                    console.debug('no'); console.warn({ a: 1 }); console.error(new RangeError('e'));
                    console.info('n %d', 1, new TypeError('t')); console.log(round); console.log(1n); console.log();
                    console.fatal('end');
                };"""},
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"},
    )
    answer = runtime.invoke({}, {"Lambda-Runtime-Aws-Tenant-Id": "tenant"})
    runtime.stop()
    lines = [json.loads(line) for line in runtime.log.splitlines()]
    assert {line["requestId"] for line in lines} == {answer.request_id}
    assert {line["tenantId"] for line in lines} == {"tenant"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in lines)
    assert [line["level"] for line in lines] == ["WARN", "ERROR", "INFO", "INFO", "INFO", "INFO", "FATAL"]
    warning, error, formatted, circular, big, empty, _ = lines
    assert warning["message"] == {"a": 1}
    # One error is the message; one behind a text stands beside it. So does the official client.
    assert (error["message"]["errorType"], error["message"]["errorMessage"]) == ("RangeError", "e")
    assert error["message"]["stackTrace"][0] == "RangeError: e"
    assert formatted["message"].startswith("n 1 TypeError: t")
    assert (formatted["errorType"], formatted["errorMessage"]) == ("TypeError", "t")
    assert "index.js" in formatted["stackTrace"][1]
    assert "Circular" in circular["message"]
    assert (big["message"], empty["message"]) == ("1n", "")


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("TRACE", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
        ("debug", ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
        ("INFO", ["INFO", "WARN", "ERROR", "FATAL"]),
        ("WARN", ["WARN", "ERROR", "FATAL"]),
        ("ERROR", ["ERROR", "FATAL"]),
        ("FATAL", ["FATAL"]),
    ],
)
def test_log_level_filters_json_lines(node, level, kept):
    runtime = node(
        {"index.js": """
                exports.handler = async () => {
                    for (const method of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) console[method]('x');
                };"""},
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level},
    )
    runtime.invoke()
    runtime.stop()
    assert [json.loads(line)["level"] for line in runtime.log.splitlines()] == kept


def test_errors_of_invokes_are_json_lines_where_configured(node):
    runtime = node(
        {"index.js": "exports.handler = async () => { throw new RangeError('bad') }"},
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"},
    )
    answer = runtime.invoke()
    runtime.stop()
    line = json.loads(runtime.log)
    assert (line["level"], line["requestId"]) == ("ERROR", answer.request_id)
    assert (line["errorType"], line["errorMessage"]) == ("RangeError", "bad")
    assert line["message"].startswith("Invoke Error RangeError: bad")


def test_closed_output_does_not_fail_invokes(node):
    runtime = node(
        {"index.js": "require('fs').closeSync(1); exports.handler = async () => { console.log('lost'); return 1 }"}
    )
    assert runtime.invoke().payload == 1


# Response streaming.


#: Lets a test decide when the function goes on: it waits for a file.
GATE = """
const fs = require('fs');
const { setTimeout: wait } = require('timers/promises');
async function gate(name) { while (!fs.existsSync(name)) await wait(2); }
"""
STREAM_END = b"\0" * 8


def streaming(body):
    return {"index.js": GATE + f"exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {body});"}


def test_streamed_response_has_its_headers_and_pieces(node, tmp_path):
    runtime = node(streaming("""{
        stream.setContentType('text/plain');
        stream.write('one');
        await gate('go');
        stream.write(Buffer.from('two'));
        stream.write({ three: 3 });
        stream.end('four');
    }"""))
    for _ in range(2):
        invoke = runtime.send({}, {"Lambda-Runtime-Invocation-Id": "nonce"})
        # The first piece is here although the function has not gone on yet.
        assert runtime.piece() == b"one"
        assert not runtime.has_answered()
        (tmp_path / "go").touch()
        answer = runtime.answer()
        (tmp_path / "go").unlink()
        while not runtime._server.pieces.empty():
            runtime.piece()
        assert (answer.kind, answer.request_id, answer.body) == ("response", invoke.request_id, b'onetwo{"three":3}four')
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert headers["lambda-runtime-function-response-mode"] == "streaming"
        assert headers["transfer-encoding"] == "chunked"
        assert headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
        assert headers["content-type"] == "text/plain"
        assert headers["lambda-runtime-invocation-id"] == "nonce"
        assert answer.trailers == {}


def test_streaming_handler_is_told_what_others_are(node):
    runtime = node(streaming("stream.end(JSON.stringify([event, context.awsRequestId, context.functionName]))"))
    invoke = runtime.send({"a": 1})
    assert runtime.answer().payload == [{"a": 1}, invoke.request_id, "f"]


@pytest.mark.parametrize(("write", "expected"), [("stream.end()", b""), ("stream.write('x'); stream.end()", b"x")])
def test_http_prelude_stands_before_the_body(node, write, expected):
    runtime = node(streaming(f"""{{
        stream = awslambda.HttpResponseStream.from(stream, {{
            statusCode: 201, headers: {{ 'x-own': 'é' }}, cookies: ['a=1'] }});
        {write};
    }}"""))
    answer = runtime.invoke()
    prelude, end, body = answer.body.partition(STREAM_END)
    assert json.loads(prelude) == {"statusCode": 201, "headers": {"x-own": "é"}, "cookies": ["a=1"]}
    assert (end, body) == (STREAM_END, expected)
    assert answer.headers["content-type"] == "application/vnd.awslambda.http-integration-response"


def test_default_type_is_bytes_and_comes_too_late_after_the_first(node):
    runtime = node(streaming("""{
        stream.write('x');
        let thrown;
        try { stream.setContentType('text/html') } catch (error) { thrown = error.message }
        stream.end(thrown);
    }"""))
    answer = runtime.invoke()
    assert answer.body == b"xCannot set content-type, too late."
    assert answer.headers["content-type"] == "application/octet-stream"


def test_pipeline_waits_for_a_slow_reader(node):
    runtime = node({"index.js": """
        const { pipeline } = require('stream/promises');
        const { Readable } = require('stream');
        const size = 64 * 1024, count = 512;
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            let made = 0;
            function* pieces() { for (; made < count; made += 1) yield Buffer.alloc(size, made); }
            const done = pipeline(Readable.from(pieces()), stream);
            if (event) {
                // As long as nobody reads, what was made stays bounded by the buffers on the way.
                let before;
                do { before = made; await new Promise((resolve) => setTimeout(resolve, 100)); } while (made > before);
                console.log(made < count ? 'held' : 'not held');
            }
            await done;
        });"""})
    runtime.hold_posts()
    runtime.send(True)
    runtime.wait_until_logged("held")
    runtime.release_posts()
    body = runtime.answer().body
    assert len(body) == 512 * 64 * 1024
    assert body[:: 64 * 1024] == bytes(number % 256 for number in range(512))
    assert "not held" not in runtime.log


def decoded_trailers(answer):
    trailers = {name.lower(): value for name, value in answer.trailers.items()}
    body = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"]))
    return trailers["lambda-runtime-function-error-type"], body


@pytest.mark.parametrize(
    "body",
    [
        "{ throw new RangeError('bad') }",
        "{ stream.setContentType('text/plain'); throw new RangeError('bad') }",
        "{ await gate('index.js'); throw new RangeError('bad') }",
    ],
)
def test_error_before_the_first_byte_is_an_ordinary_error(node, body):
    runtime = node(streaming(body))
    for _ in range(2):
        answer = runtime.invoke()
        assert (answer.kind, answer.payload["errorType"], answer.payload["errorMessage"]) == ("error", "RangeError", "bad")


@pytest.mark.parametrize(
    "body",
    [
        "{ stream.write('some'); throw new RangeError('bad') }",
        "{ stream.cork(); stream.write('so'); stream.write('me'); throw new RangeError('bad') }",
        "{ stream.write('some'); await gate('index.js'); stream.destroy(new RangeError('bad')); }",
        """{
            const { Readable } = require('stream');
            const { pipeline } = require('stream/promises');
            function* pieces() { yield 'some'; throw new RangeError('bad') }
            await pipeline(Readable.from(pieces()), stream);
        }""",
    ],
)
def test_error_behind_the_first_byte_is_in_the_trailers(node, body):
    runtime = node(streaming(body))
    for _ in range(2):
        answer = runtime.invoke()
        assert (answer.kind, answer.body) == ("response", b"some")
        kind, error = decoded_trailers(answer)
        assert (kind, error["errorType"], error["errorMessage"]) == ("RangeError", "RangeError", "bad")
        assert error["trace"][0] == "RangeError: bad"
    runtime.stop()
    assert [line[1] for line in log_lines(runtime)] == ["ERROR"] * 2


def test_uncaught_error_amid_a_stream_is_in_the_trailers_and_ends_the_process(node):
    runtime = node(streaming("""{
        stream.write('some');
        setImmediate(() => { throw new TypeError('late') });
        await new Promise(() => {});
    }"""))
    answer = runtime.invoke()
    assert answer.body == b"some"
    assert decoded_trailers(answer)[1]["errorMessage"] == "late"
    assert runtime.exit_status() == 129


@pytest.mark.parametrize("body", ["{ stream.write('some') }", "{ stream.write('some'); await new Promise(() => {}) }"])
def test_stream_that_nobody_ends_is_an_error(node, body):
    runtime = node(streaming(body))
    for _ in range(2):
        answer = runtime.invoke()
        assert answer.body == b"some"
        assert decoded_trailers(answer)[1]["errorMessage"] == "Response stream is not finished."


def test_writes_after_the_handler_returned_belong_to_the_response(node):
    runtime = node(streaming("{ stream.write('a'); setTimeout(() => stream.end('b'), 10) }"))
    assert [runtime.invoke().body for _ in range(2)] == [b"ab"] * 2


def test_other_mark_than_that_of_a_streamed_response_is_refused(node):
    runtime = node({"index.js": """
        exports.handler = async () => 1;
        exports.handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'request';"""})
    answer = runtime.answer()
    assert (answer.kind, answer.payload["errorType"]) == ("init/error", "Runtime.MalformedStreamingHandler")


def test_streaming_handler_must_be_asynchronous(node):
    runtime = node({"index.js": "exports.handler = awslambda.streamifyResponse((event, stream) => 1)"})
    assert runtime.invoke().payload["errorMessage"] == "Streaming does not support non-async handlers."


def test_result_of_a_streaming_handler_is_ignored_with_a_warning(node):
    runtime = node(streaming("{ stream.end('x'); return 1 }"))
    assert runtime.invoke().body == b"x"
    runtime.stop()
    assert [line[1:] for line in log_lines(runtime)] == [("WARN", "Streaming handlers ignore return values.")]


def test_stream_refused_midway_does_not_stop_the_function(node):
    runtime = node({"index.js": """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            if (!event) { stream.end('x'); return; }
            stream.write('first');
            // Ends although nobody takes the pieces.
            for (let n = 0; n < 200; n += 1) {
                if (!stream.write(Buffer.alloc(100_000))) await new Promise((done) => stream.once('drain', done));
            }
            stream.end();
        });"""})
    runtime.refuse_next(413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size", at_once=True)
    runtime.send(True)
    runtime.wait_until_refused()
    assert runtime.invoke(False).body == b"x"
    runtime.wait_until_logged("refused with 413")


# The Runtime API's own failures.


def test_late_answer_is_logged_and_the_next_invoke_taken(node):
    runtime = node({"index.js": "exports.handler = async (event) => { if (event) throw new Error('x'); return 1 }"})
    for event in False, True:
        runtime.refuse_next(410, "InvokeTimeout", "Invoke timeout")
        late = runtime.invoke(event)
        assert runtime.invoke(False).payload == 1
        runtime.wait_until_logged(f"The answer to invoke {late.request_id} was refused with 410")


def test_failed_service_ends_the_process(node):
    runtime = node({"index.js": "exports.handler = async () => 1"})
    runtime.refuse_next(500, "InternalServerError", "Internal Server Error")
    runtime.send({})
    assert runtime.exit_status() == 1


def test_termination_is_the_functions_to_handle(node):
    runtime = node({"index.js": """
        process.on('SIGTERM', () => { console.log('terminating'); process.exit(0) });
        exports.handler = async () => 1;"""})
    runtime.wait_until_ready()
    runtime.process.terminate()
    assert runtime.exit_status() == 0
    assert [line[2] for line in log_lines(runtime)] == ["terminating"]


def test_termination_ends_a_function_that_does_not_handle_it(node):
    runtime = node({"index.js": "exports.handler = async () => 1"})
    runtime.wait_until_ready()
    runtime.process.terminate()
    assert runtime.exit_status() == -signal.SIGTERM


def test_lost_runtime_api_ends_the_process(node):
    runtime = node({"index.js": "exports.handler = async () => 1"})
    runtime.wait_until_ready()
    runtime._server.invokes.put(None)
    assert runtime.exit_status() == 1
