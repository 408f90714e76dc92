import Sandbox
import Testing

@testable import SandboxNamespaces

@Suite struct SandboxStateMachineTests {
    private typealias Machine = SandboxStateMachine<String, Int, Int, Int, Int, Int>

    private let failure = SandboxError(.setUpFailed, "failed")

    @Test func creationSucceedsWhenInitIsReady() {
        var machine = Machine(creation: "creator")
        guard case .succeed("creator") = machine.initBecameReady() else { return unexpected() }
        guard case .none = machine.initBecameReady() else { return unexpected() }
    }

    @Test func creatorLearnsOfAFailureOnceAllIsRemoved() {
        var machine = Machine(creation: "creator")
        guard case .kill = machine.creationFailed(failure) else { return unexpected() }
        guard case .none = machine.creationFailed(failure) else { return unexpected() }
        let later = SandboxError(.setUpFailed, "init ended")
        guard case .remove = machine.initGone(later) else { return unexpected() }
        guard case .finish(let creation, []) = machine.removalCompleted() else { return unexpected() }
        #expect(creation?.0 == "creator")
        #expect(creation?.1.message == "failed", "the first failure is the cause")
    }

    @Test func readinessAfterADestroyIsTooLate() {
        var machine = Machine(creation: "creator")
        guard case .kill = machine.destroyRequested(1) else { return unexpected() }
        guard case .none = machine.initBecameReady() else { return unexpected() }
        guard case .remove = machine.initGone(failure) else { return unexpected() }
        guard case .finish(let creation, [1]) = machine.removalCompleted() else { return unexpected() }
        #expect(creation?.1.code == .gone)
    }

    @Test func adoptionIsPossibleOnceAndOnlyWhereItIsMeant() {
        var ordinary = Machine(creation: "creator")
        guard case .refuse(1) = ordinary.adoptionRequested(1) else { return unexpected() }
        _ = ordinary.initBecameReady()
        guard case .refuse(1) = ordinary.adoptionRequested(1) else { return unexpected() }

        var machine = Machine(creation: "creator", isAdoptable: true)
        guard case .refuse(1) = machine.adoptionRequested(1) else { return unexpected() }
        _ = machine.initBecameReady()
        guard case .none = machine.adoptionCompleted(failure: nil) else { return unexpected() }
        guard case .attach = machine.adoptionRequested(2) else { return unexpected() }
        guard case .refuse(3) = machine.adoptionRequested(3) else { return unexpected() }
        guard case .succeed(2) = machine.adoptionCompleted(failure: nil) else { return unexpected() }
        guard case .none = machine.adoptionCompleted(failure: failure) else { return unexpected() }
        guard case .none = machine.adoptionDeadlinePassed() else { return unexpected() }
        guard case .refuse(4) = machine.adoptionRequested(4) else { return unexpected() }
    }

    @Test func whoAdoptsIsToldWhenTheSandboxEndsMeanwhile() {
        var machine = Machine(creation: "creator", isAdoptable: true)
        _ = machine.initBecameReady()
        guard case .attach = machine.adoptionRequested(5) else { return unexpected() }
        guard case .kill = machine.adoptionDeadlinePassed() else { return unexpected() }
        guard case .remove(let bereaved) = machine.initGone(failure) else { return unexpected() }
        #expect(bereaved.adoption == 5)
        guard case .none = machine.adoptionCompleted(failure: nil) else { return unexpected() }
    }

    @Test func lateEventsAfterTheEndDoNothing() {
        var machine = Machine(creation: "creator")
        _ = machine.initGone(failure)
        _ = machine.removalCompleted()
        guard case .none = machine.initBecameReady() else { return unexpected() }
        guard case .none = machine.creationFailed(failure) else { return unexpected() }
        let token = ProcessToken(rawValue: 1)
        guard case .none = machine.processExecuted(token, failure: nil) else { return unexpected() }
        guard case .none = machine.processExited(token) else { return unexpected() }
        guard case .none = machine.startDeadlinePassed(token) else { return unexpected() }
        guard case .none = machine.initGone(failure) else { return unexpected() }
        guard case .none = machine.removalCompleted() else { return unexpected() }
        guard case .refuse(7) = machine.startRequested(7, onExit: 7) else { return unexpected() }
        guard case .refuse(8) = machine.clearRequested(8) else { return unexpected() }
        guard case .refuse(9) = machine.socketRequested(9) else { return unexpected() }
        guard case .none = machine.clearDeadlinePassed() else { return unexpected() }
        #expect(machine.cleared().isEmpty)
        #expect(machine.socketMade() == nil)
        guard case .refuse(8) = machine.adoptionRequested(8) else { return unexpected() }
        guard case .none = machine.adoptionCompleted(failure: nil) else { return unexpected() }
        guard case .none = machine.adoptionDeadlinePassed() else { return unexpected() }
        guard case .finish(9) = machine.destroyRequested(9) else { return unexpected() }
    }

    @Test func initIsAskedOnceToClearAndAnswersAll() {
        var machine = Machine(creation: "creator")
        _ = machine.initBecameReady()
        guard case .send = machine.clearRequested(1) else { return unexpected() }
        guard case .wait = machine.clearRequested(2) else { return unexpected() }
        #expect(machine.cleared() == [1, 2])
        guard case .send = machine.clearRequested(3) else { return unexpected() }
        guard case .kill = machine.clearDeadlinePassed() else { return unexpected() }
    }

    @Test func socketsGoToThoseWhoAskedInTheirOrder() {
        var machine = Machine(creation: "creator")
        _ = machine.initBecameReady()
        _ = machine.socketRequested(1)
        _ = machine.socketRequested(2)
        #expect(machine.socketMade() == 1)
        #expect(machine.socketMade() == 2)
        #expect(machine.socketMade() == nil)
    }

    private func unexpected(_ sourceLocation: SourceLocation = #_sourceLocation) {
        Issue.record("another action was expected", sourceLocation: sourceLocation)
    }

    /// Random events in random order. Whatever comes, everyone who waits is answered exactly once, and the host is
    /// cleaned exactly once.
    @Test(arguments: 0..<500 as Range<UInt64>)
    func everyoneIsAnsweredOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var walk = Walk(isAdoptable: Bool.random(using: &random))
        for _ in 0..<Int.random(in: 1...60, using: &random) { walk.takeStep(using: &random) }
        walk.finish()
        walk.check(seed: seed)
    }

    /// A machine, and what it has been told and has answered.
    private struct Walk: ~Copyable {
        private var machine: Machine
        private var creationAnswers = 0
        private var startAnswers: [Int: Int] = [:]
        /// For each start that succeeded, how often its end was told.
        private var exitAnswers: [Int: Int] = [:]
        private var destructionAnswers: [Int: Int] = [:]
        private var clearingAnswers: [Int: Int] = [:]
        private var socketAnswers: [Int: Int] = [:]
        private var tokens: [ProcessToken] = []
        private var removals = 0
        private var adoptions = 0
        private var hasRemoved = false
        private var isKilled = false
        private let failure = SandboxError(.setUpFailed, "failed")

        init(isAdoptable: Bool) {
            machine = Machine(creation: "creator", isAdoptable: isAdoptable)
        }

        mutating func takeStep(using random: inout SeededGenerator) {
            // Tokens that were given out, and sometimes one that was not.
            let token = tokens.randomElement(using: &random) ?? ProcessToken(rawValue: 99)
            switch Int.random(in: 0..<20, using: &random) {
            case 0, 1:
                if case .succeed = machine.initBecameReady() { creationAnswers += 1 }
            case 2:
                if case .kill = machine.creationFailed(failure) { isKilled = true }
            case 3, 4, 5:
                start()
            case 6, 7:
                executed(token, failure: Bool.random(using: &random) ? nil : failure)
            case 8:
                if case .notify(let exit) = machine.processExited(token) { exitAnswers[exit, default: 0] += 1 }
            case 12:
                requestClearing()
            case 13:
                for clearing in machine.cleared() { clearingAnswers[clearing, default: 0] += 1 }
            case 14:
                requestSocket()
            case 15:
                if let request = machine.socketMade() { socketAnswers[request, default: 0] += 1 }
            case 9 where Int.random(in: 0..<4, using: &random) == 0:
                if case .kill = machine.startDeadlinePassed(token) { isKilled = true }
            case 10 where Int.random(in: 0..<4, using: &random) == 0:
                destroy()
            case 11 where Int.random(in: 0..<4, using: &random) == 0:
                initGone()
            case 16:
                adopt()
            case 17, 18:
                adopted(failure: Bool.random(using: &random) ? nil : failure)
            case 19 where Int.random(in: 0..<4, using: &random) == 0:
                if case .kill = machine.adoptionDeadlinePassed() { isKilled = true }
            default:
                if removals > 0 && Bool.random(using: &random) { complete() }
            }
        }

        mutating func finish() {
            destroy()
            if isKilled || removals == 0 { initGone() }
            complete()
            destroy()
        }

        func check(seed: UInt64) {
            #expect(creationAnswers == 1, "seed \(seed)")
            #expect(startAnswers.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(exitAnswers.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(clearingAnswers.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(socketAnswers.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(destructionAnswers.values.allSatisfy { $0 == 1 }, "seed \(seed)")
            #expect(removals == 1, "seed \(seed)")
        }

        private mutating func start() {
            let number = startAnswers.count
            startAnswers[number] = 0
            switch machine.startRequested(number, onExit: number) {
            case .send(let token): tokens.append(token)
            case .refuse(let start): startAnswers[start, default: 0] += 1
            }
        }

        private mutating func adopt() {
            let number = startAnswers.count
            startAnswers[number] = 0
            switch machine.adoptionRequested(number) {
            case .attach: adoptions += 1
            case .refuse(let start): startAnswers[start, default: 0] += 1
            }
            #expect(adoptions <= 1)
        }

        private mutating func adopted(failure: SandboxError?) {
            switch machine.adoptionCompleted(failure: failure) {
            case .succeed(let start), .fail(let start, _): startAnswers[start, default: 0] += 1
            case .none: break
            }
        }

        private mutating func executed(_ token: ProcessToken, failure: SandboxError?) {
            switch machine.processExecuted(token, failure: failure) {
            case .succeed(let start):
                startAnswers[start, default: 0] += 1
                exitAnswers[start] = 0
            case .fail(let start, _):
                startAnswers[start, default: 0] += 1
            case .none:
                break
            }
        }

        private mutating func requestClearing() {
            let number = clearingAnswers.count
            clearingAnswers[number] = 0
            if case .refuse(let clearing) = machine.clearRequested(number) {
                clearingAnswers[clearing, default: 0] += 1
            }
        }

        private mutating func requestSocket() {
            let number = socketAnswers.count
            socketAnswers[number] = 0
            if case .refuse(let request) = machine.socketRequested(number) {
                socketAnswers[request, default: 0] += 1
            }
        }

        private mutating func destroy() {
            let number = destructionAnswers.count
            destructionAnswers[number] = 0
            switch machine.destroyRequested(number) {
            case .kill: isKilled = true
            case .wait: #expect(isKilled || removals > 0)
            case .finish(let destruction): answer(destruction)
            }
        }

        private mutating func initGone() {
            guard case .remove(let bereaved) = machine.initGone(failure) else { return }
            removals += 1
            for start in bereaved.starts { startAnswers[start, default: 0] += 1 }
            for exit in bereaved.exits { exitAnswers[exit, default: 0] += 1 }
            for clearing in bereaved.clearings { clearingAnswers[clearing, default: 0] += 1 }
            if let adoption = bereaved.adoption { startAnswers[adoption, default: 0] += 1 }
            for request in bereaved.socketRequests { socketAnswers[request, default: 0] += 1 }
        }

        private mutating func complete() {
            guard case .finish(let creation, let destructions) = machine.removalCompleted() else { return }
            #expect(!hasRemoved)
            hasRemoved = true
            if creation != nil { creationAnswers += 1 }
            for destruction in destructions { answer(destruction) }
        }

        private mutating func answer(_ destruction: Int) {
            #expect(hasRemoved, "told before all was removed")
            destructionAnswers[destruction, default: 0] += 1
        }
    }
}

/// Random numbers that are the same for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
