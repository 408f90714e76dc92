import CodeStore
package import LambdaAPI
import Logging
import MetadataStore
import Telemetry

/// What a runtime's host says about it.
package protocol RuntimeSupport: Sendable {
    /// The architecture that functions can be of, in Lambda's words.
    var architecture: String { get }

    /// Why functions of this runtime and architecture cannot run, or nil if they can.
    ///
    /// - Parameter sandbox: What they have chosen to run in, if they have.
    func obstacle(runtime: String, architecture: String, in sandbox: SandboxKind?) -> String?
}

/// Finishes what creations and updates have begun: checks that the function can run and unpacks its code.
///
/// Idempotent and safe to run twice at once: the store takes only one of the results, the other is thrown away. So an
/// invoke that finds its function pending finishes it itself instead of waiting for somebody else to.
struct FunctionActivation: Sendable {
    let store: any MetadataStore
    let codeStore: CodeStore
    let runtimes: any RuntimeSupport
    var snapshots: any SnapshotMaker = NoSnapshots()
    let locality: Locality
    let logger: Logger

    /// Returns the function's record when nothing is under way any more, or nil if the function is gone.
    func finish(_ name: FunctionName) async throws(MetadataStoreError) -> FunctionRecord? {
        while let record = try await store.function(named: name) {
            let lifecycle = FunctionLifecycle(record)
            guard lifecycle.isUnderway else { return record }
            let revisionID = RequestID.random().rawValue
            let obstacle = await self.obstacle(to: record.definition, record.sandbox)
            let next: FunctionRecord
            do throws(FunctionLifecycle.Refusal) {
                next =
                    if let obstacle {
                        try lifecycle.failed(obstacle, revisionID: revisionID)
                    } else {
                        try lifecycle.succeeded(revisionID: revisionID)
                    }
            } catch {
                return record
            }
            do throws(MetadataStoreError) {
                try await store.replace(next, expecting: record.generation)
            } catch  where error.code == .conflict {
                // Somebody else was faster; see what they have made of it.
                continue
            }
            if let obstacle {
                logger.notice(
                    "function cannot run",
                    metadata: [LogKey.functionName: "\(name)", LogKey.reason: "\(obstacle.text)"]
                )
            }
            return next
        }
        return nil
    }

    /// Returns the version when its publication is not under way any more, or nil if it is gone. One that waits for its snapshot is
    /// under way for as long as the function takes to initialise.
    ///
    /// - Parameter isForInvoke: Whether there is no time to wait for that.
    func finish(
        _ number: Int,
        of name: FunctionName,
        isForInvoke: Bool = false
    ) async throws(MetadataStoreError) -> VersionRecord? {
        var unused: InvocableFunction.Identity?
        while let version = try await store.version(number, of: name) {
            guard version.status.state == .pending, !isForInvoke || version.definition.snapStart != .publishedVersions
            else { return version }
            var next = version
            next.revisionID = RequestID.random().rawValue
            let sandbox = try await store.function(named: name)?.sandbox
            if let obstacle = await self.obstacle(to: version.definition, sandbox) {
                next.status = FunctionStatus(state: .failed, stateReason: obstacle)
            } else if let status = await statusAfterSnapshot(of: version, sandbox) {
                next.status = status
            } else {
                return version
            }
            do throws(MetadataStoreError) {
                try await store.replaceVersion(next, expecting: version.revisionID)
                return next
            } catch  where error.code == .conflict {
                if next.status.isOptimized == true { unused = invocable(version, sandbox).identity }
                continue
            }
        }
        // It was deleted while its snapshot was made.
        if let unused { snapshots.removeSnapshot(of: unused) }
        return nil
    }

    private func invocable(_ version: VersionRecord, _ sandbox: SandboxKind?) -> InvocableFunction {
        InvocableFunction(version.functionName, version.version, version.definition, sandbox, in: locality)
    }

    /// What becomes of a version that can run, once there is the snapshot that it may be to start from; nil if it stays as it is.
    private func statusAfterSnapshot(of version: VersionRecord, _ sandbox: SandboxKind?) async -> FunctionStatus? {
        var status = FunctionStatus(state: .active, lastUpdate: .successful)
        let function = invocable(version, sandbox)
        guard function.startsFromSnapshot else { return status }
        switch await snapshots.makeSnapshot(of: function) {
        case .made:
            status.isOptimized = true
            return status
        case .unavailable:
            return status
        case .failed(let reason):
            return FunctionStatus(state: .failed, stateReason: reason)
        case .stopped:
            return nil
        }
    }

    private func obstacle(
        to definition: FunctionDefinition,
        _ sandbox: SandboxKind?
    ) async -> FunctionStatus.Reason? {
        let reason = runtimes.obstacle(
            runtime: definition.runtime,
            architecture: definition.architecture,
            in: sandbox
        )
        if let reason {
            return FunctionStatus.Reason(code: "InvalidRuntime", text: reason)
        }
        do throws(CodeStoreError) {
            let package = CodeHash(hexadecimal: definition.codeHash)
            try await codeStore.withContent(of: package, layers: definition.layerStack) { _ in }
            return nil
        } catch  where error.code == .unreachable {
            // It was good when it was stored. Environments fetch it when they start, on whichever host.
            logger.warning("code could not be fetched in advance", metadata: [LogKey.error: "\(error)"])
            return nil
        } catch {
            logger.error("code could not be unpacked", metadata: [LogKey.error: "\(error)"])
            return FunctionStatus.Reason(code: "InternalError", text: "The function's code could not be unpacked.")
        }
    }
}
