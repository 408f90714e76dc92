"""Networks that do not carry everything any more, and say nothing of it."""

import time

import pytest
from fleet import FENCE, SILENCE_MAX
from trial import any_of, lost, throttled
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-partitions")


@pytest.fixture(params=["both-ways", "to-the-first", "to-the-second"])
def cut(request, network):
    """Cuts the network between some hosts and others, in both directions or in one."""

    def cut(some, others):
        some, others = [member.host for member in some], [member.host for member in others]
        if request.param == "to-the-first":
            network.cut(others, some, one_way=True)
        else:
            network.cut(some, others, one_way=request.param == "to-the-second")

    return cut


def test_a_manager_without_its_workers_gives_no_environment_twice(fleet, trial, network, cut):
    with trial.start():
        trial.warm_up()
        since = now()
        cut([trial.choose(fleet.managers)], fleet.workers)
        time.sleep(FENCE + 1)
        network.heal()
        until = now()
        trial.recovered_from("a manager without workers", until)
        trial.settle()
        settled = now()
    # It has no room as long as it has no workers, which is a throttle. What ran meanwhile was ended by its worker.
    trial.check(any_of(lost((since, settled)), throttled(since, settled)))


def test_a_frontend_without_a_manager_waits_for_it(fleet, trial, network, cut):
    with trial.start():
        trial.warm_up()
        cut([trial.choose(fleet.frontends)], [trial.choose(fleet.managers)])
        time.sleep(SILENCE_MAX + 1)
        network.heal()
        trial.recovered_from("a frontend without a manager", now())
        trial.settle()
    trial.check()


def test_a_frontend_without_a_worker_has_the_others(fleet, trial, network, cut):
    with trial.start():
        trial.warm_up()
        since = now()
        cut([trial.choose(fleet.frontends)], [trial.choose(fleet.workers)])
        time.sleep(SILENCE_MAX + 1)
        trial.recovered_from("a frontend without a worker", since)
        network.heal()
        until = now()
        trial.settle()
    # What the worker has been brought may have run; what it could not be brought goes to another.
    trial.check(lost((since, until)))


def test_a_fleet_without_its_store_begins_nothing_and_goes_on_later(fleet, trial, network, postgres, cut):
    with trial.start():
        trial.warm_up()
        since = now()
        cut(list(fleet.members.values()), [postgres])
        time.sleep(trial.dice.uniform(3, 5))
        network.heal()
        until = now()
        trial.recovered_from("a fleet without its store", until)
        trial.settle()
        settled = now()
    # What runs is ended when nobody may count it any more; and what cannot be written is not accepted.
    trial.check(lost((since, settled)))
