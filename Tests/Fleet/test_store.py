"""PostgreSQL ends, and comes back or has a successor."""

import postgres_server
import pytest
from postgres_server import PostgresServer
from trial import lost
from witness import now

pytestmark = pytest.mark.xdist_group("fleet-store")


@pytest.fixture(scope="module")
def standby(network, postgres):
    """Has all that is committed, and takes over when it is told."""
    server = PostgresServer(network.host("postgres-2"))
    try:
        server.copy(postgres).start()
        postgres.wait_for_standby()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def postgres_address(postgres, standby):
    return postgres_server.address(postgres, standby)


def test_a_restart_of_the_store_loses_nothing(fleet, trial, postgres):
    with trial.start():
        trial.warm_up()
        since = now()
        postgres.restart()
        until = now()
        trial.recovered_from("a restart of PostgreSQL", until)
        trial.settle()
        settled = now()
    trial.check(lost((since, settled)))


def test_a_standby_that_takes_over_has_all_that_was_accepted(fleet, trial, postgres, standby):
    with trial.start():
        trial.warm_up()
        since = now()
        postgres.kill()
        standby.promote()
        until = now()
        trial.recovered_from("a fail-over of PostgreSQL", until)
        trial.settle()
        settled = now()
    trial.check(lost((since, settled)))
