"""Swift source of the constraint tables: all shapes that a request can hold."""

from model import PATTERNS, SERVICE_CHECKED_ENUMERATIONS
from naming import escape, literal, lower_camel


def shapes(model):
    lines = [
        "/// The shapes of all requests and of what they hold, with the constraints of the service model.",
        "package enum Shapes {",
    ]
    for name in sorted(model.input_reachable):
        lines.append(f"    package static let {escape(lower_camel(name))}: Shape = {shape(model, name)}")
    return "\n".join(lines + ["}"])


def shape(model, name):
    facts = model.shapes[name]
    kind = facts["type"]
    if kind == "structure":
        return structure(facts)
    arguments = []
    if kind == "list":
        arguments.append(f"of: {reference(facts['member'])}")
    if kind == "map":
        arguments += [f"keys: {reference(facts['key'])}", f"values: {reference(facts['value'])}"]
    arguments += [f"{bound}: {facts[bound]}" for bound in ("min", "max") if bound in facts]
    if "pattern" in facts:
        arguments.append(f"pattern: {literal(PATTERNS.get(name, facts['pattern']))}")
    if "enum" in facts and name not in SERVICE_CHECKED_ENUMERATIONS:
        arguments.append(f"values: [{', '.join(literal(value) for value in facts['enum'])}]")
    if facts.get("sensitive"):
        arguments.append("sensitive: true")
    return f".{kind}({', '.join(arguments)})"


def structure(facts):
    if not facts["members"]:
        return ".structure([])"
    lines = [".structure(["]
    for name, member in facts["members"].items():
        arguments = [literal(name), reference(member["shape"])]
        if name in facts.get("required", []):
            arguments.append("required: true")
        location = member_location(facts, name, member)
        if location:
            arguments.append(f"in: {location}")
        lines.append(f"        Member({', '.join(arguments)}),")
    return "\n".join(lines + ["    ])"])


def member_location(facts, name, member):
    location = member.get("location")
    if location == "uri":
        if member["locationName"] != name:
            raise ValueError(f"path parameter {member['locationName']} is not called as its member {name}")
        return ".path"
    if location == "querystring":
        return f".query({literal(member['locationName'])})"
    if location == "header":
        return f".header({literal(member['locationName'])})"
    if location is not None:
        raise ValueError(f"request member {name} at {location} has no binding")
    return ".payload" if facts.get("payload") == name else None


def reference(name):
    return f"Shapes.{escape(lower_camel(name))}"
