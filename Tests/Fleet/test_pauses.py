"""Hosts that stand still, and go on later as if nothing had been."""

import time

import pytest
from fleet import FENCE, MEMBER_LEASE
from trial import lost
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-pauses")


def test_a_manager_that_stands_still_for_longer_than_its_lease_has_lost_what_it_had(fleet, trial):
    with trial.start():
        trial.warm_up()
        victim = trial.choose(fleet.managers)
        since = now()
        victim.freeze()
        time.sleep(MEMBER_LEASE + trial.dice.uniform(1, 2))
        trial.recovered_from("a manager that stands still", since)
        victim.thaw()
        trial.settle()
    # Frontends ask the next owner: nothing has been begun.
    trial.check()


def test_a_worker_that_stands_still_for_longer_than_its_fence_loses_what_was_under_way(fleet, trial):
    with trial.start():
        trial.warm_up()
        victim = trial.choose(fleet.workers)
        since = now()
        victim.freeze()
        time.sleep(FENCE + trial.dice.uniform(0.5, 1.5))
        trial.recovered_from("a worker that stands still", since)
        victim.thaw()
        until = now()
        trial.settle()
    trial.check(lost((since, until)))
