package import LambdaAPI

/// What a caller needs to be allowed for one operation of the Lambda API.
package struct OperationPermission: Hashable, Sendable {
    /// Which resource of a request the permission is asked on.
    package enum Resource: Hashable, Sendable {
        /// `*`: there is none, or it is not there yet.
        case any
        /// The function, with the qualifier if the request has one.
        case function
        case layer
        case layerVersion
        case eventSourceMapping
        case codeSigningConfig
        case capacityProvider
        case durableExecution
        /// What the request's ARN names, of whichever kind.
        case tagged
    }

    /// Such as `lambda:GetFunction`.
    package let action: String
    package let resource: Resource
    /// Whether a role that the request names must be the caller's to give: `iam:PassRole` on the role's ARN.
    package let passesRole: Bool
}

extension Operation {
    /// The permission, as AWS's service authorization reference has it.
    package var permission: OperationPermission {
        OperationPermission(action: "lambda:\(actionName)", resource: permissionResource, passesRole: passesRole)
    }

    /// Nearly every action has its operation's name.
    private var actionName: String {
        switch self {
        case .invoke, .invokeWithResponseStream: "InvokeFunction"
        case .getLayerVersionByArn: "GetLayerVersion"
        default: rawValue
        }
    }

    private var passesRole: Bool {
        switch self {
        case .createFunction, .updateFunctionConfiguration, .createCapacityProvider: true
        default: false
        }
    }

    private var permissionResource: OperationPermission.Resource {
        switch self {
        case .createCodeSigningConfig, .createEventSourceMapping, .getAccountSettings, .listCapacityProviders,
            .listCodeSigningConfigs, .listEventSourceMappings, .listFunctions, .listLayerVersions, .listLayers:
            .any
        case .addPermission, .createAlias, .createFunction, .createFunctionUrlConfig, .deleteAlias, .deleteFunction,
            .deleteFunctionCodeSigningConfig, .deleteFunctionConcurrency, .deleteFunctionEventInvokeConfig,
            .deleteFunctionUrlConfig, .deleteProvisionedConcurrencyConfig, .getAlias, .getFunction,
            .getFunctionCodeSigningConfig, .getFunctionConcurrency, .getFunctionConfiguration,
            .getFunctionEventInvokeConfig, .getFunctionRecursionConfig, .getFunctionScalingConfig,
            .getFunctionUrlConfig, .getPolicy, .getProvisionedConcurrencyConfig, .getRuntimeManagementConfig, .invoke,
            .invokeAsync, .invokeWithResponseStream, .listAliases, .listDurableExecutionsByFunction,
            .listFunctionEventInvokeConfigs, .listFunctionUrlConfigs, .listProvisionedConcurrencyConfigs,
            .listVersionsByFunction, .publishVersion, .putFunctionCodeSigningConfig, .putFunctionConcurrency,
            .putFunctionEventInvokeConfig, .putFunctionRecursionConfig, .putFunctionScalingConfig,
            .putProvisionedConcurrencyConfig, .putRuntimeManagementConfig, .removePermission, .updateAlias,
            .updateFunctionCode, .updateFunctionConfiguration, .updateFunctionEventInvokeConfig,
            .updateFunctionUrlConfig:
            .function
        case .publishLayerVersion: .layer
        case .addLayerVersionPermission, .deleteLayerVersion, .getLayerVersion, .getLayerVersionByArn,
            .getLayerVersionPolicy, .removeLayerVersionPermission:
            .layerVersion
        case .deleteEventSourceMapping, .getEventSourceMapping, .updateEventSourceMapping: .eventSourceMapping
        case .deleteCodeSigningConfig, .getCodeSigningConfig, .listFunctionsByCodeSigningConfig,
            .updateCodeSigningConfig:
            .codeSigningConfig
        case .createCapacityProvider, .deleteCapacityProvider, .getCapacityProvider,
            .listFunctionVersionsByCapacityProvider, .updateCapacityProvider:
            .capacityProvider
        case .checkpointDurableExecution, .getDurableExecution, .getDurableExecutionHistory,
            .getDurableExecutionState, .sendDurableExecutionCallbackFailure, .sendDurableExecutionCallbackHeartbeat,
            .sendDurableExecutionCallbackSuccess, .stopDurableExecution, .pauseDurableExecution,
            .resumeDurableExecution,
            .deleteDurableExecution:
            .durableExecution
        case .deleteResourcePolicy, .getResourcePolicy, .listTags, .putResourcePolicy, .tagResource, .untagResource:
            .tagged
        }
    }
}
