"""Warm invokes: the service's own CPU time, latency beside a bare server that answers the same bytes, throughput."""

import statistics
import subprocess
import sys
from dataclasses import dataclass, field

import load
from report import Figure, spread
from service import ROOT, Service, free_port, raw_exchange

NAME = "warm invoke"
FLOOR_PYTHON = ROOT / ".venv-bench/bin/python"
CPU_TARGETS_US = {1: 300, 16: 150}
THROUGHPUT_TARGETS = {"python": 4000, "echo": 10_000}
P50_RATIO_TARGET = 7
CLIENTS = (1, 16)
MANY_CLIENTS = 64


class Floor:
    """The bare server. Use as a context manager."""

    def __init__(self, response):
        self.port = free_port()
        self._process = subprocess.Popen(
            [str(FLOOR_PYTHON), str(ROOT / "Benchmarks/floor_server.py"), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._process.stdin.write(response)
        self._process.stdin.close()
        if self._process.stdout.readline() != b"ready\n":
            raise SystemExit("the floor server did not start; run: scripts/bootstrap bench")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@dataclass
class Series:
    """The rounds of one subject at one number of clients."""

    loads: list = field(default_factory=list)
    cpu_us: list = field(default_factory=list)

    def values(self, name):
        return [getattr(run, name) for run in self.loads]

    def median(self, name):
        return statistics.median(self.values(name))


def measure_service(service, path, clients, seconds, series):
    before = service.cpu_seconds()
    run = load.run(service.port, path, clients, seconds)
    series.loads.append(run)
    series.cpu_us.append((service.cpu_seconds() - before) * 1e6 / max(1, run.requests))
    if run.errors:
        raise SystemExit(f"{run.errors} of {run.requests} requests failed; the service's log:\n{service.log[-4000:]}")


def figures_of(subject, series, floors):
    for clients in CLIENTS:
        own = series[subject, clients]
        label = f"{subject}, {clients} client{'s' if clients > 1 else ''}"
        floor_p50 = floors[clients].median("p50_ms")
        yield Figure(
            NAME, f"{label}: own CPU", statistics.median(own.cpu_us), "us",
            CPU_TARGETS_US[clients] if subject == "python" else None, note=spread(own.cpu_us),
        )  # fmt: skip
        yield Figure(
            NAME, f"{label}: p50", own.median("p50_ms"), "ms",
            note=f"{spread(own.values('p50_ms'))}, floor {floor_p50:.3g}",
        )  # fmt: skip
        yield Figure(NAME, f"{label}: p99", own.median("p99_ms"), "ms", note=spread(own.values("p99_ms")))
        if clients == 1:
            ratios = [run.p50_ms / floor.p50_ms for run, floor in zip(own.loads, floors[1].loads)]
            yield Figure(
                NAME, f"{label}: p50 over floor", statistics.median(ratios), "x",
                P50_RATIO_TARGET if subject == "python" else None, note=spread(ratios),
            )  # fmt: skip
        yield Figure(
            NAME, f"{label}: throughput", own.median("per_second"), "/s",
            THROUGHPUT_TARGETS[subject] if clients == 16 else None, at_least=True,
            note=f"{spread(own.values('per_second'))}, floor {floors[clients].median('per_second'):,.0f}",
        )  # fmt: skip


def run(rounds=5, seconds=3):
    with Service() as service:
        paths = {"python": service.create_python_hello("hello"), "echo": service.create_echo("echo")}
        many = service.create_python_hello("many", memory=128)
        with Floor(raw_exchange(service.port, paths["python"])) as floor:
            for path in paths.values():
                # Brings up the environments, which is no part of a warm invoke.
                load.run(service.port, path, max(CLIENTS), seconds)
            floors = {clients: Series() for clients in CLIENTS}
            series = {(subject, clients): Series() for subject in paths for clients in CLIENTS}
            for number in range(rounds):
                print(f"warm invoke: round {number + 1} of {rounds}", file=sys.stderr)
                for clients in CLIENTS:
                    floors[clients].loads.append(load.run(floor.port, "/", clients, seconds))
                    for subject, path in paths.items():
                        measure_service(service, path, clients, seconds, series[subject, clients])
        figures = [figure for subject in paths for figure in figures_of(subject, series, floors)]
        print(f"warm invoke: {MANY_CLIENTS} clients", file=sys.stderr)
        crowd = load.run(service.port, many, MANY_CLIENTS, seconds * 3, check=True)
        figures.append(
            Figure(NAME, f"python, {MANY_CLIENTS} clients: errors", crowd.errors, "", 0, note=f"of {crowd.requests:,}")
        )
        return figures


def quick():
    return run(rounds=2, seconds=1)
