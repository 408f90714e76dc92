package import LambdaAPI

/// A code signing configuration: who may sign the packages of functions that have it.
package struct CodeSigningConfigRecord: StoredResource {
    package static let kind = "codeSigningConfig"

    /// As the API shows it; its ARN is the key.
    package var config: CodeSigningConfig
    package var tags: [String: String]
    package var generation = 0

    package init(config: CodeSigningConfig, tags: [String: String]) {
        self.config = config
        self.tags = tags
    }

    package var id: String { config.codeSigningConfigArn ?? "" }
    package var keys: Set<String> { [] }
}
