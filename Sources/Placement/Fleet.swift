/// The workers that there are, what they have, and who may have more: kept up as things happen, so that a decision
/// needs no look at all of them.
///
/// Copies share what they have until one of them changes, which then costs a copy of all that changes; so a copy is to
/// be short-lived.
///
/// A value without input or output, clock or randomness of its own. What is reported of something that is not there, or
/// twice, changes nothing and is answered with false: reports arrive late.
package struct Fleet: Sendable {
    let policy: PlacementPolicy
    var workers = WorkerTable()
    var kinds = KindTable()
    var labels = LabelTable()
    var functions = FunctionTable()
    var residences = ResidenceTable()
    var codes: CodeCacheTable
    /// In the order in which they came up; they stay, since they are few.
    private(set) var zones: [ZoneName] = []

    /// A fleet without workers.
    package init(policy: PlacementPolicy = PlacementPolicy()) {
        var policy = policy
        policy.bounds = policy.bounds.withoutNegatives
        self.policy = policy
        codes = CodeCacheTable(placesMax: policy.cachedCodesMax)
    }

    // MARK: Workers

    /// A worker has registered. It has no environments; those that it already has are to be reported one by one.
    @discardableResult
    package mutating func joined(_ worker: WorkerDescription) -> Bool {
        guard workers.number(of: worker.id) == nil else { return false }
        let zone = zones.firstIndex(of: worker.zone) ?? zones.count
        if zone == zones.count { zones.append(worker.zone) }
        var record = WorkerTable.Record(
            zone: Int32(zone),
            usableMemoryMB: Self.usable(worker.memoryMB, 1 - policy.memoryReserve),
            usableCPUMilli: Self.usable(worker.cpuMilli, (1 - policy.cpuReserve) * policy.cpuOvercommit)
        )
        record.kind = kinds.join(
            KindTable.Kind(
                instructionSet: worker.instructionSet,
                runtimes: worker.runtimes,
                halvings: Int.bitWidth - record.roomMB.leadingZeroBitCount
            )
        )
        let number = workers.add(worker.id, record)
        labels.add(number, worker.labels)
        shelve(number)
        return true
    }

    /// A worker's standing is another one.
    @discardableResult
    package mutating func changed(_ id: WorkerID, to standing: WorkerStanding) -> Bool {
        guard let worker = workers.number(of: id) else { return false }
        unshelve(worker)
        workers[worker].standing = standing
        shelve(worker)
        return true
    }

    /// A worker's lease is about to end, or was renewed.
    @discardableResult
    package mutating func changed(_ id: WorkerID, leaseNearsEnd: Bool) -> Bool {
        guard let worker = workers.number(of: id) else { return false }
        unshelve(worker)
        workers[worker].leaseNearsEnd = leaseNearsEnd
        shelve(worker)
        return true
    }

    /// A worker is gone, and all that it had.
    @discardableResult
    package mutating func left(_ id: WorkerID) -> Bool {
        guard let worker = workers.number(of: id) else { return false }
        for (function, count) in residences.functions(on: worker) {
            for _ in 0..<count { remove(function, from: worker) }
        }
        codes.removeAll(of: worker)
        unshelve(worker)
        labels.remove(worker)
        kinds.leave(workers[worker].kind)
        workers.remove(worker)
        return true
    }

    /// How many workers there are.
    package var workerCount: Int { workers.count }

    private static func usable(_ capacity: Int, _ part: Double) -> Int32 {
        let usable = Double(capacity) * part
        return usable > 0 ? Int32(min(usable, Double(FunctionVersion.memoryMBMax))) : 0
    }

    // MARK: Code

    /// A worker has fetched a package of code.
    @discardableResult
    package mutating func cached(_ code: CodeHash, on id: WorkerID) -> Bool {
        guard let worker = workers.number(of: id) else { return false }
        codes.add(code, worker)
        return true
    }

    /// A worker has let go of a package of code.
    @discardableResult
    package mutating func evicted(_ code: CodeHash, from id: WorkerID) -> Bool {
        guard let worker = workers.number(of: id) else { return false }
        codes.remove(code, worker)
        return true
    }

    /// Nothing is known any more of the code that a worker has.
    package mutating func forgotCode(of id: WorkerID) {
        guard let worker = workers.number(of: id) else { return }
        codes.removeAll(of: worker)
    }

    // MARK: Shelves

    /// Puts a worker that may have environments where searches find it.
    mutating func shelve(_ worker: Int32) {
        var record = workers[worker]
        guard record.isOpen else { return }
        record.shelf = record.row
        record.roomClass = Int16(RoomShelf.roomClass(record.roomMB))
        record.position = kinds.shelve(worker, record)
        workers[worker] = record
    }

    /// Takes a worker from where searches find it.
    mutating func unshelve(_ worker: Int32) {
        let record = workers[worker]
        guard record.position >= 0 else { return }
        if let moved = kinds.unshelve(record) { workers[moved].position = record.position }
        workers[worker].position = -1
    }

    /// A worker's room has changed.
    mutating func reshelve(_ worker: Int32) {
        let record = workers[worker]
        guard record.position >= 0,
            record.row != record.shelf || RoomShelf.roomClass(record.roomMB) != Int(record.roomClass)
        else { return }
        unshelve(worker)
        shelve(worker)
    }
}
