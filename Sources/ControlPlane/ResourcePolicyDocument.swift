import LambdaAPI
import MetadataStore

/// Whom a statement of a resource policy allows something. Source: `spec/control-plane.md` section 1, AddPermission.
enum StatementPrincipal: JSONEncodable {
    case everybody
    /// An ARN of IAM; an account is that of its root.
    case identity(arn: String)
    /// Such as `s3.amazonaws.com`.
    case service(String)

    /// Reads a principal as a request names it; nil if it can be none.
    init?(_ text: String) {
        if text == "*" {
            self = .everybody
        } else if text.wholeMatch(of: /\d{12}/) != nil {
            self = .identity(arn: "arn:aws:iam::\(text):root")
        } else if text.wholeMatch(of: /arn:aws[a-z-]*:(iam|sts)::\d{12}:.+/) != nil {
            self = .identity(arn: text)
        } else if text.wholeMatch(of: /[a-z0-9-]+(\.[a-z0-9-]+)*\.amazon(aws)?\.com(\.cn)?/) != nil {
            self = .service(text)
        } else {
            return nil
        }
    }

    func encode(to writer: inout JSONWriter) {
        switch self {
        case .everybody: writer.string("*")
        case .identity(let arn): ["AWS": arn].encode(to: &writer)
        case .service(let name): ["Service": name].encode(to: &writer)
        }
    }
}

/// One statement of a resource policy as IAM writes it.
struct PolicyStatementDocument: JSONEncodable {
    let id: String
    let principal: StatementPrincipal
    let action: String
    let resource: String
    /// The values of each operator, by condition key.
    var conditions: [(operator: String, values: [String: String])] = []

    func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Sid", id)
            writer.member("Effect", "Allow")
            writer.member("Principal", principal)
            writer.member("Action", action)
            writer.member("Resource", resource)
            if !conditions.isEmpty { writer.member("Condition", Conditions(conditions: conditions)) }
        }
    }

    private struct Conditions: JSONEncodable {
        let conditions: [(operator: String, values: [String: String])]

        func encode(to writer: inout JSONWriter) {
            writer.object { writer in
                for condition in conditions { writer.member(condition.operator, condition.values) }
            }
        }
    }

    /// Statements, each a JSON object, as a whole policy.
    static func policy(ofStatements statements: [String]) -> String {
        let document = JSONWriter.document { writer in
            writer.member("Version", "2012-10-17")
            writer.member("Id", "default")
            writer.member("Statement", statements.map { VerbatimJSON(text: $0) })
        }
        return String(decoding: document, as: UTF8.self)
    }

    private struct VerbatimJSON: JSONEncodable {
        let text: String

        func encode(to writer: inout JSONWriter) { writer.verbatim(text) }
    }

    /// The statement by itself.
    var json: String { String(decoding: JSONWriter.bytes(of: self), as: UTF8.self) }
}

extension PolicyStatementDocument {
    /// The statement that AddPermission asks for.
    init(_ request: AddPermissionRequest, resource: String) throws(LambdaError) {
        guard let principal = StatementPrincipal(request.principal) else {
            throw .invalidParameterValue(
                "The provided principal was invalid. Please check the principal and try again."
            )
        }
        if request.functionUrlAuthType != nil, request.action != "lambda:InvokeFunctionUrl" {
            throw .invalidParameterValue("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
        }
        self.init(id: request.statementId, principal: principal, action: request.action, resource: resource)
        var equal: [String: String] = [:]
        equal["AWS:SourceAccount"] = request.sourceAccount
        equal["aws:PrincipalOrgID"] = request.principalOrgID
        equal["lambda:FunctionUrlAuthType"] = request.functionUrlAuthType?.rawValue
        equal["lambda:EventSourceToken"] = request.eventSourceToken
        if !equal.isEmpty { conditions.append(("StringEquals", equal)) }
        if let arn = request.sourceArn { conditions.append(("ArnLike", ["AWS:SourceArn": arn])) }
        if let isInvokedViaURL = request.invokedViaFunctionUrl {
            conditions.append(("Bool", ["lambda:InvokedViaFunctionUrl": isInvokedViaURL ? "true" : "false"]))
        }
    }
}

/// A layer version's policy as the API shows it. Source: `spec/control-plane.md` section 1.
struct LayerPolicyDocument {
    let statements: [LayerPolicy.Statement]
    /// The ARN of the layer's version.
    let resource: String

    /// The whole policy.
    var json: String {
        PolicyStatementDocument.policy(ofStatements: statements.map { Self.json(of: $0, resource: resource) })
    }

    /// One statement by itself.
    static func json(of statement: LayerPolicy.Statement, resource: String) -> String {
        document(of: statement, resource: resource).json
    }

    private static func document(of statement: LayerPolicy.Statement, resource: String) -> PolicyStatementDocument {
        var document = PolicyStatementDocument(
            id: statement.id,
            principal: StatementPrincipal(statement.principal) ?? .identity(arn: statement.principal),
            action: "lambda:GetLayerVersion",
            resource: resource
        )
        if let organization = statement.organizationID {
            document.conditions.append(("StringEquals", ["aws:PrincipalOrgID": organization]))
        }
        return document
    }
}
