import LambdaAPI
import Logging
import MetadataStore
import Synchronization
import Telemetry

/// Brings the environments of versions to what is provisioned: whoever changes a function's record names the function,
/// and ``run()`` sees to the rest, one function after the other, always with what is stored then.
final class ProvisionedVersions: Sendable {
    /// How long it is until what has failed is tried again.
    private static let pause = Duration.seconds(5)

    private let store: any MetadataStore
    private let functions: FunctionDirectory
    private let environments: any FunctionEnvironments
    private let logger: Logger
    private let changed: AsyncStream<FunctionName>
    private let changedContinuation: AsyncStream<FunctionName>.Continuation
    /// What has been asked of the environments so far.
    private let current = Mutex<[FunctionName: [FunctionVersion: InvocableFunction]]>([:])

    init(
        store: any MetadataStore,
        functions: FunctionDirectory,
        environments: any FunctionEnvironments,
        logger: Logger
    ) {
        self.store = store
        self.functions = functions
        self.environments = environments
        self.logger = logger
        (changed, changedContinuation) = AsyncStream.makeStream()
    }

    /// The function's record is this now. Does not block.
    func recordChanged(_ record: FunctionRecord) {
        guard !record.concurrency.provisioned.isEmpty || current.withLock({ $0[record.name] != nil }) else { return }
        changedContinuation.yield(record.name)
    }

    /// The function is gone, and with it what is provisioned for it, be it asked for at this very moment. Does not block.
    func functionDeleted(_ name: FunctionName) {
        changedContinuation.yield(name)
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            for await name in changed {
                do {
                    try await settle(name)
                } catch {
                    logger.error(
                        "provisioned concurrency could not be set up; it is tried again",
                        metadata: [LogKey.functionName: "\(name)", LogKey.error: "\(error)"]
                    )
                    // Nobody else would: the record has changed already.
                    group.addTask { [changedContinuation] in
                        guard (try? await Task.sleep(for: Self.pause)) != nil else { return }
                        changedContinuation.yield(name)
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Asks for the environments that one function's record names now.
    func settle(_ name: FunctionName) async throws {
        let record = try await store.function(named: name)
        let wanted = record?.provisionedByVersion ?? [:]
        var asked = current.withLock { $0[name] ?? [:] }
        // Also when a version cannot be had: what was asked for before it is to be taken back one day.
        defer { current.withLock { [asked] in $0[name] = asked.isEmpty ? nil : asked } }
        // What is not wanted any more makes room for what is.
        for (version, function) in asked where wanted[version] == nil {
            environments.provision(function, count: 0)
            asked[version] = nil
        }
        for (version, count) in wanted {
            let function = try await functions.resolve(
                FunctionReference(name, qualifier: Qualifier(version.rawValue))
            )
            environments.provision(function, count: count)
            asked[version] = function
        }
    }
}
