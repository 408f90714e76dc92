"""Certificates that end, in time renewed and not."""

import time

import pytest
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-certificates")

#: How long certificates are good, in seconds. Hosts look at theirs every 5 seconds, and renew it after two thirds.
VALID_SECONDS = 20


@pytest.fixture(scope="module")
def fleet(make_fleet, tmp_path_factory):
    """Two hosts of each role, whose certificates are renewed."""
    fleet = make_fleet("certificates")
    valid = f"{VALID_SECONDS}s"
    fleet.authority.serve(fleet.directory / "authority.log", valid)
    fleet.options += ["--authority", fleet.authority.address]
    for role in ("manager", "worker", "frontend"):
        for number in (1, 2):
            fleet.add(role, f"{role}-{number}", valid=valid)
    fleet.start()
    return fleet


def test_no_client_notices_that_certificates_are_renewed(fleet, trial):
    with trial.start(clients=3):
        trial.warm_up()
        # Of what every host had at first nothing is good any more; new connections need the new ones.
        time.sleep(VALID_SECONDS)
        since = now()
        for role in ("manager", "worker", "frontend"):
            member = trial.choose(fleet.of(role))
            trial.restart(member)
        trial.recovered_from("a restart of hosts with renewed certificates", since)
        trial.settle()
    trial.check()


def test_a_host_whose_certificate_has_ended_is_refused_and_says_so(fleet, trial):
    last = fleet.add("worker", "worker-3", valid="4s", options=["--authority", ""])
    try:
        # Without events: while nobody knows what the refused host still runs, they would gather, and then take the concurrency
        # that the invokes want.
        with trial.start(clients=3, event_clients=0):
            last.start().wait_for_line("a manager has connected")
            trial.warm_up()
            last.wait_for_line("this host's certificate has ended", seconds=20)
            # Those who connect anew are told why not; nobody is given an environment there.
            manager, frontend = trial.choose(fleet.managers), trial.choose(fleet.frontends)
            size = manager.log_size
            for member in (manager, frontend):
                trial.restart(member)
            manager.wait_for_line("the certificate of worker/worker-3 has ended", size)
            trial.settle()
    finally:
        del fleet.members[last.name]
        if last.is_running:
            assert last.stop() == 0
    trial.check()
