"""A function with a great many events that wait is nobody's business but its own."""

import time

import pytest
from async_events import OBEDIENT, configure, lane, metrics, seen, send, send_many, settled
from aws_services import with_services
from lambda_client import Functions
from swiftlet_server import IS_EMULATED
from test_concurrency import eventually

BACKLOG = 5000
EVENTS = 20
#: How many events of a function are to be tried again; each may start an environment.
RETRIED = 10 if IS_EMULATED else 200
#: How much longer another function's events may take from acceptance to start beside the backlog than without it, and
#: what such a time is at least taken for, in seconds: a host with two CPUs has other tests to run.
SLOWDOWN_MAX = 20
START_SECONDS_MIN = 0.025
#: Tells when it was started.
VICTIM = """
import json, time
def handler(event, context): print("saw " + json.dumps([context.aws_request_id, time.time()]), flush=True)
"""
#: What makes events pile up: one place and a slow function, where nearly all are throttled; or one that fails always.
BACKLOGS = {
    "throttled": {"do": "sleep", "seconds": 1},
    "failing": {"do": "raise"},
}


@pytest.fixture
def quiet_server(tmp_path, services):
    """A server on which an event that has failed waits for as long as the test lasts."""
    server = with_services(tmp_path, services.endpoint, retry_delay=3600)
    server.start()
    yield server
    server.close()


def starting_seconds(server, victim):
    """Sends events one after the other, and returns how long the one in the middle took from acceptance to start."""
    accepted = {}
    for _ in range(EVENTS):
        request_id = send(victim, {}).request_id
        accepted[request_id] = time.time()
        settled(server, victim)
    started = dict(seen(server, victim, EVENTS))
    taken = sorted(max(0, started[request_id] - accepted[request_id]) for request_id in accepted)
    return taken[len(taken) // 2]


@pytest.mark.parametrize("kind", BACKLOGS)
def test_backlog_of_one_function_holds_up_no_other(quiet_server, mailbox, kind):
    if IS_EMULATED and kind == "failing":
        pytest.skip("hundreds of machines at once are more than a host can emulate")
    server = quiet_server
    functions = Functions(server, "f")
    noisy, victim = functions.create(OBEDIENT), functions.create(VICTIM)
    alone = starting_seconds(server, victim)
    if kind == "throttled":
        noisy.client.put_function_concurrency(FunctionName=noisy.name, ReservedConcurrentExecutions=1)
    send_many(server, noisy, [BACKLOGS[kind]] * BACKLOG)
    configure(victim, on_success=mailbox.arn)
    ids = send_many(server, victim, range(EVENTS))
    # All of them are through before the backlog is.
    delivered = mailbox.take(EVENTS)
    assert len(delivered) == EVENTS == len(ids)
    assert lane(server, noisy.name)["Depth"] > 0.9 * BACKLOG
    beside = starting_seconds(server, functions.create(VICTIM))
    assert lane(server, noisy.name)["Depth"] > 0.9 * BACKLOG
    print(f"from acceptance to start: alone {alone * 1000:.1f} ms, beside the backlog {beside * 1000:.1f} ms")
    assert beside < SLOWDOWN_MAX * max(alone, START_SECONDS_MIN)
    # The backlog is no burden for a stop, either.
    assert server.stop() == 0
    server.start()
    assert lane(server, noisy.name)["Depth"] > 0.9 * BACKLOG


def test_event_passes_those_of_its_own_function_that_wait_for_a_retry(quiet_server):
    """Order is promised to nobody; what is to be tried again later holds up nothing that comes meanwhile."""
    function = Functions(quiet_server, "f").create(OBEDIENT)
    send_many(quiet_server, function, [{"do": "raise"}] * RETRIED)
    eventually(lambda: lane(quiet_server, function.name)["InFlight"] == 0)
    ids = send_many(quiet_server, function, range(EVENTS))
    found = dict(seen(quiet_server, function, RETRIED + EVENTS))
    assert set(ids) <= found.keys()
    eventually(lambda: metrics(quiet_server)["AsyncEventsSucceeded"] == EVENTS)
    # What has succeeded is taken out a moment later.
    eventually(lambda: lane(quiet_server, function.name)["Depth"] == RETRIED)
