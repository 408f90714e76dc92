"""The model of the Lambda API as data, and AWS's rules for what breaks it, written a second time.

The words of the errors come from here and not from the server, so that both have to be right. The model is the copy
of botocore's that Swiftlet names as the version it implements; `test_model_constraints.py` compares it to the one that
is installed.
"""

import json
import re

import botocore.session
from swiftlet_server import ROOT

MODEL_PATH = ROOT / "Tools/generate-api/lambda-2015-03-31.json"

#: Lambda quotes a newer pattern than its model has.
NAMESPACED_NAME = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
NEWER_PATTERNS = {"NamespacedFunctionName": NAMESPACED_NAME}
#: Lambda checks these itself, with another error; `test_validation.py` has it.
SERVICE_CHECKED_ENUMERATIONS = {"Runtime"}
#: Swiftlet quotes no more of a value than this, in characters; AWS quotes all of it.
QUOTED_LENGTH_MAX = 4096
#: Stands for what is not known of AWS: how it prints a structure within a list.
UNKNOWN = "\N{HORIZONTAL ELLIPSIS}"
NOT_NULL = "Member must not be null"
FACTS = ("type", "min", "max", "pattern", "enum", "required", "sensitive", "payload")


class Shape:
    """A shape, with its constraints and what it is made of; two models with the same facts have equal shapes."""

    def __init__(self, name, facts):
        self.name = name
        self.kind = facts["type"]
        self.min = facts.get("min")
        self.max = facts.get("max")
        self.pattern = NEWER_PATTERNS.get(name, facts.get("pattern"))
        #: All values that the model has, and those that the framework lets pass; None where it looks at no list.
        self.values = facts.get("enum")
        self.enum = self.values if name not in SERVICE_CHECKED_ENUMERATIONS else None
        self.required = facts.get("required", [])
        self.payload = facts.get("payload")
        self.is_sensitive = bool(facts.get("sensitive"))
        #: The shapes of a structure's members by name, and where a request has those that are not in the body.
        self.members = {}
        self.locations = {}
        #: Of lists and maps.
        self.element = self.key = None

    def matches(self, text):
        return self.pattern is None or re.fullmatch(readable(self.pattern), text, re.ASCII) is not None

    @property
    def is_whole_number(self):
        return self.kind in ("integer", "long")

    @property
    def hides(self):
        """Whether a message must not quote a value of this shape."""
        parts = [*self.members.values(), *filter(None, (self.element, self.key))]
        return self.is_sensitive or any(part.hides for part in parts)


def readable(pattern):
    """A pattern of Java for Python's engine, which lacks the classes of Unicode; ASCII is enough for these tests."""
    return pattern.replace(r"\p{L}", "a-zA-Z").replace(r"\p{Z}", " ").replace(r"\p{N}", "0-9")


class Operation:
    def __init__(self, name, method, path, shape):
        self.name = name
        self.method = method
        self.path = path
        self.input = shape


class Model:
    """A model from plain facts: of operations, their method, path and input; of shapes, what the API's models say."""

    def __init__(self, version, operations, shapes):
        self.version = version
        self._facts = shapes
        self._shapes = {}
        self.operations = [
            Operation(name, method, path, self._shape(shape))
            for name, (method, path, shape) in sorted(operations.items())
        ]

    def _shape(self, name):
        if name in self._shapes:
            return self._shapes[name]
        facts = self._facts[name]
        shape = self._shapes[name] = Shape(name, facts)
        for member, place in facts.get("members", {}).items():
            shape.members[member] = self._shape(place["shape"])
            if "location" in place:
                shape.locations[member] = (place["location"], place["locationName"])
        element = facts.get("member", facts.get("value"))
        shape.element = self._shape(element) if element else None
        shape.key = self._shape(facts["key"]) if "key" in facts else None
        return shape

    def constraints(self):
        """What every shape that a request can hold says, for a comparison of two models."""
        return {
            name: (
                *(getattr(shape, fact) for fact in ("kind", "min", "max", "pattern", "enum", "required")),
                shape.hides,
                {member: part.name for member, part in shape.members.items()},
            )
            for name, shape in self._shapes.items()
        }


def swiftlets_model():
    """The model that Swiftlet is generated from."""
    model = json.loads(MODEL_PATH.read_text())
    operations = {
        name: (facts["method"], facts["requestUri"], facts["input"]) for name, facts in model["operations"].items()
    }
    return Model(model["source"].split(",")[0], operations, model["shapes"])


def installed_model():
    """The model of the SDK that the tests use."""
    model = botocore.session.get_session().get_service_model("lambda")
    operations, shapes, waiting = {}, {}, []
    for name in model.operation_names:
        operation = model.operation_model(name)
        operations[name] = (operation.http["method"], operation.http["requestUri"], operation.input_shape.name)
        waiting.append(operation.input_shape)
    while waiting:
        shape = waiting.pop()
        if shape.name in shapes:
            continue
        facts = {fact: shape.metadata[fact] for fact in FACTS if fact in shape.metadata}
        facts["type"] = shape.type_name
        if shape.type_name == "structure":
            facts["payload"] = shape.serialization.get("payload")
            facts["members"] = {}
            for member, part in shape.members.items():
                place = {key: part.serialization[key] for key in ("location",) if key in part.serialization}
                facts["members"][member] = {
                    "shape": part.name, "locationName": part.serialization.get("name", member), **place,
                }  # fmt: skip
                waiting.append(part)
        if shape.type_name == "list":
            facts["member"] = shape.member.name
            waiting.append(shape.member)
        if shape.type_name == "map":
            facts["key"], facts["value"] = shape.key.name, shape.value.name
            waiting += [shape.key, shape.value]
        shapes[shape.name] = facts
    return Model(f"botocore {botocore.__version__}", operations, shapes)


# What AWS says of a request that breaks the model.


def constraints(shape):
    """Pairs of AWS's words for a constraint and whether a value keeps it, in AWS's order."""
    if shape.kind in ("string", "blob", "list", "map"):
        if shape.max is not None:
            yield f"Member must have length less than or equal to {shape.max}", lambda value: length(value) <= shape.max
        if shape.min is not None:
            yield (
                f"Member must have length greater than or equal to {shape.min}",
                lambda value: length(value) >= shape.min,
            )
    if shape.kind in ("integer", "long", "double"):
        if shape.max is not None:
            yield (
                f"Member must have value less than or equal to {text(shape, shape.max)}",
                lambda value: value <= shape.max,
            )
        if shape.min is not None:
            yield (
                f"Member must have value greater than or equal to {text(shape, shape.min)}",
                lambda value: value >= shape.min,
            )
    if shape.pattern:
        yield f"Member must satisfy regular expression pattern: {shape.pattern}", shape.matches
    if shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]", lambda value: value in shape.enum


def length(value):
    return len(value.encode("utf-16-le")) // 2 if isinstance(value, str) else len(value)


def text(shape, value):
    """A value as Java prints it."""
    if value is None:
        return "null"
    if shape.kind == "double":
        return repr(float(value))
    if shape.kind == "boolean":
        return str(value).lower()
    if shape.kind == "structure":
        return UNKNOWN
    if shape.kind == "list":
        return f"[{', '.join(text(shape.element, element) for element in value)}]"
    if shape.kind == "map":
        return f"{{{', '.join(f'{key}={text(shape.element, element)}' for key, element in value.items())}}}"
    if shape.kind == "blob":
        return f"{len(value)} bytes"
    return str(value)


def all_of(shape):
    """The constraints of an element of a list or a map: AWS names them all, whichever is broken."""
    words = [word for word, _ in constraints(shape)]
    if shape.kind == "list":
        words.append(f"Member must satisfy constraint: {all_of(shape.element)}")
    return f"[{', '.join([*words, NOT_NULL])}]"


def keeps_all(shape, value):
    if value is None or not all(keeps(value) for _, keeps in constraints(shape)):
        return False
    return shape.kind != "list" or all(keeps_all(shape.element, element) for element in value)


def message_name(member):
    return member[0].lower() + member[1:]


def violations(shape, value, path=""):
    """All that a value breaks, in AWS's words and order; a member that is None is as good as absent."""
    if shape.kind == "structure":
        for member, part in shape.members.items():
            member_path = f"{path}.{message_name(member)}" if path else message_name(member)
            if value.get(member) is not None:
                yield from violations(part, value[member], member_path)
            elif member in shape.required:
                yield violation(part, None, member_path, NOT_NULL)
        return
    for word, keeps in constraints(shape):
        if not keeps(value):
            yield violation(shape, value, path, word)
    if shape.kind == "map":
        if not all(keeps_all(shape.key, key) for key in value):
            yield violation(shape, value, path, f"Map keys must satisfy constraint: {all_of(shape.key)}")
        if not all(keeps_all(shape.element, element) for element in value.values()):
            yield violation(shape, value, path, f"Map value must satisfy constraint: {all_of(shape.element)}")
    if shape.kind == "list" and shape.element.kind == "structure":
        for index, element in enumerate(value, 1):
            element_path = f"{path}.{index}.member"
            if element is None:
                yield violation(shape.element, None, element_path, NOT_NULL)
            else:
                yield from violations(shape.element, element, element_path)
    elif shape.kind == "list" and not all(keeps_all(shape.element, element) for element in value):
        yield violation(shape, value, path, f"Member must satisfy constraint: {all_of(shape.element)}")


def violation(shape, value, path, word):
    if value is None:
        quoted = " null"
    elif shape.hides:
        quoted = ""
    else:
        whole = text(shape, value)
        is_short = len(whole.encode()) <= QUOTED_LENGTH_MAX
        quoted = f" '{whole if is_short else whole[:QUOTED_LENGTH_MAX] + '...'}'"
    return f"Value{quoted} at '{path}' failed to satisfy constraint: {word}"


def validation_message(found):
    return f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: {'; '.join(found)}"
