"""Memory: at start, per idle environment, and over a hundred thousand invokes."""

import concurrent.futures
import json
import sys

import load
from processes import is_functions, proportional_bytes
from report import Figure
from service import Service, descendants, package, python_version

NAME = "memory"
MEBIBYTE = 1 << 20
START_TARGET_MIB = 60
ENVIRONMENT_TARGET_MIB = 1
#: What counts as flat, in MiB: less than the allocator's own noise, far less than a leak of 100 bytes per invoke.
GROWTH_TARGET_MIB = 5
ENVIRONMENTS = 16
CHUNK_SECONDS = 5

SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(event)\n"


def own_bytes(service):
    """The service and its helpers, without the functions' processes."""
    helpers = [pid for pid in descendants(service.pid) if not is_functions(pid)]
    return service.resident_bytes() + sum(map(proportional_bytes, helpers))


def measure_environments(service):
    path = service.create("sleeper", package({"app.py": (SLEEPER, 0o644)}), f"python{python_version()}", memory=128)
    service.request("POST", path, "0")
    before = own_bytes(service)
    with concurrent.futures.ThreadPoolExecutor(ENVIRONMENTS) as pool:
        # Long enough that none is free when the last one starts.
        answers = list(pool.map(lambda _: service.request("POST", path, json.dumps(4)), range(ENVIRONMENTS)))
    if any(status != 200 for status, _ in answers):
        raise SystemExit(f"an invoke failed: {answers}")
    return (own_bytes(service) - before) / (ENVIRONMENTS - 1)


def measure_growth(service, invokes):
    path = service.create_python_hello("hello")
    done = 0
    while done < invokes // 10:
        done += load.run(service.port, path, 16, CHUNK_SECONDS).requests
    before = service.resident_bytes()
    done = 0
    while done < invokes:
        done += load.run(service.port, path, 16, CHUNK_SECONDS).requests
        print(f"memory: {done:,} of {invokes:,} invokes", file=sys.stderr)
    return service.resident_bytes() - before, done


def run(invokes=100_000):
    # Runtimes that wait are no environments of a function, and come and go as they like.
    with Service("--waiting-sandboxes", "0") as service:
        start = service.resident_bytes()
        helpers = own_bytes(service) - start
        environment = measure_environments(service)
        growth, done = measure_growth(service, invokes)
        end = service.resident_bytes()
    return [
        Figure(NAME, "resident at start", start / MEBIBYTE, "MiB", START_TARGET_MIB,
               note=f"helper processes {helpers / MEBIBYTE:.1f} MiB more"),
        Figure(NAME, "per idle environment", max(0, environment) / MEBIBYTE, "MiB", ENVIRONMENT_TARGET_MIB,
               note=f"{ENVIRONMENTS} environments, service and helpers"),
        Figure(NAME, f"growth over {invokes:,} invokes", max(0, growth) / MEBIBYTE, "MiB", GROWTH_TARGET_MIB,
               note=f"{done:,} invokes, resident at the end {end / MEBIBYTE:.1f} MiB"),
    ]  # fmt: skip


def quick():
    return run(invokes=10_000)
