import LambdaAPI

/// A policy of IAM's grammar, read once and then evaluated many times.
package struct PolicyDocument: Hashable, Sendable {
    /// What a policy belongs to, which decides what its statements must have.
    package enum Kind: Hashable, Sendable {
        /// A user, group or role: no principals.
        case identity
        /// A function, layer, bucket and so on: principals and resources.
        case resource
        /// A role, on who may assume it: principals, no resources.
        case trust
    }

    /// The version whose policies have variables.
    private static let currentVersion = "2012-10-17"
    /// What a policy without version is.
    private static let firstVersion = "2008-10-17"

    package let kind: Kind
    /// Whether the policy is of the version that has variables, which is the only one that managed policies may be of.
    package let isOfCurrentVersion: Bool
    /// What the policy calls itself.
    package let id: String?
    let statements: [PolicyStatement]

    /// Reads a policy; the error is IAM's own for a policy that it would not take.
    package init(json: [UInt8], kind: Kind) throws(PolicyError) {
        guard let value = try? JSONParser.parse(json), case .object(let object) = value else {
            throw kind == .trust ? .noJSON : .syntax
        }
        let fields = try PolicyFields(object, known: ["Version", "Id", "Statement"])
        let version = try fields.text("Version") ?? Self.firstVersion
        guard version == Self.currentVersion || version == Self.firstVersion else { throw .syntax }
        id = try fields.text("Id")
        isOfCurrentVersion = version == Self.currentVersion
        self.kind = kind

        let reader = PolicyStatementReader(kind: kind, hasVariables: version == Self.currentVersion)
        var statements: [PolicyStatement] = []
        switch fields["Statement"] {
        case .array(let values) where !values.isEmpty:
            for value in values { statements.append(try reader.statement(value)) }
        case .object(let object): statements = [try reader.statement(.object(object))]
        default: throw .syntax
        }
        let ids = statements.compactMap(\.sid)
        guard Set(ids).count == ids.count else { throw .sameStatementTwice }
        self.statements = statements
    }
}

/// The members of an object of a policy. No name may be there twice: which of them counted would be anybody's guess.
struct PolicyFields {
    private var values: [String: JSONValue] = [:]
    /// In the order of the text.
    let names: [String]

    init(_ object: JSONObject, known: Set<String>? = nil) throws(PolicyError) {
        names = object.members.map(\.name)
        for member in object.members {
            guard known?.contains(member.name) ?? true else { throw .syntax }
            guard values.updateValue(member.value, forKey: member.name) == nil else { throw .syntax }
        }
    }

    subscript(name: String) -> JSONValue? { values[name] }

    func text(_ name: String) throws(PolicyError) -> String? {
        guard let value = self[name] else { return nil }
        guard case .string(let text) = value else { throw .syntax }
        return text.string
    }

    /// A string or a list of strings.
    func texts(_ name: String) throws(PolicyError) -> [String]? {
        switch self[name] {
        case nil: return nil
        case .string(let text): return [text.string]
        case .array(let values):
            var texts: [String] = []
            for value in values {
                guard case .string(let text) = value else { throw .syntax }
                texts.append(text.string)
            }
            return texts
        default: throw .syntax
        }
    }
}
