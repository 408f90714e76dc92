"""Hosts of two releases in one fleet, which must be neighbours: each can use the database's schema of the other. The other
release is not built by the tests; give it with SWIFTLET_OTHER_BINARY:

    SWIFTLET_OTHER_BINARY=/path/to/swiftlet scripts/with-postgres scripts/in-own-network \\
        .venv/bin/pytest Tests/Fleet/test_upgrades.py
"""

import os

import pytest
from fleet_paths import BINARY
from witness import now

OTHER = os.environ.get("SWIFTLET_OTHER_BINARY")

pytestmark = [
    pytest.mark.xdist_group("fleet-upgrades"),
    pytest.mark.skipif(OTHER is None, reason="the program of another release is given with SWIFTLET_OTHER_BINARY"),
]


def test_no_client_notices_that_a_fleet_goes_to_another_release_and_back(fleet, trial):
    members = list(fleet.members.values())
    with trial.start():
        trial.warm_up()
        since = now()
        for binary in (OTHER, str(BINARY)):
            trial.dice.shuffle(members)
            for member in members:
                member.command[0] = binary
            trial.restart_all(members)
        trial.recovered_from("another release on all hosts, and this one again", since)
        trial.settle()
    trial.check()
