"""Starts the language bootstraps of `runtimes/` against a Runtime API of the test's own, outside any sandbox."""

import shutil
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
def node(tmp_path, runtimes):
    """Starts Node.js with the given files as the function's code."""

    def start(files, handler="index.handler", environment=None, chunk_size=None):
        write_files(tmp_path, files)
        runtime = Runtime(
            [NODE, str(ROOT / "runtimes/nodejs/bootstrap.cjs")],
            function_environment(tmp_path, handler, environment or {}),
            tmp_path,
            chunk_size,
        )
        runtimes.append(runtime)
        return runtime

    return start


@pytest.fixture
def ruby(tmp_path, runtimes):
    """Starts Ruby with the given files as the function's code."""

    def start(files, handler="app.handler", environment=None, chunk_size=None):
        write_files(tmp_path, files)
        runtime = Runtime(
            [RUBY, "-EUTF-8", str(ROOT / "runtimes/ruby/bootstrap.rb")],
            function_environment(tmp_path, handler, environment or {}),
            tmp_path,
            chunk_size,
        )
        runtimes.append(runtime)
        return runtime

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
def java(tmp_path, runtimes, java_runtime, java_classes):
    """Starts Java with the compiled handlers, and with more files, as the function's code."""

    def start(handler, environment=None, chunk_size=None, options=("-XX:MaxHeapSize=64m",), root=java_classes):
        runtime = Runtime(
            [JAVA, *JAVA_OPTIONS, *options, "-cp", str(java_runtime), "swiftlet.runtime.Main", handler],
            function_environment(root, handler, environment or {}),
            root,
            chunk_size,
        )
        runtimes.append(runtime)
        return runtime

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
def python(tmp_path, runtimes, python_runtime_directory):
    """Starts Python with the given files as the function's code."""

    def start(files, handler="app.handler", environment=None):
        write_files(tmp_path, files)
        interpreter = shutil.which("python3", path="/usr/bin")
        runtime = Runtime(
            [interpreter, "-S", str(python_runtime_directory / "bootstrap.py"), handler],
            function_environment(
                tmp_path, handler, {"PYTHONPATH": str(python_runtime_directory), **(environment or {})}
            ),
            tmp_path,
        )
        runtimes.append(runtime)
        return runtime

    return start
