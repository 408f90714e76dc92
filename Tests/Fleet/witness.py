"""What functions have run, as told by themselves while they ran.

A sandbox shows its functions the directory of their runtime, read-only. In the directory that the tests use there is a named
pipe, which can be written to all the same: each execution tells of its begin, now and then that it still runs, and of its
end. A line is in the pipe the moment that it was written, so that it survives whatever happens to the worker afterwards.
All times are of CLOCK_MONOTONIC, which is one and the same for all sandboxes and hosts of the test, whatever their wall
clocks say.
"""

import collections
import dataclasses
import fcntl
import os
import shutil
import threading
import time

from fleet_paths import PYTHON, ROOT

#: How often an execution tells that it still runs, in seconds.
BEAT = 0.05

#: The event: `id`, and how many `seconds` it takes.
CODE = f"""
import os, time
ENVIRONMENT = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"].replace(" ", "_")
NAME = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
pipe = os.open("/var/runtime/witness", os.O_WRONLY)
def tell(kind, event, context):
    now = time.monotonic_ns()
    os.write(pipe, f"{{kind}} {{now}} {{event['id']}} {{context.aws_request_id}} {{NAME}} {{ENVIRONMENT}}\\n".encode())
def handler(event, context):
    tell("S", event, context)
    end = time.monotonic() + event["seconds"]
    while (rest := end - time.monotonic()) > 0:
        time.sleep(min(rest, {BEAT}))
        tell("B", event, context)
    tell("E", event, context)
    return {{"id": event["id"], "environment": ENVIRONMENT}}
"""


@dataclasses.dataclass
class Execution:
    event_id: str
    request_id: str
    function: str
    environment: str
    start: int
    #: When it was heard of last; its end if it has come to it.
    last: int
    has_ended: bool = False


class Witness:
    """Hears what functions tell. Close it after the last of them is gone: they do not run without it."""

    def __init__(self, directory):
        self.runtimes = directory / "runtimes"
        runtime = self.runtimes / PYTHON
        # What functions may import beside the client is large, and nothing to them here.
        shutil.copytree(
            ROOT / ".runtimes" / PYTHON, runtime, ignore=shutil.ignore_patterns("boto*", "s3transfer*", "urllib3*")
        )
        runtime.chmod(0o755)
        path = runtime / "witness"
        os.mkfifo(path)
        path.chmod(0o666)
        # Open for writing, too, so that it does not end when no function is there.
        self._pipe = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
        self._lock = threading.Lock()
        self._executions = []
        self._running = {}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        rest = b""
        while True:
            *lines, rest = (rest + os.read(self._pipe, 1 << 16)).split(b"\n")
            with self._lock:
                for line in lines:
                    if line == b"end":
                        return
                    self._heard(*line.decode().split(" "))

    def _heard(self, kind, moment, event_id, request_id, function, environment):
        moment = int(moment)
        key = (environment, request_id, event_id)
        if kind == "S":
            execution = Execution(event_id, request_id, function, environment, moment, moment)
            self._executions.append(execution)
            self._running[key] = execution
            return
        execution = self._running[key]
        execution.last = moment
        if kind == "E":
            execution.has_ended = True
            del self._running[key]

    @property
    def executions(self):
        """All so far, as they were heard of."""
        with self._lock:
            return [dataclasses.replace(execution) for execution in self._executions]

    def close(self):
        os.write(self._pipe, b"end\n")
        self._thread.join()
        os.close(self._pipe)


# What must be true of executions whatever happens.


def crowd(executions):
    """The most that ran at the same time, as far as they were heard of. One that was killed counts until it was heard of last."""
    running, largest = set(), []
    changes = [
        change
        for index, execution in enumerate(executions)
        for change in ((execution.start, 1, index), (execution.last, 0, index))
        # One that was killed as soon as it was heard of was beside nobody.
        if execution.last > execution.start
    ]
    for _, begins, index in sorted(changes):
        if begins:
            running.add(index)
            if len(running) > len(largest):
                largest = sorted(running)
        else:
            running.discard(index)
    return [executions[index] for index in largest]


def most_at_once(executions):
    return len(crowd(executions))


def shared_environments(executions):
    """Pairs of executions that used one environment at the same time."""
    by_environment = collections.defaultdict(list)
    for execution in executions:
        by_environment[execution.environment].append(execution)
    pairs = []
    for members in by_environment.values():
        members.sort(key=lambda execution: execution.start)
        pairs += [(one, next_) for one, next_ in zip(members, members[1:]) if next_.start < one.last]
    return pairs


def environments_of_several(executions):
    """Environments that ran more than one function."""
    functions = collections.defaultdict(set)
    for execution in executions:
        functions[execution.environment].add(execution.function)
    return {environment: names for environment, names in functions.items() if len(names) > 1}


def repeated(executions, event_ids):
    """Which of these events ran more than once."""
    counts = collections.Counter(execution.event_id for execution in executions)
    return {event_id: counts[event_id] for event_id in event_ids if counts[event_id] > 1}


def now():
    return time.monotonic_ns()
