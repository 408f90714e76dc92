"""Hosts that go on, but not well."""

import subprocess
import time
from pathlib import Path

import pytest
from fleet_paths import ROOT
from slow_link import SlowLink
from trial import lost, throttled
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-ailments")

#: What the small disk has, in bytes.
DISK_BYTES = 192 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, in memory."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.fixture
def worker(fleet):
    """Adds a third worker to the fleet, for one test."""
    added = []

    def worker(**options):
        member = fleet.add("worker", "worker-3", **options).start()
        added.append(member)
        return member

    yield worker
    for member in added:
        del fleet.members[member.name]
        if member.is_running:
            assert member.stop() == 0


def fill(path):
    """Leaves no byte."""
    with (path / "filler").open("wb", buffering=0) as file:
        block = bytes(1 << 20)
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[: len(block) // 2]
    return path / "filler"


def test_a_worker_with_a_full_disk_harms_only_what_it_has(fleet, trial, small_disk, worker):
    member = worker(data=small_disk)
    member.wait_for_line("a manager has connected")
    with trial.start():
        trial.warm_up()
        since = now()
        filler = fill(small_disk)
        # More at once than there are environments: some are to be made where there is no room for them.
        trial.load.burst(1, 20)
        assert "ENOSPC" in member.log or "No space left" in member.log, member.log
        filler.unlink()
        trial.recovered_from("a full disk of a worker", now())
        trial.settle()
        settled = now()
    trial.check(lost((since, settled)))


@pytest.fixture(scope="module")
def wall_clock(tmp_path_factory):
    """Sets the wall clock of whoever was started with its environment."""
    directory = tmp_path_factory.mktemp("clock")
    library = directory / "wall_clock.so"
    source = ROOT / "Tests/Fleet/wall_clock.c"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return WallClock(library, directory / "offset")


class WallClock:
    def __init__(self, library, path):
        self.library = library
        self.path = path
        self.path.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(path)}

    def jump_to(self, seconds):
        """So many seconds from what it really is."""
        with self.path.open("r+b", buffering=0) as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    def offset(self):
        """How far off it is for a program, in seconds."""
        done = subprocess.run(["date", "+%s"], env=self.environment, check=True, capture_output=True, timeout=20)
        return int(done.stdout) - time.time()


def test_nobody_minds_when_the_wall_clock_of_a_worker_jumps(fleet, trial, worker, wall_clock):
    member = worker(environment=wall_clock.environment)
    member.wait_for_line("a manager has connected")
    assert str(wall_clock.library) in Path(f"/proc/{member.process.pid}/maps").read_text()
    hour = 3600
    with trial.start():
        trial.warm_up()
        size = member.log_size
        for seconds in trial.dice.sample([2 * hour, 20 * hour, -hour, -30 * 24 * hour], 4):
            wall_clock.jump_to(seconds)
            assert abs(wall_clock.offset() - seconds) <= 2
            time.sleep(1)
        wall_clock.jump_to(0)
        trial.settle()
    assert "no manager has been heard of for too long" not in member.log_since(size)
    trial.check()


@pytest.mark.parametrize("role", ["worker", "manager", "frontend"])
def test_a_slow_link_makes_invokes_slow_and_nothing_else(fleet, trial, network, role):
    with trial.start(clients=3):
        trial.warm_up()
        since = now()
        member = trial.choose(fleet.of(role))
        delay = trial.dice.uniform(0.05, 0.3)
        link = SlowLink(network, member.host, delay)
        try:
            # There and back.
            assert member.connect_seconds() >= 2 * delay
            time.sleep(4)
        finally:
            link.close()
        trial.settle()
        settled = now()
    # What a slow manager has of the account's concurrency comes late, too, and an invoke waits for it no longer than a moment.
    trial.check(throttled(since, settled) if role == "manager" else lost())
