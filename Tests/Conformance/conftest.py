"""Fixtures: a server per test worker, clients for it, and functions that go away with their test."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from aws_services import Mailbox, Services, with_services
from lambda_client import CREDENTIALS, REGION, Functions, make_client
from swiftlet_server import BINARY, ROOT, SwiftletServer


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not BINARY.exists():
        pytest.exit(f"{BINARY} is missing; run: scripts/build", returncode=1)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that the tests of one worker share. A test that stops or kills takes `own_server`."""
    server = SwiftletServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def own_server(tmp_path):
    """A server for one test."""
    server = SwiftletServer(tmp_path)
    server.start()
    yield server
    server.close()


@pytest.fixture
def client(server):
    return make_client(server)


@pytest.fixture
def functions(server):
    functions = Functions(server, f"t-{uuid.uuid4().hex[:12]}")
    yield functions
    functions.close()
    if server.process is not None:
        assert server.process.poll() is None, f"the server has ended; its log:\n{server.log}"


@pytest.fixture
def own_functions(own_server):
    """Functions of `own_server`. They are not deleted: their server's directory goes away whole."""
    return Functions(own_server, "f")


@pytest.fixture(scope="session")
def services():
    """The services that outcomes of asynchronous invokes go to."""
    services = Services()
    yield services
    services.close()


@pytest.fixture
def mailbox(services):
    mailbox = Mailbox(services)
    yield mailbox
    mailbox.close()


@pytest.fixture(scope="session")
def async_server(services, tmp_path_factory):
    """A server that knows the services and tries an event again after a second. Nobody stops it."""
    server = with_services(tmp_path_factory.mktemp("async"), services.endpoint)
    server.start()
    yield server
    server.close()


@pytest.fixture
def async_functions(async_server):
    functions = Functions(async_server, f"t-{uuid.uuid4().hex[:12]}")
    yield functions
    functions.close()
    assert async_server.process.poll() is None, f"the server has ended; its log:\n{async_server.log}"


@pytest.fixture(scope="session")
def echo_package(tmp_path_factory):
    """The compiled example for `provided.al2023`, which answers with its event."""
    path = tmp_path_factory.mktemp("echo") / "package.zip"
    subprocess.run([str(ROOT / "examples/hello-provided/build"), str(path)], check=True)
    return path.read_bytes()


@pytest.fixture
def aws(server, tmp_path):
    """Runs the AWS CLI in a directory of its own: `aws("lambda", "list-functions")` returns its JSON."""

    def run(*arguments, check=True):
        done = subprocess.run(
            [str(Path(sys.executable).parent / "aws"), *arguments, "--output", "json"],
            cwd=tmp_path, capture_output=True, text=True, timeout=180,
            env={
                "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": server.endpoint,
                "AWS_DEFAULT_REGION": REGION, **CREDENTIALS,
            },
        )  # fmt: skip
        if not check:
            return done
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run
