import CodeStore
import LambdaAPI
import MetadataStore

/// The layers of functions.
extension ControlPlane {
    /// Looks up the layers that a function asks for. Source: `spec/control-plane.md` section 2.
    ///
    /// - Returns: nil for none.
    func layers(_ arns: [String]) async throws(LambdaError) -> [FunctionLayer]? {
        guard arns.count <= Limits.layersMax else { throw .tooManyLayers }
        let here = dependencies.locality
        var layers: [FunctionLayer] = []
        var firstOf: [LayerName: String] = [:]
        for arn in arns {
            let reference = LayerReference(arn, in: here)
            guard reference.locality.region == here.region else { throw .layerInOtherRegion(expected: here.region) }
            guard reference.locality == here else { throw otherAccount(.getLayerVersion, arn) }
            let record = try await layerVersion(
                reference.version ?? 0,
                of: reference.name,
                orThrow: .unknownLayerVersion(arn: arn)
            )
            if let first = firstOf.updateValue(arn, forKey: reference.name) { throw .sameLayerTwice(first, arn) }
            layers.append(
                FunctionLayer(
                    arn: here.layerVersionARN(record.name, record.version),
                    codeHash: record.definition.codeHash,
                    codeSize: record.definition.codeSize
                )
            )
        }
        return layers.isEmpty ? nil : layers
    }

    /// Throws if the definition's package and layers are too large together, or if the layers cannot be merged. What
    /// its environments will need is on this host's disk then.
    func checkLayers(of definition: FunctionDefinition) async throws(LambdaError) {
        guard let stack = definition.layerStack else { return }
        let packages = [CodeHash(hexadecimal: definition.codeHash)] + stack.layers
        let size = try await inCodeStore { store throws(CodeStoreError) in
            var size = 0
            for package in packages { size += try await store.contentSize(of: package) }
            return size
        }
        guard size <= Limits.unzippedSizeMax.bytes else { throw .codeWithLayersTooLarge(size) }
        try await inCodeStore { store throws(CodeStoreError) in try await store.withLayers(stack) { _ in } }
    }

    /// The packages of layers that must be kept, and the stacks of them.
    func layerPackages() async throws(LambdaError) -> Set<CodeHash> {
        let inUse = try await inStore { store throws(MetadataStoreError) in try await store.layersInUse() }
        var hashes = Set(inUse.published.map { CodeHash(hexadecimal: $0) })
        for stack in inUse.stacks.compactMap({ LayerStack($0.map { CodeHash(hexadecimal: $0) }) }) {
            hashes.formUnion(stack.layers)
            hashes.insert(stack.identifier)
        }
        return hashes
    }
}

extension FunctionDefinition {
    /// The layers as the code store knows them, nil if there are none.
    var layerStack: LayerStack? {
        LayerStack((layers ?? []).map { CodeHash(hexadecimal: $0.codeHash) })
    }
}
