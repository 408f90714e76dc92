package import CodeStore
import FunctionURL
package import LambdaAPI
package import Logging
package import MetadataStore
import Synchronization
import Telemetry

/// What the management operations do. Everything is in the store before it is acknowledged; what is left to do then is
/// done by ``run()``, and taken up again at the next start if the process should die before.
package final class ControlPlane: LambdaOperations {
    /// What the control plane works with.
    package struct Dependencies: Sendable {
        package var store: any MetadataStore
        package var codeStore: CodeStore
        package var runtimes: any RuntimeSupport
        package var locality: Locality
        package var logger: Logger
        /// Where packages are fetched from that requests only name; nil if nowhere.
        package var objects: S3Source?
        /// The moment of a change.
        package var now: @Sendable () -> Timestamp = { .now() }
        /// Told of every configuration that no invoke will begin to run any more. It must not block.
        package var onRetired: @Sendable (InvocableFunction.ConfigurationID) -> Void = { _ in }
        /// The account's concurrency.
        package var accountConcurrency = Limits.concurrentExecutionsDefault
        /// Who keeps execution environments.
        package var environments: any FunctionEnvironments = NoEnvironments()
        /// Where versions get the snapshots that they start from.
        package var snapshots: any SnapshotMaker = NoSnapshots()
        /// What all processes have that serve the API together; nil for one that is alone.
        package var secret: [UInt8]?
        /// Told of every change of what is reserved or provisioned, in the order of the changes. It must not block.
        package var onConcurrencyChanged: @Sendable (ConcurrencyChange) -> Void = { _ in }

        package init(
            store: any MetadataStore,
            codeStore: CodeStore,
            runtimes: any RuntimeSupport,
            locality: Locality,
            logger: Logger
        ) {
            self.store = store
            self.codeStore = codeStore
            self.runtimes = runtimes
            self.locality = locality
            self.logger = logger
        }
    }

    /// How often packages that nobody uses are looked for.
    private static let collectionInterval = Duration.seconds(600)

    /// What invokes are resolved with.
    package let functions: FunctionDirectory
    /// What requests to functions' URLs are answered with.
    package let functionURLs: FunctionURLDirectory
    /// What invokes and requests are allowed by.
    package let policies: ResourcePolicyDirectory
    /// The addresses of packages.
    package let codeLocation: CodeLocation

    let dependencies: Dependencies
    private let activation: FunctionActivation
    private let address = Mutex(ServiceAddress(scheme: "http", host: "127.0.0.1", port: 9000))
    private let provisionedVersions: ProvisionedVersions
    private let begun: AsyncStream<Begun>
    private let begunContinuation: AsyncStream<Begun>.Continuation

    /// What has begun and is to be finished.
    private enum Begun: CustomStringConvertible {
        case function(FunctionName)
        case version(Int, of: FunctionName)
        case mapping(String)

        var description: String {
            switch self {
            case .function(let name): "function \(name)"
            case .version(let number, let name): "version \(number) of function \(name)"
            case .mapping(let uuid): "event source mapping \(uuid)"
            }
        }
    }

    package init(_ dependencies: Dependencies) {
        self.dependencies = dependencies
        codeLocation = CodeLocation(secret: dependencies.secret)
        activation = FunctionActivation(
            store: dependencies.store,
            codeStore: dependencies.codeStore,
            runtimes: dependencies.runtimes,
            snapshots: dependencies.snapshots,
            locality: dependencies.locality,
            logger: dependencies.logger
        )
        functions = FunctionDirectory(
            activation: activation,
            locality: dependencies.locality,
            onRetired: dependencies.onRetired
        )
        functionURLs = FunctionURLDirectory(store: dependencies.store)
        policies = ResourcePolicyDirectory(store: dependencies.store)
        provisionedVersions = ProvisionedVersions(
            store: dependencies.store,
            functions: functions,
            environments: dependencies.environments,
            logger: dependencies.logger
        )
        (begun, begunContinuation) = AsyncStream.makeStream()
        dependencies.store.observe { [snapshots = dependencies.snapshots] in snapshots.remove(after: $0) }
        // After the directory, which is to know a version before it is provisioned.
        dependencies.store.observe { [provisionedVersions, onConcurrencyChanged = dependencies.onConcurrencyChanged] in
            switch $0 {
            case .written(let record):
                onConcurrencyChanged(ConcurrencyChange(record))
                provisionedVersions.recordChanged(record)
            case .deleted(let name):
                onConcurrencyChanged(.deleted(name))
                provisionedVersions.functionDeleted(name)
            case .versionWritten, .versionDeleted, .missed:
                break
            }
        }
    }

    /// All operations but those of the invoke path, which have routes of their own.
    package static let implementedOperations = Set(Operation.allCases).subtracting([
        .invoke, .invokeAsync, .invokeWithResponseStream,
    ])

    /// Removes what a crash has left behind and takes up what was under way. To be called before any request is served.
    package func recover() async throws(LambdaError) {
        let referenced = try await referencedPackages()
        try await inCodeStore { store throws(CodeStoreError) in try await store.recover(referenced: referenced) }
        let unfinished = try await inStore { store throws(MetadataStoreError) in
            try await store.unfinishedFunctions()
        }
        for record in unfinished {
            finishLater(record.name)
        }
        let versions = try await inStore { store throws(MetadataStoreError) in try await store.unfinishedVersions() }
        for version in versions {
            finishLater(version)
        }
        try await recoverMappings()
        try await recoverConcurrency()
        try await removeUnusedSnapshots()
    }

    /// Removes the snapshots of versions that are gone, or of others of the same name.
    private func removeUnusedSnapshots() async throws(LambdaError) {
        for identity in dependencies.snapshots.snapshots() {
            let version = try await publishedVersion(identity.version, of: identity.name)
            let record = try await inStore { store throws(MetadataStoreError) in
                try await store.function(named: identity.name)
            }
            let current = version.flatMap { record?.configurationID(of: $0.definition) }
            if current != identity.configurationID {
                dependencies.snapshots.removeSnapshot(of: identity)
            }
        }
    }

    /// Has what is reserved and provisioned for functions told again, to somebody who knows nothing of it yet.
    package func recoverConcurrency() async throws(LambdaError) {
        let limited = try await inStore { store throws(MetadataStoreError) in
            try await store.functionsWithConcurrencySettings()
        }
        for record in limited {
            dependencies.onConcurrencyChanged(ConcurrencyChange(record))
            provisionedVersions.recordChanged(record)
        }
    }

    /// Finishes creations and updates, and removes packages that nobody uses any more, until ``stop()`` is called.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.finishWhatBegins() }
            group.addTask { await self.collectPackagesPeriodically() }
            group.addTask { await self.provisionedVersions.run() }
            // The first is over when the control plane is stopped; the others have nothing to finish.
            await group.next()
            group.cancelAll()
        }
    }

    /// The configuration that invokes of a function's unpublished version begin to run; nil if it has none that can be invoked.
    package static func configurationInForce(of record: FunctionRecord) -> InvocableFunction.ConfigurationID? {
        FunctionDirectory.configurationInForce(of: record)
    }

    /// Only sees to what is provisioned, until the task is cancelled: for a manager, which serves no operations.
    package func runProvisioning() async {
        await provisionedVersions.run()
    }

    private func finishWhatBegins() async {
        await withDiscardingTaskGroup { group in
            for await item in begun {
                group.addTask { await self.finish(item) }
            }
        }
    }

    private func collectPackagesPeriodically() async {
        while (try? await Task.sleep(for: Self.collectionInterval)) != nil {
            do throws(LambdaError) {
                try await collectPackages(at: .now)
            } catch {
                dependencies.logger.error("unused packages could not be removed", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    /// Removes the packages that no function and no layer has referred to for ``CodeStore/retention``.
    func collectPackages(at now: ContinuousClock.Instant) async throws(LambdaError) {
        let referenced = try await referencedPackages()
        let found = try await inCodeStore { store throws(CodeStoreError) in
            try await store.unreferenced(but: referenced, at: now)
        }
        guard !found.isEmpty else { return }
        // Somebody may have begun to refer to one of them, in another process too.
        let referencedNow = try await referencedPackages()
        let count = try await inCodeStore { store throws(CodeStoreError) in
            try await store.remove(found, but: referencedNow, at: now)
        }
        if count > 0 {
            dependencies.logger.debug("unused packages removed", metadata: [LogKey.count: "\(count)"])
        }
    }

    private func referencedPackages() async throws(LambdaError) -> Set<CodeHash> {
        let hashes = try await inStore { store throws(MetadataStoreError) in try await store.referencedCode() }
        return Set(hashes.map { CodeHash(hexadecimal: $0) }).union(try await layerPackages())
    }

    /// Ends ``run()`` when it has finished what has begun. What takes long is left to the next start.
    package func stop() {
        dependencies.snapshots.stopMaking()
        begunContinuation.finish()
    }

    /// The service is reachable at this address; those of packages and functions are made of it.
    package func served(at address: ServiceAddress) {
        self.address.withLock { $0 = address }
    }

    /// A package's archive, for whoever has a valid address of it.
    ///
    /// - Throws: `AccessDeniedException` for an address that is not valid, or not any more.
    package func archive(_ hash: CodeHash, expiry: Int, signature: String) async throws(LambdaError) -> [UInt8] {
        let isValid = codeLocation.isValid(hash: hash, expiry: expiry, signature: signature, at: dependencies.now())
        guard isValid else {
            throw .accessDenied("The address has expired or is not one that this server has returned.")
        }
        return try await inCodeStore { store throws(CodeStoreError) in try await store.archive(hash) }
    }

    func url(of hash: CodeHash) -> String {
        address.withLock { $0 }.url + codeLocation.path(to: hash, at: dependencies.now())
    }

    /// Where a function is reached by its URL.
    func functionURL(_ record: FunctionURLRecord) -> String {
        address.withLock { $0 }.functionURL(FunctionURLID(record.id), in: dependencies.locality)
    }

    /// Asks for the environments that are provisioned for a function, now rather than in the background.
    func settleProvision(of name: FunctionName) async throws {
        try await provisionedVersions.settle(name)
    }

    func finishLater(_ name: FunctionName) {
        begunContinuation.yield(.function(name))
    }

    func finishLater(_ version: VersionRecord) {
        guard version.status.state == .pending else { return }
        begunContinuation.yield(.version(version.number, of: version.functionName))
    }

    func finishMappingLater(_ uuid: String) {
        begunContinuation.yield(.mapping(uuid))
    }

    private func finish(_ item: Begun) async {
        do throws(MetadataStoreError) {
            switch item {
            case .function(let name): _ = try await activation.finish(name)
            case .version(let number, let name): _ = try await activation.finish(number, of: name)
            case .mapping(let uuid): try await finishMapping(uuid)
            }
        } catch {
            dependencies.logger.error(
                "what was begun could not be finished; the next start tries again",
                metadata: [LogKey.item: "\(item)", LogKey.error: "\(error)"]
            )
        }
    }
}

// MARK: - Errors of the stores

extension ControlPlane {
    /// Uses the metadata store, with its errors as the API's. Conflicts of revisions are the caller's to handle.
    func inStore<Value>(
        _ body: (any MetadataStore) async throws(MetadataStoreError) -> Value
    ) async throws(LambdaError) -> Value {
        do throws(MetadataStoreError) {
            return try await body(dependencies.store)
        } catch {
            throw .service(cause: error)
        }
    }

    /// Uses the code store, with its errors as the API's.
    func inCodeStore<Value>(
        _ body: (CodeStore) async throws(CodeStoreError) -> Value
    ) async throws(LambdaError) -> Value {
        do throws(CodeStoreError) {
            return try await body(dependencies.codeStore)
        } catch {
            switch error.code {
            case .archiveTooLarge: throw .zipTooLarge
            case .contentTooLarge: throw .unzippedTooLarge
            case .invalidArchive: throw .invalidZip
            case .emptyArchive: throw .invalidParameterValue("Uploaded file must be a non-empty zip")
            case .incompatibleLayers:
                throw .invalidParameterValue("The layers cannot be used together: \(error.message).")
            case .notFound: throw .resourceDoesNotExist
            default: throw .service(cause: error)
            }
        }
    }
}

/// A change of what is reserved or provisioned.
package enum ConcurrencyChange: Sendable {
    /// What holds for a function now, whether or not it was otherwise before.
    case changed(FunctionName, reserved: Int?, provisioned: [FunctionVersion: Int])
    /// The function is gone.
    case deleted(FunctionName)

    fileprivate init(_ record: FunctionRecord) {
        self = .changed(
            record.name,
            reserved: record.concurrency.reserved,
            provisioned: record.provisionedByVersion
        )
    }
}
