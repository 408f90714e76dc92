package import MetadataStore

extension MetadataStoreError {
    /// An error of the store's own as it is, and any other as one of the database.
    package static func failed(to operation: String, _ error: any Error) -> MetadataStoreError {
        if let error = error as? MetadataStoreError { return error }
        return MetadataStoreError(.unavailable, "failed to \(operation)", cause: error)
    }

    /// An event's change was refused since the lease of its shard is over.
    package static func leaseOver(of shard: Int) -> MetadataStoreError {
        MetadataStoreError(.conflict, "failed to settle an event of shard \(shard): the lease is over")
    }
}

extension EventLane {
    /// Reads a lane as the store has it.
    package init(stored text: String) throws(MetadataStoreError) {
        guard let lane = EventLane(text: text) else {
            throw MetadataStoreError(.corrupt, "failed to read a lane: '\(text)'")
        }
        self = lane
    }
}
