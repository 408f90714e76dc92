import Identity
import LambdaAPI

/// What an operation of the Lambda API does, as policies see it: actions on ARNs, with the condition keys that Lambda
/// defines. Source: `spec/control-plane.md` section 10.
///
/// Names are read here as the operations read them, and it is what they mean that is decided on, in one spelling of its ARN:
/// what a request says besides must not change what it is allowed.
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
    ///
    /// - Throws: The API's error for a name that means nothing here.
    func all() throws(LambdaError) -> [AccessControl.Demand] {
        let permission = operation.permission
        var demand = AccessControl.Demand(action: permission.action, resource: "*", context: context)
        switch permission.resource {
        case .any: break
        case .function:
            demand.function = try function()
            demand.resource = demand.function?.arn(in: locality) ?? "*"
        case .layer: demand.resource = locality.layerARN(try layer().name)
        case .layerVersion: demand.resource = try layerVersion()
        case .tagged:
            let arn = parameter("Resource") ?? parameter("ResourceArn") ?? ""
            demand.function = try taggedFunction(arn)
            if let function = demand.function {
                demand.resource = function.arn(in: locality)
            } else {
                demand.resource = try own(arn)
            }
        case .eventSourceMapping: demand.resource = "\(account):event-source-mapping:\(parameter("UUID") ?? "")"
        case .codeSigningConfig: demand.resource = try own(parameter("CodeSigningConfigArn") ?? "")
        case .capacityProvider: demand.resource = try capacityProvider()
        case .durableExecution: demand.resource = parameter("DurableExecutionArn") ?? "*"
        }
        return [demand] + passedRoles(permission) + usedLayers
    }

    private var account: String { "arn:aws:lambda:\(locality.region):\(locality.accountID)" }

    // MARK: Resources

    /// The function, with its qualifier only where the operation is on a version or alias: all others are on the whole
    /// function, whatever stands behind its name.
    private func function() throws(LambdaError) -> FunctionReference? {
        guard let name = parameter("FunctionName") ?? text("FunctionName") else { return nil }
        guard hasQualifier else { return FunctionReference(try FunctionReference(name, in: locality).name) }
        return try FunctionReference(name, qualifier: input.query("Qualifier").first, in: locality)
    }

    private var hasQualifier: Bool {
        guard case .structure(let members) = operation.requestShape.kind else { return false }
        return members.contains { member in
            if case .query("Qualifier") = member.location { true } else { false }
        }
    }

    private func taggedFunction(_ arn: String) throws(LambdaError) -> FunctionReference? {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count > 5, parts[5] == "function" else { return nil }
        return try FunctionReference(arn, in: locality)
    }

    /// An ARN of something here; others name nothing.
    private func own(_ arn: String) throws(LambdaError) -> String {
        guard locality.owns(arn) else { throw .resourceDoesNotExist }
        return arn
    }

    private func layer() throws(LambdaError) -> LayerReference {
        let name = operation == .getLayerVersionByArn ? input.query("Arn").first : parameter("LayerName")
        let reference = LayerReference(name ?? "", in: locality)
        // Of another account or region: the operation says what is wrong with it.
        guard reference.locality == locality else { throw .resourceDoesNotExist }
        return reference
    }

    private func layerVersion() throws(LambdaError) -> String {
        let layer = try layer()
        let version =
            operation == .getLayerVersionByArn ? layer.version : parameter("VersionNumber").flatMap { Int($0) }
        guard let version else { throw .resourceDoesNotExist }
        return locality.layerVersionARN(layer.name, version)
    }

    private func capacityProvider() throws(LambdaError) -> String {
        let name = parameter("CapacityProviderName") ?? text("CapacityProviderName") ?? ""
        return name.hasPrefix("arn:") ? try own(name) : "\(account):capacity-provider:\(name)"
    }

    // MARK: What else is used

    private func passedRoles(_ permission: OperationPermission) -> [AccessControl.Demand] {
        guard permission.passesRole, let role else { return [] }
        return [
            AccessControl.Demand(
                action: "iam:PassRole",
                resource: role,
                context: PolicyContext(["iam:PassedToService": ["lambda.amazonaws.com"]])
            )
        ]
    }

    private var role: String? {
        guard operation == .createCapacityProvider else { return text("Role") }
        guard case .object(let permissions)? = body["PermissionsConfig"],
            case .string(let role)? = permissions["CapacityProviderOperatorRoleArn"]
        else { return nil }
        return role.string
    }

    /// Who gives a function a layer can read it from there.
    private var usedLayers: [AccessControl.Demand] {
        guard operation == .createFunction || operation == .updateFunctionConfiguration else { return [] }
        return (texts(body["Layers"]) ?? []).map { arn in
            let layer = LayerReference(arn, in: locality)
            let canonical = layer.version.map { locality.layerVersionARN(layer.name, $0) } ?? arn
            return AccessControl.Demand(
                action: "lambda:GetLayerVersion",
                resource: layer.locality == locality ? canonical : arn
            )
        }
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
