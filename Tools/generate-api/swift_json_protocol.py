"""Swift source of the operations of a service that speaks AWS's JSON protocol: one path, and a header that names the
operation."""

from naming import literal, lower_camel, type_name
from swift_operations import signature


def operations(model):
    lines = [
        "/// An operation of the CloudWatch Logs API that has behaviour; the raw value is its name in AWS's documents.",
        "package enum LogsOperation: String, Hashable, Sendable, CaseIterable {",
    ]
    lines += [f"    case {lower_camel(name)} = {literal(name)}" for name in model.operations]
    lines += ["", "    /// The operations of the API that Swiftlet does nothing for.", ]
    lines.append("    package static let others: Set<String> = [")
    lines += [f"        {literal(name)}," for name in model.other_operations]
    return "\n".join(lines + ["    ]", "}"])


def protocol(model):
    lines = ["/// What a service does for each operation.", "package protocol LogsOperations: Sendable {"]
    lines += [f"    {signature(name, facts, 'LogsError')}" for name, facts in model.operations.items()]
    return "\n".join(lines + ["}"])


def dispatch(model):
    lines = [
        "import LambdaAPI",
        "",
        "/// Reads the request of an operation, has the service carry it out, and returns the response's body.",
        "package func dispatch(",
        "    _ operation: LogsOperation, _ body: [UInt8], to service: some LogsOperations",
        ") async throws(LogsError) -> [UInt8] {",
        "    switch operation {",
    ]
    for name, facts in model.operations.items():
        call = f"try await service.{lower_camel(name)}(readRequest({type_name(facts['input'])}.self, from: body))"
        lines.append(f"    case .{lower_camel(name)}:")
        if "output" in facts:
            lines.append(f"        return JSONWriter.bytes(of: {call})")
        else:
            lines += [f"        {call}", "        return []"]
    return "\n".join(lines + ["    }", "}"])


def error_codes(model):
    lines = ["/// The exceptions of the service model.", "extension LogsError.Code {"]
    for name in model.errors:
        arguments = f"{literal(name)}, {model.shapes[name]['httpStatus']}"
        lines.append(f"    package static var {lower_camel(name)}: Self {{ Self({arguments}) }}")
    return "\n".join(lines + ["}"])
