"""Hosts that are stopped as an operator does. No client notices any of it."""

import pytest
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-stops")


@pytest.mark.parametrize("role", ["worker", "manager", "frontend"])
def test_no_client_notices_that_a_host_is_stopped(fleet, trial, role):
    with trial.start():
        trial.warm_up()
        victim = trial.choose(fleet.of(role))
        since = now()
        assert victim.stop() == 0
        trial.recovered_from(f"SIGTERM to a {role}", since)
        trial.settle()
    trial.check()


def test_no_client_notices_that_all_hosts_are_restarted_one_after_the_other(fleet, trial):
    members = list(fleet.members.values())
    trial.dice.shuffle(members)
    with trial.start():
        trial.warm_up()
        since = now()
        for member in members:
            assert member.stop() == 0
            member.start()
            trial.make_whole()
        trial.recovered_from("a restart of all hosts", since)
        trial.settle()
    trial.check()
