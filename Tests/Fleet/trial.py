"""One fault in a fleet that works, while clients invoke functions, and what must be true afterwards."""

import random
import time

import load
import witness
from load import Load
from waiting import eventually
from witness import now

#: The concurrency that one of the functions has reserved.
RESERVED = 3
NARROW = "narrow"
#: Their names are of different partitions, so that each manager has some.
PLAIN = ["plain-1", "plain-2", "plain-3", "plain-4"]
FUNCTIONS = [*PLAIN, NARROW]

#: How long a fleet may take until all functions can be invoked again, in seconds.
RECOVERY_SECONDS_MAX = 45
#: How long no error may come after that, in seconds.
CALM_SECONDS = 1.5


class Trial:
    def __init__(self, fleet, seed, record_property):
        self.fleet = fleet
        self.seed = seed
        self.dice = random.Random(seed)
        self._record_property = record_property
        self.load = None
        self.functions = FUNCTIONS
        self._probes = []
        self._settled = None
        self._begun = now()

    def another(self):
        """A trial of the same fleet after this one."""
        return Trial(self.fleet, self.dice.random(), self._record_property)

    def start(self, functions=FUNCTIONS, **options):
        """Clients that invoke; to be used in a `with`."""
        self.functions = list(functions)
        self.load = Load(self.fleet, self.functions, self.seed, **options)
        return self.load

    def choose(self, members):
        return self.dice.choice(members)

    def warm_up(self):
        """Waits until all functions have been invoked by the clients, and then until some moment."""
        start = now()
        self.wait_until_all_work(start)
        time.sleep(self.dice.uniform(0.3, 1.0))

    def wait_until_all_work(self, since):
        """Waits until every function was invoked with success, begun after a moment. Returns how long that took, in seconds."""
        wanted = set(self.functions)
        eventually(
            lambda: self.load.good_since(since) >= wanted, RECOVERY_SECONDS_MAX,
            "all functions work, of " + load.summary(self.load.outcomes),
        )  # fmt: skip
        firsts = {}
        for outcome in self.load.outcomes:
            if outcome.has_run and outcome.start > since:
                firsts[outcome.function] = min(firsts.get(outcome.function, outcome.end), outcome.end)
        return (max(firsts.values()) - since) / 1e9

    def recovered_from(self, what, since):
        """Waits until all functions work again, and records how long it took."""
        seconds = self.wait_until_all_work(since)
        self._record_property("recovery", f"{what}: {seconds:.2f} s")
        return seconds

    def stop(self, member):
        """Stops a host as an operator does."""
        assert member.stop() == 0

    def restart(self, member):
        """Stops a host as an operator does, starts it again, and waits until all hosts work together."""
        self.stop(member)
        member.start()
        self.make_whole()

    def restart_all(self, members):
        """Restarts one host after the other."""
        for member in members:
            self.restart(member)
            # A client that was put off by one frontend is to find another before that is stopped, too.
            time.sleep(load.CONNECT_SECONDS_MAX)

    def settle(self):
        """All hosts run and reach each other again. From the moment on when each frontend has invoked each function, no more
        errors may come."""
        self.make_whole()
        self._settled = now()
        time.sleep(CALM_SECONDS)

    def make_whole(self):
        """All hosts run and reach each other, and each frontend has invoked each function."""
        self.fleet.network.heal()
        self.fleet.start()
        pending = [(frontend, function) for frontend in self.fleet.frontends for function in self.functions]

        end = time.monotonic() + RECOVERY_SECONDS_MAX
        while pending:
            frontend, function = pending[-1]
            outcome = load.invoke([frontend], function, 0.01)
            self._probes.append(outcome)
            if outcome.is_good:
                pending.pop()
            else:
                self.fleet.check_all_run()
                assert time.monotonic() < end, f"{function} cannot be invoked by {frontend.name}: {outcome}"
                time.sleep(0.05)

    def check(self, is_allowed=lambda outcome: False, *, account_limit=None):
        """Checks all that the fleet promises, and that each error is one that is allowed. To be called after the load's end.

        - `is_allowed`: whether an invoke may have come to that error; throttles of a function that has reserved less than is
          asked of it are.
        """
        outcomes = self.load.outcomes
        print(f"outcomes: {load.summary(outcomes)}")
        self._check_errors(outcomes, is_allowed)
        self._check_executions(outcomes, account_limit)

    def _check_errors(self, outcomes, is_allowed):
        wrong = []
        for outcome in outcomes:
            if outcome.is_good or outcome.is_throttled and outcome.function == NARROW:
                continue
            is_late = self._settled is not None and outcome.start > self._settled
            if is_late or not is_allowed(outcome):
                wrong.append(("after the recovery " if is_late else "") + self._described(outcome))
        assert not wrong, f"{len(wrong)} of {len(outcomes)} invokes came to what is not allowed:\n" + "\n".join(wrong[:20])

    def _described(self, outcome):
        first = self.load.outcomes[0].start
        start, end = (outcome.start - first) / 1e9, (outcome.end - first) / 1e9
        return (
            f"{outcome.event_id} {'async ' if outcome.is_async else ''}{outcome.function} by {outcome.frontend} "
            f"from {start:.3f} to {end:.3f} s: {outcome.kind} {outcome.detail}"
        )

    def _check_executions(self, outcomes, account_limit):
        accepted = {outcome.event_id: outcome for outcome in outcomes if outcome.is_async and outcome.status == 202}

        def missing():
            return accepted.keys() - {execution.event_id for execution in self.fleet.witness.executions}

        end = time.monotonic() + RECOVERY_SECONDS_MAX
        while missing() and time.monotonic() < end:
            time.sleep(0.1)
        late = [self._described(accepted[event_id]) for event_id in missing()]
        assert not late, f"of {len(accepted)} accepted events {len(late)} have not run:\n" + "\n".join(late[:20])
        answered = {outcome.event_id for outcome in outcomes if not outcome.is_async and outcome.is_good}

        def unheard():
            return answered - {one.event_id for one in self.fleet.witness.executions if one.has_ended}

        # The answer may be here before the witness has read what the function wrote.
        while unheard() and time.monotonic() < end:
            time.sleep(0.1)
        assert not unheard(), "answered invokes did not run"
        executions = self.fleet.witness.executions

        synchronous = {outcome.event_id for outcome in outcomes + self._probes if not outcome.is_async}
        assert witness.repeated(executions, synchronous) == {}, "synchronous invokes ran more than once"
        assert witness.shared_environments(executions) == [], "two invokes used one environment at once"
        assert witness.environments_of_several(executions) == {}, "two functions used one environment"

        # Of this trial: what was wrong before was told before.
        executions = [execution for execution in executions if execution.start >= self._begun]
        self._check_limit(RESERVED, [execution for execution in executions if execution.function == NARROW])
        if account_limit is not None:
            self._check_limit(account_limit, [execution for execution in executions if execution.function != NARROW])

    def _check_limit(self, limit, executions):
        crowd = witness.crowd(executions)
        first = self.load.outcomes[0].start
        assert len(crowd) <= limit, f"{len(crowd)} ran at once, of {limit} that may:\n" + "\n".join(
            f"{one.function} from {(one.start - first) / 1e9:.3f} to {(one.last - first) / 1e9:.3f} s"
            f"{'' if one.has_ended else ', where it was ended'}, {one.request_id} in {one.environment}"
            for one in crowd
        )


# Errors that may be, by what went wrong.


def lost(*faults):
    """What was under way when something broke: from its begin to its end there was such a moment."""

    def is_allowed(outcome):
        is_of_kind = (
            outcome.kind in ("500 ServiceException", "503 ServiceException")
            # The worker has ended it and can still say so.
            or (outcome.kind == "200 Unhandled" and "Sandbox.Failure" in outcome.detail)
            # The frontend itself is gone.
            or outcome.kind in ("None RemoteDisconnected", "None ConnectionResetError", "None IncompleteRead")
        )
        return is_of_kind and any(outcome.start <= until and outcome.end >= since for since, until in faults)

    return is_allowed


def throttled(since, until):
    """Throttles of an account whose manager cannot tell how much there is, for a while."""
    return lambda outcome: outcome.is_throttled and outcome.start <= until and outcome.end >= since


def any_of(*rules):
    return lambda outcome: any(rule(outcome) for rule in rules)
