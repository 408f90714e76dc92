"""Starts the language bootstraps of `runtimes/` against a Runtime API of the test's own, outside any sandbox."""

import functools
import shutil
import socket
import subprocess

import pytest
from function_code import ROOT, function_environment, write_files
from java_code import JAVA, JAVA_OPTIONS, JAVA_SOURCES, compile_java
from runtime_api import Runtime

NODE = "/usr/bin/node"
PYTHON = "/usr/bin/python3"
RUBY = "/usr/bin/ruby"
#: The variables of a runtime that waits for its function.
WAITING_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC"}


class Starter:
    """Starts runtimes in a test's directory, for a function or before it; they end with the test."""

    def __init__(self, directory, python_runtime_directory):
        self.directory = directory
        self.python_runtime_directory = python_runtime_directory
        self.started = []

    def close(self):
        for runtime in reversed(self.started):
            runtime.__exit__()

    def command(self, name):
        """The command of a runtime that waits, and its environment."""
        if name == "node":
            return [NODE, str(ROOT / "runtimes/nodejs/bootstrap.cjs")], WAITING_ENVIRONMENT
        interpreter = shutil.which("python3", path="/usr/bin")
        environment = {**WAITING_ENVIRONMENT, "PYTHONPATH": str(self.python_runtime_directory)}
        return [interpreter, "-S", str(self.python_runtime_directory / "bootstrap.py")], environment

    def start(self, name, waits, files, handler=None, environment=None, chunk_size=None):
        write_files(self.directory, files)
        handler = handler or {"node": "index.handler", "python": "app.handler"}[name]
        command, own = self.command(name)
        # It tells which runtime it is, so one that waits has it from the start.
        if environment and "AWS_EXECUTION_ENV" in environment:
            own = {**own, "AWS_EXECUTION_ENV": environment["AWS_EXECUTION_ENV"]}
        if name == "python":
            environment = {"PYTHONPATH": own["PYTHONPATH"], **(environment or {})}
        runtime = Runtime(
            command if name == "node" else [*command, handler],
            function_environment(self.directory, handler, environment or {}),
            self.directory,
            chunk_size,
            (command, own) if waits else None,
        )
        self.started.append(runtime)
        return runtime

    def run(self, command, files, handler, environment=None, chunk_size=None, root=None):
        """Starts a command line that cannot wait, with the given files as the function's code."""
        root = root or self.directory
        write_files(root, files)
        runtime = Runtime(command, function_environment(root, handler, environment or {}), root, chunk_size)
        self.started.append(runtime)
        return runtime


@pytest.fixture(scope="session")
def python_runtime_directory():
    """The Python runtime as `scripts/bootstrap` installs it; brought up to date here, which costs nothing then."""
    version = subprocess.run(
        [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    directory = ROOT / ".runtimes" / f"python{version}"
    subprocess.run([str(ROOT / "runtimes/python/install"), PYTHON, str(directory)], check=True)
    return directory


@pytest.fixture
def starter(tmp_path, python_runtime_directory):
    starter = Starter(tmp_path, python_runtime_directory)
    yield starter
    starter.close()


@pytest.fixture
def runtimes(starter):
    """The runtimes that a test starts; they end with it."""
    return starter.started


@pytest.fixture(params=["cold", "waiting"])
def waits(request):
    """Whether the runtime is started before it knows its function. Nothing that a function sees may differ."""
    return request.param == "waiting"


@pytest.fixture
def node(starter, waits):
    """Starts Node.js with the given files as the function's code."""
    return functools.partial(starter.start, "node", waits)


@pytest.fixture
def python(starter, waits):
    """Starts Python with the given files as the function's code."""
    return functools.partial(starter.start, "python", waits)


@pytest.fixture
def ruby(starter):
    """Starts Ruby with the given files as the function's code."""

    def start(files, handler="app.handler", **more):
        return starter.run([RUBY, "-EUTF-8", str(ROOT / "runtimes/ruby/bootstrap.rb")], files, handler, **more)

    return start


@pytest.fixture(scope="session")
def java_runtime():
    """The Java runtime as `scripts/bootstrap test` installs it; brought up to date here, which costs nothing then."""
    directory = ROOT / ".runtimes/java"
    subprocess.run([str(ROOT / "runtimes/java/install"), str(directory)], check=True)
    return directory / "swiftlet-runtime.jar"


@pytest.fixture(scope="session")
def java_classes(tmp_path_factory):
    """The handlers of `java/functions`, compiled as a user's build would."""
    directory = tmp_path_factory.mktemp("classes")
    compile_java(directory, JAVA_SOURCES.rglob("*.java"))
    (directory / "resource.txt").write_text("here")
    return directory


@pytest.fixture
def java(starter, java_runtime, java_classes):
    """Starts Java with the compiled handlers, or with what another directory has, as the function's code."""

    def start(handler, environment=None, options=("-XX:MaxHeapSize=64m",), root=java_classes, **more):
        command = [JAVA, *JAVA_OPTIONS, *options, "-cp", str(java_runtime), "swiftlet.runtime.Main", handler]
        return starter.run(command, {}, handler, environment, root=root, **more)

    return start


@pytest.fixture
def start_both(starter):
    """Starts a runtime twice: for its function, and before it."""
    return lambda name, *arguments, **more: [starter.start(name, waits, *arguments, **more) for waits in (False, True)]


@pytest.fixture
def start_untold(starter):
    """Starts a runtime that waits, and closes its channel without a word."""

    def start(name):
        ours, theirs = socket.socketpair()
        command, environment = starter.command(name)
        with ours, theirs:
            process = subprocess.Popen(
                command,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "_SWIFTLET_CHANNEL": str(theirs.fileno())},
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
            assert ours.recv(1) == b"\0"
            return process

    return start
