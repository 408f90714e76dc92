"""The queue of events as its operator sees it: shown, emptied, kept over stops, and not open to everybody."""

import contextlib
import json
import re
import subprocess
import urllib.error
import urllib.request

import pytest
from async_events import (
    NO_EVENTS, OBEDIENT, QUEUE_PATH, configure, lane, metrics, queue, seen, send, send_many, settled,
)  # fmt: skip
from aws_services import with_services
from lambda_client import Functions, function_arn
from swiftlet_server import BINARY, SwiftletServer
from test_concurrency import eventually
from test_identity import allow, guarded, sign, user  # noqa: F401
from test_identity import send as send_request

METRICS = {
    "AsyncEventsReceived", "AsyncEventsDropped", "AsyncEventsSucceeded", "AsyncEventsRetried", "AsyncEventsThrottled",
    "RecursiveInvocationsDropped", "DeadLetterErrors", "DestinationDeliveryFailures", "DestinationsDelivered",
}  # fmt: skip
FAILURE = {"do": "raise"}
#: So long after a failure that the event waits for as long as a test looks at it.
RETRY_SECONDS_LONG = 3600


@pytest.fixture
def slow_server(tmp_path, services):
    """A server on which an event that has failed waits."""
    server = with_services(tmp_path, services.endpoint, retry_delay=RETRY_SECONDS_LONG)
    server.start()
    yield server
    server.close()


@pytest.fixture
def slow_functions(slow_server):
    return Functions(slow_server, "f")


def wait_until_waiting(server, function, count):
    """Waits until so many events of a function, all of which fail, wait for another attempt, and none runs."""
    # Before the first attempt they wait, too.
    seen(server, function, count)

    def look():
        found = lane(server, function.name)
        return (found["Depth"], found["InFlight"]) == (count, 0)

    eventually(look)


def swiftlet(server, *arguments, environment=None):
    return subprocess.run(
        [str(BINARY), *arguments, "--endpoint", server.endpoint], capture_output=True, text=True, timeout=60,
        env=environment,
    )  # fmt: skip


def purge_path(name):
    return f"/swiftlet/2026-11-01/functions/{name}/purge-queue"


def purge(server, name):
    request = urllib.request.Request(f"{server.endpoint}{purge_path(name)}", method="POST")
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


# Shown


def test_queue_that_is_empty(own_server):
    assert queue(own_server) == {**NO_EVENTS, "Lanes": [], "Metrics": dict.fromkeys(METRICS, 0)}


def test_queue_shows_what_waits_and_what_runs(slow_server, slow_functions):
    failing, busy = slow_functions.create(OBEDIENT), slow_functions.create(OBEDIENT)
    send_many(slow_server, failing, [FAILURE] * 3)
    wait_until_waiting(slow_server, failing, 3)
    send(busy, {"do": "sleep", "seconds": 8})
    seen(slow_server, busy, 1)
    shown = queue(slow_server)
    assert (shown["Depth"], shown["InFlight"]) == (4, 1)
    assert shown["OldestEventAgeSeconds"] > 0
    lanes = {one.pop("Name"): one for one in shown["Lanes"]}
    ages = {name: one.pop("OldestEventAgeSeconds") for name, one in lanes.items()}
    assert ages[failing.name] >= ages[busy.name] > 0
    assert lanes == {
        failing.name: {"Kind": "Function", "Depth": 3, "InFlight": 0},
        busy.name: {"Kind": "Function", "Depth": 1, "InFlight": 1},
    }  # fmt: skip
    assert shown["Metrics"]["AsyncEventsReceived"] == 4
    settled(slow_server, busy)
    assert queue(slow_server)["OldestEventAgeSeconds"] > ages[failing.name]


def test_queue_is_one_of_all_versions(slow_server, slow_functions):
    function = slow_functions.create(OBEDIENT, Publish=True)
    send(function, FAILURE)
    send(function, FAILURE, Qualifier="1")
    wait_until_waiting(slow_server, function, 2)


def test_command_shows_the_queue(slow_server, slow_functions):
    function = slow_functions.create(OBEDIENT)
    send(function, FAILURE)
    wait_until_waiting(slow_server, function, 1)
    done = swiftlet(slow_server, "queue", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["Metrics"].keys() == METRICS
    assert told.keys() == queue(slow_server).keys()
    assert (told["Depth"], told["InFlight"], len(told["Lanes"])) == (1, 0, 1)
    done = swiftlet(slow_server, "queue")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"\b{function.name}\b.*\b1\b", done.stdout), done.stdout


def test_command_tells_that_there_is_no_server():
    done = subprocess.run(
        [str(BINARY), "queue", "--endpoint", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "there is no server at http://127.0.0.1:1" in done.stderr


# Emptied


def test_purge_drops_the_waiting_events_of_one_function(slow_server, slow_functions, mailbox):
    function, other = slow_functions.create(OBEDIENT), slow_functions.create(OBEDIENT)
    configure(function, on_failure=mailbox.arn)
    for one, count in (function, 5), (other, 2):
        send_many(slow_server, one, [FAILURE] * count)
        wait_until_waiting(slow_server, one, count)
    send(function, {"do": "sleep", "seconds": 6})
    seen(slow_server, function, 6)
    assert purge(slow_server, function.name) == {"Purged": 5}
    # The one that runs finishes.
    found = lane(slow_server, function.name)
    assert (found["Depth"], found["InFlight"]) == (1, 1)
    assert lane(slow_server, other.name)["Depth"] == 2
    eventually(lambda: metrics(slow_server)["AsyncEventsSucceeded"] == 1)
    settled(slow_server, function)
    assert purge(slow_server, function.name) == {"Purged": 0}
    # It is the operator's will, and no failure.
    assert mailbox.is_empty()
    assert len(seen(slow_server, function)) == 6
    later = send(function, {"number": 1})
    assert (later.request_id, {"number": 1}) in seen(slow_server, function, 7)


def test_purge_is_for_good(slow_server, slow_functions):
    function = slow_functions.create(OBEDIENT)
    send_many(slow_server, function, [FAILURE] * 5)
    wait_until_waiting(slow_server, function, 5)
    assert purge(slow_server, function.name) == {"Purged": 5}
    slow_server.kill()
    slow_server.start()
    assert queue(slow_server)["Depth"] == 0


def test_command_purges(slow_server, slow_functions):
    function = slow_functions.create(OBEDIENT)
    send_many(slow_server, function, [FAILURE] * 3)
    wait_until_waiting(slow_server, function, 3)
    done = swiftlet(slow_server, "queue", "purge", function.name)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b3\b", done.stdout), done.stdout
    assert queue(slow_server)["Depth"] == 0
    done = swiftlet(slow_server, "queue", "purge", "nobody")
    assert done.returncode != 0
    assert f"Function not found: {function_arn('nobody')}" in done.stderr


# Over stops


def logged(server, function):
    """What the function has seen, from the files of the log, which need no server."""
    lines = []
    for path in sorted(server.data.glob(f"logs/*{function.name}/**/*.log")):
        lines += re.findall(r"saw (\[.*\])", path.read_text())
    return [tuple(json.loads(line)) for line in lines]


def test_graceful_stop_keeps_what_waits_and_finishes_what_runs(slow_server, slow_functions, mailbox):
    waiting, running = slow_functions.create(OBEDIENT), slow_functions.create(OBEDIENT)
    configure(running, on_success=mailbox.arn)
    send_many(slow_server, waiting, [FAILURE] * 3)
    wait_until_waiting(slow_server, waiting, 3)
    accepted = send(running, {"do": "sleep", "seconds": 3})
    seen(slow_server, running, 1)
    assert slow_server.stop() == 0
    slow_server.start()
    assert mailbox.record()["requestContext"]["requestId"] == accepted.request_id
    eventually(lambda: queue(slow_server)["Depth"] == 3)
    assert lane(slow_server, waiting.name)["Depth"] == 3
    assert len(seen(slow_server, running)) == 1
    assert mailbox.is_empty()
    # Its age is counted from when it was taken.
    assert lane(slow_server, waiting.name)["OldestEventAgeSeconds"] > 3


def test_event_that_a_stop_cannot_wait_for_runs_again(tmp_path):
    server = SwiftletServer(tmp_path, ["--shutdown-timeout", "1", "--retry-delay", "1"])
    server.start()
    try:
        function = Functions(server, "f").create(OBEDIENT)
        accepted = send(function, {"do": "sleep", "seconds": 20})
        seen(server, function, 1)
        server.stop()
        server.start()
        assert {request_id for request_id, _ in seen(server, function, 2)} == {accepted.request_id}
        server.kill()
        server.start()
        seen(server, function, 3)
    finally:
        server.close()


def test_events_that_wait_at_a_stop_run_once(tmp_path):
    server = SwiftletServer(tmp_path, ["--retry-delay", "1"])
    server.start()
    try:
        function = Functions(server, "f").create(OBEDIENT)
        function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
        ids = send_many(server, function, [{"do": "sleep", "seconds": 0.2}] * 30)
        seen(server, function, 1)
        assert server.stop() == 0
        assert len(logged(server, function)) < len(ids)
        server.start()
        seen(server, function, len(ids))
        settled(server)
        assert sorted(request_id for request_id, _ in logged(server, function)) == sorted(ids)
    finally:
        server.close()


# Access


def get_status(server):
    try:
        with urllib.request.urlopen(f"{server.endpoint}{QUEUE_PATH}", timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.code


def test_queue_is_not_open_to_everybody(guarded, user):  # noqa: F811
    assert get_status(guarded) == 403
    for one in user(), user(allow("lambda:InvokeFunction")), user(allow("lambda:*", function_arn("open"))):
        assert send_request(sign(one, "GET", QUEUE_PATH))[0] == 403
    for one in guarded.root, user(allow("*")):
        status, body = send_request(sign(one, "GET", QUEUE_PATH))
        assert (status, json.loads(body)["Metrics"].keys()) == (200, METRICS)


def test_purge_is_for_those_who_may_change_the_function(guarded, user):  # noqa: F811
    invoker = user(allow("lambda:InvokeFunction"), allow("lambda:Get*"), allow("lambda:List*"))
    owner = user(allow("lambda:*", function_arn("open")))
    for one, name in (invoker, "open"), (invoker, "closed"), (owner, "closed"), (invoker, "missing"):
        assert send_request(sign(one, "POST", purge_path(name)))[0] == 403
    for one, name in (owner, "open"), (guarded.root, "closed"):
        status, body = send_request(sign(one, "POST", purge_path(name)))
        assert (status, json.loads(body)) == (200, {"Purged": 0})
    assert send_request(sign(guarded.root, "POST", purge_path("missing")))[0] == 404


def test_command_signs_its_requests(guarded):  # noqa: F811
    keys = {"AWS_ACCESS_KEY_ID": guarded.root.key, "AWS_SECRET_ACCESS_KEY": guarded.root.secret}
    done = swiftlet(guarded, "queue", "--json", environment=keys)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Metrics"].keys() == METRICS
    done = swiftlet(guarded, "queue", "purge", "open", environment=keys)
    assert done.returncode == 0, done.stderr
    assert swiftlet(guarded, "queue", environment={}).returncode != 0


def test_queue_route_takes_no_other_method(own_server):
    for method, path in ("POST", QUEUE_PATH), ("GET", purge_path("f")):
        request = urllib.request.Request(f"{own_server.endpoint}{path}", method=method)
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=60)
        with contextlib.closing(raised.value) as error:
            assert error.code in (403, 404, 405)
    with pytest.raises(urllib.error.HTTPError) as raised:
        purge(own_server, "nobody")
    with contextlib.closing(raised.value) as error:
        assert error.code == 404
