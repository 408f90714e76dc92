import TestSupport
import Testing

@testable import RuntimeAPI

struct ExtensionsProtocolTests {
    private typealias Machine = ExtensionsProtocol<Int>

    /// One external extension, registered for both events and waiting on connection 1.
    private func waiting() -> Machine {
        var machine = Machine()
        _ = machine.starting("ext")
        _ = machine.registrationRequested("ext", events: ["INVOKE", "SHUTDOWN"], identifier: "id")
        _ = machine.nextRequested(by: "id", on: 1)
        machine.registrationClosed()
        return machine
    }

    @Test func withoutExtensionsEverybodyIsReady() {
        let machine = Machine()
        #expect(machine.isEmpty && machine.isEveryExternalRegistered && machine.isEveryoneReady)
    }

    @Test func initialisationWaitsForRegistrationAndThenForTheFirstRequest() {
        var machine = Machine()
        #expect(machine.starting("ext") == true)
        #expect(!machine.isEveryExternalRegistered)
        #expect(machine.registrationRequested("ext", events: ["INVOKE"], identifier: "id") == .accept(identifier: "id"))
        #expect(machine.isEveryExternalRegistered && !machine.isEveryoneReady)
        #expect(machine.nextRequested(by: "id", on: 1) == .park)
        #expect(machine.isEveryoneReady)
    }

    @Test func registeringTwiceIsRefusedWithBothStates() {
        var machine = waiting()
        #expect(
            machine.registrationRequested("ext", events: [], identifier: "other")
                == .refuse(
                    .init(
                        errorType: "Extension.InvalidExtensionState",
                        message: "State transition from Ready to Registered failed for extension ext. "
                            + "Error: State transition is not allowed"
                    )
                )
        )
    }

    @Test(arguments: [("SHUTDOWN", false), ("NONSENSE", false), ("NONSENSE", true)])
    func eventsThatDoNotExistAreRefused(event: String, isExternal: Bool) {
        var machine = Machine()
        if isExternal { _ = machine.starting("ext") }
        #expect(
            machine.registrationRequested("ext", events: ["INVOKE", event], identifier: "id")
                == .refuse(.init(errorType: "Extension.InvalidEventType", message: "\(event): ErrInvalidEventType"))
        )
        #expect(machine.name(of: "id") == nil)
    }

    @Test func internalExtensionsRegisterBeforeTheRuntimeIsReadyOnly() {
        var machine = Machine()
        #expect(machine.registrationRequested("one", events: ["INVOKE"], identifier: "1") == .accept(identifier: "1"))
        guard case .refuse(let collision) = machine.registrationRequested("one", events: [], identifier: "2") else {
            Issue.record("a name was taken twice")
            return
        }
        #expect(collision.errorType == "Extension.InvalidExtensionState")
        machine.registrationClosed()
        guard case .refuse(let late) = machine.registrationRequested("two", events: [], identifier: "2") else {
            Issue.record("an extension registered late")
            return
        }
        #expect(late.errorType == "Extension.RegistrationClosed")
    }

    @Test func thereAreTenAtMost() {
        var machine = Machine()
        for number in 0..<9 { #expect(machine.starting("\(number)") == true) }
        _ = machine.registrationRequested("internal", events: [], identifier: "i")
        #expect(machine.starting("eleventh") == false)
        guard case .refuse(let refusal) = machine.registrationRequested("more", events: [], identifier: "m") else {
            Issue.record("an eleventh extension registered")
            return
        }
        #expect(refusal.errorType == "Extension.TooManyExtensions")
    }

    @Test func invokeIsOverWhenItsSubscribersHaveAskedAgain() {
        var machine = waiting()
        #expect(machine.eventOccurred(.invoke) == [1])
        #expect(!machine.isEveryInvokeOver)
        #expect(machine.nextRequested(by: "id", on: 2) == .park)
        #expect(machine.isEveryInvokeOver)
    }

    @Test func whoDidNotSubscribeHasNoPartInInvokes() {
        var machine = Machine()
        _ = machine.starting("ext")
        _ = machine.registrationRequested("ext", events: ["SHUTDOWN"], identifier: "id")
        _ = machine.nextRequested(by: "id", on: 1)
        #expect(machine.eventOccurred(.invoke).isEmpty)
        #expect(machine.isEveryInvokeOver)
        #expect(machine.eventOccurred(.shutdown) == [1])
    }

    @Test func eventIsKeptForAnExtensionWhoseConnectionIsGone() {
        var machine = waiting()
        machine.connectionClosed(1)
        #expect(machine.eventOccurred(.invoke).isEmpty)
        #expect(machine.nextRequested(by: "id", on: 2) == .deliver(.invoke))
        #expect(machine.nextRequested(by: "id", on: 2) == .park)
    }

    @Test func shutdownReachesAnExtensionThatStillWorksOnAnInvoke() {
        var machine = waiting()
        _ = machine.eventOccurred(.invoke)
        #expect(machine.eventOccurred(.shutdown, for: ["ext"]).isEmpty)
        #expect(machine.nextRequested(by: "id", on: 2) == .deliver(.shutdown))
    }

    @Test func exitAfterAReportIsThatReportsError() {
        var machine = Machine()
        _ = machine.starting("ext")
        _ = machine.registrationRequested("ext", events: [], identifier: "id")
        #expect(machine.errorReported(.initialisation, by: "id", errorType: "Extension.MyError") == .accept)
        #expect(machine.statuses.first?.errorType == "Extension.MyError")
        #expect(machine.exited("ext") == .initialisation)
    }

    @Test func exitOutOfTheBlueIsACrash() {
        var machine = waiting()
        #expect(machine.exited("ext") == nil)
        #expect(machine.statuses.first?.state == "Exited")
    }

    @Test func unknownIdentifiersAreRefused() {
        var machine = waiting()
        guard case .refuse(.unknownIdentifier) = machine.nextRequested(by: "other", on: 1),
            case .refuse(.unknownIdentifier) = machine.errorReported(.exit, by: "other", errorType: "x")
        else {
            Issue.record("a stranger was let in")
            return
        }
    }

    /// Whatever is asked in whatever order: nobody gets two events for one request, and none without asking.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func everyRequestIsAnsweredAtMostOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = Machine()
        var parked: [String: Int] = [:]
        var nextConnection = 0
        let names = ["a", "b", "c"]
        let external = names.filter { _ in Bool.random(using: &random) }
        for name in external { _ = machine.starting(name) }
        for _ in 0..<200 {
            let name = names.randomElement(using: &random) ?? ""
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                _ = machine.registrationRequested(name, events: ["INVOKE"], identifier: name)
            case 1, 2, 3:
                nextConnection += 1
                switch machine.nextRequested(by: name, on: nextConnection) {
                case .park: parked[name] = nextConnection
                case .deliver, .refuse: break
                }
            case 4:
                guard let connection = parked.removeValue(forKey: name) else { continue }
                machine.connectionClosed(connection)
            case 5, 6:
                let event: ExtensionEvent = Bool.random(using: &random) ? .invoke : .shutdown
                for connection in machine.eventOccurred(event) {
                    guard let name = parked.first(where: { $0.value == connection })?.key else {
                        Issue.record("an answer went to a connection that does not wait")
                        return
                    }
                    parked[name] = nil
                }
            default:
                if Bool.random(using: &random) { machine.registrationClosed() }
                guard Int.random(in: 0..<10, using: &random) == 0, external.contains(name) else { continue }
                _ = machine.exited(name)
                parked[name] = nil
            }
        }
    }
}
