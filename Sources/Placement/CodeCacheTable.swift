/// Which workers have which code, as far as is known.
///
/// Each worker has a fixed number of places for codes; when all are taken, the one that was told of first makes room.
/// The places that have one code are linked, so that its holders are found without looking at all workers.
struct CodeCacheTable: Sendable {
    private static let none: Int32 = -1

    private struct Code {
        var hash: CodeHash
        var first = none
        var holders: Int32 = 0
    }

    private let placesMax: Int
    private var codes: [Code] = []
    private var free: [Int32] = []
    private var table = SlotTable()
    /// What is in each place: the codes of the first worker, then of the second, and so on.
    private var places: [Int32] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// Where each worker's next code goes.
    private var cursors: [Int32] = []

    init(placesMax: Int) {
        self.placesMax = max(1, placesMax)
    }

    /// The code's number, if anybody has it.
    @inline(__always)
    func find(_ code: CodeHash) -> Int32? {
        table.find(code.tableHash) { codes[Int($0)].hash == code }
    }

    /// Whether a worker has a code, by its number.
    @inline(__always)
    func has(_ code: Int32, _ worker: Int32) -> Bool {
        place(of: code, on: worker) != nil
    }

    /// How many workers have a code.
    func holders(of code: Int32) -> Int { Int(codes[Int(code)].holders) }

    /// The workers that have a code, the latest first, until the body says false.
    func forEachHolder(of code: Int32, _ body: (Int32) -> Bool) {
        var place = codes[Int(code)].first
        while place != Self.none {
            guard body(Int32(Int(place) / placesMax)) else { return }
            place = next[Int(place)]
        }
    }

    /// A worker has fetched a code.
    mutating func add(_ hash: CodeHash, _ worker: Int32) {
        while cursors.count <= Int(worker) {
            cursors.append(0)
            for _ in 0..<placesMax {
                places.append(Self.none)
                next.append(Self.none)
                previous.append(Self.none)
            }
        }
        if let known = find(hash), has(known, worker) { return }
        let cursor = Int(cursors[Int(worker)])
        let place = Int(worker) * placesMax + cursor
        // Before the number is looked up: emptying may have been the last that held it.
        empty(place)
        let code = number(of: hash)
        let first = codes[Int(code)].first
        places[place] = code
        next[place] = first
        previous[place] = Self.none
        if first != Self.none { previous[Int(first)] = Int32(place) }
        codes[Int(code)].first = Int32(place)
        codes[Int(code)].holders += 1
        cursors[Int(worker)] = Int32((cursor + 1) % placesMax)
    }

    /// A worker does not have a code any more.
    mutating func remove(_ hash: CodeHash, _ worker: Int32) {
        guard let code = find(hash), let place = place(of: code, on: worker) else { return }
        empty(place)
    }

    /// A worker is gone.
    mutating func removeAll(of worker: Int32) {
        guard Int(worker) < cursors.count else { return }
        for place in Int(worker) * placesMax..<(Int(worker) + 1) * placesMax { empty(place) }
        cursors[Int(worker)] = 0
    }

    @inline(__always)
    private func place(of code: Int32, on worker: Int32) -> Int? {
        let start = Int(worker) * placesMax
        guard start < places.count else { return nil }
        for place in start..<start + placesMax where places[place] == code { return place }
        return nil
    }

    private mutating func empty(_ place: Int) {
        let code = places[place]
        guard code != Self.none else { return }
        let (after, before) = (next[place], previous[place])
        if after != Self.none { previous[Int(after)] = before }
        if before != Self.none { next[Int(before)] = after } else { codes[Int(code)].first = after }
        places[place] = Self.none
        codes[Int(code)].holders -= 1
        guard codes[Int(code)].holders == 0 else { return }
        Self.remove(code, from: &table, of: codes)
        free.append(code)
    }

    private mutating func number(of hash: CodeHash) -> Int32 {
        if let found = find(hash) { return found }
        let number: Int32
        if let last = free.popLast() {
            number = last
            codes[Int(number)] = Code(hash: hash)
        } else {
            number = Int32(codes.count)
            codes.append(Code(hash: hash))
        }
        Self.insert(number, into: &table, of: codes)
        return number
    }

    private static func insert(_ number: Int32, into table: inout SlotTable, of codes: [Code]) {
        table.insert(number, codes[Int(number)].hash.tableHash) { codes[Int($0)].hash.tableHash }
    }

    private static func remove(_ number: Int32, from table: inout SlotTable, of codes: [Code]) {
        table.remove(number, codes[Int(number)].hash.tableHash) { codes[Int($0)].hash.tableHash }
    }
}
