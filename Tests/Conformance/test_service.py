"""The program itself: configuration, health, signals, the list of runtimes."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from knocking import Knocking
from lambda_client import PYTHON, make_client
from swiftlet_server import BINARY, RUNTIMES, SwiftletServer


def run(*arguments, environment=None):
    return subprocess.run(
        [str(BINARY), *arguments], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], **(environment or {})},
    )  # fmt: skip


class BareServer(SwiftletServer):
    """A server that is told only where to listen, so that the rest comes from elsewhere."""

    def command(self):
        super().command()
        return [str(BINARY), "serve", "--listen", f"127.0.0.1:{self.port}", *self.arguments]


@pytest.mark.parametrize("way", ["environment", "file"])
def test_options_come_from_elsewhere_too(tmp_path, way):
    data = tmp_path / "elsewhere"
    if way == "environment":
        server = BareServer(tmp_path, environment={"SWIFTLET_DATA": str(data), "SWIFTLET_RUNTIMES": RUNTIMES})
    else:
        configuration = tmp_path / "swiftlet.json"
        configuration.write_text(json.dumps({"data": str(data), "runtimes": RUNTIMES}))
        server = BareServer(tmp_path, arguments=["--config", str(configuration)])
    try:
        server.start()
        assert data.is_dir()
        assert make_client(server).list_functions()["Functions"] == []
    finally:
        server.close()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_gracefully(own_server, signal_number):
    assert own_server.stop(signal_number) == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/2015-03-31/functions"), ("POST", "/2015-03-31/functions/none/invocations")]
)
def test_whoever_has_connected_before_a_stop_is_answered(own_server, method, path):
    with Knocking("127.0.0.1", own_server.port, method, path) as knocking:
        time.sleep(0.5)
        # One who is slow to ask.
        late = http.client.HTTPConnection("127.0.0.1", own_server.port, timeout=10)
        late.connect()
        stopping = threading.Thread(target=own_server.stop)
        stopping.start()
        time.sleep(0.7)
        late.request(method, path)
        response = late.getresponse()
        response.read()
        assert response.getheader("Connection") == "close"
        late.close()
        stopping.join()
    assert knocking.broken == []
    assert len(knocking.answered) > 100


def test_address_in_use_is_told(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = run("serve", "--listen", f"127.0.0.1:{port}", "--data", str(tmp_path / "data"), "--runtimes", RUNTIMES)
    assert done.returncode != 0
    assert str(port) in done.stderr


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:-1"])
def test_bad_address_is_told(tmp_path, listen):
    done = run("serve", "--listen", listen, "--data", str(tmp_path / "data"), "--runtimes", RUNTIMES)
    assert done.returncode != 0
    assert "listen" in done.stderr.lower()


def test_runtimes_are_listed(server):
    done = run("runtimes", "--runtimes", RUNTIMES)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert PYTHON in lines
    assert "provided.al2023" in lines
    assert "java21" in lines
    assert "no bootstrap" in done.stdout


def test_start_tells_that_anybody_on_the_host_may_call(server):
    assert "signatures are not checked" in server.log


def test_unsigned_request_is_served(server):
    import urllib.request

    with urllib.request.urlopen(f"{server.endpoint}/2015-03-31/functions", timeout=30) as response:
        assert json.load(response)["Functions"] is not None


def test_payloads_and_secrets_are_not_logged(server, functions):
    function = functions.create(
        "def handler(event, context): return event", Environment={"Variables": {"SECRET": "very-secret-value"}}
    )
    function.ask("very-private-payload")
    assert "very-secret-value" not in server.log
    assert "very-private-payload" not in server.log
