"""What a server leaves on the host, found without knowing how it names things."""

import os
from dataclasses import dataclass
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told apart from a later one with the same number by its start time."""

    pid: int
    started: str

    def is_alive(self):
        return identity(self.pid) == self and state(self.pid) != "Z"


def _status_fields(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in parentheses and may hold spaces.
    return text[text.rindex(")") + 2 :].split()


def identity(pid):
    fields = _status_fields(pid)
    return ProcessIdentity(pid, fields[19]) if fields else None


def state(pid):
    fields = _status_fields(pid)
    return fields[0] if fields else None


def descendants(pid):
    """All processes below one, as identities."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _status_fields(entry)):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, waiting = set(), [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            waiting.append(child)
            if child_identity := identity(child):
                found.add(child_identity)
    return found


def cgroup_directories(pid):
    """The directories of every cgroup that a process is in, under whatever hierarchies the host has."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return set()
    found = set()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if path == "/":
            continue
        roots = (
            [CGROUP_ROOT / controllers.removeprefix("name=")] if controllers else [CGROUP_ROOT, CGROUP_ROOT / "unified"]
        )
        found.update(directory for root in roots if (directory := root / path.lstrip("/")).is_dir())
    return found


def processes_with(marker):
    """The processes that have a text in their environment."""
    needle = marker.encode()
    found = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except (OSError, ProcessLookupError):
            continue
        if needle in environment and (found_identity := identity(int(entry))):
            found.add(found_identity)
    return found


def loop_devices(directory):
    """The loop devices over files in a directory, each with the number that tells one use of a device from the next."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        device = backing.parts[3]
        try:
            if backing.read_text().startswith(f"{directory}/"):
                yield device, Path(f"/sys/block/{device}/diskseq").read_text().strip()
        except OSError:
            continue


def _number(directory):
    """What tells a cgroup from a later one of its name; None where there is none."""
    try:
        return directory.stat().st_ino
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Footprint:
    """What a running server has on the host beside its own process."""

    processes: frozenset
    cgroups: frozenset
    loop_devices: frozenset
    directory: str

    @staticmethod
    def of(server):
        processes = frozenset(descendants(server.pid))
        own = cgroup_directories(server.pid) | cgroup_directories(os.getpid())
        cgroups = frozenset(
            (directory, _number(directory))
            for process in processes
            for directory in cgroup_directories(process.pid)
            if directory not in own
        )
        return Footprint(processes, cgroups, frozenset(loop_devices(server.directory)), str(server.directory))

    def left(self):
        """What of it is still there, as a list of descriptions: empty after a good end."""
        return [
            *(f"process {process.pid}" for process in self.processes if process.is_alive()),
            *(f"cgroup {directory}" for directory, number in self.cgroups if number and _number(directory) == number),
            *(f"mount {line}" for line in self._mounts()),
            *(f"loop device {device}" for device, _ in self.loop_devices & set(loop_devices(self.directory))),
        ]

    def _mounts(self):
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line for line in lines if f"{self.directory}/" in line]
