"""The account's concurrency, of which clients want more than there is, while managers come and go."""

import time

import pytest
from fleet import MEMBER_LEASE
from trial import PLAIN, RESERVED
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
