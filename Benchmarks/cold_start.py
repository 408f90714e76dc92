"""Cold starts: the first invoke of functions that have never run, beside the bare interpreter."""

import concurrent.futures
import http.client
import os
import statistics
import subprocess
import sys
import time

from report import Figure, spread
from service import PYTHON, ROOT, Service, python_version

NAME = "cold start"
FLOOR_FACTOR = 1.5
FLOOR_EXTRA_MS = 15
PARALLEL = 16


def first_invoke_ms(service, path):
    """The time of one invoke over a connection that stands already."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    connection.connect()
    try:
        started = time.perf_counter()
        connection.request("POST", path, b"{}")
        response = connection.getresponse()
        body = response.read()
        elapsed = time.perf_counter() - started
        if response.status != 200 or response.headers.get("X-Amz-Function-Error"):
            raise SystemExit(f"an invoke failed with {response.status}: {body[:1000]!r}")
        return elapsed * 1000
    finally:
        connection.close()


def interpreter_ms(*arguments):
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / f".runtimes/python{python_version()}")}
    started = time.perf_counter()
    subprocess.run([PYTHON, *arguments], check=True, env=environment, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def run(rounds=20):
    pythons, echoes, floors, bare, excess = [], [], [], [], []
    with Service() as service:
        for number in range(rounds):
            if number % 5 == 0:
                print(f"cold start: round {number + 1} of {rounds}", file=sys.stderr)
            # Another text in each, so that no cache by content helps.
            path = service.create_python_hello(f"cold-{number}", marker=str(number))
            echo = service.create_echo(f"echo-{number}")
            bare.append(interpreter_ms("-c", "pass"))
            floors.append(interpreter_ms("-c", "import awslambdaric.__main__"))
            pythons.append(first_invoke_ms(service, path))
            echoes.append(first_invoke_ms(service, echo))
            excess.append(pythons[-1] - FLOOR_FACTOR * floors[-1])
        fresh = service.create_python_hello("parallel", memory=128)
        started = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda _: first_invoke_ms(service, fresh), range(PARALLEL)))
        together = (time.perf_counter() - started) * 1000
    floor = statistics.median(floors)
    return [
        Figure(
            NAME, "python hello, first invoke", statistics.median(pythons), "ms",
            FLOOR_FACTOR * floor + FLOOR_EXTRA_MS, note=f"{spread(pythons)}, floor {floor:.3g}",
        ),
        Figure(NAME, "python hello, beyond 1.5 floors", statistics.median(excess), "ms", note=spread(excess)),
        Figure(NAME, "floor: interpreter and the same modules", floor, "ms", note=spread(floors)),
        Figure(NAME, "floor: python3 -c pass", statistics.median(bare), "ms", note=spread(bare)),
        Figure(NAME, "compiled echo, first invoke", statistics.median(echoes), "ms", note=spread(echoes)),
        Figure(NAME, f"{PARALLEL} at once on a fresh function", together, "ms", note=f"{os.cpu_count()} CPUs"),
    ]  # fmt: skip


def quick():
    return run(rounds=5)
