"""The account's concurrency, of which clients want more than there is, while managers come and go."""

import time

import pytest
from fleet import FENCE, MEMBER_LEASE
from trial import NARROW, PLAIN, RESERVED, any_of, lost, throttled
from waiting import eventually
from witness import most_at_once, now

pytestmark = pytest.mark.xdist_group("fleet-limits")

#: What functions without reserved concurrency may have together.
COMMON = 6


@pytest.fixture(scope="module")
def fleet(make_fleet):
    fleet = make_fleet("limits", concurrency=RESERVED + COMMON)
    for role, count in (("manager", 2), ("worker", 2), ("frontend", 1)):
        for number in range(count):
            fleet.add(role, f"{role}-{number + 1}")
    fleet.start()
    return fleet


@pytest.mark.parametrize("fault", ["kill", "pause", "stop"])
def test_no_more_run_than_the_account_may_while_a_manager_is_gone(fleet, trial, fault):
    with trial.start(PLAIN, clients=2 * COMMON, event_clients=0, seconds=(0.1, 0.6)):
        trial.warm_up()
        victim = trial.choose(fleet.managers)
        since = now()
        if fault == "kill":
            victim.kill()
        elif fault == "stop":
            assert victim.stop() == 0
        else:
            victim.freeze()
            time.sleep(MEMBER_LEASE * 1.5)
            victim.thaw()
        trial.recovered_from(f"{fault} of a manager at the limit", since)
        fleet.start()
        time.sleep(MEMBER_LEASE)
    trial.check(lambda outcome: outcome.is_throttled, account_limit=COMMON)
    # All there is can be had.
    assert most_at_once([one for one in fleet.witness.executions if one.start > since]) == COMMON


@pytest.mark.parametrize("fault", ["pause", "cut"])
def test_what_a_worker_runs_that_nobody_hears_of_has_ended_before_its_place_is_given_away(fleet, trial, network, fault):
    with trial.start([NARROW], clients=RESERVED + 2, event_clients=0, seconds=(FENCE + 1, FENCE + 2)):
        # As many run as may, for longer than the worker will be silent.
        eventually(lambda: len(running(fleet)) == RESERVED, 30, "all that is reserved is in use")
        since = now()
        if fault == "pause":
            for worker in fleet.workers:
                worker.freeze()
        else:
            network.cut([worker.host for worker in fleet.workers], [manager.host for manager in fleet.managers])
        time.sleep(FENCE + 2)
        for worker in fleet.workers:
            if fault == "pause":
                worker.thaw()
        network.heal()
        until = now()
        trial.recovered_from(f"{fault} of all workers", until)
    trial.check(any_of(lost((since, until + 2_000_000_000)), throttled(since, now())))


def running(fleet):
    """What was heard of a moment ago and has not ended."""
    return [one for one in fleet.witness.executions if not one.has_ended and now() - one.last < 200_000_000]
