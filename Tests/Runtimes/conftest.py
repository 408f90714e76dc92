"""Starts the language bootstraps of `runtimes/` against a Runtime API of the test's own, outside any sandbox."""

import subprocess

import pytest
from function_code import ROOT, function_environment, write_files
from java_code import JAVA, JAVA_OPTIONS, JAVA_SOURCES, compile_java
from runtime_api import Runtime

NODE = "/usr/bin/node"
PYTHON = "/usr/bin/python3"
RUBY = "/usr/bin/ruby"


@pytest.fixture
def runtimes():
    """The runtimes that a test starts; they end with it."""
    started = []
    yield started
    for runtime in reversed(started):
        runtime.__exit__()


@pytest.fixture
def run(tmp_path, runtimes):
    """Starts a command line with the given files as the function's code."""

    def start(command, files, handler, environment=None, chunk_size=None, root=tmp_path):
        write_files(root, files)
        runtime = Runtime(command, function_environment(root, handler, environment or {}), root, chunk_size)
        runtimes.append(runtime)
        return runtime

    return start


@pytest.fixture
def node(run):
    """Starts Node.js with the given files as the function's code."""

    def start(files, handler="index.handler", **more):
        return run([NODE, str(ROOT / "runtimes/nodejs/bootstrap.cjs")], files, handler, **more)

    return start


@pytest.fixture
def ruby(run):
    """Starts Ruby with the given files as the function's code."""

    def start(files, handler="app.handler", **more):
        return run([RUBY, "-EUTF-8", str(ROOT / "runtimes/ruby/bootstrap.rb")], files, handler, **more)

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
def java(run, java_runtime, java_classes):
    """Starts Java with the compiled handlers, or with what another directory has, as the function's code."""

    def start(handler, environment=None, options=("-XX:MaxHeapSize=64m",), root=java_classes, **more):
        command = [JAVA, *JAVA_OPTIONS, *options, "-cp", str(java_runtime), "swiftlet.runtime.Main", handler]
        return run(command, {}, handler, environment, root=root, **more)

    return start


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
def python(run, python_runtime_directory):
    """Starts Python with the given files as the function's code."""

    def start(files, handler="app.handler", environment=None):
        command = [PYTHON, "-S", str(python_runtime_directory / "bootstrap.py"), handler]
        return run(command, files, handler, {"PYTHONPATH": str(python_runtime_directory), **(environment or {})})

    return start
