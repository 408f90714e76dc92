"""The API with many functions: creating them, reading them, starting with them, and what they take in memory."""

import base64
import concurrent.futures
import http.client
import json
import os
import random
import statistics
import sys
import threading
import time

from report import Figure, spread
from service import Service, package, python_version
from warm_invoke import Floor

NAME = "api"
MEBIBYTE = 1 << 20
CREATE_P50_MS_MAX = 10
GET_CPU_MS_MAX = 2
LIST_CPU_MS_MAX = 10
START_SECONDS_MAX = 1
CLIENTS = 4
PACKAGE_BYTES = 1024
PAGE_SIZE = 50
ROUNDS = 5
FUNCTIONS = "/2015-03-31/functions"
#: A service that uses less than this part of a CPU has nothing left to do.
IDLE_CPU_MAX = 0.02
SETTLE_SECONDS_MAX = 300
VERSION = python_version()


class Client:
    """Requests over a connection that stays."""

    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()

    def ask(self, method, path, body=None, status=200):
        """The time in ms of one request, and the body of its answer."""
        started = time.perf_counter()
        self._connection.request(method, path, body)
        response = self._connection.getresponse()
        answer = response.read()
        elapsed = time.perf_counter() - started
        if response.status != status:
            raise SystemExit(f"{method} {path} answered {response.status}: {answer[:1000]!r}")
        return elapsed * 1000, answer

    def close(self):
        self._connection.close()


def name_of(number):
    return f"function-{number:05}"


def creation(number):
    """The body of a request that creates a function whose package no other has."""
    source = f"# {number}\ndef handler(event, context):\n    return {number}\n"
    # What cannot be compressed makes up its size.
    filling = base64.b85encode(random.Random(number).randbytes(PACKAGE_BYTES * 3 // 5)).decode()
    code = package({"app.py": (f"{source}# {filling}\n", 0o644)})
    return json.dumps(
        {
            "FunctionName": name_of(number), "Runtime": f"python{VERSION}", "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/bench", "Description": "One of many",
            "Environment": {"Variables": {"NUMBER": str(number)}}, "Tags": {"number": str(number)},
            "Code": {"ZipFile": base64.b64encode(code).decode()},
        }
    )  # fmt: skip


def floor_with(status, body):
    """A bare server that answers so."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return Floor(head.encode() + body)


def synchronised_write_ms(directory):
    """The time in ms of writing one page so that it outlasts a power failure."""
    path = f"{directory}/synchronised"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        started = time.perf_counter()
        os.write(descriptor, bytes(4096))
        os.fdatasync(descriptor)
        return (time.perf_counter() - started) * 1000
    finally:
        os.close(descriptor)
        os.unlink(path)


def create_all(service, numbers):
    """Creates functions from several clients; returns the times in ms, in the order in which they were over."""
    # Made before, so that the clients do nothing but ask.
    waiting = iter([creation(number) for number in numbers])
    lock, times = threading.Lock(), []

    def create():
        client = Client(service.port)
        try:
            while True:
                with lock:
                    body = next(waiting, None)
                if body is None:
                    return
                elapsed, _ = client.ask("POST", FUNCTIONS, body, status=201)
                with lock:
                    times.append(elapsed)
                    if len(times) % 1000 == 0:
                        print(f"api: {len(times):,} functions", file=sys.stderr)
        finally:
            client.close()

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(create) for _ in range(CLIENTS)]:
            done.result()
    return times


def create_one_by_one(service, numbers):
    """Creates functions from one client, in turns with the floors; returns all their times in ms."""
    client, own, floors, writes = Client(service.port), [], [], []
    first, *others = numbers
    _, answer = client.ask("POST", FUNCTIONS, creation(first), status=201)
    with floor_with("201 Created", answer) as floor:
        bare = Client(floor.port)
        try:
            for number in others:
                body = creation(number)
                floors.append(bare.ask("POST", FUNCTIONS, body, status=201)[0])
                own.append(client.ask("POST", FUNCTIONS, body, status=201)[0])
                writes.append(synchronised_write_ms(service.directory))
        finally:
            bare.close()
            client.close()
    return own, floors, writes


def wait_until_settled(service, count):
    """Returns once all functions are active and the service has nothing left to do."""
    print("api: wait until all are active", file=sys.stderr)
    client = Client(service.port)
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    try:
        for number in range(count):
            while json.loads(client.ask("GET", f"{FUNCTIONS}/{name_of(number)}/configuration")[1])["State"] != "Active":
                if time.monotonic() > deadline:
                    raise SystemExit(f"the function {name_of(number)} is not active")
                time.sleep(0.05)
    finally:
        client.close()
    while True:
        before = service.cpu_seconds()
        time.sleep(1)
        if service.cpu_seconds() - before <= IDLE_CPU_MAX:
            return
        if time.monotonic() > deadline:
            raise SystemExit("the service does not come to rest")


def measure(service, title, target, paths):
    """The service's CPU time for each of some reads, and their latency beside the floor, round after round.

    - paths: Called for each round, returns an iterator that yields a path and is sent the answer.
    """
    client = Client(service.port)
    cpu, p50, ratios = [], [], []
    try:
        _, sample = client.ask("GET", next(paths()))
        with floor_with("200 OK", sample) as floor:
            bare = Client(floor.port)
            try:
                for _ in range(ROUNDS):
                    times, asked = [], paths()
                    before, path = service.cpu_seconds(), next(asked)
                    while path is not None:
                        elapsed, answer = client.ask("GET", path)
                        times.append(elapsed)
                        try:
                            path = asked.send(answer)
                        except StopIteration:
                            path = None
                    cpu.append((service.cpu_seconds() - before) * 1000 / len(times))
                    floors = [bare.ask("GET", "/")[0] for _ in times]
                    p50.append(statistics.median(times))
                    ratios.append(p50[-1] / statistics.median(floors))
            finally:
                bare.close()
    finally:
        client.close()
    return [
        Figure(NAME, f"{title}: own CPU", statistics.median(cpu), "ms", target, note=spread(cpu)),
        Figure(NAME, f"{title}: p50", statistics.median(p50), "ms", note=spread(p50)),
        Figure(NAME, f"{title}: p50 over floor", statistics.median(ratios), "x", note=spread(ratios)),
    ]


def gets(count, calls):
    """Reads functions all over the place."""

    def paths():
        for _ in range(calls):
            yield f"{FUNCTIONS}/{name_of(random.randrange(count))}"

    return paths


def pages(count, calls):
    """Lists all functions page by page, again and again, until there were so many calls."""

    def paths():
        asked = 0
        while asked < calls:
            path, listed = f"{FUNCTIONS}/?MaxItems={PAGE_SIZE}", 0
            while path:
                answer = json.loads((yield path))
                asked, listed = asked + 1, listed + len(answer["Functions"])
                marker = answer.get("NextMarker")
                path = f"{FUNCTIONS}/?MaxItems={PAGE_SIZE}&Marker={marker}" if marker else None
            if listed != count:
                raise SystemExit(f"{listed:,} of {count:,} functions are listed")

    return paths


def measure_starts(service):
    return [service.restart() for _ in range(ROUNDS)]


def run(count=10_000, alone=500, calls=2000):
    title = f"{count:,} functions"
    # Runtimes that wait would be counted too.
    with Service("--waiting-sandboxes", "0") as service:
        empty_start = measure_starts(service)
        empty_memory = service.resident_bytes()
        together = create_all(service, range(count - alone))
        # What is left of the many would hold up the few.
        wait_until_settled(service, count - alone)
        own, floors, writes = create_one_by_one(service, range(count - alone, count))
        created_memory = service.resident_bytes()
        wait_until_settled(service, count)
        print("api: reads", file=sys.stderr)
        reads = measure(service, f"{title}: GetFunction", GET_CPU_MS_MAX, gets(count, calls))
        reads += measure(
            service, f"{title}: ListFunctions, {PAGE_SIZE} of them", LIST_CPU_MS_MAX, pages(count, calls // 5)
        )
        print("api: starts", file=sys.stderr)
        starts = measure_starts(service)
        memory = service.resident_bytes()
    floor, write = statistics.median(floors), statistics.median(writes)
    return [
        Figure(NAME, f"CreateFunction, {CLIENTS} clients: p50", statistics.median(together), "ms", CREATE_P50_MS_MAX,
               note=f"p99 {statistics.quantiles(together, n=100)[98]:.3g}, last tenth "
                    f"{statistics.median(together[-len(together) // 10 :]):.3g}"),
        Figure(NAME, "CreateFunction, 1 client: p50", statistics.median(own), "ms",
               note=f"{spread(own)}, floor {floor:.3g}, synchronised write {write:.3g}"),
        Figure(NAME, "CreateFunction, 1 client: p50 over floor", statistics.median(own) / floor, "x"),
        *reads,
        Figure(NAME, f"{title}: start", statistics.median(starts), "s", START_SECONDS_MAX,
               note=f"{spread(starts)}, with none {statistics.median(empty_start):.3g}"),
        Figure(NAME, f"{title}: resident", memory / MEBIBYTE, "MiB",
               note=f"after a start; {created_memory / MEBIBYTE:.1f} after creating them, "
                    f"{empty_memory / MEBIBYTE:.1f} with none"),
    ]  # fmt: skip


def quick():
    return run(count=1000, alone=100, calls=500)
