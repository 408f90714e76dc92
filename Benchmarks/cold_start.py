"""Cold starts: the first invoke of functions that have never run, beside the bare interpreter.

With a pool of waiting sandboxes, as it is by default, and without.
"""

import concurrent.futures
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import time

from report import Figure, spread
from service import NODE, PYTHON, ROOT, Service, python_version

NAME = "cold start"
#: What a first invoke from the pool may take, in parts of the bare interpreter's start.
WARM_P50_MAX, WARM_P99_MAX = 0.5, 1.5
#: What one from nothing may take beyond an interpreter that imports the same modules.
FLOOR_FACTOR, FLOOR_EXTRA_MS = 1.5, 15
#: How many wait at most for functions of one runtime, by default.
WAITING_MAX = 16
PARALLEL, PARALLEL_SECONDS, PARALLEL_MS_MAX = 16, 0.2, 400
BURST, BURST_SECONDS, BURST_FACTOR_MAX = 200, 20, 2
#: How many starts of the interpreter the processor time of one is the mean of.
BARE_STARTS = 40


def first_invoke(service, path, event="{}"):
    """The time in ms of one invoke over a connection that stands already, and its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    connection.connect()
    try:
        started = time.perf_counter()
        connection.request("POST", path, event.encode())
        response = connection.getresponse()
        body = response.read()
        elapsed = time.perf_counter() - started
        if response.status != 200 or response.headers.get("X-Amz-Function-Error"):
            raise SystemExit(f"an invoke failed with {response.status}: {body[:1000]!r}")
        return elapsed * 1000, json.loads(body)
    finally:
        connection.close()


def start_ms(*command):
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / f".runtimes/python{python_version()}")}
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def bare_cpu_seconds():
    """The processor time of one start of the bare interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(BARE_STARTS):
        start_ms(PYTHON, "-c", "pass")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / BARE_STARTS


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def measure_waiting(service, name, program, bare, create, rounds):
    """First invokes of functions that are all different, each when the pool has what it keeps, in turns with the bare interpreter."""
    # Another text in each, so that no cache by content helps.
    paths = [create(f"{name}-{number}", marker=str(number)) for number in range(rounds)]
    invokes, floors = [], []
    for number, path in enumerate(paths):
        if number % 20 == 0:
            print(f"cold start: {name} {number + 1} of {rounds}", file=sys.stderr)
        floors.append(start_ms(*bare))
        # Until there are as many as the pool keeps by now: one more than were taken.
        service.wait_for_waiting(program, min(WAITING_MAX, number + 1))
        invokes.append(first_invoke(service, path)[0])
    floor = statistics.median(floors)
    title = f"{name} hello, first invoke, {' '.join(map(os.path.basename, bare))}"
    return [
        Figure(NAME, f"{title}: p50", statistics.median(invokes), "ms", WARM_P50_MAX * floor,
               note=f"{spread(invokes)}, floor {floor:.3g}"),
        Figure(NAME, f"{title}: p99", percentile(invokes, 0.99), "ms", WARM_P99_MAX * floor),
    ]  # fmt: skip


def measure_parallel(service, size):
    """Many first invokes at once of a function that takes a while, from a pool that has as many waiting."""
    for number in range(size):
        first_invoke(service, service.create_sleeper(f"before-{number}"), "0")
    path = service.create_sleeper("parallel")
    service.wait_for_waiting("python", size)
    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(size) as pool:
        list(pool.map(lambda _: first_invoke(service, path, str(PARALLEL_SECONDS)), range(size)))
    together = (time.perf_counter() - started) * 1000
    title = f"{size} at once on a fresh function of {PARALLEL_SECONDS * 1000:.0f} ms"
    return Figure(NAME, title, together, "ms", PARALLEL_MS_MAX, note=f"{os.cpu_count()} CPUs")


def all_at_work(service, path, size, seconds):
    """How long it takes from no environment of a sleeper to so many, until the last one has begun with its event.

    The functions sleep for `seconds`, which must be longer than it all takes, so that no environment serves two.
    """
    started = time.time()
    with concurrent.futures.ThreadPoolExecutor(size) as pool:
        answers = list(pool.map(lambda _: first_invoke(service, path, str(seconds)), range(size)))
    took = max(began for _, began in answers) - started
    if took > seconds:
        raise SystemExit(f"the start of {size} took {took:.1f} s, longer than the functions; make them longer")
    return took


def measure_burst(service, size):
    path = service.create_sleeper("burst")
    cpu = bare_cpu_seconds()
    took = all_at_work(service, path, size, BURST_SECONDS)
    return Figure(
        NAME, f"0 to {size} environments, last one at work", took, "s", BURST_FACTOR_MAX * size * cpu,
        note=f"{size} bare starts use {size * cpu:.3g} s of CPU",
    )  # fmt: skip


def measure_from_nothing(rounds):
    """Without a pool: sandbox, interpreter and all."""
    pythons, floors, echoes = [], [], []
    with Service("--waiting-sandboxes", "0") as service:
        for number in range(rounds):
            path = service.create_python_hello(f"cold-{number}", marker=str(number))
            echo = service.create_echo(f"echo-{number}")
            floors.append(start_ms(PYTHON, "-c", "import awslambdaric.__main__"))
            pythons.append(first_invoke(service, path)[0])
            echoes.append(first_invoke(service, echo)[0])
    floor = statistics.median(floors)
    return [
        Figure(
            NAME, "python hello, without a pool", statistics.median(pythons), "ms",
            FLOOR_FACTOR * floor + FLOOR_EXTRA_MS,
            note=f"{spread(pythons)}, floor with the same modules {floor:.3g}",
        ),
        Figure(NAME, "compiled echo, without a pool", statistics.median(echoes), "ms", note=spread(echoes)),
    ]  # fmt: skip


def run(rounds=100, burst=BURST):
    with Service() as service:
        figures = measure_waiting(
            service, "python", "python", (PYTHON, "-c", "pass"), service.create_python_hello, rounds
        )
        figures += measure_waiting(service, "node", "node", (NODE, "-e", "0"), service.create_node_hello, rounds)
    with Service() as service:
        figures.append(measure_parallel(service, PARALLEL))
        figures.append(measure_burst(service, burst))
    return figures + measure_from_nothing(max(5, rounds // 5))


def quick():
    return run(rounds=10, burst=20)
