"""Fixtures: a network with what a fleet shares, and a fleet for each module, whose faults are drawn by a seed."""

import os
import random
import sys

import pytest
from fleet_paths import BINARY, ROOT

sys.path.append(str(ROOT / "Tests/Conformance"))

import fleet as fleets  # noqa: E402
import postgres_server  # noqa: E402
from network import Network  # noqa: E402
from packages import python_package  # noqa: E402
from trial import FUNCTIONS, NARROW, RESERVED, Trial  # noqa: E402
from witness import CODE, Witness  # noqa: E402

SEED_KEY = "SWIFTLET_FAULT_SEED"


def pytest_configure(config):
    # Drawn once, and told to the processes that run tests in parallel.
    if SEED_KEY not in os.environ:
        os.environ[SEED_KEY] = str(random.SystemRandom().randrange(1 << 32))


def pytest_report_header(config):
    return f"{SEED_KEY}={os.environ[SEED_KEY]}"


def pytest_collection_finish(session):
    # Else each process that runs tests would have a fleet of its own for every module.
    grouped = [item.nodeid for item in session.items if item.get_closest_marker("xdist_group")]
    if getattr(session.config.option, "loadgroup", False) and not all("@" in name for name in grouped):
        pytest.exit("tests of one group are not kept together by this version of pytest-xdist", returncode=1)


def pytest_sessionstart(session):
    if not session.config.option.collectonly and not BINARY.exists():
        pytest.exit(f"{BINARY} is missing; run: scripts/build", returncode=1)


def pytest_terminal_summary(terminalreporter):
    recoveries = [
        (report.nodeid, value)
        for reports in (terminalreporter.getreports("passed"), terminalreporter.getreports("failed"))
        for report in reports
        if report.when == "call"
        for key, value in report.user_properties
        if key == "recovery"
    ]
    if recoveries:
        terminalreporter.section(f"until all functions could be invoked again ({SEED_KEY}={os.environ[SEED_KEY]})")
        for node, value in recoveries:
            terminalreporter.line(f"{node.split('::')[-1]}: {value}")


@pytest.fixture(scope="session")
def network():
    """The test itself is a host of the network from now on: the one with the clients."""
    if os.geteuid() != 0:
        pytest.skip("networks are made by root only")
    network = Network()
    try:
        with network.host("clients").entered():
            yield network
    finally:
        network.close()


@pytest.fixture(scope="session")
def objects(network, tmp_path_factory):
    objects = fleets.Objects(network.host("objects"), tmp_path_factory.mktemp("objects"))
    yield objects
    objects.close()


@pytest.fixture(scope="module")
def postgres(network):
    server = postgres_server.PostgresServer(network.host("postgres-1"))
    try:
        yield server.create().start()
    finally:
        server.close()


@pytest.fixture(scope="module")
def postgres_address(postgres):
    return postgres_server.address(postgres)


@pytest.fixture(scope="module")
def make_fleet(network, postgres_address, objects, tmp_path_factory):
    """Makes fleets that have their functions, and of which no host runs yet."""
    made = []

    def make(name, concurrency=40):
        directory = tmp_path_factory.mktemp(name)
        witness = Witness(directory)
        made.append(witness)
        fleet = fleets.Fleet(network, postgres_address, objects, witness, directory, name, concurrency)
        made.append(fleet)
        fleet.deploy(python_package(CODE), {name: RESERVED if name == NARROW else None for name in FUNCTIONS})
        return fleet

    yield make
    network.heal()
    failures = []
    for thing in reversed(made):
        try:
            thing.close()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="module")
def fleet(make_fleet):
    """Two hosts of each role."""
    fleet = make_fleet("fleet")
    for role in ("manager", "worker", "frontend"):
        for number in (1, 2):
            fleet.add(role, f"{role}-{number}")
    fleet.start()
    return fleet


@pytest.fixture
def trial(fleet, request, record_property):
    """A trial of a fleet that works, whatever the test before has left of it."""
    print(f"{SEED_KEY}={os.environ[SEED_KEY]}; logs are in {fleet.directory}")
    trial = Trial(fleet, f"{os.environ[SEED_KEY]} {request.node.name}", record_property)
    trial.make_whole()
    return trial
