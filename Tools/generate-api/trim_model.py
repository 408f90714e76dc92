#!/usr/bin/env python3
"""Trims botocore's model of the Lambda API to the facts that the generator needs.

Reads `lambda/2015-03-31/service-2.json` of the installed botocore and writes `lambda-2015-03-31.json` beside this
script: operations, HTTP bindings, shapes, members in order, constraints and errors. No prose is kept. Run it only to
take up a newer model; `generate.py` works from the committed file, so a build needs no botocore.
"""

import gzip
import json
import pathlib
import sys

OUTPUT = pathlib.Path(__file__).with_name("lambda-2015-03-31.json")

# What a shape says besides its members, in the order in which it is written.
SHAPE_FACTS = [
    "type", "required", "payload", "min", "max", "pattern", "enum", "sensitive", "streaming", "eventstream", "event",
    "timestampFormat",
]
MEMBER_FACTS = ["shape", "location", "locationName", "streaming", "idempotencyToken", "eventpayload", "timestampFormat"]


def load():
    import botocore

    folder = pathlib.Path(botocore.__file__).parent / "data" / "lambda" / "2015-03-31"
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
        trimmed["httpStatus"] = shape["error"]["httpStatusCode"]
        trimmed["fault"] = "server" if shape.get("fault") else "client"
    return trimmed


def trim_operation(operation):
    trimmed = pick(operation["http"], ["method", "requestUri", "responseCode"])
    trimmed["input"] = operation["input"]["shape"]
    if "output" in operation:
        trimmed["output"] = operation["output"]["shape"]
    trimmed["errors"] = [error["shape"] for error in operation["errors"]]
    return trimmed


def section(entries):
    """One entry a line, so that a newer model shows as a readable difference."""
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
    return "{\n" + ",\n".join(lines) + "\n }"


def main():
    model, version = load()
    operations = {name: trim_operation(model["operations"][name]) for name in sorted(model["operations"])}
    shapes = {name: trim_shape(model["shapes"][name]) for name in sorted(model["shapes"])}
    OUTPUT.write_text(
        "{\n"
        f' "source": "botocore {version}, lambda 2015-03-31",\n'
        f' "operations": {section(operations)},\n'
        f' "shapes": {section(shapes)}\n'
        "}\n"
    )
    print(f"{OUTPUT.name}: {len(operations)} operations, {len(shapes)} shapes", file=sys.stderr)


if __name__ == "__main__":
    main()
