@testable import Placement

/// All that a fleet knows, by names in place of numbers and without order, to compare it with another.
struct FleetContents: Equatable {
    struct Worker: Hashable {
        var memoryMB: Int
        var cpuMilli: Int
        var noisyCPUMilli: Int
        var environments: Int
        var isOpen: Bool
        var functions: [FunctionVersion: Int]
        var labels: Set<WorkerLabel> = []
    }

    struct Place: Hashable {
        var kind: KindTable.Kind
        var zone: ZoneName
        var row: ShelfRow
        var roomClass: Int
    }

    struct Function: Hashable {
        var environments: Int
        var hosts: Int
        var isNoisy: Bool
        var zones: [ZoneName: Int]
    }

    var workers: [WorkerID: Worker] = [:]
    var shelves: [Place: Set<WorkerID>] = [:]
    var functions: [FunctionVersion: Function] = [:]
    var codes: [CodeHash: Set<WorkerID>] = [:]

    init(_ fleet: Fleet) {
        for number in fleet.workers.all {
            let record = fleet.workers[number]
            var worker = Worker(
                memoryMB: record.usedMemoryMB,
                cpuMilli: record.usedCPUMilli,
                noisyCPUMilli: record.noisyCPUMilli,
                environments: record.environments,
                isOpen: record.isOpen,
                functions: [:]
            )
            for (function, count) in fleet.residences.functions(on: number) {
                let version = fleet.functions[function].version
                worker.functions[version] = count
                functions[version] = Function(fleet, function)
            }
            for label: WorkerLabel in ["gpu", "team=one"] {
                guard let found = fleet.labels.find([label])?.first else { continue }
                let isHolder = fleet.labels.workers(with: found).contains(number)
                if isHolder, fleet.labels.has(number, [found]) { worker.labels.insert(label) }
            }
            workers[fleet.workers.ids[Int(number)]] = worker
        }
        fillShelves(fleet)
        for code in (0..<8).map(CodeHash.test) {
            guard let number = fleet.codes.find(code) else { continue }
            fleet.codes.forEachHolder(of: number) { worker in
                codes[code, default: []].insert(fleet.workers.ids[Int(worker)]).inserted
            }
        }
    }

    private mutating func fillShelves(_ fleet: Fleet) {
        for entry in fleet.kinds.entries {
            for (index, zone) in fleet.zones.enumerated() {
                for row in [ShelfRow.used, .empty] {
                    guard let shelf = entry.shelf(row, in: index) else { continue }
                    var next = shelf.firstTaken(from: 0)
                    while let roomClass = next {
                        let place = Place(kind: entry.kind, zone: zone, row: row, roomClass: roomClass)
                        shelves[place] = Set(shelf.bucket(roomClass).map { fleet.workers.ids[Int($0)] })
                        next = shelf.firstTaken(from: roomClass + 1)
                    }
                }
            }
        }
    }
}

extension FleetContents.Function {
    fileprivate init(_ fleet: Fleet, _ number: Int32) {
        let record = fleet.functions[number]
        self.init(
            environments: Int(record.environments),
            hosts: Int(record.hosts),
            isNoisy: record.isNoisy,
            zones: [:]
        )
        for (index, zone) in fleet.zones.enumerated() {
            let count = fleet.functions.environments(of: number, in: index)
            if count > 0 { zones[zone] = count }
        }
    }
}
