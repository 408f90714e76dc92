"""Swift source of the typed requests, responses, structures and enumerations."""

from model import STREAMED_OPERATIONS
from naming import constant, escape, lower_camel, type_name


def enumerations(model):
    return "\n\n".join(
        enumeration(name, shape["enum"]) for name, shape in model.shapes.items() if model.is_enumeration(name)
    )


def enumeration(name, values):
    swift = type_name(name)
    lines = [
        f"/// The enumeration `{name}` of the service model; other values can be held, too.",
        f"package struct {swift}: OpenEnumeration {{",
        "    package let rawValue: String",
        "    package init(rawValue: String) { self.rawValue = rawValue }",
        "",
    ]
    lines += [f'    package static var {constant(value)}: Self {{ Self(rawValue: "{value}") }}' for value in values]
    constants = ", ".join("." + constant(value) for value in values)
    lines += ["", f"    package static var allValues: [Self] {{ [{constants}] }}", "}"]
    return "\n".join(lines)


def structures(model):
    roots = set(model.inputs) | set(model.outputs)
    names = [name for name in model.nested if name not in roots]
    return "\n\n".join(structure(model, name, f"The structure `{name}` of the service model.") for name in names)


def requests(model):
    users = operations_by_shape(model, "input")
    return "\n\n".join(
        structure(model, name, f"The request of {' and '.join(users[name])}.") for name in model.inputs
    )


def responses(model):
    users = operations_by_shape(model, "output")
    return "\n\n".join(
        structure(model, name, f"The response of {' and '.join(users[name])}.") for name in model.outputs
    )


def operations_by_shape(model, side):
    users = {}
    for name, operation in model.operations.items():
        users.setdefault(operation.get(side), []).append(name)
    return users


class MemberView:
    """A member as the Swift structure has it."""

    def __init__(self, model, name, member, is_required):
        self.wire_name = name
        self.name = lower_camel(name)
        self.type = model.swift_type(member["shape"])
        self.location = member.get("location")
        self.location_name = member.get("locationName", name)
        self.is_required = is_required

    @property
    def declared_type(self):
        return self.type if self.is_required else self.type + "?"

    @property
    def parameter(self):
        return f"{self.name}: {self.declared_type}" + ("" if self.is_required else " = nil")


def members_of(model, name):
    shape = model.shapes[name]
    required = set(shape.get("required", [])) if name in model.input_reachable else set()
    return [
        MemberView(model, member_name, member, member_name in required)
        for member_name, member in shape["members"].items()
        if not model.shapes[member["shape"]].get("eventstream")
    ]


def structure(model, name, summary):
    members = members_of(model, name)
    is_request = name in model.inputs
    is_output = name in model.outputs
    is_nested = name in model.nested
    is_streamed = name in {model.operations.get(operation, {}).get("output") for operation in STREAMED_OPERATIONS}

    is_read = is_request or is_nested
    is_written = (is_output and not is_streamed) or is_nested
    if model.writes == "XML":
        is_read = name in model.input_reachable
        is_written = name in model.output_reachable

    conformances = ["Equatable", "Sendable"]
    if is_request:
        conformances.append("OperationRequest")
    if model.writes == "XML":
        conformances += ["JSONDecodable"] if is_read and not is_request else []
        conformances += ["XMLEncodable"] if is_written else []
    else:
        conformances += ["OperationResponse"] if is_output and not is_streamed else []
        conformances += ["JSONCodable"] if is_nested else []
    conformances += ["Codable"] if name in model.stored else []

    lines = [f"/// {summary}", f"package struct {type_name(name)}: {', '.join(conformances)} {{"]
    lines += [f"    package var {escape(member.name)}: {member.declared_type}" for member in members]
    lines += [""] if members else []
    lines += initializer(members)
    if is_request:
        lines += ["", f"    package static var shape: Shape {{ Shapes.{lower_camel(name)} }}"]
    if is_read:
        lines += [""] + decoder(members)
    if is_written:
        lines += [""] + (xml_encoder(members) if model.writes == "XML" else encoder(members))
    if is_output and not is_streamed:
        lines += bindings(members)
    return "\n".join(lines + ["}"])


def initializer(members):
    if not members:
        return ["    package init() {}"]
    parameters = ", ".join(member.parameter for member in members)
    lines = [f"    package init({parameters}) {{"]
    return lines + [f"        self.{member.name} = {escape(member.name)}" for member in members] + ["    }"]


def decoder(members):
    lines = ["    package init(json: JSONValue) throws(JSONShapeError) {"]
    lines.append(f"        {'let object' if members else '_'} = try JSONObject(json: json)")
    for member in members:
        accessor = "required" if member.is_required else "optional"
        lines.append(f'        self.{member.name} = try object.{accessor}("{member.wire_name}")')
    return lines + ["    }"]


def encoder(members):
    body = [member for member in members if member.location is None]
    lines = ["    package func encode(to writer: inout JSONWriter) {"]
    if not body:
        return lines + ["        writer.object { _ in }", "    }"]
    lines.append("        writer.object { writer in")
    lines += [f'            writer.member("{member.wire_name}", {escape(member.name)})' for member in body]
    return lines + ["        }", "    }"]


def xml_encoder(members):
    lines = [f"    package func encode(to {'writer' if members else '_'}: inout XMLWriter) {{"]
    lines += [f'        writer.member("{member.wire_name}", {escape(member.name)})' for member in members]
    return lines + ["    }"]


def bindings(members):
    lines = []
    for member in members:
        if member.location == "statusCode":
            lines += ["", f"    package var httpStatus: Int? {{ {escape(member.name)} }}"]
        elif member.location is not None:
            raise ValueError(f"response member {member.wire_name} at {member.location} has no binding")
    return lines
