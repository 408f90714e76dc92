import TestSupport
import Testing

@testable import Placement

/// A fleet beside a model of it that keeps lists, and looks at all of them for each answer.
struct FleetWalk {
    private struct Worker {
        var description: WorkerDescription
        var standing = WorkerStanding.open
        var leaseNearsEnd = false
        var environments: [FunctionVersion: Int] = [:]
        /// What code it has, in the places of its cache.
        var codes: [CodeHash?] = Array(repeating: nil, count: FleetWalk.codesMax)
        var nextPlace = 0
    }

    private static let codesMax = 4
    private static let runtimes: [RuntimeName] = ["python3.13", "nodejs22.x"]
    private static let labels: [WorkerLabel] = ["gpu", "team=one"]
    /// The last is one that no worker has.
    private static let wanted = labels + ["nobody"]
    private static let memories = [1, 128, 129, 512, 1769, 3000]

    private let seed: UInt64
    private let policy: PlacementPolicy
    private var random: SeededGenerator
    private var fleet: Fleet
    /// In the order of joining.
    private var workers: [Worker] = []
    private var loads: [FunctionVersion: (load: Int, isNoisy: Bool)] = [:]
    private var nextID = 0

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        var policy = PlacementPolicy()
        policy.cachedCodesMax = Self.codesMax
        policy.memoryReserve = [0, 0.05, 0.5].randomElement(using: &random) ?? 0
        policy.cpuOvercommit = [1, 4].randomElement(using: &random) ?? 1
        if Bool.random(using: &random) {
            // As narrow as can be, so that searches often find nothing within their bounds.
            policy.bounds.fullest = [-1, 0, 1].randomElement(using: &random) ?? 0
            policy.bounds.drawn = 0
            policy.bounds.holders = 1
            policy.bounds.labelled = [0, 1].randomElement(using: &random) ?? 0
            policy.bounds.passedOver = 0
            policy.bounds.zones = [0, 1].randomElement(using: &random) ?? 0
            policy.bounds.kinds = [-1, 0, 1].randomElement(using: &random) ?? 0
        }
        self.policy = policy
        fleet = Fleet(policy: policy)
    }

    // MARK: Steps

    mutating func step() {
        let worker = workers.indices.randomElement(using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<8: if workers.count < 14 { join() }
        case 8..<10: if let worker { leave(worker) }
        case 10..<16: if let worker { changeStanding(of: worker) }
        case 16..<30: if let worker { place(worker) }
        case 30..<45: if let worker { remove(from: worker) }
        case 45..<50: if let worker { cache(worker) }
        case 50..<55: measure()
        default: decide()
        }
    }

    private mutating func join() {
        let size = [1, 2, 8].randomElement(using: &random) ?? 1
        let description = WorkerDescription(
            id: WorkerID("w\(nextID)"),
            zone: ["a", "b", "c"].randomElement(using: &random) ?? "a",
            labels: Set(Self.labels.filter { _ in Bool.random(using: &random) }),
            instructionSet: Int.random(in: 0..<4, using: &random) == 0 ? .arm : .x86,
            runtimes: Set(Self.runtimes.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }),
            memoryMB: [0, 1000, 4000].randomElement(using: &random).map { $0 * size } ?? 0,
            cpuMilli: [500, 2000, 20_000].randomElement(using: &random).map { $0 * size } ?? 0
        )
        nextID += 1
        workers.append(Worker(description: description))
        let answers = [fleet.joined(description), fleet.joined(description)]
        #expect(answers == [true, false], "seed \(seed)")
    }

    private mutating func leave(_ index: Int) {
        let gone = workers.remove(at: index)
        let wasThere = fleet.left(gone.description.id)
        #expect(wasThere, "seed \(seed)")
        forgetLoads()
    }

    private mutating func changeStanding(of index: Int) {
        let id = workers[index].description.id
        if Bool.random(using: &random) {
            workers[index].standing = WorkerStanding.allCases.randomElement(using: &random) ?? .open
            fleet.changed(id, to: workers[index].standing)
        } else {
            workers[index].leaseNearsEnd = Int.random(in: 0..<4, using: &random) == 0
            fleet.changed(id, leaseNearsEnd: workers[index].leaseNearsEnd)
        }
    }

    /// A worker has an environment that nobody decided to place there.
    private mutating func place(_ index: Int) {
        let function = anyFunction()
        workers[index].environments[function, default: 0] += 1
        fleet.placed(function, on: workers[index].description.id)
    }

    private mutating func remove(from index: Int) {
        let id = workers[index].description.id
        guard let function = workers[index].environments.keys.sorted(by: Self.order).randomElement(using: &random)
        else {
            let wasThere = fleet.removed(anyFunction(), from: id)
            #expect(!wasThere, "seed \(seed)")
            return
        }
        let left = workers[index].environments[function, default: 1] - 1
        workers[index].environments[function] = left == 0 ? nil : left
        let wasThere = fleet.removed(function, from: id)
        #expect(wasThere, "seed \(seed)")
        forgetLoads()
    }

    private mutating func cache(_ index: Int) {
        let code = CodeHash.test(Int.random(in: 0..<8, using: &random))
        let id = workers[index].description.id
        if Int.random(in: 0..<4, using: &random) == 0 {
            for place in workers[index].codes.indices where workers[index].codes[place] == code {
                workers[index].codes[place] = nil
            }
            fleet.evicted(code, from: id)
        } else {
            if !workers[index].codes.contains(code) {
                workers[index].codes[workers[index].nextPlace] = code
                workers[index].nextPlace = (workers[index].nextPlace + 1) % Self.codesMax
            }
            fleet.cached(code, on: id)
        }
    }

    private mutating func measure() {
        let function = anyFunction()
        let cpuMilli = Int.random(in: 0...4, using: &random) * function.cpuMilli / 4
        let isThere = workers.contains { $0.environments[function] != nil }
        let wasThere = fleet.measured(function, cpuMilli: cpuMilli)
        #expect(wasThere == isThere, "seed \(seed)")
        guard isThere else { return }
        var known = loads[function] ?? (0, false)
        let reckoned = Double(function.cpuMilli) / policy.cpuOvercommit
        known.load = (3 * known.load + Int(Double(cpuMilli) * 1000 / reckoned)) / 4
        known.isNoisy = Double(known.load) / 1000 >= (known.isNoisy ? policy.noisyUntil : policy.noisyFrom)
        loads[function] = known
    }

    private mutating func decide() {
        let request = anyRequest()
        let draw = UInt64.random(in: 0...UInt64.max, using: &random)
        let decision = fleet.decide(request, seed: draw)
        #expect(decision == fleet.decide(request, seed: draw), "seed \(seed): the same is decided otherwise")
        let explanation = fleet.explain(request, seed: draw)
        #expect(explanation.worker == decision.worker, "seed \(seed)")
        let ruledOut = ruledOut(by: request)
        #expect(explanation.ruledOut == ruledOut, "seed \(seed)")
        switch decision {
        case .refuse(let reason):
            #expect(ruledOut.eligible == 0, "seed \(seed): refused although there is room")
            #expect(reason == ruledOut, "seed \(seed)")
        case .place(let id):
            guard let index = workers.firstIndex(where: { $0.description.id == id }) else {
                Issue.record("seed \(seed): placed on a worker that is gone")
                return
            }
            #expect(obstacle(to: request, workers[index]) == nil, "seed \(seed): a rule is broken")
            let isAvoided = request.avoidedZones.contains(workers[index].description.zone)
            let mayGoElsewhere = workers.contains {
                obstacle(to: request, $0) == nil && !request.avoidedZones.contains($0.description.zone)
            }
            #expect(!isAvoided || !mayGoElsewhere, "seed \(seed): an avoided zone is used without need")
            workers[index].environments[request.function, default: 0] += 1
            fleet.placed(request.function, on: id)
        }
    }

    // MARK: The model

    private mutating func forgetLoads() {
        loads = loads.filter { load in workers.contains { $0.environments[load.key] != nil } }
    }

    private mutating func anyFunction() -> FunctionVersion {
        let number = Int.random(in: 0..<6, using: &random)
        return .test(number, memoryMB: Self.memories.randomElement(using: &random) ?? 128)
    }

    private mutating func anyRequest() -> PlacementRequest {
        let function = anyFunction()
        return PlacementRequest(
            function: function,
            runtime: Int.random(in: 0..<4, using: &random) == 0 ? nil : Self.runtimes.randomElement(using: &random),
            instructionSet: Int.random(in: 0..<6, using: &random) == 0 ? .arm : .x86,
            code: .test(Int.random(in: 0..<8, using: &random)),
            labels: Set(Self.wanted.filter { _ in Int.random(in: 0..<5, using: &random) == 0 }),
            avoidedZones: Int.random(in: 0..<4, using: &random) == 0 ? ["a", "z"] : []
        )
    }

    private func obstacle(to request: PlacementRequest, _ worker: Worker) -> RuledOut.Rule? {
        let description = worker.description
        switch worker.standing {
        case .silent: return .silent
        case .draining: return .draining
        case .cordoned: return .cordoned
        case .open: break
        }
        if worker.leaseNearsEnd { return .leaseEnding }
        if description.instructionSet != request.instructionSet { return .instructionSet }
        if let runtime = request.runtime, !description.runtimes.contains(runtime) { return .runtime }
        if !request.labels.isSubset(of: description.labels) { return .labels }
        let memory = worker.environments.reduce(0) { $0 + $1.key.memoryMB * $1.value } + request.function.memoryMB
        if memory > Int(Double(description.memoryMB) * (1 - policy.memoryReserve)) { return .memory }
        let cpu = worker.environments.reduce(0) { $0 + $1.key.cpuMilli * $1.value } + request.function.cpuMilli
        if cpu > Int(Double(description.cpuMilli) * policy.cpuOvercommit) { return .cpu }
        return nil
    }

    private func ruledOut(by request: PlacementRequest) -> RuledOut {
        var ruledOut = RuledOut(workers: workers.count)
        for worker in workers {
            if let rule = obstacle(to: request, worker) { ruledOut[rule] += 1 }
        }
        return ruledOut
    }

    private static func order(_ left: FunctionVersion, _ right: FunctionVersion) -> Bool {
        (left.identity.low, left.memoryMB) < (right.identity.low, right.memoryMB)
    }

    // MARK: Checks

    /// The fleet has what one has that was made anew from all there is.
    func check() {
        var anew = Fleet(policy: policy)
        for worker in workers {
            anew.joined(worker.description)
            anew.changed(worker.description.id, to: worker.standing)
            anew.changed(worker.description.id, leaseNearsEnd: worker.leaseNearsEnd)
            for (function, count) in worker.environments {
                for _ in 0..<count { anew.placed(function, on: worker.description.id) }
            }
            for code in worker.codes { if let code { anew.cached(code, on: worker.description.id) } }
        }
        for (function, known) in loads where known.isNoisy {
            // Whatever it takes to have it noisy.
            for _ in 0..<20 { anew.measured(function, cpuMilli: 4 * function.cpuMilli) }
        }
        let (found, expected) = (FleetContents(fleet), FleetContents(anew))
        #expect(found.workers == expected.workers, "seed \(seed)")
        #expect(found.shelves == expected.shelves, "seed \(seed)")
        #expect(found.functions == expected.functions, "seed \(seed)")
        #expect(found.codes == expected.codes, "seed \(seed)")
        #expect(fleet.workerCount == workers.count, "seed \(seed)")
    }

    /// Takes all away, and nothing is left.
    mutating func finish() {
        while !workers.isEmpty { leave(workers.count - 1) }
        #expect(fleet.figures() == FleetFigures(), "seed \(seed)")
        #expect(FleetContents(fleet) == FleetContents(Fleet(policy: policy)), "seed \(seed)")
    }
}
