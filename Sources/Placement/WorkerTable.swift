/// What a fleet knows of each worker. A worker has a number as long as it is there.
struct WorkerTable: Sendable {
    /// Fixed in size and without references, so that looking at many is fast.
    struct Record {
        var zone: Int32
        var kind: Int32 = -1
        /// What environments may have: capacity less the reserve, and of the CPU as often as it is promised.
        var usableMemoryMB: Int32
        var usableCPUMilli: Int32
        // Wider, since what is reported counts whether or not it can be true.
        var usedMemoryMB = 0
        var usedCPUMilli = 0
        /// The share of noisy functions in what is used.
        var noisyCPUMilli = 0
        var environments = 0
        var standing = WorkerStanding.open
        var leaseNearsEnd = false
        var isThere = true
        /// Where it stands: on which shelf of its zone, and where on it. Only of one that may have environments.
        var shelf = ShelfRow.used
        var roomClass: Int16 = -1
        var position: Int32 = -1

        /// Whether it may have new environments.
        @inline(__always)
        var isOpen: Bool { standing == .open && !leaseNearsEnd }

        /// The shelf where it should stand.
        @inline(__always)
        var row: ShelfRow { environments == 0 ? .empty : .used }

        /// The most memory that a new environment can have; then there is enough CPU for its share, too.
        @inline(__always)
        var roomMB: Int {
            let cpu = CPUShare.memoryMB(milli: Int(usableCPUMilli) - usedCPUMilli)
            return max(0, min(Int(usableMemoryMB) - usedMemoryMB, cpu))
        }

        /// How full it is, 0 to 1, by what it is short of.
        @inline(__always)
        var fullness: Double {
            let memory = usableMemoryMB > 0 ? Double(usedMemoryMB) / Double(usableMemoryMB) : 1
            let cpu = usableCPUMilli > 0 ? Double(usedCPUMilli) / Double(usableCPUMilli) : 1
            return min(1, max(memory, cpu))
        }
    }

    private(set) var records: [Record] = []
    private(set) var ids: [WorkerID] = []
    private var numbers: [WorkerID: Int32] = [:]
    private var free: [Int32] = []

    var count: Int { numbers.count }

    /// The number of a worker, if it is there.
    func number(of id: WorkerID) -> Int32? { numbers[id] }

    subscript(worker: Int32) -> Record {
        @inline(__always) get { records[Int(worker)] }
        _modify { yield &records[Int(worker)] }
    }

    /// Adds one that is not there yet.
    mutating func add(_ id: WorkerID, _ record: Record) -> Int32 {
        let number: Int32
        if let last = free.popLast() {
            number = last
            records[Int(number)] = record
            ids[Int(number)] = id
        } else {
            number = Int32(records.count)
            records.append(record)
            ids.append(id)
        }
        numbers[id] = number
        return number
    }

    mutating func remove(_ worker: Int32) {
        numbers[ids[Int(worker)]] = nil
        records[Int(worker)].isThere = false
        free.append(worker)
    }

    /// The numbers of those that are there.
    var all: some Sequence<Int32> {
        records.indices.lazy.filter { records[$0].isThere }.map(Int32.init)
    }
}
