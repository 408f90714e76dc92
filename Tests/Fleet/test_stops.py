"""Hosts that are stopped as an operator does. No client notices any of it."""

import json
import time

import pytest
from fleet import FRONTEND_PORT
from knocking import Knocking
from trial import PLAIN
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-stops")


@pytest.mark.parametrize("role", ["worker", "manager", "frontend"])
def test_no_client_notices_that_a_host_is_stopped(fleet, trial, role):
    with trial.start():
        trial.warm_up()
        victim = trial.choose(fleet.of(role))
        since = now()
        trial.stop(victim)
        trial.recovered_from(f"SIGTERM to a {role}", since)
        trial.settle()
    trial.check()


def test_no_client_notices_that_all_hosts_are_restarted_one_after_the_other(fleet, trial):
    members = list(fleet.members.values())
    trial.dice.shuffle(members)
    with trial.start():
        trial.warm_up()
        since = now()
        trial.restart_all(members)
        trial.recovered_from("a restart of all hosts", since)
        trial.settle()
    trial.check()


def test_a_frontend_that_stops_answers_whoever_has_connected(fleet, trial):
    victim = trial.choose(fleet.frontends)
    event = json.dumps({"id": "any", "seconds": 0})
    path = f"/2015-03-31/functions/{PLAIN[0]}/invocations"
    with Knocking(victim.host.address, FRONTEND_PORT, "POST", path, event) as knocking:
        time.sleep(1)
        trial.stop(victim)
    assert knocking.broken == []
