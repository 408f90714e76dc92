"""A bad neighbour: what a function's warm invokes take while another function misbehaves."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading

from report import Figure, spread
from service import PYTHON, ROOT, Service, node_version, package, python_version

NAME = "neighbour"
RATE = 200
RATIO_MAX = 2
#: The caller, the service, the function and its bad neighbour: with fewer CPUs somebody waits, whoever misbehaves.
CPUS_MIN = 4

#: Does what the event says over and over, for as many seconds as it says.
MISBEHAVING = """
import os, signal, time
def burn(end):
    children = []
    for _ in range(2 * os.cpu_count()):
        if (child := os.fork()) == 0:
            while time.monotonic() < end: pass
            os._exit(0)
        children.append(child)
    for child in children: os.waitpid(child, 0)
def fork_bomb(end):
    children = []
    while time.monotonic() < end:
        try:
            if (child := os.fork()) == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
        except BlockingIOError:
            for child in children: os.kill(child, signal.SIGKILL)
            for child in children: os.waitpid(child, 0)
            children = []
    for child in children: os.kill(child, signal.SIGKILL)
    for child in children: os.waitpid(child, 0)
def log_flood(end):
    block, written, began = (b"x" * 99 + b"\\n") * 1000, 0, time.monotonic()
    while time.monotonic() < end: written += os.write(1, block)
    return written / (time.monotonic() - began)
def endless_line(end):
    block, written, began = b"x" * (1 << 20), 0, time.monotonic()
    while time.monotonic() < end: written += os.write(1, block)
    return written / (time.monotonic() - began)
def fill_disk(end):
    while time.monotonic() < end:
        try:
            with open("/tmp/full", "wb", buffering=0) as file:
                while time.monotonic() < end: file.write(b"x" * (1 << 20))
        except OSError:
            pass
        os.unlink("/tmp/full")
def exceed_memory(end):
    kept = []
    while time.monotonic() < end: kept.append(bytearray(8 << 20))
def handler(event, context):
    return globals()[event["kind"]](time.monotonic() + event["seconds"])
"""
#: Writes its response as fast as it is taken. It goes on when its caller has gone, but not for longer than it was told.
STREAMING = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    const block = Buffer.alloc(1 << 20), end = Date.now() + event.seconds * 1000
    for (let count = 0; count < 199 && Date.now() < end; count++)
        if (!stream.write(block)) await new Promise((resolve) => stream.once("drain", resolve))
    stream.end()
})
"""
UNREAD_STREAMS = 8


class Misdeed:
    """A function at its misdeed, from the beginning of the block to its end, invoked again whenever it ends."""

    def __init__(self, service, path, kind, seconds):
        self._service, self._path = service, path
        self._event = json.dumps({"kind": kind, "seconds": seconds})
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._refusal = None
        self.answers = []

    def _run(self):
        while not self._is_over.is_set():
            status, body = self._service.request("POST", self._path, self._event)
            if status != 200:
                self._refusal = body
                return
            self.answers.append(json.loads(body))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        if self._refusal:
            raise SystemExit(f"a misdeed was refused: {self._refusal[:1000]!r}")


class UnreadStreams:
    """Callers who ask for large streamed responses and read only the beginning of each."""

    answers = ()

    def __init__(self, service, function, seconds):
        self._service = service
        self._event = json.dumps({"seconds": seconds})
        self._path = f"/2021-11-15/functions/{function}/response-streaming-invocations"

    def __enter__(self):
        self._connections = []
        for _ in range(UNREAD_STREAMS):
            connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=60)
            self._connections.append(connection)
            connection.request("POST", self._path, self._event)
            connection.getresponse().read(1000)
        return self

    def __exit__(self, *_):
        for connection in self._connections:
            connection.close()


def p99_ms(service, path, seconds):
    command = [PYTHON, str(ROOT / "Benchmarks/steady.py"), str(service.port), path, str(RATE), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"the steady caller failed: {done.stderr}; the service's log:\n{service.log[-4000:]}")
    return statistics.quantiles(json.loads(done.stdout), n=100)[98]


def misdeeds(service, seconds):
    """What each misdeed is called, and what makes one."""
    python = package({"app.py": (MISBEHAVING, 0o644)})
    paths = {}
    for kind, memory in ("bad", 1769), ("small", 128):
        paths[kind] = service.create(kind, python, f"python{python_version()}", memory=memory)
    stream = package({"index.js": (STREAMING, 0o644)})
    service.create("stream", stream, f"nodejs{node_version()}.x", handler="index.handler")
    yield "burns CPU", lambda: Misdeed(service, paths["bad"], "burn", seconds)
    yield "forks without end", lambda: Misdeed(service, paths["bad"], "fork_bomb", seconds)
    yield "floods its log", lambda: Misdeed(service, paths["bad"], "log_flood", seconds)
    yield "prints a line without end", lambda: Misdeed(service, paths["bad"], "endless_line", seconds)
    yield "fills /tmp", lambda: Misdeed(service, paths["bad"], "fill_disk", seconds)
    yield "is killed for its memory", lambda: Misdeed(service, paths["small"], "exceed_memory", seconds)
    yield "streams what nobody reads", lambda: UnreadStreams(service, "stream", seconds)


def run(rounds=3, seconds=5):
    results, speeds = {}, {}
    with Service("--log-size-max", "256") as service:
        path = service.create_python_hello("good")
        kinds = dict(misdeeds(service, seconds))
        p99_ms(service, path, seconds)
        for number in range(rounds):
            print(f"neighbour: round {number + 1} of {rounds}", file=sys.stderr)
            for kind, make in kinds.items():
                # What the one before has written is no burden on who comes after.
                os.sync()
                quiet = p99_ms(service, path, seconds)
                with make() as misdeed:
                    beside = p99_ms(service, path, seconds)
                results.setdefault(kind, []).append((quiet, beside))
                speeds.setdefault(kind, []).extend(x for x in misdeed.answers if isinstance(x, float))
    return list(figures(results, speeds))


def figures(results, speeds):
    target = RATIO_MAX if os.cpu_count() >= CPUS_MIN else None
    for kind, pairs in results.items():
        ratios = [beside / quiet for quiet, beside in pairs]
        quiet, beside = (statistics.median(values) for values in zip(*pairs))
        speed = f", {statistics.median(speeds[kind]) / 1e6:.0f} MB/s" if speeds[kind] else ""
        yield Figure(
            NAME, f"p99 over quiet, another {kind}", statistics.median(ratios), "x", target,
            note=f"{spread(ratios)}; quiet {quiet:.3g} ms, beside {beside:.3g} ms{speed}",
        )  # fmt: skip


def quick():
    return run(rounds=1, seconds=2)
