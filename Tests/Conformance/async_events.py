"""Asynchronous invokes: how tests send them, look at the queue, and find what became of them."""

import concurrent.futures
import itertools
import json
import urllib.request
import uuid

from lambda_client import make_client
from test_concurrency import eventually
from wire import Caller

EVENT_BYTES_MAX = 1_048_576
QUEUE_PATH = "/swiftlet/2026-11-01/queue"
NO_EVENTS = {"Depth": 0, "InFlight": 0, "OldestEventAgeSeconds": None}

#: Prints what it sees, and does what its event says.
OBEDIENT = """
import json, os, time
attempts = {}
def handler(event, context):
    print("saw " + json.dumps([context.aws_request_id, event]), flush=True)
    order = event if isinstance(event, dict) else {}
    kind = order.get("do")
    attempts[context.aws_request_id] = attempt = attempts.get(context.aws_request_id, 0) + 1
    if kind == "raise": raise RuntimeError(order.get("message", "refused"))
    if kind == "raise at first" and attempt <= order["times"]: raise RuntimeError("not yet")
    if kind == "sleep": time.sleep(order["seconds"])
    if kind == "exit": os._exit(3)
    if kind == "allocate":
        kept = []
        while True: kept.append(b"x" * (8 << 20))
    return {"did": event}
"""


class Accepted:
    """What the sender of an event came back with."""

    def __init__(self, response):
        self.status = response["StatusCode"]
        self.headers = response["ResponseMetadata"]["HTTPHeaders"]
        self.request_id = response["ResponseMetadata"]["RequestId"]
        self.body = response["Payload"].read()
        assert "FunctionError" not in response and "ExecutedVersion" not in response


def send(function, event, **parameters):
    """Has the service take an event."""
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    accepted = Accepted(
        function.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=payload, **parameters)
    )
    assert (accepted.status, accepted.body) == (202, b"")
    assert str(uuid.UUID(accepted.request_id)) == accepted.request_id
    return accepted


def send_many(server, function, events, connections=4):
    """Sends many events quickly; all must be taken. Returns their request ids, in the order of the events."""
    path = f"/2015-03-31/functions/{function.name}/invocations"

    def send_part(part):
        with Caller(server) as caller:
            replies = [
                caller.ask("POST", path, json.dumps(event), {"X-Amz-Invocation-Type": "Event"}) for event in part
            ]
        assert {(reply.status, reply.body) for reply in replies} <= {(202, b"")}, replies[-1].body
        return [reply.headers["x-amzn-RequestId"] for reply in replies]

    events = list(events)
    parts = [events[start::connections] for start in range(connections)]
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        sent = list(pool.map(send_part, parts))
    ids = [one for row in itertools.zip_longest(*sent) for one in row if one is not None]
    assert len(set(ids)) == len(events)
    return ids


def configure(function, on_success=None, on_failure=None, qualifier=None, **parameters):
    """Says how events of a function are tried, and where their outcome goes."""
    destinations = {"OnSuccess": on_success, "OnFailure": on_failure}
    function.client.put_function_event_invoke_config(
        FunctionName=function.name,
        DestinationConfig={name: {"Destination": arn} for name, arn in destinations.items() if arn},
        **({"Qualifier": qualifier} if qualifier else {}), **parameters,
    )  # fmt: skip


# The queue


def queue(server):
    with urllib.request.urlopen(f"{server.endpoint}{QUEUE_PATH}", timeout=60) as response:
        return json.load(response)


def lane(server, name):
    """What waits for a function or a destination, and what is under way for it."""
    found = [one for one in queue(server)["Lanes"] if one["Name"] == name]
    assert len(found) <= 1
    return found[0] if found else {"Name": name, **NO_EVENTS}


def settled(server, function=None):
    """Waits until nothing waits or runs any more: of a function, or of any and for any destination."""
    if function:
        eventually(lambda: lane(server, function.name)["Depth"] == 0)
    else:
        eventually(lambda: queue(server)["Depth"] == 0)


def metrics(server):
    return queue(server)["Metrics"]


def gained(server, before):
    """The metrics that have grown, each with by how much."""
    return {name: value - before[name] for name, value in metrics(server).items() if value != before[name]}


# What functions saw


def seen(server, function, count=0):
    """What an obedient function has seen, as pairs of request id and event, once there are so many."""
    logs = make_client(server, "logs")

    def look():
        try:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{function.name}", filterPattern="saw"
            )
            lines = [event["message"] for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            lines = []
        found = [tuple(json.loads(line.removeprefix("saw "))) for line in lines if line.startswith("saw ")]
        return (found,) if len(found) >= count else None

    (found,) = eventually(look)
    return found
