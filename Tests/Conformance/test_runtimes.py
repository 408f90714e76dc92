"""Ruby and Java in the real sandbox: answers, errors, timeouts, memory, reuse, logs; stand-ins are told."""

import re
import subprocess
import sys
import zipfile

import pytest
from packages import package
from swiftlet_server import BINARY, RESTART_SECONDS, ROOT, RUNTIMES

sys.path.append(str(ROOT / "Tests/Runtimes"))

from java_code import JAVA_SOURCES, compile_java  # noqa: E402  the path has to stand first

RUBY = """
require 'json'
require 'logger'
require 'openssl'
require 'tmpdir'

$count = 0
def handler(event:, context:)
  $count += 1
  case event && event['do']
  when 'raise' then raise ArgumentError, 'bad'
  when 'name' then nothing_of_that_name
  when 'sleep' then sleep
  when 'exit' then exit!(3)
  when 'allocate' then ('x' * (8 << 20)).then { |block| ([block] * 1000).map { |b| b + 'y' } }
  when 'log' then Logger.new($stdout).info('é from Ruby')
  when 'look'
    return {
      ruby: RUBY_VERSION, encoding: Encoding.default_external.name, name: context.function_name, cwd: Dir.pwd,
      environment: ENV.to_h.slice('AWS_EXECUTION_ENV', 'GEM_HOME', 'GEM_PATH', 'RUBYLIB', '_HANDLER', 'LANG'),
      left: context.get_remaining_time_in_millis, file: File.write("#{Dir.tmpdir}/x", 'x'), file_name: File.exist?('ü')
    }
  end
  $count
end
"""


@pytest.fixture
def ruby(functions):
    def create(source=RUBY, **parameters):
        code = package({"app.rb": source, "ü": "x"})
        return functions.create(code, **{"Runtime": "ruby3.3", "Handler": "app.handler", **parameters})

    return create


@pytest.fixture(scope="session")
def java_package(tmp_path_factory):
    """The handlers of the Java runtime's own tests, as one package."""
    directory = tmp_path_factory.mktemp("java")
    compile_java(directory / "classes", JAVA_SOURCES.rglob("*.java"))
    return package(
        {str(path.relative_to(directory / "classes")): path.read_bytes() for path in directory.rglob("*.class")}
    )


@pytest.fixture
def java(functions, java_package):
    def create(handler, code=java_package, **parameters):
        return functions.create(code, **{"Runtime": "java17", "Handler": handler, "MemorySize": 256, **parameters})

    return create


# Ruby.


def test_ruby_answers_and_is_reused(ruby):
    function = ruby()
    assert [function.ask({}) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_ruby_finds_what_it_finds_on_lambda(ruby):
    function = ruby(Timeout=10)
    seen = function.ask({"do": "look"})
    assert seen.pop("ruby").startswith("3.")
    assert 5_000 < seen.pop("left") <= 10_000
    assert seen == {
        "encoding": "UTF-8", "name": function.name, "cwd": "/var/task", "file": 1, "file_name": True,
        "environment": {
            "AWS_EXECUTION_ENV": "AWS_Lambda_ruby3.3", "GEM_HOME": "/var/runtime", "_HANDLER": "app.handler",
            "GEM_PATH": "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/var/runtime:/var/runtime/ruby/3.3.0",
            "RUBYLIB": "/var/task:/var/runtime/lib:/opt/ruby/lib", "LANG": "en_US.UTF-8",
        },
    }  # fmt: skip


def test_ruby_errors_are_told(ruby):
    function = ruby()
    answer = function.invoke({"do": "raise"}, LogType="Tail")
    assert (answer.error_type, answer.error_message) == ("Function<ArgumentError>", "bad")
    assert re.fullmatch(r"/var/task/app\.rb:\d+:in `handler'", answer.payload["stackTrace"][0])
    assert b"Error raised from handler method" in answer.log
    assert function.ask({}) == 2
    # Code that names what is not there ends its environment.
    answer = function.invoke({"do": "name"})
    assert answer.error_type == "Function<NameError>"
    assert function.ask({}) == 1


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("require 'missing'", "Init<LoadError>"),
        ("def handler(", "Init<SyntaxError>"),
        ("raise 'at load'", "Init<RuntimeError>"),
    ],
)
def test_ruby_init_errors_are_told(ruby, source, kind):
    function = ruby(source)
    for _ in range(2):
        assert function.invoke({}).error_type == kind


def test_ruby_times_out_and_starts_again(ruby):
    function = ruby(Timeout=2 * RESTART_SECONDS)
    assert function.ask({}) == 1
    answer = function.invoke({"do": "sleep"})
    assert answer.error_type == "Sandbox.Timedout"
    assert function.ask({}) == 1


def test_ruby_exit_and_memory_are_told(ruby):
    function = ruby(MemorySize=128)
    answer = function.invoke({"do": "exit"})
    assert answer.error_message.endswith("Runtime exited with error: exit status 3")
    assert function.invoke({"do": "allocate"}).error_type in ("Runtime.OutOfMemory", "Runtime.ExitError")
    assert function.ask({}) == 1


def test_ruby_logs(ruby):
    answer = ruby().invoke({"do": "log"}, LogType="Tail")
    line = next(line for line in answer.log.decode().splitlines() if "from Ruby" in line)
    assert re.fullmatch(rf"I, \[[\d:.T-]{{26}} #\d+\]  INFO {answer.request_id} -- : é from Ruby", line)


# Java.


@pytest.mark.parametrize("memory", [128, 512])
def test_java_answers_and_is_reused(java, memory):
    function = java("example.Handlers::count", MemorySize=memory)
    answers = [function.invoke({}, LogType="Tail") for _ in range(5)]
    assert [answer.payload for answer in answers] == [1, 2, 3, 4, 5]
    used = int(re.search(rb"Max Memory Used: (\d+) MB", answers[-1].log)[1])
    assert used < 128


@pytest.mark.parametrize(
    ("handler", "event", "expected"),
    [
        ("example.Handlers::greet", "é", "Hello, é"),
        ("example.Direct", {"id": "7", "items": [{"name": "n", "quantity": 2}]}, None),
        ("example.Stream", {"a": "é"}, {"a": "é"}),
    ],
)
def test_java_takes_every_form_of_handler(java, handler, event, expected):
    answer = java(handler).ask(event)
    assert answer == (expected or {**event, "paid": False})


def test_java_finds_what_it_finds_on_lambda(java):
    function = java("example.Told::context", Timeout=10)
    answer = function.invoke({})
    told = answer.payload
    assert (told["awsRequestId"], told["functionName"], told["memoryLimitInMB"]) == (
        answer.request_id, function.name, 256,
    )  # fmt: skip
    assert told["invokedFunctionArn"].endswith(f":function:{function.name}")
    assert 5_000 < told["remaining"] <= 10_000
    assert told["trace"].startswith("Root=1-")


def test_java_errors_are_told(java):
    function = java("example.Failing::handle")
    answer = function.invoke("checked", LogType="Tail")
    assert (answer.error_type, answer.error_message) == ("example.Failing$Own", "outer")
    assert answer.payload["cause"]["errorMessage"] == "inner"
    assert re.match(r"example\.Failing\.handle\(Failing\.java:\d+\)", answer.payload["stackTrace"][0])
    assert b"outer: example.Failing$Own" in answer.log
    assert function.ask("") == 2
    answer = function.invoke("exit")
    assert answer.error_message.endswith("Runtime exited with error: exit status 3")
    assert function.ask("") == 1


def test_java_init_errors_are_told(java):
    function = java("example.Failing$AtConstruction::handle")
    for _ in range(2):
        answer = function.invoke("")
        assert (answer.error_type, answer.error_message) == ("java.lang.IllegalStateException", "not today")
    missing = java("example.Missing::handle").invoke("")
    assert missing.error_type == "java.lang.ClassNotFoundException"


def test_java_times_out_and_starts_again(java):
    function = java("example.Failing::handle", Timeout=3 * RESTART_SECONDS)
    assert function.ask("") == 1
    answer = function.invoke("sleep")
    assert answer.error_type == "Sandbox.Timedout"
    assert function.ask("") == 1


@pytest.mark.parametrize("memory", [128, 512])
def test_java_heap_ends_before_the_sandbox_does(java, memory):
    function = java("example.Failing::handle", MemorySize=memory)
    answer = function.invoke("memory")
    assert answer.error_type == "java.lang.OutOfMemoryError"
    assert function.ask("") == 1


def test_java_recovers_from_endless_recursion(java):
    function = java("example.Failing::handle")
    assert function.invoke("stack").error_type == "java.lang.StackOverflowError"
    assert function.ask("") == 1


def test_java_garbage_does_not_kill_a_small_function(java):
    function = java("example.Heavy::garbage", MemorySize=128)
    for _ in range(3):
        assert function.ask(500) == 500


def test_java_has_threads_files_and_cryptography(java):
    seen = java("example.Heavy::look").ask("")
    assert seen["threads"] == 50
    assert seen["digest"] == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    assert seen["file"] == "é"
    assert seen["user"] == "sbx_user1051"
    assert seen["certificates"] is True
    assert seen["child"] == "child\n"


# The examples.


def test_examples_work_as_their_pages_say(functions, tmp_path):
    ruby = functions.create(
        package({"app.rb": (ROOT / "examples/hello-ruby/app.rb").read_text()}),
        Runtime="ruby3.3", Handler="app.handler",
    )  # fmt: skip
    assert ruby.ask({"name": "you"})["greeting"] == "Hello, you!"
    from java_code import JAVA_HOME

    subprocess.run(
        [str(ROOT / "examples/hello-java/build"), str(tmp_path / "hello-java.zip")], check=True,
        env={"PATH": f"{JAVA_HOME}/bin:/usr/bin:/bin"},
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "hello-java.zip") as archive:
        assert "hello/Hello.class" in archive.namelist()
    java = functions.create(
        (tmp_path / "hello-java.zip").read_bytes(), Runtime="java17", Handler="hello.Hello::handle", MemorySize=256
    )
    assert java.ask({"name": "you"}) == {"greeting": "Hello, you!"}
    assert java.ask({}) == {"greeting": "Hello, world!"}


# Stand-ins.


def exact_ruby():
    done = subprocess.run(["/usr/bin/ruby", "--version"], check=True, capture_output=True, text=True)
    return "ruby" + re.match(r"ruby (\d+\.\d+)\.", done.stdout)[1]


@pytest.mark.skipif(exact_ruby() == "ruby3.4", reason="this host has the runtime itself")
def test_stand_in_is_told_in_the_list_and_at_its_first_use(own_server, own_functions):
    version = exact_ruby().removeprefix("ruby")
    listed = subprocess.run(
        [str(BINARY), "runtimes", "--runtimes", RUNTIMES], check=True, capture_output=True, text=True
    ).stdout
    line = next(line for line in listed.splitlines() if line.startswith("ruby3.4 "))
    assert f"available, BY A STAND-IN: ruby {version} (/usr/bin/ruby{version}) stands in for 3.4" in line
    assert "install Ruby 3.4 as /usr/local/bin/ruby3.4" in line

    function = own_functions.create(
        package({"app.rb": "def handler(event:, context:) = RUBY_VERSION"}), Runtime="ruby3.4", Handler="app.handler"
    )
    # Another of the same runtime is not worth another warning.
    other = own_functions.create(
        package({"app.rb": "def handler(event:, context:) = RUBY_VERSION"}), Runtime="ruby3.4", Handler="app.handler"
    )
    assert function.ask().startswith(f"{version}.") and other.ask().startswith(f"{version}.")
    assert own_server.log.count("a runtime is served by a stand-in") == 1
