"""What the benchmark of the event queue does with events: send them, have them wait, watch them being run."""

import contextlib
import http.client
import itertools
import json
import os
import random
import re
import time
from dataclasses import dataclass

import load
from density import echo_program
from service import SETTLE_SECONDS_MAX, Service, package, python_version

CLIENTS = 64
#: How many events of a function may run at a time where its backlog is worked off.
PLACES = 16
EVENT = {"X-Amz-Invocation-Type": "Event"}
BODY = json.dumps({"id": 12345, "detail": "What happened, in a hundred bytes or so", "time": "2026-11-01T00:00:00Z"})
FILL_SECONDS_MAX = 600
#: How long the event runs that has the others wait, the most that a function may.
HOLD_SECONDS = 900
#: How long the runtime of a gated function takes to start, less than the 10 s that it may.
GATE_SECONDS = 5
LOOK_SECONDS = 0.02
#: A rest between two events in which the environment freezes, as that of an idle function does. Of no fixed length, so
#: that it keeps no time with anything.
REST_SECONDS = (0.03, 0.07)
#: The part of a backlog that is run before the watch begins.
WARM = 0.05
#: A service that uses less than this part of a CPU has nothing left to do.
IDLE_CPU_MAX = 0.02
DRAIN_SECONDS_MAX = 600

#: Runs for as long as its event says, asleep or busy, which is for no time unless it says so.
TIMED = """
import time
def handler(event, context):
    time.sleep(event.get("asleep", 0))
    end = time.monotonic() + event.get("busy", 0)
    while time.monotonic() < end: pass
"""
#: Says to the nanosecond when it began.
BEGINNING = """
import time
def handler(event, context):
    now = time.time_ns()
    print("began", event["number"], now)
"""
#: The compiled example, which starts late, so that a backlog is there before the first event is run.
GATED = f"""#!/bin/sh
sleep {GATE_SECONDS}
exec "$LAMBDA_TASK_ROOT/echo"
"""
numbers = itertools.count()


def service():
    """One that does not wait at its end for the events that hold the others up."""
    return Service("--shutdown-timeout", "1")


def create_python(service, name, source, timeout=60):
    return service.create(name, package({"app.py": (source, 0o644)}), f"python{python_version()}", timeout=timeout)


def create_gated_echo(service, name):
    code = {"bootstrap": (GATED, 0o755), "echo": (echo_program(service.directory), 0o755)}
    path = service.create(name, package(code), "provided.al2023", "unused")
    reserve(service, name, PLACES)
    return path


def reserve(service, name, places):
    """How many of a function may run at a time."""
    body = json.dumps({"ReservedConcurrentExecutions": places})
    expect(service.request("PUT", f"/2017-10-31/functions/{name}/concurrency", body), 200, "PutFunctionConcurrency")


def expect(response, status, what):
    if response[0] != status:
        raise SystemExit(f"{what} answered {response[0]}: {response[1][:1000]!r}")
    return response[1]


@dataclass
class Queue:
    """What the service says of its queue."""

    #: Events of the function that is asked about: all, and those that run.
    depth: int
    running: int
    #: Of all functions, since the service's start.
    received: int
    succeeded: int

    @property
    def waiting(self):
        return self.depth - self.running


def queue(service, name):
    answer = json.loads(expect(service.request("GET", "/swiftlet/2026-11-01/queue"), 200, "the queue"))
    lane = next((lane for lane in answer["Lanes"] if lane["Name"] == name), {"Depth": 0, "InFlight": 0})
    metrics = answer["Metrics"]
    return Queue(lane["Depth"], lane["InFlight"], metrics["AsyncEventsReceived"], metrics["AsyncEventsSucceeded"])


def send(service, path, event):
    expect(service.request("POST", path, json.dumps(event), EVENT), 202, "an event")


def accept(service, path, seconds, until=None, body=BODY):
    """Sends events from many clients; returns wrk's figures and the service's CPU time in us for each event."""
    before = service.cpu_seconds()
    run = load.run(service.port, path, CLIENTS, seconds, body=body, headers=EVENT, until=until)
    cpu = (service.cpu_seconds() - before) * 1e6 / max(1, run.requests)
    if run.errors:
        raise SystemExit(f"{run.errors} of {run.requests} events were refused; the log:\n{service.log[-4000:]}")
    return run, cpu


def fill(service, name, path, count, body=BODY):
    """Sends so many events and a few more; returns how many wait."""
    wanted = queue(service, name).received + count
    accept(service, path, FILL_SECONDS_MAX, lambda: queue(service, name).received >= wanted, body)
    return queue(service, name).waiting


def create_held(service, name):
    """A function whose events wait, because one that sleeps has its only place; returns its invoke path."""
    path = create_python(service, name, TIMED, timeout=HOLD_SECONDS)
    reserve(service, name, 1)
    send(service, path, {"asleep": HOLD_SECONDS - 1})
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while queue(service, name).running < 1:
        if time.monotonic() > deadline:
            raise SystemExit(f"the event that holds up the others does not run; the log:\n{service.log[-4000:]}")
        time.sleep(LOOK_SECONDS)
    return path


def purge(service, name, held=0):
    """Drops what waits, and returns once no more than `held` events run and the service has nothing left to do."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    # One that is being tried, and is about to be refused, is not dropped the first time.
    while queue(service, name).depth > held:
        expect(service.request("POST", f"/swiftlet/2026-11-01/functions/{name}/purge-queue"), 200, "purge-queue")
        if time.monotonic() > deadline:
            raise SystemExit(f"events of {name} stay in the queue; the log:\n{service.log[-4000:]}")
        time.sleep(LOOK_SECONDS)
    settle(service)


def settle(service):
    """Returns once the service does next to nothing, or after a while in which it went on; and how much it did then."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        before = service.cpu_seconds()
        time.sleep(1)
        used = service.cpu_seconds() - before
        if used <= IDLE_CPU_MAX or time.monotonic() > deadline:
            return used


@dataclass
class Drain:
    """How a backlog was worked off."""

    per_second: float
    #: The service's CPU time for each event.
    cpu_us: float
    #: Until the first was run.
    delay: float


def drain(service, name, seconds=None):
    """Watches the events of a function being run until none waits any more, or for so long.

    The watch begins when some have been run, and ends while others still wait.
    """
    began = time.monotonic()
    start = queue(service, name)
    enough = start.succeeded + max(1, int(min(start.waiting, 10_000) * WARM))
    samples, delay = [], None
    while True:
        now, found = time.monotonic(), queue(service, name)
        if delay is None and found.succeeded > start.succeeded:
            delay = now - began
        if found.waiting <= 0 or (samples and seconds and now - samples[0][0] > seconds):
            break
        if now - began > DRAIN_SECONDS_MAX:
            raise SystemExit(f"{found.waiting} events of {name} still wait; the log:\n{service.log[-4000:]}")
        if found.succeeded >= enough:
            samples.append((now, found.succeeded, service.cpu_seconds()))
        time.sleep(LOOK_SECONDS)
    if len(samples) < 2:
        raise SystemExit(f"the backlog of {start.waiting} was worked off before it could be watched")
    (first, one, used), (last, other, used_last) = samples[0], samples[-1]
    done = max(1, other - one)
    return Drain(done / (last - first), (used_last - used) * 1e6 / done, delay)


@contextlib.contextmanager
def highest_priority():
    """Stands for a caller on another host, who does not share its processors with the service."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, 0)


@dataclass
class Starts:
    """Times in ms from when an invoke was sent until its function began, and for events from when it was accepted."""

    sent: list
    accepted: list
    synchronous: list


def starts(service, name, path, count):
    """Invokes a function that says when it began, in turns with an event and synchronously, one at a time."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.connect()
    since, moments = time.time_ns() // 1_000_000 - 1, {}
    with highest_priority():
        for _ in range(count):
            for headers, status in (EVENT, 202), ({}, 200):
                number, sent = next(numbers), time.time_ns()
                connection.request("POST", path, json.dumps({"number": number}), headers)
                response = connection.getresponse()
                answered = time.time_ns()
                expect((response.status, response.read()), status, "an invoke")
                moments[number] = status, sent, answered
                time.sleep(random.uniform(*REST_SECONDS))
    connection.close()
    began = beginnings(service, name, since, set(moments))
    result = Starts([], [], [])
    for number, (status, sent, answered) in moments.items():
        if status == 202:
            result.sent.append((began[number] - sent) / 1e6)
            result.accepted.append((began[number] - answered) / 1e6)
        else:
            result.synchronous.append((began[number] - sent) / 1e6)
    return result


def beginnings(service, name, since, wanted):
    """When the function began with each of some events, in ns, as it has printed."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    headers = {"X-Amz-Target": "Logs_20140328.FilterLogEvents", "Content-Type": "application/x-amz-json-1.1"}
    while True:
        found, token = {}, {}
        while True:
            question = {"logGroupName": f"/aws/lambda/{name}", "filterPattern": "began", "startTime": since, **token}
            response = service.request("POST", "/", json.dumps(question), headers)
            answer = json.loads(expect(response, 200, "FilterLogEvents"))
            for event in answer["events"]:
                if line := re.match(r"began (\d+) (\d+)", event["message"]):
                    found[int(line[1])] = int(line[2])
            if not answer.get("nextToken"):
                break
            token = {"nextToken": answer["nextToken"]}
        if wanted <= set(found):
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(wanted - set(found))} of {len(wanted)} events have not begun")
        time.sleep(0.2)
