/// How many environments of which function are on which worker.
///
/// Environments of one function on one worker are all alike to placement, so they are counted. There is one record for
/// each pair of a function and a worker, in two lists: of its function and of its worker.
struct ResidenceTable: Sendable {
    private static let none: Int32 = -1

    private struct Record {
        var function: Int32
        var worker: Int32
        var count: Int32
        var nextOfFunction = none
        var previousOfFunction = none
        var nextOfWorker = none
        var previousOfWorker = none
    }

    private var records: [Record] = []
    /// Records that are not used, linked as if they were of one function.
    private var firstFree = none
    private var table = SlotTable()
    private var firstOfFunction: [Int32] = []
    private var firstOfWorker: [Int32] = []

    /// How many pairs there are.
    var count: Int { table.count }

    @inline(__always)
    private static func hash(_ function: Int32, _ worker: Int32) -> UInt64 {
        mixed(UInt64(UInt32(bitPattern: function)) << 32 | UInt64(UInt32(bitPattern: worker)))
    }

    @inline(__always)
    private func find(_ function: Int32, _ worker: Int32) -> Int32? {
        table.find(Self.hash(function, worker)) {
            records[Int($0)].function == function && records[Int($0)].worker == worker
        }
    }

    /// How many environments of a function a worker has.
    @inline(__always)
    func count(of function: Int32, on worker: Int32) -> Int {
        find(function, worker).map { Int(records[Int($0)].count) } ?? 0
    }

    /// Adds one, and returns how many there are now.
    mutating func add(_ function: Int32, _ worker: Int32) -> Int {
        if let found = find(function, worker) {
            records[Int(found)].count += 1
            return Int(records[Int(found)].count)
        }
        let record = makeRecord(Record(function: function, worker: worker, count: 1))
        Self.insert(record, into: &table, of: records)
        link(record)
        return 1
    }

    /// Takes one away, and returns how many are left; nil if there was none.
    mutating func remove(_ function: Int32, _ worker: Int32) -> Int? {
        guard let found = find(function, worker) else { return nil }
        records[Int(found)].count -= 1
        let left = Int(records[Int(found)].count)
        guard left == 0 else { return left }
        Self.remove(found, from: &table, of: records)
        unlink(found)
        records[Int(found)].nextOfFunction = firstFree
        firstFree = found
        return 0
    }

    /// The workers that have a function, and how many environments each, until the body says false.
    func forEachWorker(of function: Int32, _ body: (_ worker: Int32, _ count: Int) -> Bool) {
        guard Int(function) < firstOfFunction.count else { return }
        var next = firstOfFunction[Int(function)]
        while next != Self.none {
            let record = records[Int(next)]
            guard body(record.worker, Int(record.count)) else { return }
            next = record.nextOfFunction
        }
    }

    /// The functions that a worker has, and how many environments of each.
    func functions(on worker: Int32) -> [(function: Int32, count: Int)] {
        guard Int(worker) < firstOfWorker.count else { return [] }
        var found: [(Int32, Int)] = []
        var next = firstOfWorker[Int(worker)]
        while next != Self.none {
            let record = records[Int(next)]
            found.append((record.function, Int(record.count)))
            next = record.nextOfWorker
        }
        return found
    }

    // MARK: Records

    // The table and the records are passed apart, since a closure over both would copy them.
    private static func insert(_ record: Int32, into table: inout SlotTable, of records: [Record]) {
        let added = records[Int(record)]
        table.insert(record, hash(added.function, added.worker)) {
            hash(records[Int($0)].function, records[Int($0)].worker)
        }
    }

    private static func remove(_ record: Int32, from table: inout SlotTable, of records: [Record]) {
        let gone = records[Int(record)]
        table.remove(record, hash(gone.function, gone.worker)) {
            hash(records[Int($0)].function, records[Int($0)].worker)
        }
    }

    private mutating func makeRecord(_ record: Record) -> Int32 {
        guard firstFree != Self.none else {
            records.append(record)
            return Int32(records.count - 1)
        }
        let free = firstFree
        firstFree = records[Int(free)].nextOfFunction
        records[Int(free)] = record
        return free
    }

    private mutating func link(_ record: Int32) {
        let (function, worker) = (Int(records[Int(record)].function), Int(records[Int(record)].worker))
        Self.extend(&firstOfFunction, to: function)
        Self.extend(&firstOfWorker, to: worker)
        let (first, second) = (firstOfFunction[function], firstOfWorker[worker])
        records[Int(record)].nextOfFunction = first
        records[Int(record)].nextOfWorker = second
        if first != Self.none { records[Int(first)].previousOfFunction = record }
        if second != Self.none { records[Int(second)].previousOfWorker = record }
        firstOfFunction[function] = record
        firstOfWorker[worker] = record
    }

    private mutating func unlink(_ record: Int32) {
        let gone = records[Int(record)]
        if gone.nextOfFunction != Self.none {
            records[Int(gone.nextOfFunction)].previousOfFunction = gone.previousOfFunction
        }
        if gone.previousOfFunction != Self.none {
            records[Int(gone.previousOfFunction)].nextOfFunction = gone.nextOfFunction
        } else {
            firstOfFunction[Int(gone.function)] = gone.nextOfFunction
        }
        if gone.nextOfWorker != Self.none {
            records[Int(gone.nextOfWorker)].previousOfWorker = gone.previousOfWorker
        }
        if gone.previousOfWorker != Self.none {
            records[Int(gone.previousOfWorker)].nextOfWorker = gone.nextOfWorker
        } else {
            firstOfWorker[Int(gone.worker)] = gone.nextOfWorker
        }
    }

    private static func extend(_ heads: inout [Int32], to index: Int) {
        while heads.count <= index { heads.append(none) }
    }
}
