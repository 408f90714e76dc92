"""The Ruby bootstrap: what a handler gets, what its caller gets, what the log gets."""

import json
import re
import signal

import pytest
from function_code import CLIENT_CONTEXT, CONTEXT_HEADERS


# What a handler may be.


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"app.rb": "def handler(event:, context:) = 'ok'"}, "app.handler"),
        ({"src/app.rb": "def handler(event:, context:) = 'ok'"}, "src/app.handler"),
        ({"app.rb": "class Api; def self.run(event:, context:) = 'ok'; end"}, "app.Api.run"),
        ({"app.rb": "module A; class B; def self.run(event:, context:) = 'ok'; end; end"}, "app.A::B.run"),
        ({"app.rb": "module A; module_function; def run(**) = 'ok'; end"}, "app.A.run"),
        ({"app.rb": "require 'other'\ndef handler(**) = OTHER", "other.rb": "OTHER = 'ok'"}, "app.handler"),
        ({"app.rb": "require_relative 'lib/o'\ndef handler(**) = OTHER", "lib/o.rb": "OTHER = 'ok'"}, "app.handler"),
    ],
)
def test_handler_is_found(ruby, files, handler):
    assert ruby(files, handler).invoke({}).payload == "ok"


@pytest.mark.parametrize("name", ["call", "file", "load", "format", "loop", "run", "serve", "line", "write", "inspect"])
def test_handler_may_have_any_name(ruby, name):
    runtime = ruby({"app.rb": f"def {name}(event:, context:) = event"}, f"app.{name}")
    assert [runtime.invoke(number).payload for number in range(2)] == [0, 1]


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        ({}, "app.handler", "Init<LoadError>", r"^cannot load such file -- app$"),
        ({"app.rb": "require 'missing_gem'"}, "app.handler", "Init<LoadError>", r"missing_gem$"),
        ({"app.rb": "def handler("}, "app.handler", "Init<SyntaxError>", r"app\.rb:1: syntax error"),
        ({"app.rb": "raise ArgumentError, 'at load'"}, "app.handler", "Init<ArgumentError>", r"^at load$"),
        ({"app.rb": "exit 3"}, "app.handler", "Init<SystemExit>", r"^exit$"),
        ({}, "handler", "Init<ArgumentError>", r"^Invalid handler .*must be of form FILENAME\.METHOD"),
        ({}, "a.b.c.d", "Init<ArgumentError>", r"^Invalid handler "),
    ],
)
def test_init_error_is_reported(ruby, files, handler, kind, message):
    runtime = ruby(files, handler)
    answer = runtime.answer()
    assert answer.kind == "init/error"
    assert answer.payload["errorType"] == kind
    assert re.search(message, answer.payload["errorMessage"])
    assert isinstance(answer.payload["stackTrace"], list)
    assert answer.headers["Content-Type"] == "application/json"
    assert runtime.exit_status() == 252
    assert f"Init error when loading handler {handler}" in runtime.log


def test_init_error_names_the_users_file_only(ruby):
    answer = ruby({"app.rb": "raise 'at load'"}).answer()
    assert len([frame for frame in answer.payload["stackTrace"] if "app.rb:1" in frame]) == 1
    assert not any("bootstrap" in frame for frame in answer.payload["stackTrace"])


# How a handler may answer.


@pytest.mark.parametrize(
    ("body", "expected", "kind"),
    [
        ("event", '{"a":[1,"é"]}', "application/json"),
        ("nil", "null", "application/json"),
        ("1.5", "1.5", "application/json"),
        ("{ statusCode: 200, 'body' => 'x' }", '{"statusCode":200,"body":"x"}', "application/json"),
        ("event['a'].last", '"é"', "application/json"),
        ("StringIO.new('raw')", "raw", "application/unknown"),
    ],
)
def test_result_is_the_response(ruby, body, expected, kind):
    runtime = ruby({"app.rb": f"def handler(event:, context:) = ({body})"})
    for _ in range(2):
        answer = runtime.invoke('{"a":[1,"é"]}'.encode())
        assert (answer.kind, answer.body.decode()) == ("response", expected)
        assert answer.headers["Content-Type"] == kind


@pytest.mark.parametrize("size", [0, 1, 65_536, 6_000_000])
@pytest.mark.parametrize("chunk_size", [None, 10_000])
def test_bodies_of_any_size_pass(ruby, size, chunk_size):
    runtime = ruby({"app.rb": "def handler(event:, context:) = event"}, chunk_size=chunk_size)
    for _ in range(2):
        assert runtime.invoke("é" * (size // 2)).payload == "é" * (size // 2)


@pytest.mark.parametrize(
    ("body", "kind", "message", "header"),
    [
        ("raise 'bad'", "Function<RuntimeError>", "bad", "Function<UserException>"),
        ("raise ArgumentError, 'bad'", "Function<ArgumentError>", "bad", "Function<ArgumentError>"),
        ("raise Own, 'bad'", "Function<Own>", "bad", "Function<UserException>"),
        ("raise \"b\\xffd\"", "Function<RuntimeError>", "b\ufffdd", "Function<UserException>"),
        ("Class.new(StandardError) { def message = nil }.then { raise _1 }", None, "", "Function<UserException>"),
        ("\"\\xff\"", "Function<JSON::GeneratorError>", None, "Function<UserException>"),
    ],
)
def test_error_is_reported_and_the_next_invoke_works(ruby, body, kind, message, header):
    runtime = ruby({"app.rb": f"""
$count = 0
class Own < StandardError; end
def handler(event:, context:)
  $count += 1
  return $count if $count > 1
  {body}
end"""})
    answer = runtime.invoke({})
    assert answer.kind == "error"
    assert set(answer.payload) == {"errorMessage", "errorType", "stackTrace"}
    assert kind is None or answer.payload["errorType"] == kind
    assert message is None or answer.payload["errorMessage"] == message
    assert answer.headers["Lambda-Runtime-Function-Error-Type"] == header
    assert runtime.invoke({}).payload == 2


def test_trace_has_the_users_frames_only(ruby):
    runtime = ruby({"app.rb": "def inner = raise('x')\ndef handler(event:, context:) = inner"})
    (inner, outer) = runtime.invoke({}).payload["stackTrace"]
    assert re.search(r"app\.rb:1:in [`']inner'$", inner)
    assert re.search(r"app\.rb:2:in [`']handler'$", outer)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("nil.upcase", "Function<NoMethodError>", "undefined method `upcase' for nil"),
        ("missing_name", "Function<NameError>", "undefined local variable or method `missing_name'"),
        ("exit 3", "Function<SystemExit>", "exit"),
        ("raise NotImplementedError, 'bad'", "Function<NotImplementedError>", "bad"),
        ("def self.deep = deep + 1\n  deep", "Function<SystemStackError>", "stack level too deep"),
    ],
)
def test_critical_error_is_reported_and_ends_the_process(ruby, body, kind, message):
    runtime = ruby({"app.rb": f"def handler(event:, context:)\n  {body}\nend"})
    answer = runtime.invoke({})
    assert (answer.kind, answer.payload["errorType"]) == ("error", kind)
    assert answer.payload["errorMessage"].startswith(message)
    assert runtime.exit_status() == 255


def test_missing_handler_is_told_at_the_invoke(ruby):
    answer = ruby({"app.rb": "def other(**) = 1"}).invoke({})
    assert answer.payload["errorType"] == "Function<NoMethodError>"
    assert "undefined method `handler' for #<LambdaHandler" in answer.payload["errorMessage"]


def test_process_exit_posts_nothing(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = exit!(3)"})
    runtime.send({})
    assert runtime.exit_status() == 3
    assert not runtime.has_answered()


def test_event_that_is_not_json_is_an_error_of_the_invoke(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = event"})
    assert runtime.invoke(b"{").payload["errorType"] == "Function<JSON::ParserError>"
    assert runtime.invoke({}).payload == {}


# What a handler gets.


def test_context_has_all_fields(ruby):
    names = (
        "aws_request_id invoked_function_arn log_group_name log_stream_name function_name memory_limit_in_mb "
        "function_version identity client_context deadline_ms tenant_id get_remaining_time_in_millis"
    )
    runtime = ruby({"app.rb": f"""
def handler(event:, context:)
  %w[{names}].to_h {{ |name| [name, context.public_send(name)] }}.merge(trace: ENV['_X_AMZN_TRACE_ID'])
end"""})
    answer = runtime.invoke({}, CONTEXT_HEADERS)
    context = answer.payload
    assert context.pop("get_remaining_time_in_millis") > 1_000_000_000
    assert context == {
        "aws_request_id": answer.request_id,
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "log_group_name": "/aws/lambda/f",
        "log_stream_name": "2026/01/01/[$LATEST]0",
        "function_name": "f",
        "memory_limit_in_mb": "128",
        "function_version": "$LATEST",
        "identity": {"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"},
        "client_context": CLIENT_CONTEXT,
        "deadline_ms": 4102444800000,
        "tenant_id": "tenant",
        "trace": "Root=1-2-3;Sampled=0",
    }
    bare = runtime.invoke({}).payload
    assert [bare[name] for name in ("identity", "client_context", "tenant_id", "trace")] == [None] * 4


def test_gems_of_the_package_and_the_layers_are_found(ruby, tmp_path):
    specification = "Gem::Specification.new { |s| s.name = 'own'; s.version = '1.0'; s.require_paths = ['lib'] }"
    runtime = ruby(
        {
            "app.rb": "require 'own'\nrequire 'layered'\ndef handler(**) = [OWN, LAYERED]",
            "vendor/bundle/ruby/3.3.0/specifications/own-1.0.gemspec": specification,
            "vendor/bundle/ruby/3.3.0/gems/own-1.0/lib/own.rb": "OWN = 'gem'",
            "layer/ruby/lib/layered.rb": "LAYERED = 'layer'",
        },
        environment={
            "GEM_PATH": str(tmp_path / "vendor/bundle/ruby/3.3.0"),
            "RUBYLIB": str(tmp_path / "layer/ruby/lib"),
        },
    )
    assert runtime.invoke({}).payload == ["gem", "layer"]


def test_delivery_identifier_is_echoed(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = event == 1 && raise('x')"})
    for event, kind in (0, "response"), (1, "error"):
        answer = runtime.invoke(event, {"Lambda-Runtime-Invocation-Id": "nonce"})
        assert (answer.kind, answer.headers["Lambda-Runtime-Invocation-Id"]) == (kind, "nonce")


def test_many_invokes_use_one_connection_each_after_the_other(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = event + 1"})
    assert [runtime.invoke(number).payload for number in range(500)] == list(range(1, 501))


# What the log gets.


def test_puts_and_loggers_write_text(ruby):
    runtime = ruby({"app.rb": """
require 'logger'
Logger.new($stdout).info('init')
def handler(event:, context:)
  puts 'plain é'
  Logger.new(STDERR, progname: 'mine').warn('careful')
  Logger.new(nil).debug('to the log too')
  Logger.new($stdout, formatter: proc { |*, message| "own #{message}\\n" }).info('format')
end"""})
    answer = runtime.invoke({})
    runtime.stop()
    lines = runtime.log.splitlines()
    assert re.fullmatch(r"I, \[[\d:.T-]{26} #\d+\]  INFO  -- : init", lines[0])
    assert lines[1] == "plain é"
    assert re.fullmatch(rf"W, \[[\d:.T-]{{26}} #\d+\]  WARN {answer.request_id} -- mine: careful", lines[2])
    assert lines[3].endswith(f" DEBUG {answer.request_id} -- : to the log too")
    assert lines[4] == "own format"


def test_error_of_an_invoke_is_in_the_log(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = raise('bad')"})
    answer = runtime.invoke({})
    runtime.stop()
    title, _, payload = runtime.log.partition("\n")
    assert title == "Error raised from handler method"
    assert json.loads(payload) == answer.payload


def test_loggers_write_json_where_configured(ruby):
    runtime = ruby(
        {"app.rb": """
require 'logger'
def handler(event:, context:)
  logger = Logger.new($stdout, progname: 'mine')
  logger.debug('no')
  logger.warn("two\\nlines")
  logger.error(ArgumentError.new('made'))
  begin
    raise ArgumentError, 'raised'
  rescue => e
    logger.fatal(e)
  end
  Logger.new($stdout, level: Logger::DEBUG).debug({ a: 1 })
  raise 'bad' if event == 1
end"""},
        environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN"},
    )
    answer = runtime.invoke(1, {"Lambda-Runtime-Aws-Tenant-Id": "tenant"})
    runtime.stop()
    lines = [json.loads(line) for line in runtime.log.splitlines()]
    assert {line["requestId"] for line in lines} == {answer.request_id}
    assert {line["tenantId"] for line in lines} == {"tenant"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"]) for line in lines)
    warning, made, raised, hash_, error = lines
    assert (warning["level"], warning["message"], warning["logger"]) == ("WARN", "two\nlines", "mine")
    assert (made["errorType"], made["errorMessage"], made["stackTrace"]) == ("ArgumentError", "made", [])
    assert (raised["level"], raised["message"], raised["errorMessage"]) == ("FATAL", "raised", "raised")
    assert re.search(r"app\.rb:handler:9$", raised["location"])
    assert (hash_["level"], "logger" in hash_) == ("DEBUG", False)
    assert (error["level"], error["message"]) == ("ERROR", "Error raised from handler method")
    assert (error["errorType"], error["errorMessage"]) == ("Function<RuntimeError>", "bad")


def test_closed_output_does_not_fail_invokes(ruby):
    runtime = ruby({"app.rb": "$stdout.close\ndef handler(event:, context:) = event == 1 ? raise('x') : 2"})
    assert runtime.invoke(1).payload["errorMessage"] == "x"
    assert runtime.invoke(0).payload == 2


# The Runtime API's own failures, and signals.


def test_late_answer_is_logged_and_the_next_invoke_taken(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = event == 1 ? raise('x') : 2"})
    for event in 0, 1:
        runtime.refuse_next(410, "InvokeTimeout", "Invoke timeout")
        late = runtime.invoke(event)
        assert runtime.invoke(0).payload == 2
        runtime.wait_until_logged(f"The answer to invoke {late.request_id} was refused with 410")


def test_failed_service_ends_the_process(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = 1"})
    runtime.refuse_next(500, "InternalServerError", "Internal Server Error")
    runtime.send({})
    assert runtime.exit_status() == 1


def test_lost_runtime_api_ends_the_process(ruby):
    runtime = ruby({"app.rb": "def handler(event:, context:) = 1"})
    runtime.wait_until_ready()
    runtime._server.invokes.put(None)
    assert runtime.exit_status() == 1


def test_termination_is_the_functions_to_handle(ruby):
    runtime = ruby({"app.rb": "trap('TERM') { puts 'terminating'; exit 0 }\ndef handler(event:, context:) = 1"})
    runtime.wait_until_ready()
    runtime.process.terminate()
    assert runtime.exit_status() == 0
    assert "terminating" in runtime.log


@pytest.mark.parametrize("is_busy", [False, True])
def test_termination_ends_a_function_that_does_not_handle_it(ruby, is_busy):
    runtime = ruby({"app.rb": "def handler(event:, context:)\n  puts 'busy'\n  sleep\nend"})
    runtime.wait_until_ready()
    if is_busy:
        runtime.send({})
        runtime.wait_until_logged("busy")
    runtime.process.terminate()
    assert runtime.exit_status() == -signal.SIGTERM
    assert not runtime.has_answered()
