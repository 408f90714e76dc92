"""A fleet beside the single process: what the hop from the frontend to the manager and the worker costs a warm invoke."""

import statistics
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "Tests/Fleet"))

import load
from fleet_service import Fleet
from network import Network
from report import Figure, spread
from service import Service

NAME = "fleet"
#: What the service may use of the CPU for a warm invoke beyond the single process, all roles together.
HOP_TARGET_US = 150
CLIENTS = (1, 16)


def measure(service, path, clients, seconds):
    """Returns the load, and what the service used of the CPU for each request, in microseconds."""
    before = service.cpu_seconds()
    run = load.run(service.port, path, clients, seconds, address=service.address)
    if run.errors:
        raise SystemExit(f"{run.errors} of {run.requests} requests failed; the service's log:\n{service.log[-4000:]}")
    return run, (service.cpu_seconds() - before) * 1e6 / max(1, run.requests)


def run(rounds=5, seconds=3):
    network = Network()
    try:
        # The clients are on a host of their own, as are the roles and the single process.
        with network.host("clients").entered():
            return compare(network, rounds, seconds)
    finally:
        network.close()


def compare(network, rounds, seconds):
    figures = []
    alone = Service("--authentication", "off", host=network.host("single"))
    with alone as single, Fleet(network) as fleet:
        paths = {service: service.create_python_hello("hello", memory=512) for service in (single, fleet)}
        for service, path in paths.items():
            load.run(service.port, path, max(CLIENTS), seconds, address=service.address)
        for clients in CLIENTS:
            runs = {single: [], fleet: []}
            by_role = []
            for number in range(rounds):
                print(f"fleet: {clients} clients, round {number + 1} of {rounds}", file=sys.stderr)
                for service, path in paths.items():
                    before = fleet.cpu_seconds_by_role()
                    runs[service].append(measure(service, path, clients, seconds))
                    if service is fleet:
                        requests = max(1, runs[fleet][-1][0].requests)
                        after = fleet.cpu_seconds_by_role()
                        by_role.append({role: (after[role] - before[role]) * 1e6 / requests for role in after})
            label = f"{clients} client{'s' if clients > 1 else ''}"
            extra = [there[1] - here[1] for here, there in zip(runs[single], runs[fleet])]
            roles = ", ".join(
                f"{role} {statistics.median(used[role] for used in by_role):.0f}" for role in by_role[0]
            )
            alone = statistics.median(cpu for _, cpu in runs[single])
            figures.append(
                Figure(
                    NAME, f"{label}: CPU of the hop", statistics.median(extra), "us", HOP_TARGET_US,
                    note=f"{spread(extra)}; {roles}; the single process {alone:.0f}",
                )  # fmt: skip
            )
            for name, unit in (("p50_ms", "ms"), ("p99_ms", "ms"), ("per_second", "/s")):
                here, there = ([getattr(load, name) for load, _ in runs[service]] for service in (single, fleet))
                figures.append(
                    Figure(
                        NAME, f"{label}: {name.split('_')[0]}", statistics.median(there), unit,
                        note=f"{spread(there)}; the single process {statistics.median(here):.3g}",
                    )  # fmt: skip
                )
    return figures


def quick():
    return run(rounds=2, seconds=1)
