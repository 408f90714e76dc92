"""Environments that are virtual machines, beside those of namespaces: first invokes, warm ones, many at once, memory.

Takes the best that runs machines on this host, and says what that is: emulated processors make all of it several times slower.
"""

import concurrent.futures
import statistics
import time
from pathlib import Path

from cold_start import all_at_work, first_invoke
from processes import cpu_nanoseconds, is_frozen, proportional_bytes
from report import Figure, spread
from service import ROOT, Service, descendants

NAME = "microvm"
OPTIONS = ("--sandbox", "microvm", "--guest-images", f"{ROOT}/.guest/guests")
MEMORY_MB = 128
POOL_MS_MAX, COPY_MS_MAX, WARM_EXTRA_MS_MAX = 60, 130, 3
SNAPSHOT_MS_MAX = 150
MANY, MANY_SECONDS, MANY_SECONDS_MAX = 20, 8, 2
PSS_MB_MAX = 20
WAIT_SECONDS_MAX = 60
IDLE_SECONDS = 2


def machines(service):
    """The processes that are machines."""
    found = []
    for pid in descendants(service.pid):
        try:
            name = Path(f"/proc/{pid}/comm").read_text()
        except OSError:
            continue
        if name.startswith(("qemu-system", "firecracker")):
            found.append(pid)
    return found


def wait_for_frozen(service, count):
    """Returns once so many machines are frozen: those that wait, and those whose environment is idle."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while sum(map(is_frozen, machines(service))) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"fewer than {count} machines wait; the service's log:\n{service.log}")
        time.sleep(0.01)  # the interval of looking


def kind(service):
    """What runs the machines, in the service's own words."""
    line = next(line for line in service.log.splitlines() if "functions run in virtual machines" in line)
    return line.partition("reason=")[2].partition(":")[0]


def measure_first(rounds):
    """Of functions that are all different: from one that waits, and from a copy that is made for it."""
    waiting, copied = [], []
    with Service(*OPTIONS, "--waiting-sandboxes", "1") as service:
        first_invoke(service, service.create_python_hello("before", MEMORY_MB, "before"))
        idle = 1
        for number in range(rounds):
            path = service.create_python_hello(f"waiting-{number}", MEMORY_MB, f"waiting {number}")
            wait_for_frozen(service, idle + 1)
            waiting.append(first_invoke(service, path)[0])
            # Two at once, of which one is there; the other takes longer.
            paths = [service.create_python_hello(f"pair-{number}-{i}", MEMORY_MB, f"pair {number} {i}") for i in (0, 1)]
            wait_for_frozen(service, idle + 2)
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                copied.append(max(pool.map(lambda path: first_invoke(service, path)[0], paths)))
            idle += 3
        what = kind(service)
    return [
        Figure(NAME, "python hello, first invoke, from a machine that waits: p50", statistics.median(waiting), "ms",
               POOL_MS_MAX, note=f"{spread(waiting)}, {what}"),
        Figure(NAME, "the same from a copy made for it, two starts at once: p50", statistics.median(copied), "ms",
               COPY_MS_MAX, note=spread(copied)),
    ]  # fmt: skip


def measure_snapshot(rounds):
    """Of a version that took two seconds to initialise: each round has the environment of the one before ended."""
    source = "import time\ntime.sleep(2)\ndef handler(event, context):\n    return {'hello': 'world'}\n"
    with Service(*OPTIONS) as service:
        path = service.create_snapshot("restored", source, MEMORY_MB)
        first_invoke(service, path)
        times = []
        for _ in range(rounds):
            # One waits for other functions, and shall not be made at the same time.
            wait_for_frozen(service, 2)
            service.recycle("restored")
            times.append(first_invoke(service, path)[0])
    return Figure(NAME, "python with 2 s of initialisation, first invoke, from its snapshot: p50", statistics.median(times),
                  "ms", SNAPSHOT_MS_MAX, note=spread(times))  # fmt: skip


def measure_warm(rounds):
    """In turns with the same function in namespaces."""
    with Service(*OPTIONS) as guests, Service() as plain:
        paths = {service: service.create_python_hello("warm", MEMORY_MB) for service in (guests, plain)}
        times = {guests: [], plain: []}
        for service in (guests, plain):
            for _ in range(20):
                first_invoke(service, paths[service])
        for _ in range(rounds):
            for service in (guests, plain):
                times[service].append(first_invoke(service, paths[service])[0])
        floor = statistics.median(times[plain])
        extra = statistics.median(times[guests]) - floor
    return Figure(NAME, "python hello, warm invoke, beyond namespaces: p50", extra, "ms", WARM_EXTRA_MS_MAX,
                  note=f"namespaces {floor:.3g} ms")  # fmt: skip


def measure_many(size):
    """From no environment of a function to many, and what they take when they are idle."""
    with Service(*OPTIONS) as service:
        first_invoke(service, service.create_sleeper("before"), "0")
        path = service.create_sleeper("many")
        wait_for_frozen(service, 2)
        took = all_at_work(service, path, size, MANY_SECONDS)
        wait_for_frozen(service, size)
        pids = machines(service)
        memory = statistics.median(map(proportional_bytes, pids)) / (1 << 20)
        before = sum(map(cpu_nanoseconds, pids))
        time.sleep(IDLE_SECONDS)
        used = sum(map(cpu_nanoseconds, pids)) - before
    return [
        Figure(NAME, f"0 to {size} environments, last one at work", took, "s", MANY_SECONDS_MAX),
        Figure(NAME, f"memory of one of {len(pids)} machines, idle (PSS)", memory, "MB", PSS_MB_MAX),
        Figure(NAME, "CPU of an idle machine", used / IDLE_SECONDS / 1e7 / len(pids), "%", 0.01),
    ]


def run(rounds=20, size=MANY):
    return [*measure_first(rounds), measure_snapshot(rounds), measure_warm(rounds * 10), *measure_many(size)]


def quick():
    return run(rounds=3, size=4)
