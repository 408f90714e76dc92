"""Freezing and thawing: what an invoke costs the service more when its environment was frozen before it."""

import http.client
import statistics
import sys
import time

from processes import cpu_nanoseconds, is_frozen, is_functions
from report import Figure, spread
from service import Service, descendants

NAME = "freeze"
TARGET_US = 100
#: An environment is frozen after 10 ms of rest. Rests that it is frozen in, and rests that end before.
FROZEN_SECONDS, AWAKE_SECONDS = 0.02, 0.007
#: In what part of the rests it has to have been so.
AGREE_MIN = 0.9


class Caller:
    """Invokes one function over a connection that stays."""

    def __init__(self, service, path):
        self._service, self._path = service, path
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        self.invoke()
        self._process = next(filter(is_functions, descendants(service.pid)))

    def invoke(self):
        self._connection.request("POST", self._path, b"{}")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200 or response.headers.get("X-Amz-Function-Error"):
            raise SystemExit(f"an invoke failed with {response.status}: {body[:1000]!r}")

    def cpu_us(self, invokes, pause):
        """The service's processor time per invoke, and in what part of the pauses the environment was frozen."""
        frozen = 0
        before = cpu_nanoseconds(self._service.pid)
        for _ in range(invokes):
            self.invoke()
            if pause:
                time.sleep(pause)
                frozen += is_frozen(self._process)
        return (cpu_nanoseconds(self._service.pid) - before) / 1000 / invokes, frozen / invokes

    def close(self):
        self._connection.close()


def measure(caller, invokes, pause, is_frozen_wanted):
    cpu, frozen = caller.cpu_us(invokes, pause)
    if (frozen if is_frozen_wanted else 1 - frozen) < AGREE_MIN:
        raise SystemExit(f"frozen in {frozen:.0%} of the rests of {pause * 1000:.0f} ms; is the host too busy?")
    return cpu


def run(rounds=7, invokes=400):
    at_once, awake, frozen = [], [], []
    # Sandboxes that are made for others would be counted too.
    with Service("--waiting-sandboxes", "0") as service:
        path = service.create_echo("echo")
        # One environment only: who asks again before it is ready might be given another, and leave this one frozen.
        service.request("PUT", "/2017-10-31/functions/echo/concurrency", '{"ReservedConcurrentExecutions": 1}')
        caller = Caller(service, path)
        caller.cpu_us(invokes, 0)
        for number in range(rounds):
            print(f"freeze: round {number + 1} of {rounds}", file=sys.stderr)
            at_once.append(measure(caller, invokes, 0, is_frozen_wanted=False))
            awake.append(measure(caller, invokes, AWAKE_SECONDS, is_frozen_wanted=False))
            frozen.append(measure(caller, invokes, FROZEN_SECONDS, is_frozen_wanted=True))
        caller.close()
    freezing = [one - other for one, other in zip(frozen, awake)]
    resting = [one - other for one, other in zip(frozen, at_once)]
    return [
        Figure(NAME, "freeze and thaw: own CPU", statistics.median(freezing), "us", TARGET_US,
               note=f"{spread(freezing)}; invoke after a rest {statistics.median(awake):.3g}, "
               f"frozen before {statistics.median(frozen):.3g}"),
        Figure(NAME, "invoke of a frozen one, more than at once", statistics.median(resting), "us",
               note=f"{spread(resting)}; invoke at once {statistics.median(at_once):.3g}"),
    ]  # fmt: skip


def quick():
    return run(rounds=3, invokes=100)
