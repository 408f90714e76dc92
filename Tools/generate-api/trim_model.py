#!/usr/bin/env python3
"""Trims botocore's models to the facts that the generator needs.

    trim_model.py lambda|logs|iam

Reads `service-2.json` of the installed botocore and writes the trimmed model beside this script: operations, HTTP
bindings, shapes, members in order, constraints and errors. No prose is kept. Run it only to take up a newer model;
`generate.py` works from the committed files, so a build needs no botocore.
"""

import gzip
import json
import pathlib
import sys

from services import SERVICES

# What a shape says besides its members, in the order in which it is written.
SHAPE_FACTS = [
    "type", "required", "payload", "min", "max", "pattern", "enum", "sensitive", "streaming", "eventstream", "event",
    "timestampFormat",
]
MEMBER_FACTS = ["shape", "location", "locationName", "streaming", "idempotencyToken", "eventpayload", "timestampFormat"]


def load(service):
    import botocore

    folder = pathlib.Path(botocore.__file__).parent / "data" / service.name / service.version
    packed = folder / "service-2.json.gz"
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes())), botocore.__version__
    return json.loads((folder / "service-2.json").read_text()), botocore.__version__


def pick(source, keys):
    return {key: source[key] for key in keys if key in source}


def trim_shape(shape):
    trimmed = pick(shape, SHAPE_FACTS)
    for part in ("member", "key", "value"):
        if part in shape:
            trimmed[part] = shape[part]["shape"]
    if "members" in shape:
        trimmed["members"] = {name: pick(member, MEMBER_FACTS) for name, member in shape["members"].items()}
    if shape.get("exception"):
        # Models of the JSON protocol have no status: what is not the service's fault is 400.
        default = 500 if shape.get("fault") else 400
        trimmed["httpStatus"] = shape.get("error", {}).get("httpStatusCode", default)
        trimmed["fault"] = "server" if shape.get("fault") else "client"
        # In the Query protocol an error has a code of its own, which is not the shape's name.
        trimmed |= pick(shape.get("error", {}), ["code"])
    return trimmed


def trim_operation(operation):
    trimmed = pick(operation["http"], ["method", "requestUri", "responseCode"])
    trimmed["input"] = operation["input"]["shape"]
    if "output" in operation:
        trimmed["output"] = operation["output"]["shape"]
    trimmed["errors"] = [error["shape"] for error in operation.get("errors", [])]
    return trimmed


def reachable(operations, shapes):
    """The shapes that some operations need, directly or not."""
    waiting = [
        name for facts in operations.values() for name in [facts["input"], facts.get("output"), *facts["errors"]] if name
    ]
    seen = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            shape = shapes[name]
            waiting += [member["shape"] for member in shape.get("members", {}).values()]
            waiting += [shape[part]["shape"] for part in ("member", "key", "value") if part in shape]
    return seen


def section(entries):
    """One entry a line, so that a newer model shows as a readable difference."""
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
    return "{\n" + ",\n".join(lines) + "\n }"


def main():
    services = {service.name: service for service in SERVICES}
    if len(sys.argv) != 2 or sys.argv[1] not in services:
        sys.exit(__doc__)
    service = services[sys.argv[1]]
    model, version = load(service)
    kept = sorted(service.operations or model["operations"])
    operations = {name: trim_operation(model["operations"][name]) for name in kept}
    names = reachable(operations, model["shapes"]) if service.operations else model["shapes"]
    shapes = {name: trim_shape(model["shapes"][name]) for name in sorted(names)}
    parts = [
        f' "source": "botocore {version}, {service.name} {service.version}"',
        f' "operations": {section(operations)}',
        f' "shapes": {section(shapes)}',
    ]
    if service.operations:
        # By name only, so that a request for one of them can be told from nonsense.
        parts.append(f' "otherOperations": {json.dumps(sorted(set(model["operations"]) - set(kept)))}')
    service.model.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print(f"{service.model.name}: {len(operations)} operations, {len(shapes)} shapes", file=sys.stderr)


if __name__ == "__main__":
    main()
