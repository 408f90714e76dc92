"""Density: what a thousand idle environments of different functions cost beside their own processes."""

import concurrent.futures
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from processes import cpu_nanoseconds, is_frozen, is_functions, memory_bytes
from report import Figure
from service import ROOT, SETTLE_SECONDS_MAX, Service, descendants, package

NAME = "density"
MEBIBYTE = 1 << 20
OVERHEAD_MIB_MAX = 1
IDLE_CORE_PERCENT_MAX = 1
#: How many are made at once.
WIDTH = 4
#: Memory of the host that nobody can be asked for: what the kernel has for its own records.
KERNEL_FIELDS = ("SUnreclaim", "KernelStack", "PageTables", "Percpu")
#: What of a process's memory is not the content of a file, which the kernel may let go at any time.
UNAVAILABLE = ("Pss_Anon", "Pss_Shmem")


def host_memory():
    """The fields of `/proc/meminfo`, in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}


class Snapshot:
    """Memory of the host, of the service with its helpers, and of the functions' processes, at one moment."""

    def __init__(self, service):
        below = descendants(service.pid)
        self.functions = [pid for pid in below if is_functions(pid)]
        own = [service.pid, *(set(below) - set(self.functions))]
        self.helpers = len(own) - 1
        self.own = sum(memory_bytes(pid, *UNAVAILABLE) for pid in own)
        self.theirs = sum(memory_bytes(pid, *UNAVAILABLE) for pid in self.functions)
        host = host_memory()
        self.available = host["MemAvailable"]
        self.records = sum(host[field] for field in KERNEL_FIELDS)


def make_environments(service, program, numbers):
    """Creates a function for each number, with code of its own, and invokes it once."""

    def make(number):
        code = package({"bootstrap": (program, 0o755), "number": (str(number), 0o644)})
        path = service.create(f"f-{number}", code, "provided.al2023", "unused", 128)
        status, answer = service.request("POST", path, "{}")
        if status != 200 or answer != b"{}":
            raise SystemExit(f"an invoke answered {status}: {answer[:1000]!r}; the log:\n{service.log[-4000:]}")
        if number % 100 == 99:
            print(f"density: environment {number + 1}", file=sys.stderr)

    with concurrent.futures.ThreadPoolExecutor(WIDTH) as pool:
        list(pool.map(make, numbers))


def wait_until_idle(service, count):
    """Returns the processes of all environments once they are frozen."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        found = [pid for pid in descendants(service.pid) if is_functions(pid)]
        if len(found) >= count and all(map(is_frozen, found)):
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(found)} of {count} environments are there, or not all are frozen")
        time.sleep(0.5)


def idle_core_percent(service, seconds):
    """Processor time of the service, its helpers and all functions together, in percent of one CPU."""

    processes = [service.pid, *descendants(service.pid)]
    before, began = list(map(cpu_nanoseconds, processes)), time.monotonic()
    time.sleep(seconds)
    after, elapsed = list(map(cpu_nanoseconds, processes)), time.monotonic() - began
    if None in after:
        raise SystemExit(f"a process has ended while all should be idle; the service's log:\n{service.log[-4000:]}")
    return (sum(after) - sum(before)) / elapsed / 1e9 * 100


def echo_program(directory):
    """The compiled example: its own memory is little, so that of the sandbox stands out."""
    subprocess.run([str(ROOT / "examples/hello-provided/build"), f"{directory}/echo.zip"], check=True)
    with zipfile.ZipFile(io.BytesIO(Path(f"{directory}/echo.zip").read_bytes())) as archive:
        return archive.read("bootstrap")


def run(count=1000, seconds=30):
    # None may be let go before all are there, and runtimes that wait are no environments of a function.
    with Service("--waiting-sandboxes", "0", "--idle-timeout", "7200") as service:
        program = echo_program(service.directory)
        # What one environment brings with it for all that follow: buffers, the userland, a spare file system.
        make_environments(service, program, range(1))
        wait_until_idle(service, 1)
        before = Snapshot(service)
        began = time.monotonic()
        make_environments(service, program, range(1, count))
        took = time.monotonic() - began
        wait_until_idle(service, count)
        after = Snapshot(service)
        idle = idle_core_percent(service, seconds)
    return figures(before, after, count - 1, took, idle, seconds)


def figures(before, after, rest, took, idle, seconds):
    own = (after.own - before.own) / rest / MEBIBYTE
    theirs = (after.theirs - before.theirs) / rest / MEBIBYTE
    everything = (before.available - after.available) / rest / MEBIBYTE
    records = (after.records - before.records) / rest / MEBIBYTE
    overhead = everything - theirs
    return [
        Figure(NAME, "per idle environment, kernel and service", overhead, "MiB", OVERHEAD_MIB_MAX,
               note=f"of {len(after.functions):,}: service and helpers {own:.3g}, kernel {overhead - own:.3g} "
               f"(its records by its own account {records:.3g}), functions' own {theirs:.3g} more"),
        Figure(NAME, "idle CPU of all together", idle, "% of a core", IDLE_CORE_PERCENT_MAX, note=f"over {seconds} s"),
        Figure(NAME, "creating and first invoke, each", took / rest * 1000, "ms", note=f"{WIDTH} at once"),
    ]  # fmt: skip


def quick():
    return run(count=200, seconds=5)
