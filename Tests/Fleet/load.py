"""Clients that invoke functions while something goes wrong, and what came of each invoke."""

import collections
import dataclasses
import http.client
import json
import random
import threading
import uuid

from fleet import FRONTEND_PORT
from witness import now

#: How long a client waits for an answer, in seconds; longer than the service looks for an environment.
ANSWER_SECONDS_MAX = 60
CONNECT_SECONDS_MAX = 1
#: So that a mistake cannot fill the memory.
OUTCOMES_MAX = 50_000


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a client saw of one invoke. Times are those of the witness."""

    event_id: str
    function: str
    frontend: str
    is_async: bool
    start: int
    end: int
    #: Nil if the connection broke before an answer came.
    status: int | None
    #: The type of the error, or what broke; nil if there is none.
    error: str | None
    detail: str = ""

    @property
    def is_good(self):
        return self.status == (202 if self.is_async else 200) and self.error is None

    @property
    def has_run(self):
        """Whether the function has answered. Of an event nobody waits for that."""
        return self.is_good and not self.is_async

    @property
    def is_throttled(self):
        return self.status == 429

    @property
    def kind(self):
        return "good" if self.is_good else f"{self.status} {self.error}"


def invoke(frontends, function, seconds, is_async=False):
    """Invokes a function once. Asks the next frontend when one cannot even be connected to, as a load balancer does.

    Nothing is tried again after that. Each invoke has a connection of its own, so that none is begun on one that ends.
    """
    event_id = uuid.uuid4().hex
    start = now()

    def outcome(frontend, status, error, detail=""):
        return Outcome(event_id, function, frontend, is_async, start, now(), status, error, detail)

    for frontend in frontends:
        connection = http.client.HTTPConnection(frontend.host.address, FRONTEND_PORT, timeout=CONNECT_SECONDS_MAX)
        try:
            connection.connect()
            break
        except OSError:
            connection.close()
    else:
        return outcome("none", None, "unreachable")
    try:
        connection.sock.settimeout(ANSWER_SECONDS_MAX)
        connection.request(
            "POST", f"/2015-03-31/functions/{function}/invocations",
            json.dumps({"id": event_id, "seconds": seconds}),
            {"X-Amz-Invocation-Type": "Event" if is_async else "RequestResponse"},
        )  # fmt: skip
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return outcome(frontend.name, None, type(error).__name__, str(error))
    finally:
        connection.close()
    error = response.getheader("x-amzn-errortype") or response.getheader("x-amz-function-error")
    return outcome(frontend.name, response.status, error, "" if error is None else body.decode(errors="replace")[:300])


class Load:
    """Clients that invoke over and over, until the end of a `with`."""

    def __init__(self, fleet, functions, seed, *, clients=5, event_clients=1, pause=0.03, seconds=(0.02, 0.25)):
        self._fleet = fleet
        self._functions = functions
        self._pause = pause
        self._seconds = seconds
        self._lock = threading.Lock()
        self._outcomes = []
        self._has_ended = threading.Event()
        kinds = [False] * clients + [True] * event_clients
        self._threads = [
            threading.Thread(target=self._run, args=(index, is_async, random.Random(f"{seed} {index}")))
            for index, is_async in enumerate(kinds)
        ]

    def _run(self, index, is_async, dice):
        while not self._has_ended.wait(self._pause):
            frontends = self._fleet.frontends
            first = dice.randrange(len(frontends))
            outcome = invoke(
                frontends[first:] + frontends[:first], dice.choice(self._functions), dice.uniform(*self._seconds),
                is_async,
            )  # fmt: skip
            self._add(outcome)

    def _add(self, outcome):
        with self._lock:
            if len(self._outcomes) < OUTCOMES_MAX:
                self._outcomes.append(outcome)

    def burst(self, seconds, count):
        """Has further clients invoke each function once, so many at the same time, and waits for what comes of it."""
        functions = [self._functions[index % len(self._functions)] for index in range(count)]
        threads = [
            threading.Thread(target=lambda name: self._add(invoke(self._fleet.frontends, name, seconds)), args=(name,))
            for name in functions
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._has_ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def outcomes(self):
        with self._lock:
            return list(self._outcomes)

    def good_since(self, moment):
        """The functions that were invoked with success, begun after a moment."""
        return {outcome.function for outcome in self.outcomes if outcome.has_run and outcome.start > moment}


def summary(outcomes):
    """How many came to what."""
    counts = collections.Counter(("async " if outcome.is_async else "") + outcome.kind for outcome in outcomes)
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items()))
