"""What the kernel tells of single processes: memory, processor time, and whether they are frozen."""

import time
from pathlib import Path

CGROUP_ROOTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/freezer"))


def is_functions(pid):
    """Whether a process is the function's own: the service's helpers have no Lambda variables."""
    try:
        return b"AWS_LAMBDA_FUNCTION_NAME=" in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def memory_bytes(pid, *fields):
    """The sum of some fields of what a process takes up, pages that it shares counted in shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.partition(":")[0] in fields) * 1024


def proportional_bytes(pid):
    return memory_bytes(pid, "Pss")


def cpu_nanoseconds(pid):
    """What a process has run for, with threads that have ended: exact, where `/proc/PID/stat` counts in 10 ms.

    None where there is no such process any more.
    """
    try:
        # The number of its clock as clock_getcpuclockid(3) makes it.
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return None


def frozen_file(pid):
    """The file that tells whether a process is frozen, and the text that is in it if so."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "freezer") and path != "/":
            for root in CGROUP_ROOTS:
                for name, text in ("cgroup.events", "frozen 1"), ("freezer.state", "FROZEN"):
                    if (found := root / path.lstrip("/") / name).exists():
                        return found, text
    raise SystemExit("a function's process is in no group that could be frozen")


def is_frozen(pid):
    file, text = frozen_file(pid)
    return text in file.read_text()
