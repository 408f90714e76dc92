import Placement

extension FunctionVersion {
    /// A function by its number.
    static func test(_ number: Int, memoryMB: Int = 128) -> FunctionVersion {
        FunctionVersion(ShortDigest(high: 1, low: UInt64(number)), memoryMB: memoryMB)
    }
}

extension CodeHash {
    static func test(_ number: Int) -> CodeHash { CodeHash(high: 2, low: UInt64(number)) }
}

extension PlacementRequest {
    /// A request for one more environment of a function by its number, whose code has the same number.
    static func test(
        _ number: Int = 1,
        memoryMB: Int = 128,
        runtime: RuntimeName? = "python3.13",
        _ instructionSet: InstructionSet = .x86,
        labels: Set<WorkerLabel> = [],
        avoiding: Set<ZoneName> = []
    ) -> PlacementRequest {
        PlacementRequest(
            function: .test(number, memoryMB: memoryMB),
            runtime: runtime,
            instructionSet: instructionSet,
            code: .test(number),
            labels: labels,
            avoidedZones: avoiding
        )
    }
}

extension WorkerDescription {
    static func test(
        _ id: WorkerID,
        zone: ZoneName = "a",
        labels: Set<WorkerLabel> = [],
        _ instructionSet: InstructionSet = .x86,
        runtimes: Set<RuntimeName> = ["python3.13"],
        memoryMB: Int = 10_000,
        cpuMilli: Int = 100_000
    ) -> WorkerDescription {
        WorkerDescription(
            id: id,
            zone: zone,
            labels: labels,
            instructionSet: instructionSet,
            runtimes: runtimes,
            memoryMB: memoryMB,
            cpuMilli: cpuMilli
        )
    }
}

extension PlacementPolicy {
    /// All of a worker is for environments, and its CPU is promised once.
    static var whole: PlacementPolicy {
        var policy = PlacementPolicy()
        policy.memoryReserve = 0
        policy.cpuReserve = 0
        policy.cpuOvercommit = 1
        return policy
    }
}

extension Fleet {
    /// A fleet of these workers.
    init(_ workers: [WorkerDescription], policy: PlacementPolicy = .whole) {
        self.init(policy: policy)
        for worker in workers { joined(worker) }
    }

    /// Places as many environments as asked for, one decision after the other. Returns the workers.
    mutating func place(_ count: Int, _ request: PlacementRequest) -> [WorkerID] {
        var found: [WorkerID] = []
        for seed in 0..<count {
            guard let worker = decide(request, seed: UInt64(seed)).worker else { break }
            placed(request.function, on: worker)
            cached(request.code, on: worker)
            found.append(worker)
        }
        return found
    }
}
