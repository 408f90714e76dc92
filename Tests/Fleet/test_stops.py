"""Hosts that are stopped as an operator does. No client notices any of it."""

import http.client
import json
import threading
import time

import pytest
from fleet import FRONTEND_PORT
from load import CONNECT_SECONDS_MAX
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
        for member in members:
            trial.stop(member)
            member.start()
            trial.make_whole()
            # A client that was put off by one frontend is to find another before that is stopped, too.
            time.sleep(CONNECT_SECONDS_MAX)
        trial.recovered_from("a restart of all hosts", since)
        trial.settle()
    trial.check()


def test_a_frontend_that_stops_answers_whoever_has_connected(fleet, trial):
    victim = trial.choose(fleet.frontends)
    resets, has_ended = [], threading.Event()

    def connect_over_and_over():
        while not has_ended.is_set():
            connection = http.client.HTTPConnection(victim.host.address, FRONTEND_PORT, timeout=10)
            try:
                connection.connect()
            except OSError:
                # It listens no more: whoever comes now goes to another frontend.
                time.sleep(0.01)
                continue
            try:
                event = json.dumps({"id": "any", "seconds": 0})
                connection.request("POST", f"/2015-03-31/functions/{PLAIN[0]}/invocations", event)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException) as error:
                resets.append(repr(error))
            finally:
                connection.close()

    threads = [threading.Thread(target=connect_over_and_over) for _ in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    trial.stop(victim)
    has_ended.set()
    for thread in threads:
        thread.join()
    assert resets == []
