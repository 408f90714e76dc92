/// A request as the fleet sees it: what is asked once, before any worker is looked at.
struct Demand {
    let memoryMB: Int
    let cpuMilli: Int
    /// The function's number, if it has environments.
    let function: Int32?
    let environments: Int
    let hosts: Int
    let isNoisy: Bool
    /// The code's number, if a worker has it.
    let code: Int32?
    /// The labels that a worker must have, the rarest first.
    let labels: [Int32]
    /// The kinds of workers that suit; none if no worker has the labels.
    let kinds: [Int]
    /// The zones that have such workers, those with the least of the function first.
    let zones: [Zone]
    /// How many environments of the function, with the new one, are a host's part.
    let hostPart: Int
    /// By how many environments a zone may stand out.
    let zoneSlack: Double
    /// The hosts of a function that has few, which are found faster here than in a table.
    let few: [(worker: Int32, count: Int)]
    /// The hosts that have the code, if they are few.
    let fewHolders: [Int32]

    struct Zone {
        let number: Int
        /// How many environments the function has there.
        let environments: Int
        /// How many more than in the zone that has the least.
        var excess: Int
        let isAvoided: Bool
    }

    private static let fewMax = 8
    private static let fewHoldersMax = 16

    init(_ request: PlacementRequest, in fleet: Fleet) {
        memoryMB = request.function.memoryMB
        cpuMilli = request.function.cpuMilli
        let number = fleet.functions.find(request.function)
        function = number
        let record = number.map { fleet.functions[$0] }
        environments = Int(record?.environments ?? 0)
        hosts = Int(record?.hosts ?? 0)
        isNoisy = record?.isNoisy ?? false
        let code = fleet.codes.find(request.code)
        self.code = code
        var holders: [Int32] = []
        if let code, fleet.codes.holders(of: code) <= Self.fewHoldersMax {
            fleet.codes.forEachHolder(of: code) { worker in
                holders.append(worker)
                return true
            }
        }
        fewHolders = holders
        let labels = fleet.labels.find(request.labels)
        self.labels = labels ?? []
        kinds = labels == nil ? [] : fleet.kinds.suitable(request)
        zones = Self.zones(for: request, number, kinds, in: fleet)
        let suitable = kinds.reduce(0) { $0 + fleet.kinds.entries[$1].openWorkers }
        let open = self.labels.first.map { min(suitable, fleet.labels.workers(with: $0).count) } ?? suitable
        let weights = fleet.policy.weights
        hostPart = Self.part(of: environments + 1, min(open, weights.hostsPerFunction))
        zoneSlack = max(1, Double(environments) / Double(max(1, weights.environmentsPerZoneSlack)))
        var few: [(worker: Int32, count: Int)] = []
        if let number, hosts <= Self.fewMax {
            fleet.residences.forEachWorker(of: number) { worker, count in
                few.append((worker, count))
                return true
            }
        }
        self.few = few
    }

    /// How many environments of the function a worker has.
    @inline(__always)
    func environments(on worker: Int32, in fleet: Fleet) -> Int {
        guard let function else { return 0 }
        guard hosts > Self.fewMax else {
            for host in few where host.worker == worker { return host.count }
            return 0
        }
        return fleet.residences.count(of: function, on: worker)
    }

    /// Whether a worker has the code.
    @inline(__always)
    func hasCode(_ worker: Int32, in fleet: Fleet) -> Bool {
        guard let code else { return false }
        // A code that has a number has holders.
        return fewHolders.isEmpty ? fleet.codes.has(code, worker) : fewHolders.contains(worker)
    }

    /// The most that a host must have when so many share environments as evenly as they can.
    private static func part(of environments: Int, _ hosts: Int) -> Int {
        (environments + max(1, hosts) - 1) / max(1, hosts)
    }

    private static func zones(
        for request: PlacementRequest,
        _ function: Int32?,
        _ kinds: [Int],
        in fleet: Fleet
    ) -> [Zone] {
        let needed = RoomShelf.roomClass(request.function.memoryMB)
        var zones: [Zone] = []
        for number in fleet.zones.indices {
            guard kinds.contains(where: { fleet.kinds.entries[$0].mayHaveRoom(in: number, needed) }) else { continue }
            zones.append(
                Zone(
                    number: number,
                    environments: function.map { fleet.functions.environments(of: $0, in: number) } ?? 0,
                    excess: 0,
                    isAvoided: !request.avoidedZones.isEmpty && request.avoidedZones.contains(fleet.zones[number])
                )
            )
        }
        // The least of those that may well be used: an avoided zone that is empty says nothing of the others.
        let least = { (isAvoided: Bool) in
            zones.lazy.filter { $0.isAvoided == isAvoided }.map(\.environments).min() ?? 0
        }
        let (leastUsed, leastAvoided) = (least(false), least(true))
        for index in zones.indices {
            zones[index].excess = zones[index].environments - (zones[index].isAvoided ? leastAvoided : leastUsed)
        }
        zones.sort { ($0.isAvoided ? 1 : 0, $0.environments) < ($1.isAvoided ? 1 : 0, $1.environments) }
        return zones
    }
}
