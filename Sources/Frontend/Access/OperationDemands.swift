import Identity
import LambdaAPI

/// What an operation of the Lambda API does, as policies see it: actions on ARNs, with the condition keys that Lambda
/// defines. Source: `spec/control-plane.md` section 10.
struct OperationDemands {
    private let operation: Operation
    private let input: OperationInput
    private let locality: Locality
    private let body: JSONObject

    /// - Parameter input: The request; its body need not be good JSON, since the operation itself refuses it then.
    init(_ operation: Operation, _ input: OperationInput, in locality: Locality) {
        self.operation = operation
        self.input = input
        self.locality = locality
        if !input.body.isEmpty, case .object(let object)? = try? JSONParser.parse(input.body) {
            body = object
        } else {
            body = JSONObject()
        }
    }

    /// All that the caller must be allowed.
    var all: [AccessControl.Demand] {
        let permission = operation.permission
        var demand = AccessControl.Demand(
            action: permission.action,
            resource: resource(permission.resource),
            function: permission.resource == .function ? function : nil,
            context: context
        )
        if permission.resource == .tagged, let reference = try? FunctionReference(taggedARN, in: locality) {
            demand.function = reference
        }
        guard permission.passesRole, let role = role else { return [demand] }
        return [
            demand,
            AccessControl.Demand(
                action: "iam:PassRole",
                resource: role,
                context: PolicyContext(["iam:PassedToService": ["lambda.amazonaws.com"]])
            ),
        ]
    }

    private func resource(_ kind: OperationPermission.Resource) -> String {
        let account = "arn:aws:lambda:\(locality.region):\(locality.accountID)"
        switch kind {
        case .any: return "*"
        case .function: return function?.arn(in: locality) ?? "*"
        case .layer: return layer ?? "*"
        case .layerVersion:
            if let arn = input.query("Arn").first { return arn }
            return layer.map { "\($0):\(parameter("VersionNumber") ?? "*")" } ?? "*"
        case .eventSourceMapping: return "\(account):event-source-mapping:\(parameter("UUID") ?? "*")"
        case .codeSigningConfig: return parameter("CodeSigningConfigArn") ?? "*"
        case .capacityProvider:
            let name = parameter("CapacityProviderName") ?? text("CapacityProviderName") ?? "*"
            return name.hasPrefix("arn:") ? name : "\(account):capacity-provider:\(name)"
        case .durableExecution: return parameter("DurableExecutionArn") ?? "*"
        case .tagged: return taggedARN
        }
    }

    private var taggedARN: String { parameter("Resource") ?? parameter("ResourceArn") ?? "*" }

    private var function: FunctionReference? {
        guard let name = parameter("FunctionName") ?? text("FunctionName") else { return nil }
        return try? FunctionReference(name, qualifier: input.query("Qualifier").first, in: locality)
    }

    private var layer: String? {
        guard let name = parameter("LayerName") else { return nil }
        return name.hasPrefix("arn:")
            ? name : "arn:aws:lambda:\(locality.region):\(locality.accountID):layer:\(name)"
    }

    private var role: String? {
        if let role = text("Role") { return role }
        guard case .object(let permissions)? = body["PermissionsConfig"],
            case .string(let role)? = permissions["CapacityProviderOperatorRoleArn"]
        else { return nil }
        return role.string
    }

    // MARK: Condition keys

    private var context: PolicyContext {
        var context = PolicyContext()
        if operation == .createEventSourceMapping || operation == .updateEventSourceMapping,
            let name = text("FunctionName"), let reference = try? FunctionReference(name, in: locality)
        {
            context["lambda:FunctionArn"] = [reference.arn(in: locality)]
        }
        if let principal = text("Principal") { context["lambda:Principal"] = [principal] }
        if let type = text("FunctionUrlAuthType") ?? text("AuthType") { context["lambda:FunctionUrlAuthType"] = [type] }
        if let arn = text("CodeSigningConfigArn") { context["lambda:CodeSigningConfigArn"] = [arn] }
        if let layers = texts(body["Layers"]) { context["lambda:Layer"] = layers }
        if case .object(let network)? = body["VpcConfig"] {
            if let subnets = texts(network["SubnetIds"]) { context["lambda:SubnetIds"] = subnets }
            if let groups = texts(network["SecurityGroupIds"]) { context["lambda:SecurityGroupIds"] = groups }
        }
        addTags(to: &context)
        return context
    }

    private func addTags(to context: inout PolicyContext) {
        var keys = input.query("tagKeys")
        if case .object(let tags)? = body["Tags"] {
            for tag in tags.members {
                keys.append(tag.name)
                if case .string(let value) = tag.value { context["aws:RequestTag/\(tag.name)"] = [value.string] }
            }
        }
        if !keys.isEmpty { context["aws:TagKeys"] = keys }
    }

    private func parameter(_ name: String) -> String? { input.pathParameters[name] }

    private func text(_ name: String) -> String? {
        if case .string(let text)? = body[name] { text.string } else { nil }
    }

    private func texts(_ value: JSONValue?) -> [String]? {
        guard case .array(let values)? = value else { return nil }
        return values.compactMap { if case .string(let text) = $0 { text.string } else { nil } }
    }
}
