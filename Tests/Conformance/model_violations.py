"""Requests that break exactly one constraint of the service model each, for every constraint that a request can break.

Everything is worked out from the model: a minimal valid request, the way to each member from there, a value that
breaks one constraint of that member and keeps the others.
"""

import base64
import copy
import dataclasses
import json
import urllib.parse
from collections.abc import Callable

from service_model import keeps_all, message_name, violations

#: Texts that some pattern of the model takes, the plainest first; each is tried for each pattern.
TEXTS = [
    "a", "aa", "1", "x1", "ALL", "*", "$LATEST", "token==", "123456789012", "/mnt/data", "a:1",
    "lambda:GetLayerVersion", "o-abcdefghij", "subnet-1", "sg-1", "GET", "$LATEST.PUBLISHED", "csc",
    "arn:aws:lambda:us-east-1:000000000000:function:missing",
    "arn:aws:lambda:us-east-1:000000000000:function:missing:1/durable-execution/a/b",
    "arn:aws:lambda:us-east-1:000000000000:layer:missing:1",
    "arn:aws:lambda:us-east-1:000000000000:layer:missing",
    "arn:aws:lambda:us-east-1:000000000000:capacity-provider:missing",
    "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0",
    "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:00000000-0000-0000-0000-000000000000",
    "arn:aws:lambda:us-east-1::runtime:" + "0" * 64,
    "arn:aws:lambda:us-east-1:000000000000:runtime/missing",
    "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
    "arn:aws:iam::000000000000:role/test",
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:a",
    "00000000-0000-0000-0000-000000000000",
]  # fmt: skip
#: Texts that some pattern of the model does not take.
BAD_TEXTS = ["!", "!?", "!!!", "a b", "\x00", "$", "\n", "a\nb", "sub\n", ".", "é", "!" * 12, "!" * 36, "!" * 48]
#: What a list or map with too many entries is filled up with.
COUNTERS = range(1, 2000)
#: How long the body of a request may be that carries no package.
BODY_LENGTH_MAX = 6 * 1024 * 1024
#: A moment in a body, and the same in a query.
EPOCH_SECONDS = 1_700_000_000
QUERY_MOMENT = "2023-11-14T22:13:20Z"


class Unreachable(Exception):
    """No request can break this constraint alone, for the reason told."""


@dataclasses.dataclass(frozen=True)
class Request:
    """The members of an operation's input, and the bare HTTP request that carries them."""

    operation: object
    members: dict

    @property
    def target(self):
        path, query = self.operation.path, []
        for name, value in self.members.items():
            place, wire_name = self.operation.input.locations.get(name, (None, None))
            if place == "uri":
                path = path.replace(f"{{{wire_name}}}", urllib.parse.quote(plain(value), safe=""))
            elif place == "querystring" and value is not None:
                is_moment = self.operation.input.members[name].kind == "timestamp"
                values = value if isinstance(value, list) else [QUERY_MOMENT if is_moment else value]
                query += [(wire_name, plain(one)) for one in values]
        if not query:
            return path
        return path + ("&" if "?" in path else "?") + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)

    @property
    def headers(self):
        places = self.operation.input.locations
        return {
            places[name][1]: plain(value) for name, value in self.members.items()
            if value is not None and places.get(name, (None,))[0] == "header"
        }  # fmt: skip

    @property
    def body(self):
        shape = self.operation.input
        if shape.payload:
            value = self.members.get(shape.payload)
            return value if value is None or isinstance(value, bytes) else document(value)
        if self.operation.method in ("GET", "DELETE"):
            return None
        return document({name: value for name, value in self.members.items() if name not in shape.locations})

    def send(self, caller):
        return caller.ask(self.operation.method, self.target, self.body, self.headers)

    @property
    def violations(self):
        return list(violations(self.operation.input, self.members))


def plain(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def document(value):
    return json.dumps(value, default=lambda blob: base64.b64encode(blob).decode()).encode()


@dataclasses.dataclass(frozen=True)
class Place:
    """Somewhere in a request: its shape there, its name for people, and how a request with a value there is made."""

    shape: object
    name: str
    build: Callable
    #: Where in HTTP it is: `uri`, `querystring`, `header`, or None for the body.
    location: str | None


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    request: Request


# Valid values.


def valid(shape):
    """The smallest value that keeps every constraint; a structure has its required members only."""
    if shape.kind == "structure":
        return {member: valid(shape.members[member]) for member in shape.required}
    if shape.kind == "list":
        # One at least: in a query, no element would be no list.
        return entries(shape.element, max(shape.min or 0, 1))
    if shape.kind == "map":
        return {key: valid(shape.element) for key in entries(shape.key, shape.min or 0)}
    if shape.kind == "string":
        return valid_text(shape, max(shape.min or 0, 1))
    if shape.kind == "boolean":
        return False
    if shape.kind == "blob":
        return b"x" * max(shape.min or 0, 1)
    if shape.kind == "timestamp":
        return EPOCH_SECONDS
    return shape.min if shape.min is not None else min(1, shape.max if shape.max is not None else 1)


def full(shape):
    """A value that keeps every constraint, with all members that there are; all lists and maps have entries."""
    if shape.kind == "structure":
        return {member: full(part) for member, part in shape.members.items()}
    if shape.kind == "list":
        return [full(shape.element) for _ in entries(shape.element, max(shape.min or 0, 1))]
    if shape.kind == "map":
        return {key: full(shape.element) for key in entries(shape.key, max(shape.min or 0, 1))}
    return valid(shape)


def with_unknown_members(shape, value):
    """The same value, with members that no model has in every structure."""
    if shape.kind == "structure":
        known = {name: with_unknown_members(shape.members[name], part) for name, part in value.items()}
        return {"Unknown0": [{"a": None}], **known, "Unknown": {"A": [1, "x", True, None, 1.5]}, "unknown": "x"}
    if shape.kind == "list":
        return [with_unknown_members(shape.element, element) for element in value]
    if shape.kind == "map":
        return {key: with_unknown_members(shape.element, element) for key, element in value.items()}
    return value


def valid_text(shape, length_min):
    if shape.values:
        return shape.values[-1]
    for text in TEXTS:
        for candidate in (text, *longer(text, length_min)):
            if len(candidate) >= length_min and keeps_all(shape, candidate):
                return candidate
    raise LookupError(f"no text for {shape.name}: {shape.pattern}")


def longer(text, length):
    """Texts of that length, made by repeating one character of the text, or the end of it."""
    missing = length - len(text)
    if missing <= 0:
        return
    for position in reversed(range(len(text))):
        yield text[:position] + text[position] * missing + text[position:]
    yield (text * (length // len(text) + 1))[:length]


def entries(shape, count):
    """As many values; different ones, as far as the shape has them, because the keys of a map have to be."""
    if shape.kind == "string" and shape.enum:
        return [shape.enum[index % len(shape.enum)] for index in range(count)]
    value = valid(shape)
    if shape.kind != "string":
        return [copy.deepcopy(value) for _ in range(count)]
    found = []
    for number in COUNTERS:
        if len(found) == count:
            break
        if keeps_all(shape, f"{value}{number}"):
            found.append(f"{value}{number}")
    return found + [value] * (count - len(found))


# Values that break one constraint.


def too_long(shape):
    count = shape.max + 1
    if shape.kind == "blob":
        return b"x" * count
    if shape.kind == "list":
        return entries(shape.element, count)
    if shape.kind == "map":
        found = {key: valid(shape.element) for key in entries(shape.key, count)}
        if len(found) < count:
            raise Unreachable("there are not as many different keys")
        return found
    for text in TEXTS:
        for candidate in (text, *longer(text, count)):
            if len(candidate) == count and shape.matches(candidate):
                return candidate
    return "x" * count


def too_short(shape):
    count = shape.min - 1
    if shape.kind == "blob":
        return b"x" * count
    if shape.kind == "list":
        return entries(shape.element, count)
    if shape.kind == "map":
        return {key: valid(shape.element) for key in entries(shape.key, count)}
    for text in ("", *TEXTS):
        if len(text) == count and shape.matches(text):
            return text
    if shape.pattern is None:
        return "x" * count
    base = valid(shape)
    for end in range(len(base), 0, -1):
        for candidate in (base[:count], base[:end][-count:] if count else ""):
            if len(candidate) == count and shape.matches(candidate):
                return candidate
    return base[:count]


def mismatch(shape):
    low, high = shape.min or 0, shape.max if shape.max is not None else 10_000
    fitting = [text for text in BAD_TEXTS if low <= len(text) <= high and not shape.matches(text)]
    if not fitting:
        raise Unreachable("the pattern takes every text of a legal length")
    return fitting[0]


def breaking(shape):
    """Pairs of a constraint's name and a value that breaks it, for a shape without members."""
    if shape.kind in ("string", "blob", "list", "map"):
        if shape.max is not None and not (shape.enum and shape.max >= 0):
            yield "length-max", too_long
        if shape.min:
            yield "length-min", too_short
    if shape.is_whole_number:
        if shape.max is not None:
            yield "max", lambda shape: shape.max + 1
        if shape.min is not None:
            yield "min", lambda shape: shape.min - 1
    if shape.kind == "double":
        # JSON has one kind of number; what is whole there is printed with a point all the same.
        if shape.max is not None:
            yield "max-whole", lambda shape: int(shape.max) + 1
            yield "max-fraction", lambda shape: shape.max + 0.5
        if shape.min is not None:
            yield "min-whole", lambda shape: int(shape.min) - 1
            yield "min-fraction", lambda shape: shape.min - 0.5
    if shape.pattern:
        yield "pattern", mismatch
    if shape.enum:
        yield "enum", lambda shape: "nonsense"


# The walk.


def places(operation):
    """Every place of an operation's input, with those within it; a shape within itself is not followed again."""

    def inside(place, above):
        shape = place.shape
        if shape.name in above:
            return
        above = {*above, shape.name}
        if shape.kind == "structure":
            for member, part in shape.members.items():
                location = operation.input.locations.get(member, (None,))[0] if shape is operation.input else None
                name = f"{place.name}.{message_name(member)}" if place.name else message_name(member)
                yield from of(Place(part, name, adding(place, member), location), above)
        elif shape.kind == "list":
            yield from of(Place(shape.element, f"{place.name}.member", in_list(place), place.location), above)
        elif shape.kind == "map":
            yield from of(Place(shape.key, f"{place.name}.key", as_key(place), place.location), above)
            yield from of(Place(shape.element, f"{place.name}.value", as_value(place), place.location), above)

    def of(place, above):
        yield place
        yield from inside(place, above)

    root = Place(operation.input, "", lambda members: Request(operation, members), None)
    yield from of(root, frozenset())


def adding(place, member):
    return lambda value: place.build({**valid(place.shape), member: value})


def in_list(place):
    """The value is the last of as few as the list may have."""
    return lambda value: place.build([*entries(place.shape.element, max(place.shape.min or 0, 1) - 1), value])


def as_key(place):
    return lambda key: place.build({**valid(place.shape), key: valid(place.shape.element)})


def as_value(place):
    def build(value):
        keys = entries(place.shape.key, max(place.shape.min or 0, 1))
        return place.build({**{key: valid(place.shape.element) for key in keys}, keys[-1]: value})

    return build


def cases(operation):
    """Cases that break one constraint each, and pairs of name and reason for each constraint that none can break."""
    found, excluded = [], []
    for place in places(operation):
        for constraint, build in requests_breaking(place):
            name = "-".join(filter(None, (operation.name, place.name, constraint)))
            try:
                found.append(Case(name, build()))
            except Unreachable as reason:
                excluded.append((name, str(reason)))
    return found, excluded


def requests_breaking(place):
    shape = place.shape
    for member in shape.required:
        yield f"{message_name(member)}-required", lambda member=member: leaving_out(place, member)
    if shape.kind in ("list", "map") and place.location is None:
        yield "null", lambda: (in_list(place) if shape.kind == "list" else as_value(place))(None)
    for constraint, value in breaking(shape):
        yield constraint, lambda value=value: carrying(place, value(shape))


def leaving_out(place, member):
    if place.shape.locations.get(member, (None,))[0] == "uri":
        raise Unreachable("a path without one of its segments is another route")
    members = valid(place.shape)
    del members[member]
    return place.build(members)


def carrying(place, value):
    """The request with the value at its place, if HTTP can carry it there at all."""
    if place.location is None and isinstance(value, str) and len(value) >= BODY_LENGTH_MAX:
        raise Unreachable("no request may be as long")
    if place.location == "uri" and value == "":
        raise Unreachable("an empty segment of a path is another route")
    if place.location == "querystring" and value == []:
        raise Unreachable("a list without elements is absent from a query")
    if place.location == "header" and value == "":
        raise Unreachable("a header without a value is absent")
    if place.location == "header" and isinstance(value, str) and not (value.isascii() and value.isprintable()):
        raise Unreachable("a header cannot hold it")
    return place.build(value)


# Values of a wrong type.


#: How AWS calls the types of the model.
TYPE_NAMES = {
    "string": "a String", "blob": "a Blob", "boolean": "a Boolean", "integer": "an Integer", "long": "a Long",
    "double": "a Double", "timestamp": "a Timestamp",
}  # fmt: skip
WRONG_VALUES = {
    "string": [5, 1.5, True, [], {}], "blob": [5, True, [], {}], "boolean": ["x", 5, [], {}],
    "integer": ["x", "5", True, [], {}], "long": ["x", "5", True, [], {}], "double": ["x", "0.5", True, [], {}],
    "timestamp": [True, [], {}], "list": ["x", 5, False, {}], "map": ["x", 5, False, []],
    "structure": ["x", 5, False, []],
}  # fmt: skip


def mistyped(operation):
    """Pairs of a request with one value of a wrong JSON type, and AWS's words for it."""
    for place in places(operation):
        if place.location is None and place.name and not place.name.endswith(".key"):
            if operation.input.payload and "." not in place.name and place.shape.kind == "blob":
                continue  # The whole body, whatever it is.
            for value in WRONG_VALUES[place.shape.kind]:
                yield place.build(value), serialization_message(place.shape, value)


def serialization_message(shape, value):
    if isinstance(value, list):
        return "Start of list found where not expected"
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if shape.kind in ("list", "map"):
        return f"Expected {shape.kind} or null"
    if shape.kind == "structure":
        return "Expected null"
    if isinstance(value, bool):
        token = f"{str(value).upper()}_VALUE"
    else:
        token = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    return f"{token} can not be converted to {TYPE_NAMES[shape.kind]}"
