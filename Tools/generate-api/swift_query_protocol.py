"""Swift source of the operations of a service that speaks AWS's Query protocol: a form that names the operation, and XML
back."""

from naming import literal, lower_camel, type_name
from swift_operations import signature


def operations(model):
    lines = [
        "/// An operation of IAM that has behaviour; the raw value is its name in a form's `Action`.",
        "package enum IAMOperation: String, Hashable, Sendable, CaseIterable {",
    ]
    lines += [f"    case {lower_camel(name)} = {literal(name)}" for name in model.operations]
    lines += ["", "    /// The operations of IAM that Swiftlet does nothing for."]
    lines.append("    package static let others: Set<String> = [")
    lines += [f"        {literal(name)}," for name in model.other_operations]
    return "\n".join(lines + ["    ]", "}"])


def protocol(model):
    lines = ["/// What a service does for each operation.", "package protocol IAMOperations: Sendable {"]
    lines += [f"    {signature(name, facts, 'IdentityError')}" for name, facts in model.operations.items()]
    return "\n".join(lines + ["}"])


def dispatch(model):
    lines = [
        "/// Reads the request of an operation, has the service carry it out, and returns the response; nil when the model has",
        "/// none.",
        "package func dispatch(",
        "    _ operation: IAMOperation, _ form: QueryForm, to service: some IAMOperations",
        ") async throws(IdentityError) -> (any XMLEncodable)? {",
        "    switch operation {",
    ]
    for name, facts in model.operations.items():
        call = f"try await service.{lower_camel(name)}(form.read({type_name(facts['input'])}.self))"
        lines.append(f"    case .{lower_camel(name)}:")
        lines += [f"        return {call}"] if "output" in facts else [f"        {call}", "        return nil"]
    return "\n".join(lines + ["    }", "}"])


def error_codes(model):
    lines = ["/// The errors of the service model.", "extension IdentityError.Code {"]
    for name in model.errors:
        shape = model.shapes[name]
        constant = lower_camel(name.removesuffix("Exception"))
        lines.append(f"    package static var {constant}: Self {{ Self({literal(shape['code'])}, {shape['httpStatus']}) }}")
    return "\n".join(lines + ["}"])
