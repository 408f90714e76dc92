"""The program under test: the release binary, on a port and data directory of its own."""

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SWIFTLET_BINARY", ROOT / ".build/release/swiftlet"))
RUNTIMES = f"{ROOT / 'runtimes'}:{ROOT / '.runtimes'}"

#: What functions run in: with SWIFTLET_TEST_SANDBOX=microvm virtual machines.
SANDBOX = os.environ.get("SWIFTLET_TEST_SANDBOX", "namespaces")
SANDBOX_OPTIONS = {
    "namespaces": [],
    "microvm": ["--sandbox", "microvm", "--machines", "qemu-emulation", "--guest-images", str(ROOT / ".guest/guests")],
}[SANDBOX]
#: Processors are emulated, which makes all that functions do about ten times slower.
IS_EMULATED = SANDBOX == "microvm"
#: The least timeout, in seconds, within which an interpreter starts anew even on a busy host.
RESTART_SECONDS = 5 if IS_EMULATED else 1
#: How long the server may take to start and to end, in seconds; a busy host is slow, a good server is not.
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
#: How long one look at the process lasts while its start is awaited, in seconds.
LOOK_SECONDS = 0.02
#: What all environments of a test server may have together, in MB of configured memory, whatever the host has.
MEMORY_BUDGET_MB = 32_768


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class SwiftletServer:
    """One data directory and the processes that serve it, one after the other."""

    def __init__(self, directory, arguments=(), environment=None):
        self.directory = Path(directory)
        self.data = self.directory / "data"
        self.log_path = self.directory / "server.log"
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.process = None
        self.port = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def command(self):
        self.port = free_port()
        return [
            str(BINARY), "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data),
            "--runtimes", RUNTIMES, *SANDBOX_OPTIONS, *self.arguments,
        ]  # fmt: skip

    def start(self):
        """Starts a process and returns once it answers `/healthz`."""
        assert self.process is None
        command = self.command()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={
                    "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SWIFTLET_MEMORY_BUDGET": str(MEMORY_BUDGET_MB),
                    **self.environment,
                },
            )  # fmt: skip
        self._wait_until_healthy()
        return self

    def _wait_until_healthy(self):
        for _ in range(int(START_SECONDS_MAX / LOOK_SECONDS)):
            if self.is_healthy():
                return
            try:
                status = self.process.wait(timeout=LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            self.process = None
            raise AssertionError(f"the server ended with status {status} at its start; its log:\n{self.log}")
        raise AssertionError(f"the server was not healthy after {START_SECONDS_MAX} s; its log:\n{self.log}")

    def is_healthy(self):
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self, signal_number=signal.SIGTERM):
        """Asks the process to end, waits until it has, and returns its exit status."""
        process, self.process = self.process, None
        process.send_signal(signal_number)
        try:
            return process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not end within {STOP_SECONDS_MAX} s; its log:\n{self.log}") from None

    def kill(self):
        """Ends the process as a power failure would: nothing of it runs any more."""
        process, self.process = self.process, None
        process.kill()
        process.wait()

    def close(self):
        if self.process is not None:
            self.stop()
