/// Checks a request against the constraints of its shape and words what it finds as AWS does.
///
/// All violations are collected, in the order of the model, because AWS reports them together.
package struct RequestValidator {
    /// How many violations one message reports, so that a hostile list cannot make it grow without bound.
    package static let violationsMax = 100
    /// How much of a value a message quotes, in characters; AWS quotes all of it.
    package static let quotedLengthMax = 4096

    private var violations: [String] = []

    /// Throws AWS's `ValidationException` when the value breaks any constraint. The value's types must be right
    /// already, which ``TypeResolver`` sees to.
    package static func validate(_ value: JSONValue, as shape: Shape) throws(LambdaError) {
        var validator = RequestValidator()
        validator.check(value, as: shape, at: "")
        guard !validator.violations.isEmpty else { return }
        throw LambdaError.validation(validator.violations)
    }

    /// What is wrong with one text, such as a header's.
    package static func violations(of text: String, as shape: Shape, at path: String) -> [String] {
        var validator = RequestValidator()
        validator.check(.text(text), as: shape, at: path)
        return validator.violations
    }

    private mutating func check(_ value: JSONValue, as shape: Shape, at path: String) {
        switch (shape.kind, value) {
        case (.structure(let members), .object(let object)):
            for member in members {
                let memberPath = path.isEmpty ? member.messageName : "\(path).\(member.messageName)"
                if let memberValue = object[member.name] {
                    check(memberValue, as: member.shape, at: memberPath)
                } else if member.isRequired {
                    report(nil, as: member.shape, at: memberPath, Constraint.notNull)
                }
            }
        case (.list(let element, _), .array(let elements)):
            reportViolations(of: value, as: shape, at: path)
            checkElements(elements, as: element, of: value, as: shape, at: path)
        case (.map(let keys, let values, _), .object(let object)):
            reportViolations(of: value, as: shape, at: path)
            if object.members.contains(where: { Constraint.isViolated(by: .text($0.name), of: keys) }) {
                report(value, as: shape, at: path, "Map keys must satisfy constraint: \(Constraint.all(of: keys))")
            }
            if object.members.contains(where: { Constraint.isViolated(by: $0.value, of: values) }) {
                report(value, as: shape, at: path, "Map value must satisfy constraint: \(Constraint.all(of: values))")
            }
        default:
            reportViolations(of: value, as: shape, at: path)
        }
    }

    private mutating func checkElements(
        _ elements: [JSONValue],
        as element: Shape,
        of list: JSONValue,
        as shape: Shape,
        at path: String
    ) {
        if case .structure = element.kind {
            for (index, structure) in elements.enumerated() where violations.count < Self.violationsMax {
                if case .null = structure {
                    report(nil, as: element, at: "\(path).\(index + 1).member", Constraint.notNull)
                } else {
                    check(structure, as: element, at: "\(path).\(index + 1).member")
                }
            }
        } else if elements.contains(where: { Constraint.isViolated(by: $0, of: element) }) {
            report(list, as: shape, at: path, "Member must satisfy constraint: \(Constraint.all(of: element))")
        }
    }

    private mutating func reportViolations(of value: JSONValue, as shape: Shape, at path: String) {
        for constraint in Constraint.list(of: shape) where constraint.isViolated(by: value) {
            report(value, as: shape, at: path, constraint.description)
        }
    }

    private mutating func report(_ value: JSONValue?, as shape: Shape, at path: String, _ constraint: String) {
        guard violations.count < Self.violationsMax else { return }
        violations.append(Self.violation(of: value, isSensitive: shape.isSensitive, at: path, constraint))
    }

    /// One violation in AWS's words; nil stands for a value that is missing.
    static func violation(
        of value: JSONValue?,
        isSensitive: Bool = false,
        at path: String,
        _ constraint: String
    ) -> String {
        let quoted: String =
            switch value {
            case nil: " null"
            case _ where isSensitive: ""
            case let value?: " '\(Self.quoted(value))'"
            }
        return "Value\(quoted) at '\(path)' failed to satisfy constraint: \(constraint)"
    }

    private static func quoted(_ value: JSONValue) -> String {
        let text = value.messageText
        guard text.utf8.count > quotedLengthMax else { return text }
        return text.prefix(quotedLengthMax) + "..."
    }
}

extension JSONValue {
    /// The value as AWS's messages print it, in the manner of Java's collections: `[a, b]`, `{2=2.0}`.
    fileprivate var messageText: String {
        switch self {
        case .null: "null"
        case .bool(let bool): String(bool)
        case .integer(let integer): String(integer)
        case .double(let double): String(double)
        case .string(let text): text.string
        case .array(let elements): "[\(elements.map(\.messageText).joined(separator: ", "))]"
        case .object(let object):
            "{\(object.members.map { "\($0.name)=\($0.value.messageText)" }.joined(separator: ", "))}"
        case .bytes(let bytes): "\(bytes.count) bytes"
        }
    }
}
