package import LambdaAPI

/// A capacity provider: the instances that functions of Managed Instances are to run on.
package struct CapacityProviderRecord: StoredResource {
    package static let kind = "capacityProvider"

    package var name: String
    /// As the API shows it.
    package var provider: CapacityProvider
    package var tags: [String: String]
    package var generation = 0

    package init(name: String, provider: CapacityProvider, tags: [String: String]) {
        self.name = name
        self.provider = provider
        self.tags = tags
    }

    package var id: String { name }
    package var keys: Set<String> { Set(provider.state.map { [$0.rawValue] } ?? []) }
}
