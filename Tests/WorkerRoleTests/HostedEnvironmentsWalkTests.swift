import TestSupport
import Testing

@testable import WorkerRole

/// Managers that come and go, prove themselves or do not, and callers that show whatever token was ever drawn, beside a
/// plain account of what each may.
struct HostedEnvironmentsWalkTests {
    private typealias Machine = HostedEnvironments<Int, Int, Int, Int>

    private struct Owner {
        var epoch: Int
        var manager: Int?
        var latest: Int
        var provenUntil: Int
    }

    private struct Environment {
        let partition: Int
        let memory: Int
        let isProvisioned: Bool
        /// The one token that is good; nil if none is.
        var token: Int?
        var invoke: Int?
        var hasEnded = false
    }

    private struct Walk {
        private static let leash = 80
        private static let budget = 100
        private static let partitions = 0..<3

        private let seed: UInt64
        private var random: SeededGenerator
        private var machine = Machine(memoryBudget: Self.budget, leash: Self.leash)
        private var owners: [Int: Owner] = [:]
        private var environments: [Int: Environment] = [:]
        private var tokens: [(environment: Int, token: Int)] = []
        private var nextToken = 0
        private var nextEnvironment = 0
        private var nextInvoke = 0
        private var now = 0
        private(set) var runs = 0
        private(set) var refusals: Set<String> = []

        init(seed: UInt64) {
            self.seed = seed
            random = SeededGenerator(seed: seed)
        }

        mutating func step() {
            now += Int.random(in: 0...4, using: &random)
            let partition = Int.random(in: Self.partitions, using: &random)
            switch Int.random(in: 0..<40, using: &random) {
            case 0: own(partition)
            case 1: lose(partition)
            case 2..<9: prove(partition)
            case 9..<15: start(partition)
            case 15..<24: initialiseOrFinish()
            case 24..<36: run()
            case 36: void()
            case 37: end()
            case 38: remove()
            default: endUnproven()
            }
            check()
        }

        private mutating func own(_ partition: Int) {
            let epoch = max(1, (owners[partition]?.epoch ?? 0) + Int.random(in: -1...1, using: &random))
            let manager = Int.random(in: 0..<4, using: &random)
            var drawn: [Int] = []
            let first = nextToken
            let action = machine.owned(partition, since: epoch, by: manager, at: now) {
                drawn.append(first + drawn.count + 1)
                return first + drawn.count
            }
            nextToken += drawn.count
            if let owner = owners[partition],
                owner.epoch > epoch || owner.epoch == epoch && manager < owner.latest
            {
                #expect(action == .outdated(epoch: owner.epoch), "seed \(seed)")
                return
            }
            guard case .report(let reported) = action else {
                Issue.record("seed \(seed): the latest manager was not told what there is")
                return
            }
            #expect(Set(reported) == Set(environments.keys.filter { environments[$0]?.partition == partition }))
            owners[partition] = Owner(
                epoch: epoch,
                manager: manager,
                latest: manager,
                provenUntil: owners[partition]?.provenUntil ?? now
            )
            for id in reported where environments[id]?.token != nil { learnToken(of: id) }
        }

        /// Notes down the token that an idle environment has by now.
        private mutating func learnToken(of id: Int) {
            guard case .idle(let token, _) = machine.entries[id]?.phase else {
                Issue.record("seed \(seed): \(id) is not idle")
                return
            }
            #expect(!tokens.contains { $0.token == token }, "seed \(seed): a token was drawn twice")
            environments[id]?.token = token
            tokens.append((id, token))
        }

        private mutating func lose(_ partition: Int) {
            guard let owner = owners[partition], let manager = owner.manager else { return }
            if Bool.random(using: &random) {
                machine.managerLost(manager)
                for (number, owner) in owners where owner.manager == manager { owners[number]?.manager = nil }
            } else {
                let epoch = owner.epoch - Int.random(in: 0...1, using: &random)
                machine.disowned(partition, since: epoch, by: manager)
                if epoch == owner.epoch { owners[partition]?.manager = nil }
            }
        }

        /// Whoever looks at that moment misses nothing that is to be ended.
        private func checkNextEnd() {
            let ends = owners.values.map(\.provenUntil).filter { $0 > now }
            #expect(machine.nextEnd(after: now) == ends.min(), "seed \(seed)")
        }

        private mutating func prove(_ partition: Int) {
            if owners[partition]?.manager == nil { own(partition) }
            let manager = owners[partition]?.manager ?? Int.random(in: 0..<4, using: &random)
            let sentAt = now - Int.random(in: 0...20, using: &random)
            machine.heartbeatAnswered(by: manager, sentAt: sentAt)
            for (number, owner) in owners where owner.manager == manager {
                owners[number]?.provenUntil = max(owner.provenUntil, sentAt + Self.leash)
            }
        }

        private mutating func start(_ partition: Int) {
            let owner = owners[partition]
            let isTrue = Int.random(in: 0..<4, using: &random) > 0
            let epoch = isTrue ? owner?.epoch ?? 1 : Int.random(in: 0...8, using: &random)
            let manager = isTrue ? owner?.manager ?? 0 : Int.random(in: 0..<4, using: &random)
            nextEnvironment += 1
            let environment = Environment(
                partition: partition,
                memory: Int.random(in: 1...40, using: &random),
                isProvisioned: Int.random(in: 0..<5, using: &random) == 0
            )
            let action = machine.startRequested(
                nextEnvironment,
                in: partition,
                since: epoch,
                memory: environment.memory,
                isProvisioned: environment.isProvisioned,
                by: manager
            )
            let mayDecide = owner.map { $0.epoch == epoch && $0.manager == manager } ?? false
            #expect((action == .refuse) == !mayDecide, "seed \(seed)")
            guard case .start(let evicted) = action else { return }
            for id in evicted {
                #expect(environments[id]?.token != nil && environments[id]?.isProvisioned == false, "seed \(seed)")
                environments[id]?.hasEnded = true
                environments[id]?.token = nil
            }
            environments[nextEnvironment] = environment
        }

        private mutating func pick(_ isWanted: (Environment) -> Bool) -> Int? {
            environments.filter { isWanted($0.value) }.keys.sorted().randomElement(using: &random)
        }

        private mutating func initialiseOrFinish() {
            guard let id = pick({ $0.token == nil }), let environment = environments[id] else { return }
            nextToken += 1
            let expected: Machine.IdleAction = environment.hasEnded ? .end : .tell(nextToken, followers: 0)
            #expect(machine.becameIdle(id, with: nextToken, at: now) == expected, "seed \(seed)")
            guard !environment.hasEnded else { return }
            environments[id]?.invoke = nil
            learnToken(of: id)
        }

        private mutating func run() {
            let recent = tokens.suffix(6)
            guard let (id, token) = recent.randomElement(using: &random) else { return }
            nextInvoke += 1
            let action = machine.runRequested(nextInvoke, in: id, showing: token, at: now)
            let environment = environments[id]
            let isGood = environment?.token == token
            let isProven = environment.flatMap { owners[$0.partition] }.map { now < $0.provenUntil } ?? false
            #expect((action == .run(next: nil)) == (isGood && isProven), "seed \(seed), token \(token)")
            guard action == .run(next: nil) else {
                refusals.insert("\(action)")
                return
            }
            runs += 1
            #expect(environment?.invoke == nil && environment?.hasEnded == false, "seed \(seed)")
            environments[id]?.invoke = nextInvoke
            environments[id]?.token = nil
        }

        private mutating func void() {
            guard let id = pick({ _ in true }), let environment = environments[id] else { return }
            let manager = Int.random(in: 0..<4, using: &random)
            nextToken += 1
            let token = nextToken
            let action = machine.voidRequested(id, by: manager) { token }
            let mayDecide = owners[environment.partition]?.manager == manager
            switch action {
            case .idle:
                #expect(mayDecide && environment.token != nil, "seed \(seed)")
                learnToken(of: id)
            case .running: #expect(mayDecide && environment.invoke != nil, "seed \(seed)")
            case .gone: Issue.record("seed \(seed): an environment that is there is called gone")
            case .none:
                #expect(!mayDecide || environment.token == nil && environment.invoke == nil, "seed \(seed)")
            }
        }

        private mutating func end() {
            guard let id = pick({ !$0.hasEnded }) else { return }
            end(id)
        }

        private mutating func end(_ id: Int) {
            machine.ended(id)
            environments[id]?.hasEnded = true
            environments[id]?.token = nil
            environments[id]?.invoke = nil
        }

        private mutating func remove() {
            guard let id = pick({ $0.hasEnded }) else { return }
            machine.removed(id)
            environments[id] = nil
        }

        private mutating func endUnproven() {
            for id in machine.unproven(at: now) {
                let environment = environments[id]
                #expect(environment?.token == nil && environment?.hasEnded == false, "seed \(seed)")
                end(id)
            }
        }

        private func check() {
            checkNextEnd()
            let promised = environments.values.reduce(0) { $0 + ($1.hasEnded ? 0 : $1.memory) }
            #expect(promised <= Self.budget, "seed \(seed): the memory budget is exceeded")
            #expect(machine.memoryFree == Self.budget - promised, "seed \(seed)")
            #expect(machine.entries.count == environments.count, "seed \(seed)")
            for (partition, owner) in owners {
                #expect(machine.ownerships[partition]?.epoch == owner.epoch, "seed \(seed)")
                #expect(machine.ownerships[partition]?.manager == owner.manager, "seed \(seed)")
                #expect(machine.ownerships[partition]?.provenUntil == owner.provenUntil, "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func randomLivesRunNothingThatNobodyProved(seed: UInt64) {
        var walk = Walk(seed: seed)
        for _ in 0..<600 { walk.step() }
        #expect(walk.runs > 5, "seed \(seed)")
    }

    /// Otherwise the walks would show nothing.
    @Test func everyRefusalOccurs() {
        var walk = Walk(seed: 3)
        for _ in 0..<8000 { walk.step() }
        #expect(walk.refusals.count == 3)
    }
}
