"""The service under measurement: the release binary with a data directory of its own, and functions in it."""

import base64
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("SWIFTLET_BINARY", ROOT / ".build/release/swiftlet"))
PYTHON = "/usr/bin/python3"
NODE = "/usr/bin/node"
CLOCK_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 30
SETTLE_SECONDS_MAX = 60
#: More than any host has: 16 functions of 1769 MB that use 15 MB each must not evict one another.
MEMORY_BUDGET_MB = 1 << 20


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def python_version():
    command = [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def node_version():
    output = subprocess.run([NODE, "--version"], check=True, capture_output=True, text=True).stdout
    return output.lstrip("v").split(".")[0]


def descendants(pid):
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            children.setdefault(int(text[text.rindex(")") + 2 :].split()[1]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def is_waiting(pid, program):
    """Whether a process is a runtime that waits, and in a system call, not still on its way there."""
    try:
        if b"_SWIFTLET_CHANNEL=" not in Path(f"/proc/{pid}/environ").read_bytes():
            return False
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return name.startswith(program) and state == "S"
    except OSError:
        return False


def package(files):
    """A package; each file is `name: (content, mode)`."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, mode) in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, content)
    return output.getvalue()


class Service:
    """Use as a context manager."""

    def __init__(self, *arguments, host=None):
        """`host` is one of a network of namespaces that the service is to be on; else it is on loopback."""
        if not BINARY.exists():
            raise SystemExit(f"{BINARY} is missing; run: scripts/build")
        self.port = free_port()
        self.address = host.address if host else "127.0.0.1"
        self._host = host
        self._arguments = arguments
        self._directory = tempfile.mkdtemp(prefix="swiftlet-bench-")
        self._log = open(f"{self._directory}/log", "wb")

    def __enter__(self):
        self._start()
        return self

    def restart(self):
        """Ends the process and starts another on the same data; returns how long that took to answer, in seconds."""
        self._process.terminate()
        self._process.wait()
        started = time.perf_counter()
        self._start(look_seconds=0.002)
        return time.perf_counter() - started

    def _start(self, look_seconds=0.05):
        """Starts a process and returns once it answers `/healthz`."""
        self._process = subprocess.Popen(
            self._on(
                self._host,
                str(BINARY), "serve", "--listen", f"{self.address}:{self.port}", "--data", f"{self._directory}/data",
                "--runtimes", f"{ROOT}/runtimes:{ROOT}/.runtimes",
                "--memory-budget", str(MEMORY_BUDGET_MB), "--request-rate", "0", *self._arguments,
            ),
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise SystemExit(f"the service did not start; its log:\n{self.log}")
            time.sleep(look_seconds)

    @staticmethod
    def _on(host, *command):
        return host.command(*command) if host else list(command)

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._log.close()
        if self._process.returncode == 0:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def log(self):
        return Path(f"{self._directory}/log").read_text(errors="replace")

    @property
    def directory(self):
        """Where a benchmark may put files of its own; it goes away with the service."""
        return self._directory

    @property
    def pid(self):
        return self._process.pid

    def _is_healthy(self):
        try:
            return self.request("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection(self.address, self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def create(self, name, code, runtime, handler="app.handler", memory=1769, timeout=60, snapshot=False):
        """Creates a function and waits until it is active; returns its invoke path.

        With `snapshot` it is that of a published version, which starts from a snapshot.
        """
        body = {
            "FunctionName": name, "Runtime": runtime, "Role": "arn:aws:iam::000000000000:role/bench",
            "Handler": handler, "MemorySize": memory, "Timeout": timeout,
            "Code": {"ZipFile": base64.b64encode(code).decode()},
        }  # fmt: skip
        query = "?Qualifier=1" if snapshot else ""
        if snapshot:
            body.update(Publish=True, SnapStart={"ApplyOn": "PublishedVersions"})
        status, answer = self.request("POST", "/2015-03-31/functions", json.dumps(body))
        if status != 201:
            raise SystemExit(f"CreateFunction answered {status}: {answer.decode(errors='replace')}")
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while True:
            _, answer = self.request("GET", f"/2015-03-31/functions/{name}/configuration{query}")
            configuration = json.loads(answer)
            if configuration["State"] == "Active":
                return f"/2015-03-31/functions/{name}/invocations{query}"
            if configuration["State"] == "Failed" or time.monotonic() > deadline:
                raise SystemExit(f"the function {name} is {configuration['State']}: {configuration.get('StateReason')}")
            time.sleep(0.02)

    def create_python_hello(self, name, memory=1769, marker=""):
        source = f"# {marker}\ndef handler(event, context):\n    return {{'hello': 'world'}}\n"
        return self.create(name, package({"app.py": (source, 0o644)}), f"python{python_version()}", memory=memory)

    def create_node_hello(self, name, memory=1769, marker=""):
        source = f"// {marker}\nexports.handler = async () => ({{hello: 'world'}});\n"
        return self.create(name, package({"app.js": (source, 0o644)}), f"nodejs{node_version()}.x", memory=memory)

    def create_snapshot(self, name, source, memory=1769):
        """A Python function whose version starts from a snapshot."""
        code = package({"app.py": (source, 0o644)})
        return self.create(name, code, f"python{python_version()}", memory=memory, snapshot=True)

    def recycle(self, name):
        """Ends the environments of a function."""
        status, answer = self.request("POST", f"/swiftlet/2026-11-01/functions/{name}/recycle")
        if status != 200:
            raise SystemExit(f"recycling answered {status}: {answer.decode(errors='replace')}")

    def create_sleeper(self, name, memory=128):
        """A function that sleeps for as many seconds as its event says, and answers with when it began."""
        source = "import time\ndef handler(event, context):\n    began = time.time()\n    time.sleep(event)\n    return began\n"
        return self.create(name, package({"app.py": (source, 0o644)}), f"python{python_version()}", memory=memory)

    def waiting_runtimes(self, program):
        """How many runtimes of a program have been started and wait for a function."""
        return sum(is_waiting(pid, program) for pid in descendants(self.pid))

    def wait_for_waiting(self, program, count):
        """Returns once so many wait."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while self.waiting_runtimes(program) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"fewer than {count} {program} wait; the service's log:\n{self.log}")
            time.sleep(0.01)

    def create_echo(self, name, memory=1769):
        output = f"{self._directory}/echo.zip"
        subprocess.run([str(ROOT / "examples/hello-provided/build"), output], check=True)
        return self.create(name, Path(output).read_bytes(), "provided.al2023", "unused", memory)

    def cpu_seconds(self):
        """What the service's own process has used so far, user and system time of all its threads."""
        text = Path(f"/proc/{self.pid}/stat").read_text()
        fields = text[text.rindex(")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_SECOND

    def resident_bytes(self):
        return status_bytes(self.pid, "VmRSS")


def status_bytes(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def raw_exchange(port, path, body=b"{}", headers={}):
    """Sends one request and returns the response's bytes as they came, for the floor server to repeat."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        connection.sendall(head.encode() + body)
        received = b""
        while True:
            more = connection.recv(65536)
            if not more:
                raise SystemExit("the service closed the connection instead of answering")
            received += more
            head, separator, rest = received.partition(b"\r\n\r\n")
            if not separator:
                continue
            if b" 20" not in head.split(b"\r\n")[0]:
                raise SystemExit(f"the service answered {received!r}")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:") and len(rest) >= int(line.split(b":")[1]):
                    return received
