"""Hosts that end as in a power failure."""

import pytest
from trial import lost
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-crashes")


@pytest.mark.parametrize("role", ["worker", "manager", "frontend"])
def test_a_host_that_is_killed_takes_with_it_only_what_was_under_way(fleet, trial, role):
    with trial.start():
        trial.warm_up()
        victim = trial.choose(fleet.of(role))
        since = now()
        victim.kill()
        until = now()
        trial.recovered_from(f"kill -9 of a {role}", until)
        trial.settle()
    # Without its manager an invoke goes on: its event went straight to the worker.
    trial.check(lost((since, until)) if role != "manager" else lambda outcome: False)
