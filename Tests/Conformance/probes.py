"""A function that makes the requests it is told to make of the APIs inside its sandbox, and tells what came of them."""

import json

from packages import SCRIPT_PRELUDE, package

#: The requests of `probes.json` are made before the runtime asks for its first event, those of an event while it is
#: handled. A request is [method, path, headers, body]; in all of them `{id}` is the current request id, `{delivery}` the
#: name of its delivery and `{extension}` the identifier that the last registration gave.
_PROBER = SCRIPT_PRELUDE + """
import threading
known = {"id": "none", "delivery": "none", "extension": "none"}
extensions = []

def filled(text):
    for name, value in known.items():
        text = text.replace("{" + name + "}", value)
    return text

def probe(requests):
    answers = []
    for method, path, headers, body in requests:
        body = "x" * body if isinstance(body, int) else filled(body)
        try:
            connection.request(method, filled(path), body, {name: filled(value) for name, value in headers.items()})
            response = connection.getresponse()
        except OSError as error:
            answers.append([None, {}, repr(error)])
            connection.close()
            continue
        headers = {name.lower(): value for name, value in response.headers.items()}
        answers.append([response.status, headers, response.read().decode()])
        if "lambda-extension-identifier" in headers:
            known["extension"] = headers["lambda-extension-identifier"]
            extensions.append(known["extension"])
    return answers

def take_part(identifier):
    # An extension that has registered holds everything up until it asks for its events.
    own = connect()
    while True:
        own.request("GET", "/2020-01-01/extension/event/next", headers={"Lambda-Extension-Identifier": identifier})
        own.getresponse().read()

with open("/var/task/probes.json") as file: first = probe(json.load(file))
for identifier in extensions:
    threading.Thread(target=take_part, args=[identifier], daemon=True).start()

while True:
    status, headers, body = call("GET", "invocation/next")
    known["id"], known["delivery"] = headers["Lambda-Runtime-Aws-Request-Id"], headers["Lambda-Runtime-Invocation-Id"]
    event = json.loads(body)
    kind = event["kind"]
    if kind == "first": respond(known["id"], json.dumps(first))
    if kind == "headers": respond(known["id"], json.dumps([status, dict(headers), body]))
    if kind == "probe": respond(known["id"], json.dumps(probe(event["requests"])))
    # The probes have the answer among them, so what came of them goes to the log.
    if kind == "answer": print("told " + json.dumps(probe(event["requests"])), flush=True)
"""


def prober_package(*first):
    """The prober's package, with the requests that it makes before its first event."""
    files = {"bootstrap": _PROBER, "probes.json": json.dumps(first)}
    return package(files, executable={"bootstrap"})


class Said:
    """What an API answered."""

    def __init__(self, answer):
        self.status, self.headers, self.body = answer

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body!r}"


def request(method, path, headers=None, body=""):
    """A request as the prober takes it; a body that is a number is so many bytes."""
    return [method, path, headers or {}, body]


def probe(function, *requests):
    """Has the requests made while an event is handled."""
    return [Said(answer) for answer in function.ask({"kind": "probe", "requests": requests})]


def probe_answering(function, *requests):
    """The same where the requests answer the invoke: returns the caller's answer, and what the runtime was told."""
    # Who wants the log waits until the runtime has asked again.
    answer = function.invoke({"kind": "answer", "requests": requests}, LogType="Tail")
    (line,) = [line for line in answer.log.decode().splitlines() if line.startswith("told ")]
    return answer, [Said(told) for told in json.loads(line.removeprefix("told "))]


def probe_first(function):
    """What came of the requests that were made before the first event."""
    return [Said(answer) for answer in function.ask({"kind": "first"})]
