import TestSupport
import Testing

@testable import RuntimeAPI

struct RuntimeProtocolTests {
    private typealias Machine = RuntimeProtocol<Int, String>

    @Test func firstNextReportsThatTheRuntimeIsReady() {
        var machine = Machine()
        #expect(machine.nextRequested(on: "a") == .parkAndReportReady)
        #expect(machine.eventAssigned(1) == .deliver("a"))
        #expect(machine.answered(1) == .accept)
        #expect(machine.nextRequested(on: "a") == .parkAndReportReady)
    }

    @Test func secondNextIsRefusedWhileOneIsParked() {
        var machine = Machine()
        _ = machine.nextRequested(on: "a")
        #expect(machine.nextRequested(on: "b") == .refuse(.invalidTransition(from: "Ready", to: "Ready")))
        #expect(machine.eventAssigned(1) == .deliver("a"))
    }

    @Test func answerToAnotherEventIsRefused() {
        var machine = Machine()
        _ = machine.nextRequested(on: "a")
        _ = machine.eventAssigned(1)
        #expect(machine.answered(2) == .refuse(.invalidRequestID))
        #expect(machine.answered(1) == .accept)
    }

    @Test func secondAnswerToOneEventIsRefused() {
        var machine = Machine()
        _ = machine.nextRequested(on: "a")
        _ = machine.eventAssigned(1)
        _ = machine.answered(1)
        #expect(
            machine.answered(1)
                == .refuse(.invalidTransition(from: "InvocationResponse", to: "InvocationResponse"))
        )
        _ = machine.nextRequested(on: "a")
        #expect(machine.answered(1) == .refuse(.invalidRequestID))
    }

    @Test func eventWaitsForARuntimeThatReconnects() {
        var machine = Machine()
        _ = machine.nextRequested(on: "a")
        machine.connectionClosed("a")
        #expect(machine.eventAssigned(7) == .hold)
        #expect(machine.nextRequested(on: "b") == .deliver(7))
    }

    @Test func initialisationErrorIsTakenOnlyBeforeTheFirstNext() {
        var machine = Machine()
        #expect(machine.initialisationErrorPosted() == .accept)
        #expect(machine.initialisationErrorPosted() == .refuse(.invalidTransition(from: "InitError", to: "InitError")))
        var ready = Machine()
        _ = ready.nextRequested(on: "a")
        #expect(ready.initialisationErrorPosted() == .refuse(.invalidTransition(from: "Ready", to: "InitError")))
    }

    @Test func aTemplateWaitsToBeRestored() {
        var machine = Machine(isTemplate: true)
        #expect(machine.restorationRequested() == .parkAndReportReady)
        #expect(machine.isWaiting)
        #expect(machine.eventAssigned(1) == .refuse)
        let refusal = Machine.Refusal.invalidTransition(from: "RestoreReady", to: "Ready")
        #expect(machine.nextRequested(on: "a") == .refuse(refusal))
    }

    /// Its runtime asks what it asked in the template, and whether it knows of restorations or not it gets its events.
    @Test func aCopyGoesOnWithWhatItAsked() {
        var machine = Machine(isRestored: true)
        #expect(!machine.isWaiting)
        #expect(machine.restorationRequested() == .answer)
        #expect(!machine.isWaiting)
        #expect(machine.nextRequested(on: "a") == .parkAndReportReady)
        #expect(machine.eventAssigned(1) == .deliver("a"))
        var unknowing = Machine(isRestored: true)
        #expect(unknowing.nextRequested(on: "a") == .parkAndReportReady)
    }

    @Test func whoWillNotBeCopiedGoesOnAtOnce() {
        var machine = Machine()
        #expect(machine.restorationRequested() == .answer)
        #expect(
            machine.restorationRequested()
                == .refuse(.invalidTransition(from: "Restoring", to: "RestoreReady"))
        )
        #expect(machine.nextRequested(on: "a") == .parkAndReportReady)
    }

    /// By either request.
    @Test(arguments: [false, true])
    func errorsAreTakenAfterARestorationOnly(isOfInitialisation: Bool) {
        func post(_ machine: inout Machine) -> Machine.AnswerAction {
            isOfInitialisation ? machine.initialisationErrorPosted() : machine.restorationErrorPosted()
        }
        var machine = Machine(isRestored: true)
        let early = post(&machine)
        guard case .refuse = early else {
            Issue.record("it was taken")
            return
        }
        _ = machine.restorationRequested()
        let taken = post(&machine)
        #expect(taken == .accept)
        guard case .refuse = post(&machine) else {
            Issue.record("it was taken twice")
            return
        }
    }

    /// Whatever a runtime does, each event is delivered once, to a connection that is there, and answered at most once.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func randomRequestsNeverDeliverOrAnswerAnEventTwice(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = Machine()
        var parked: String?
        var isReady = false
        var held: Int?
        var current: Int?
        var answered: Set<Int> = []
        var nextEvent = 0
        for _ in 0..<500 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let connection = ["a", "b", "c"].randomElement(using: &random) ?? "a"
                switch machine.nextRequested(on: connection) {
                case .parkAndReportReady:
                    #expect(parked == nil && current == nil)
                    parked = connection
                    isReady = true
                case .park:
                    #expect(parked == nil && isReady)
                    parked = connection
                case .deliver(let event):
                    #expect(event == held)
                    (held, current) = (nil, event)
                case .refuse:
                    #expect(parked != nil || current != nil)
                }
            case 1:
                nextEvent += 1
                switch machine.eventAssigned(nextEvent) {
                case .deliver(let connection):
                    #expect(connection == parked)
                    (parked, current, isReady) = (nil, nextEvent, false)
                case .hold:
                    #expect(parked == nil && isReady)
                    (held, isReady) = (nextEvent, false)
                case .refuse:
                    #expect(!isReady)
                }
            case 2, 3:
                let event = Int.random(in: 0...nextEvent, using: &random)
                if machine.answered(event) == .accept {
                    #expect(event == current)
                    #expect(answered.insert(event).inserted)
                    current = nil
                } else {
                    #expect(event != current)
                }
            case 4:
                guard let connection = parked else { continue }
                machine.connectionClosed(connection)
                parked = nil
            default:
                machine.connectionClosed("nobody")
            }
        }
    }
}
