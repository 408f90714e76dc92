import Dispatch
import Logging
import Synchronization

/// Keeps a few file systems for `/tmp` ready, because making one takes longer than everything else about a sandbox.
final class ScratchDiskPool: Sendable {
    private struct State {
        var spares: [Int: [OwnedDescriptor]] = [:]
        /// Sizes for which spares are kept, those asked for last at the end.
        var recentSizes: [Int] = []
        /// One for each size that was ever asked for: a descriptor each, and sizes are whole megabytes up to 10,240.
        var makers: [Int: ScratchDisk] = [:]
        var fillingSizes: Set<Int> = []
        /// How many sandboxes will want one of some size when they are adopted.
        var adoptionsExpected = 0
        var isClosed = false

        /// How many to keep of a size. Who adopts a sandbox is in a hurry, and most likely wants what was wanted last.
        func wanted(sizeBytes: Int, sparesMax: Int) -> Int {
            guard !isClosed, recentSizes.contains(sizeBytes) else { return 0 }
            return sparesMax + (recentSizes.last == sizeBytes ? adoptionsExpected : 0)
        }
    }

    /// For how many sizes spares are kept.
    private static let sizesMax = 4
    /// How long after one was taken it is replaced.
    private static let restTime = DispatchTimeInterval.milliseconds(50)

    private let state = Mutex(State())
    private let sparesMax: Int
    private let directory: String
    private let ownerID: UInt32
    private let logger: Logger
    /// Serial: making spares shall not take more than one processor, nor a template be made twice.
    private let queue = WorkQueue(label: "swiftlet.scratch-disks", width: 1)

    /// - Parameter sparesMax: How many to keep for each size.
    init(sparesMax: Int, directory: String, ownerID: UInt32, logger: Logger) {
        self.sparesMax = sparesMax
        self.directory = directory
        self.ownerID = ownerID
        self.logger = logger
    }

    /// A file system of this size, from the spares if there is one. Blocks; for a work queue's thread.
    func take(sizeBytes: Int) throws(SystemError) -> OwnedDescriptor {
        let spare = state.withLock { state in
            state.recentSizes.removeAll { $0 == sizeBytes }
            state.recentSizes.append(sizeBytes)
            if state.recentSizes.count > Self.sizesMax {
                state.spares[state.recentSizes.removeFirst()] = nil
            }
            return state.spares[sizeBytes]?.popLast()
        }
        defer { fillLater(sizeBytes: sizeBytes) }
        if let spare { return spare }
        return try maker(sizeBytes: sizeBytes).make()
    }

    /// Begins to keep spares of a size.
    func expect(sizeBytes: Int) {
        state.withLock { $0.recentSizes.append(sizeBytes) }
        fill(sizeBytes: sizeBytes)
    }

    /// Makes spares once whoever has taken one has most likely got on: it would be slower for it.
    private func fillLater(sizeBytes: Int) {
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + Self.restTime) { [weak self] in
            self?.fill(sizeBytes: sizeBytes)
        }
    }

    /// Keeps one more for each of this many sandboxes that wait to be adopted.
    func expect(adoptions: Int) {
        let size = state.withLock { state in
            state.adoptionsExpected = adoptions
            return state.recentSizes.last
        }
        if let size { fill(sizeBytes: size) }
    }

    /// Makes spares of a size in the background, up to the bound.
    private func fill(sizeBytes: Int) {
        guard sparesMax > 0 else { return }
        let begins = state.withLock { !$0.isClosed && $0.fillingSizes.insert(sizeBytes).inserted }
        if begins { queue.perform { self.makeSpares(sizeBytes: sizeBytes) } }
    }

    /// Gives all spares back, once those being made are done.
    func close() {
        queue.wait {
            self.state.withLock { state in
                state.isClosed = true
                state.spares = [:]
                state.makers = [:]
            }
        }
    }

    private func makeSpares(sizeBytes: Int) {
        while true {
            let isWanted = state.withLock { state in
                let isWanted =
                    state.spares[sizeBytes, default: []].count
                    < state.wanted(sizeBytes: sizeBytes, sparesMax: sparesMax)
                if !isWanted { state.fillingSizes.remove(sizeBytes) }
                return isWanted
            }
            guard isWanted else { return }
            do {
                let disk = try makerOnQueue(sizeBytes: sizeBytes).make()
                state.withLock { $0.spares[sizeBytes, default: []].append(disk) }
            } catch {
                // The next sandbox of this size will try itself, and say what is wrong.
                logger.debug("a spare scratch disk could not be made", metadata: ["error": "\(error)"])
                state.withLock { _ = $0.fillingSizes.remove(sizeBytes) }
                return
            }
        }
    }

    private func maker(sizeBytes: Int) throws(SystemError) -> ScratchDisk {
        if let maker = state.withLock({ $0.makers[sizeBytes] }) { return maker }
        return try queue.wait { Result { () throws(SystemError) in try self.makerOnQueue(sizeBytes: sizeBytes) } }
            .get()
    }

    private func makerOnQueue(sizeBytes: Int) throws(SystemError) -> ScratchDisk {
        if let maker = state.withLock({ $0.makers[sizeBytes] }) { return maker }
        let maker = try ScratchDisk(sizeBytes: sizeBytes, directory: directory, ownerID: ownerID)
        state.withLock { $0.makers[sizeBytes] = maker }
        return maker
    }
}
