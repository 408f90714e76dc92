"""One fault after the other, for as long as SWIFTLET_FAULT_SOAK_SECONDS says; without it, none."""

import os
import time

import pytest
from fleet import FENCE, LEASH, MEMBER_LEASE
from trial import any_of, lost, throttled
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-soak")

SECONDS = int(os.environ.get("SWIFTLET_FAULT_SOAK_SECONDS", "0"))


@pytest.mark.skipif(SECONDS == 0, reason="for a soak, set SWIFTLET_FAULT_SOAK_SECONDS")
def test_a_fleet_outlives_one_fault_after_the_other(fleet, trial, network, postgres):
    faults, round_trial = [], None

    def kill():
        trial.choose(list(fleet.members.values())).kill()

    def stop():
        round_trial.stop(trial.choose(list(fleet.members.values())))

    def freeze():
        member = trial.choose(list(fleet.members.values()))
        member.freeze()
        time.sleep(trial.dice.uniform(0.1, 2 * FENCE))
        member.thaw()

    def cut():
        one, other = trial.dice.sample(list(fleet.members.values()), 2)
        network.cut([one.host], [other.host], one_way=trial.dice.random() < 0.5)
        time.sleep(trial.dice.uniform(0.1, 2 * FENCE))

    def cut_store():
        network.cut([member.host for member in fleet.members.values()], [postgres.host])
        time.sleep(trial.dice.uniform(0.1, 2 * LEASH))

    def restart_store():
        postgres.restart()

    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        round_trial = trial.another()
        with round_trial.start():
            round_trial.warm_up()
            since = now()
            fault = trial.choose([kill, stop, freeze, cut, cut_store, restart_store])
            print(f"{fault.__name__} at {time.monotonic():.3f}")
            fault()
            network.heal()
            fleet.start()
            round_trial.recovered_from(fault.__name__, now())
            time.sleep(MEMBER_LEASE)
            round_trial.settle()
            until = now()
        round_trial.check(any_of(lost((since, until)), throttled(since, until)))
        faults.append(fault.__name__)
    assert faults
