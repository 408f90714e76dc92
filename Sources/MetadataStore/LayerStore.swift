package import LambdaAPI

/// Where layers are kept; a part of every ``MetadataStore``. A write that returns is durable; one that throws has changed
/// nothing.
package protocol LayerStore: Sendable {
    /// Adds a version under the number that follows the highest that the layer ever had, be that version deleted.
    func publishLayerVersion(
        of name: LayerName,
        _ definition: LayerVersionDefinition
    ) async throws(MetadataStoreError) -> LayerVersionRecord

    /// The version of that number, or nil.
    func layerVersion(_ version: Int, of name: LayerName) async throws(MetadataStoreError) -> LayerVersionRecord?

    /// Gives a version another policy, if the one that it has is of the revision `revisionID`, nil meaning that it has
    /// none. Throws `.conflict` if it is another, or if the version is gone.
    func setPolicy(
        _ policy: LayerPolicy?,
        ofVersion version: Int,
        of name: LayerName,
        expecting revisionID: String?
    ) async throws(MetadataStoreError)

    /// Removes a version. Returns whether there was one. Its number stays taken.
    func deleteLayerVersion(_ version: Int, of name: LayerName) async throws(MetadataStoreError) -> Bool

    /// At most `limit` of a layer's versions that match, the highest number first, from the first one below `version`.
    func layerVersions(
        of name: LayerName,
        before version: Int?,
        matching filter: LayerFilter,
        limit: Int
    ) async throws(MetadataStoreError) -> [LayerVersionRecord]

    /// The highest matching version of each layer that has one: at most `limit`, in the order of the layers' names, from
    /// the first one after `name`.
    func layers(
        after name: LayerName?,
        matching filter: LayerFilter,
        limit: Int
    ) async throws(MetadataStoreError) -> [LayerVersionRecord]

    /// The sizes of all versions' archives together, in bytes.
    func layersCodeSize() async throws(MetadataStoreError) -> Int

    /// What has to be kept of layers' archives. Looks at every function: for now and then, not for every request.
    func layersInUse() async throws(MetadataStoreError) -> LayersInUse
}

/// The archives of layers that are referred to.
package struct LayersInUse: Sendable, Equatable {
    /// The hashes of all layers' versions.
    package var published: Set<String>
    /// The layers of all functions, as the hashes in a function's order; no list is empty. A deleted version may be among
    /// them.
    package var stacks: Set<[String]>
    package init(published: Set<String>, stacks: Set<[String]>) {
        self.published = published
        self.stacks = stacks
    }
}
