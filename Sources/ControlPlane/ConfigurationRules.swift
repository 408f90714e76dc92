import LambdaAPI

/// What Lambda checks of a configuration beyond the service model. Source: `spec/control-plane.md` section 2.
enum ConfigurationRules {
    /// Variables that the service sets itself. Source: `spec/runtime-api.md` section 6.
    private static let reservedVariables: Set<String> = [
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN", "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    ]

    static func checkEnvironment(_ variables: [String: String]) throws(LambdaError) {
        let reserved = variables.keys.filter { reservedVariables.contains($0) }.sorted()
        guard reserved.isEmpty else {
            throw .invalidParameterValue(
                "Lambda was unable to configure your environment variables because the environment variables you have "
                    + "provided contains reserved keys that are currently not supported for modification. "
                    + "Reserved keys used in this request: \(reserved.joined(separator: ", "))"
            )
        }
        let json = JSONWriter.document { writer in
            for key in variables.keys.sorted() { writer.member(key, variables[key]) }
        }
        guard json.count <= Limits.environmentSizeMax.bytes else {
            throw .environmentTooLarge(json: String(decoding: json, as: UTF8.self))
        }
    }

    /// The model allows the sizes of Managed Instances, which are larger.
    static func checkMemory(_ megabytes: Int) throws(LambdaError) {
        let range = Limits.memorySizeMB
        guard range.contains(megabytes) else {
            throw .invalidParameterValue(
                violation: "Value '\(megabytes)' at 'memorySize' failed to satisfy constraint: "
                    + "Member must have value less than or equal to \(range.upperBound)"
            )
        }
    }

    static func checkTags(_ tags: [String: String]) throws(LambdaError) {
        guard tags.count <= Limits.tagsMax else {
            throw .invalidParameterValue("Number of tags exceeds resource tag limit.")
        }
    }
}
