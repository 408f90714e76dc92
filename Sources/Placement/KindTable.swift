/// Workers that can run the same: of one instruction set, with the same runtimes, and about as large.
///
/// Size is part of it because the fullest are looked at first, and those with the least room are the fullest only among
/// workers of one size: an empty small one has less room than a large one that is half full.
///
/// A fleet has few kinds, and whether a request suits one is asked once for all its workers.
struct KindTable: Sendable {
    struct Kind: Sendable, Hashable {
        var instructionSet: InstructionSet
        var runtimes: Set<RuntimeName>
        /// How often the room of an empty worker can be halved.
        var halvings: Int

        /// The first rule that speaks against all workers of this kind.
        func obstacle(to request: PlacementRequest) -> RuledOut.Rule? {
            if instructionSet != request.instructionSet { return .instructionSet }
            if let runtime = request.runtime, !runtimes.contains(runtime) { return .runtime }
            return nil
        }
    }

    struct Entry: Sendable {
        var kind: Kind
        /// How many workers are of it.
        var workers = 0
        /// How many may have new environments.
        var openWorkers = 0
        /// They, by zone.
        private var used: [RoomShelf] = []
        private var empty: [RoomShelf] = []

        init(kind: Kind) {
            self.kind = kind
        }

        /// A zone's shelf; nil if none was needed so far.
        @inline(__always)
        func shelf(_ row: ShelfRow, in zone: Int) -> RoomShelf? {
            let shelves = row == .used ? used : empty
            return zone < shelves.count ? shelves[zone] : nil
        }

        /// Whether a worker in this zone has as much room as this, or nearly.
        @inline(__always)
        func mayHaveRoom(in zone: Int, _ roomClass: Int) -> Bool {
            guard zone < used.count else { return false }
            return (used[zone].firstTaken(from: roomClass) ?? empty[zone].firstTaken(from: roomClass)) != nil
        }

        fileprivate mutating func add(_ worker: Int32, _ row: ShelfRow, in zone: Int, _ roomClass: Int) -> Int32 {
            while used.count <= zone {
                used.append(RoomShelf())
                empty.append(RoomShelf())
            }
            openWorkers += 1
            return row == .used ? used[zone].add(worker, roomClass) : empty[zone].add(worker, roomClass)
        }

        fileprivate mutating func remove(_ row: ShelfRow, in zone: Int, at position: Int32, _ roomClass: Int) -> Int32?
        {
            openWorkers -= 1
            return row == .used
                ? used[zone].remove(at: position, roomClass) : empty[zone].remove(at: position, roomClass)
        }
    }

    private(set) var entries: [Entry] = []
    private var numbers: [Kind: Int32] = [:]
    private var free: [Int32] = []

    /// Counts a worker of a kind, and returns the kind's number.
    mutating func join(_ kind: Kind) -> Int32 {
        let number: Int32
        if let known = numbers[kind] {
            number = known
        } else if let last = free.popLast() {
            number = last
            entries[Int(number)] = Entry(kind: kind)
        } else {
            number = Int32(entries.count)
            entries.append(Entry(kind: kind))
        }
        numbers[kind] = number
        entries[Int(number)].workers += 1
        return number
    }

    /// A worker of the kind is gone, whose shelf it has left before.
    mutating func leave(_ kind: Int32) {
        entries[Int(kind)].workers -= 1
        guard entries[Int(kind)].workers == 0 else { return }
        numbers[entries[Int(kind)].kind] = nil
        entries[Int(kind)] = Entry(kind: entries[Int(kind)].kind)
        free.append(kind)
    }

    /// Puts a worker on its shelf, and returns its position there.
    mutating func shelve(_ worker: Int32, _ record: WorkerTable.Record) -> Int32 {
        entries[Int(record.kind)].add(worker, record.shelf, in: Int(record.zone), Int(record.roomClass))
    }

    /// Takes a worker off its shelf. Returns the one that has its position now, if any.
    mutating func unshelve(_ record: WorkerTable.Record) -> Int32? {
        entries[Int(record.kind)].remove(
            record.shelf,
            in: Int(record.zone),
            at: record.position,
            Int(record.roomClass)
        )
    }

    /// The kinds that suit a request.
    func suitable(_ request: PlacementRequest) -> [Int] {
        entries.indices.filter {
            entries[$0].openWorkers > 0 && entries[$0].kind.obstacle(to: request) == nil
        }
    }
}
