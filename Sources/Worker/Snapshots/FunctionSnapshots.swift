import DequeModule
import Dispatch
import Foundation
package import LambdaAPI
package import Logging
package import NIOCore
package import Sandbox
import Synchronization
import Telemetry

/// The snapshots of this host's functions: on the disk, in a directory for each version, and in memory those used last.
///
/// A snapshot that is missing or cannot be used, since it was altered or is of another release's machines, costs time only: its
/// version initialises anew until there is another one, which is made as soon as that is noticed.
package final class FunctionSnapshots: Sendable {
    private struct State {
        /// In the order of their last use.
        var loaded: Deque<(id: InvocableFunction.Identity, snapshot: FunctionSnapshot)> = []
        /// What is being read or made, to be done once for all who ask.
        var loading: [InvocableFunction.Identity: Task<FunctionSnapshot?, Never>] = [:]
        var making: [InvocableFunction.Identity: Task<Result<FunctionSnapshot, SnapshotFailure>, Never>] = [:]
        var make: Make?
    }

    /// Initialises a function and keeps its environment.
    typealias Make =
        @Sendable (InvocableFunction, any EventLoop) async -> Result<FunctionSnapshot, SnapshotFailure>

    /// How many are kept in memory, where each takes what its function uses.
    private static let loadedMax = 16

    private let directory: String
    private let copier: any SandboxCopier
    private let eventLoops: any EventLoopGroup
    private let logger: Logger
    private let gate = StartGate(insideMax: 1)
    /// Where files are written and read, one snapshot after the other.
    private let queue = DispatchQueue(label: "swiftlet.snapshots", qos: .utility)
    private let state = Mutex(State())

    /// - Parameters:
    ///   - directory: Of this host alone; made if it is not there. What is in it is kept from one start to the next.
    ///   - copier: Makes the sandboxes of which snapshots are taken.
    ///   - eventLoops: Where environments live while they initialise for a snapshot.
    package init(
        directory: String,
        copier: any SandboxCopier,
        eventLoops: any EventLoopGroup,
        logger: Logger
    ) throws {
        self.eventLoops = eventLoops
        self.directory = directory
        self.copier = copier
        self.logger = logger
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) where name.hasPrefix(Self.unfinished)
        {
            try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
    }

    /// How snapshots are made is known once there is a worker.
    func use(_ make: @escaping Make) {
        state.withLock { $0.make = make }
    }

    // MARK: Making

    /// Sees to it that there is a snapshot of a version, on the disk. Takes as long as the function takes to initialise, and waits
    /// for others that are being made.
    func make(of function: InvocableFunction) async throws(SnapshotFailure) {
        let task = state.withLock { state in
            if let task = state.making[function.identity] { return task }
            let task = Task { await self.makeAndKeep(function) }
            state.making[function.identity] = task
            return task
        }
        _ = try await task.value.get()
    }

    private func makeAndKeep(_ function: InvocableFunction) async -> Result<FunctionSnapshot, SnapshotFailure> {
        let id = function.identity
        defer { state.withLock { $0.making[id] = nil } }
        // Each takes a machine beside those that are counted.
        let passage = await gate.enter()
        defer { passage.leave() }
        if let kept = await snapshot(of: function, makingOther: false) { return .success(kept) }
        guard let make = state.withLock({ $0.make }) else { return .failure(.host(reason: "there is no worker")) }
        let made = await make(function, eventLoops.next())
        guard case .success(let snapshot) = made else { return made }
        do {
            try await onQueue { try self.write(snapshot, id) }
        } catch {
            return .failure(.host(reason: "failed to write a snapshot: \(error)"))
        }
        keep(snapshot, id)
        return made
    }

    // MARK: Use

    /// The snapshot of a version; nil if there is none that can be used, in which case another one is made.
    func snapshot(of function: InvocableFunction) async -> FunctionSnapshot? {
        await snapshot(of: function, makingOther: true)
    }

    private func snapshot(of function: InvocableFunction, makingOther: Bool) async -> FunctionSnapshot? {
        let id = function.identity
        let task = state.withLock { state -> Task<FunctionSnapshot?, Never> in
            if let index = state.loaded.firstIndex(where: { $0.id == id }) {
                let used = state.loaded.remove(at: index)
                state.loaded.append(used)
                return Task { used.snapshot }
            }
            if let task = state.loading[id] { return task }
            let task = Task { await self.load(id) }
            state.loading[id] = task
            return task
        }
        if let snapshot = await task.value { return snapshot }
        if makingOther { makeLater(function) }
        return nil
    }

    /// A snapshot has turned out to be of no use: it goes, and another one is made.
    func drop(snapshotOf function: InvocableFunction) {
        forget(function.identity)
        makeLater(function)
    }

    private func makeLater(_ function: InvocableFunction) {
        Task {
            do throws(SnapshotFailure) {
                try await make(of: function)
            } catch {
                logger.warning(
                    "a snapshot could not be made anew",
                    metadata: [LogKey.functionName: "\(function.name):\(function.version)", LogKey.error: "\(error)"]
                )
            }
        }
    }

    private func load(_ id: InvocableFunction.Identity) async -> FunctionSnapshot? {
        defer { state.withLock { $0.loading[id] = nil } }
        let path = path(id)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let snapshot = try await onQueue { try FunctionSnapshot.load(from: path, by: self.copier) }
            keep(snapshot, id)
            return snapshot
        } catch {
            logger.warning("a snapshot cannot be used and is removed", metadata: [LogKey.error: "\(error)"])
            try? FileManager.default.removeItem(atPath: path)
            return nil
        }
    }

    private func keep(_ snapshot: FunctionSnapshot, _ id: InvocableFunction.Identity) {
        state.withLock { state in
            state.loaded.removeAll { $0.id == id }
            state.loaded.append((id, snapshot))
            if state.loaded.count > Self.loadedMax { state.loaded.removeFirst() }
        }
    }

    // MARK: Files

    /// What the names of directories begin with that are not complete.
    private static let unfinished = "unfinished:"

    private func path(_ id: InvocableFunction.Identity) -> String { "\(directory)/\(id)" }

    /// Complete, or not there: it gets its name when all of it is on the disk.
    private func write(_ snapshot: FunctionSnapshot, _ id: InvocableFunction.Identity) throws {
        let unfinished = "\(directory)/\(Self.unfinished)\(id)"
        try? FileManager.default.removeItem(atPath: unfinished)
        try FileManager.default.createDirectory(
            atPath: unfinished,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        do {
            try snapshot.save(in: unfinished, by: copier)
            try? FileManager.default.removeItem(atPath: path(id))
            try FileManager.default.moveItem(atPath: unfinished, toPath: path(id))
        } catch {
            try? FileManager.default.removeItem(atPath: unfinished)
            throw error
        }
    }

    /// The versions of which there are snapshots on the disk.
    package var kept: [InvocableFunction.Identity] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap { InvocableFunction.Identity($0) }
    }

    /// Removes the snapshot of a version that is gone. Environments that go on from it are not concerned.
    package func forget(_ id: InvocableFunction.Identity) {
        state.withLock { state in state.loaded.removeAll { $0.id == id } }
        let path = path(id)
        queue.async { try? FileManager.default.removeItem(atPath: path) }
    }

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
