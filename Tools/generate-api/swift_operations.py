"""Swift source of the operations: routes, the protocol that a service implements, dispatch, and error codes."""

from urllib.parse import parse_qsl, urlsplit

from model import STREAMED_OPERATIONS
from naming import escape, literal, lower_camel, type_name


def case(name):
    return escape(lower_camel(name))


def operations(model):
    names = list(model.operations)
    lines = [
        "/// An operation of the Lambda API; the raw value is its name in AWS's documents.",
        "package enum Operation: String, Hashable, Sendable, CaseIterable {",
    ]
    lines += [f"    case {case(name)} = {literal(name)}" for name in names]
    lines += switch("/// The HTTP method.", "method: String", {n: literal(model.operations[n]["method"]) for n in names})
    paths = {name: literal(urlsplit(model.operations[name]["requestUri"]).path) for name in names}
    lines += switch("/// The path, with its parameters in braces.", "pathTemplate: String", paths)
    statuses = {name: str(model.success_status(name)) for name in names}
    lines += switch("/// The status of a success, unless the response has its own.", "successStatus: Int", statuses)
    lines += switch(
        "/// A query pair that belongs to the route: it tells the operation from another of the same path.",
        "fixedQuery: (name: String, value: String)?",
        {name: fixed_query(model.operations[name]["requestUri"]) for name in names},
        default="nil",
    )
    lines += switch(
        "/// What the model says about the request.",
        "requestShape: Shape",
        {name: f"Shapes.{lower_camel(model.operations[name]['input'])}" for name in names},
    )
    return "\n".join(lines + ["}"])


def fixed_query(uri):
    pairs = parse_qsl(urlsplit(uri).query)
    if len(pairs) > 1:
        raise ValueError(f"more than one fixed query pair in {uri}")
    return f"({literal(pairs[0][0])}, {literal(pairs[0][1])})" if pairs else "nil"


def switch(comment, declaration, values, default=None):
    """A computed property that switches over the operation; operations of one value share a case."""
    cases = {}
    for name, value in values.items():
        cases.setdefault(value, []).append("." + lower_camel(name))
    lines = ["", f"    {comment}", f"    package var {declaration} {{", "        switch self {"]
    for value in sorted(cases):
        if value != default:
            lines.append(f"        case {', '.join(cases[value])}: {value}")
    if default is not None:
        lines.append(f"        default: {default}")
    return lines + ["        }", "    }"]


def dispatched(model):
    return [(name, facts) for name, facts in model.operations.items() if name not in STREAMED_OPERATIONS]


def protocol(model):
    lines = [
        "/// What a service does for each operation. Operations without an implementation answer 501 and change nothing.",
        "///",
        "/// Invokes are missing: they have a path of their own, on which nothing is decoded that need not be.",
        "package protocol LambdaOperations: Sendable {",
        "    /// The operations that the service has behaviour for; all others are refused before they are read.",
        "    static var implementedOperations: Set<Operation> { get }",
        "",
    ]
    lines += [f"    {signature(name, facts)}" for name, facts in dispatched(model)]
    lines += ["}", "", "extension LambdaOperations {"]
    for name, facts in dispatched(model):
        lines.append(f"    package {signature(name, facts)} {{ throw .notImplemented(.{lower_camel(name)}) }}")
    return "\n".join(lines + ["}"])


def signature(name, facts, error="LambdaError"):
    result = f" -> {type_name(facts['output'])}" if "output" in facts else ""
    return f"func {case(name)}(_ request: {type_name(facts['input'])}) async throws({error}){result}"


def dispatch(model):
    lines = [
        "/// Reads the request of an operation, has the service carry it out, and writes the response.",
        "package func dispatch(",
        "    _ operation: Operation, _ input: OperationInput, to service: some LambdaOperations",
        ") async throws(LambdaError) -> OperationOutput {",
        "    guard type(of: service).implementedOperations.contains(operation) else { throw .notImplemented(operation) }",
        "    switch operation {",
    ]
    for name, facts in dispatched(model):
        call = f"try await service.{lower_camel(name)}({type_name(facts['input'])}(input))"
        lines.append(f"    case .{lower_camel(name)}:")
        if "output" in facts:
            lines.append(f"        return OperationOutput({call}, operation)")
        else:
            lines += [f"        {call}", "        return OperationOutput(operation)"]
    streamed = ", ".join("." + lower_camel(name) for name in sorted(STREAMED_OPERATIONS))
    lines += [f"    case {streamed}:", "        throw .notImplemented(operation)", "    }", "}"]
    return "\n".join(lines)


def error_codes(model):
    lines = ["/// The exceptions of the service model.", "extension LambdaError.Code {"]
    for name in model.errors:
        facts = model.shapes[name]
        message = next(member for member in facts["members"] if member.lower() == "message")
        fault = ".user" if facts["fault"] == "client" else ".service"
        arguments = f'{literal(name)}, {facts["httpStatus"]}, {literal(message)}, {fault}'
        lines.append(f"    package static var {lower_camel(name)}: Self {{ Self({arguments}) }}")
    return "\n".join(lines + ["}"])
