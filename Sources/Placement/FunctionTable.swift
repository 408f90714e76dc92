/// What a fleet knows of each function that has environments.
///
/// A function has a number as long as it has environments; afterwards the number is another's.
struct FunctionTable: Sendable {
    struct Record {
        var version: FunctionVersion
        /// How many environments there are.
        var environments: Int32 = 0
        /// How many workers have some.
        var hosts: Int32 = 0
        /// What an environment uses of the CPU, in thousandths of what placement reckons with, smoothed.
        var loadMilli: Int32 = 0
        var isNoisy = false
    }

    private var records: [Record] = []
    private var free: [Int32] = []
    private var table = SlotTable()
    /// How many environments each function has in each zone: a row for each function.
    private var zoneCounts: [Int32] = []
    /// How long a row is.
    private var zonesMax = 1

    /// How many functions have environments.
    var count: Int { table.count }

    /// The function's number, if it has environments.
    @inline(__always)
    func find(_ version: FunctionVersion) -> Int32? {
        table.find(Self.hash(version)) { records[Int($0)].version == version }
    }

    subscript(function: Int32) -> Record {
        @inline(__always) get { records[Int(function)] }
        _modify { yield &records[Int(function)] }
    }

    /// How many environments a function has in a zone.
    @inline(__always)
    func environments(of function: Int32, in zone: Int) -> Int {
        zone < zonesMax ? Int(zoneCounts[Int(function) * zonesMax + zone]) : 0
    }

    /// Counts one environment more, or one less, of a function that has a number.
    mutating func count(_ function: Int32, in zone: Int, by change: Int32) {
        if zone >= zonesMax { widenRows(toHold: zone) }
        zoneCounts[Int(function) * zonesMax + zone] += change
        records[Int(function)].environments += change
    }

    /// The function's number, be it new.
    mutating func number(of version: FunctionVersion) -> Int32 {
        if let found = find(version) { return found }
        let number: Int32
        if let last = free.popLast() {
            number = last
            records[Int(number)] = Record(version: version)
        } else {
            number = Int32(records.count)
            records.append(Record(version: version))
            for _ in 0..<zonesMax { zoneCounts.append(0) }
        }
        Self.insert(number, into: &table, of: records)
        return number
    }

    /// Forgets a function that has no environments any more.
    mutating func release(_ function: Int32) {
        Self.remove(function, from: &table, of: records)
        free.append(function)
    }

    private mutating func widenRows(toHold zone: Int) {
        var wide = zonesMax
        while wide <= zone { wide *= 2 }
        var counts = [Int32](repeating: 0, count: records.count * wide)
        for function in records.indices {
            for zone in 0..<zonesMax { counts[function * wide + zone] = zoneCounts[function * zonesMax + zone] }
        }
        zoneCounts = counts
        zonesMax = wide
    }

    private static func hash(_ version: FunctionVersion) -> UInt64 {
        mixed(version.identity.tableHash ^ UInt64(version.memoryMB))
    }

    private static func insert(_ number: Int32, into table: inout SlotTable, of records: [Record]) {
        table.insert(number, hash(records[Int(number)].version)) { hash(records[Int($0)].version) }
    }

    private static func remove(_ number: Int32, from table: inout SlotTable, of records: [Record]) {
        table.remove(number, hash(records[Int(number)].version)) { hash(records[Int($0)].version) }
    }
}
