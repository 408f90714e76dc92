import Identity
import LambdaAPI
import Testing

@Suite struct OperationPermissionTests {
    @Test(arguments: [
        (Operation.listFunctions, "lambda:ListFunctions", OperationPermission.Resource.any),
        (.invoke, "lambda:InvokeFunction", .function),
        (.invokeWithResponseStream, "lambda:InvokeFunction", .function),
        (.invokeAsync, "lambda:InvokeAsync", .function),
        (.getLayerVersionByArn, "lambda:GetLayerVersion", .layerVersion),
        (.publishLayerVersion, "lambda:PublishLayerVersion", .layer),
        (.updateEventSourceMapping, "lambda:UpdateEventSourceMapping", .eventSourceMapping),
        (.createEventSourceMapping, "lambda:CreateEventSourceMapping", .any),
        (.tagResource, "lambda:TagResource", .tagged),
        (.getCodeSigningConfig, "lambda:GetCodeSigningConfig", .codeSigningConfig),
        (.getDurableExecution, "lambda:GetDurableExecution", .durableExecution),
        (.getCapacityProvider, "lambda:GetCapacityProvider", .capacityProvider),
    ])
    func namesActionAndResource(_ operation: Operation, _ action: String, _ resource: OperationPermission.Resource) {
        #expect(operation.permission.action == action)
        #expect(operation.permission.resource == resource)
    }

    /// What takes a function's name in its path is about a function, and so on with the other names.
    @Test(arguments: Operation.allCases)
    func isAboutWhatThePathNames(_ operation: Operation) {
        let resource = operation.permission.resource
        let path = operation.pathTemplate
        if path.contains("{FunctionName}") { #expect(resource == .function) }
        if path.contains("{UUID}") { #expect(resource == .eventSourceMapping) }
        if path.contains("{CodeSigningConfigArn}") { #expect(resource == .codeSigningConfig) }
        if path.contains("{CapacityProviderName}") { #expect(resource == .capacityProvider) }
        if path.contains("{VersionNumber}") { #expect(resource == .layerVersion) }
        if path.contains("{Resource}") { #expect(resource == .tagged) }
        if path.contains("{DurableExecutionArn}") { #expect(resource == .durableExecution) }
    }

    @Test func wantsTheRoleToBeTheCallersWhereOneIsNamed() {
        let passing = Operation.allCases.filter(\.permission.passesRole)
        #expect(passing == [.createCapacityProvider, .createFunction, .updateFunctionConfiguration])
    }
}
