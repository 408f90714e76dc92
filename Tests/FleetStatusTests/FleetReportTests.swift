import FleetStatus
import Foundation
import MetadataStore
import Placement
import Testing

struct FleetReportTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private static func member(_ role: FleetRole, _ name: String, _ details: MemberDetails) -> FleetMember {
        FleetMember(
            id: FleetMemberID(role, name),
            address: "10.0.0.1:9001",
            leaseMilliseconds: 5000,
            details: details.document
        )
    }

    private static func details(version: String = "1.0.0", certificateHours: Double = 20) -> MemberDetails {
        var details = MemberDetails(version: version)
        details.certificateEnds = now.addingTimeInterval(certificateHours * 3600)
        details.certificateIsLateFrom = now.addingTimeInterval((certificateHours - 6) * 3600)
        return details
    }

    private static func worker(_ name: String, leaseHours: Double = 10, version: String = "1.0.0") -> FleetMember {
        var details = details(version: version)
        details.leaseEnds = now.addingTimeInterval(leaseHours * 3600)
        details.worker = WorkerDescription(
            id: WorkerID(name),
            zone: "a",
            labels: ["gpu"],
            runtimes: ["python3.13"],
            memoryMB: 4096,
            cpuMilli: 4000
        )
        return member(.worker, name, details)
    }

    private static func view(
        managers: [FleetMember],
        workers: [FleetMember],
        ownedBy owners: [FleetMember?]
    ) -> FleetView {
        var view = FleetView(of: FleetTable.allCases)
        var update = FleetUpdate(versions: view.versions)
        update.members = [.manager: managers, .worker: workers, .frontend: []]
        update.partitions = owners.enumerated().map { Partition(number: $0, owner: $1?.id) }
        update.shares = managers.map { FleetShare(manager: $0.id, share: 100) }
        update.claimedConcurrency = 50
        view.apply(update)
        return view
    }

    private static func answer(
        _ workers: [(String, ManagerReport.Connection)] = [("w1", .present)],
        _ change: (inout ManagerReport) -> Void = { _ in }
    ) -> FleetReport.Answer {
        var report = ManagerReport()
        report.workers = workers.map { ManagerReport.Worker(name: $0, connection: $1) }
        change(&report)
        return .success(report)
    }

    private static func report(
        managers: [FleetMember],
        workers: [FleetMember] = [worker("w1")],
        ownedBy owners: [FleetMember?]? = nil,
        orders: [String: WorkerOrders] = [:],
        answers: [FleetReport.Answer]
    ) -> FleetReport {
        let owners = owners ?? [managers.first, managers.last]
        return FleetReport(
            view(managers: managers, workers: workers, ownedBy: owners),
            orders: orders,
            answers: Dictionary(uniqueKeysWithValues: zip(managers.map(\.id.incarnation), answers)),
            accountConcurrency: 1000,
            at: now
        )
    }

    private static let manager = member(.manager, "m1", details())

    @Test func nothingIsWrongWhereAllIsWell() {
        let report = Self.report(managers: [Self.manager], answers: [Self.answer()])
        #expect(report.problems == [])
        #expect(report.text(at: Self.now).hasPrefix("All is well.\n"))
        #expect(report.workers[0].labels == ["gpu"])
        #expect(report.concurrency.claimed == 50)
    }

    @Test func partitionsWithoutOwnerComeFirst() {
        let report = Self.report(
            managers: [Self.manager],
            ownedBy: [Self.manager, nil, nil],
            answers: [Self.answer([("w1", .silent)])]
        )
        #expect(report.partitionsUnowned == 2)
        #expect(
            report.problems == [
                "2 of 3 partitions have no owner: their functions cannot be invoked",
                "worker w1 is silent: m1 hear nothing of it",
            ]
        )
    }

    @Test func fleetWithoutManagersOrWorkersIsSaidSo() {
        let report = Self.report(managers: [], workers: [], ownedBy: [], answers: [])
        #expect(
            report.problems == [
                "there is no manager: no function can be invoked", "there is no worker: no function can be invoked",
            ]
        )
    }

    @Test func managerThatDoesNotAnswerIsNamedWithItsReason() {
        let report = Self.report(managers: [Self.manager], answers: [.failure(ManagerSilence("no answer came"))])
        #expect(report.problems.contains("manager m1 does not answer: no answer came"))
        #expect(report.managers[0].share == nil)
        #expect(report.text(at: Self.now).contains("m1       2           ?"))
    }

    @Test func recoveringPartitionsNameWhomTheyWaitFor() {
        let answer = Self.answer {
            $0.partitionsRecovering = 3
            $0.awaitedWorkers = ["w1", "w2"]
        }
        let report = Self.report(managers: [Self.manager], answers: [answer])
        #expect(report.problems == ["manager m1 waits for w1 and w2 to tell what runs of 3 partitions"])
    }

    @Test func certificatesThatShouldHaveBeenRenewedAreTold() {
        let late = Self.member(.manager, "m1", Self.details(certificateHours: 5))
        let report = Self.report(managers: [late], answers: [Self.answer()])
        #expect(report.problems.count == 1)
        #expect(report.problems[0].hasPrefix("the certificate of manager m1 ends at 2027-01-15T"))
        let over = Self.member(.manager, "m1", Self.details(certificateHours: -1))
        let second = Self.report(managers: [over], answers: [Self.answer()])
        #expect(second.problems[0].hasPrefix("the certificate of manager m1 has ended at "))
    }

    @Test func leasesThatEndSoonAreTold() {
        let report = Self.report(
            managers: [Self.manager],
            workers: [Self.worker("w1", leaseHours: 0.5)],
            answers: [Self.answer()]
        )
        #expect(report.problems.count == 1)
        #expect(report.problems[0].hasPrefix("the lease of worker w1 ends at "))
        #expect(report.text(at: Self.now).contains("30 min"))
    }

    @Test func twoReleasesAreTold() {
        let report = Self.report(
            managers: [Self.manager],
            workers: [Self.worker("w1", version: "1.1.0")],
            answers: [Self.answer()]
        )
        #expect(report.problems == ["releases 1.0.0 and 1.1.0 run side by side"])
        let text = report.text(at: Self.now)
        #expect(text.contains("1.0.0") && text.contains("1.1.0"))
    }

    @Test func orderForAWorkerThatIsNotThereIsShown() {
        let report = Self.report(
            managers: [Self.manager],
            orders: ["w9": WorkerOrders(isCordoned: true)],
            answers: [Self.answer()]
        )
        #expect(report.problems == [])
        #expect(report.workers.map(\.name) == ["w1", "w9"])
        #expect(report.workers[1].state == "gone, cordoned")
    }

    // MARK: Emptied

    private static func drained(environments: EnvironmentCounts = .init(), all: Int = 0) -> FleetReport.Answer {
        answer {
            $0.workers[0].isDraining = true
            $0.workers[0].environments = environments
            $0.workers[0].environmentsOfAll = all
        }
    }

    private static let second = member(.manager, "m2", details())

    @Test func workerIsEmptiedWhenAllManagersSayThatItIsDrainedAndHasNothing() {
        let report = Self.report(managers: [Self.manager, Self.second], answers: [Self.drained(), Self.drained()])
        #expect(report.workers[0].isEmptied)
        #expect(report.workers[0].state == "drained")
    }

    @Test(arguments: [
        // One has not heard yet that it drains.
        answer(),
        // One has something on it, or makes something.
        drained(environments: EnvironmentCounts(starting: 1)),
        drained(all: 1),
        // One does not hear of it, or does not know it, or says nothing at all.
        answer([("w1", .silent)]) { $0.workers[0].isDraining = true },
        answer([]),
        .failure(ManagerSilence("no answer came")),
    ])
    func workerIsNotEmptiedWhileOneManagerSaysOtherwise(other: FleetReport.Answer) {
        let report = Self.report(managers: [Self.manager, Self.second], answers: [Self.drained(), other])
        #expect(!report.workers[0].isEmptied)
    }

    // MARK: Form

    @Test func documentIsReadAsItWasWritten() throws {
        var report = Self.report(managers: [Self.manager], answers: [Self.answer()])
        report.capacity = CapacityPlan(
            desired: 2,
            present: 1,
            zones: [.init(name: "a", desired: 2, present: 1)],
            emptiest: [.init(name: "w1", zone: "a", busyMB: 1, promisedMB: 2)],
            reason: "why"
        )
        let document = try FleetDocument.bytes(of: report)
        #expect(try FleetDocument.value(FleetReport.self, from: document) == report)
        let text = String(decoding: document, as: UTF8.self)
        #expect(
            text.contains(#""Capacity":{"Desired":2,"Emptiest":[{"BusyMB":1,"Name":"w1","PromisedMB":2,"Zone":"a"}]"#)
        )
        #expect(text.contains(#""IsFleet":true"#))
    }

    @Test func detailsOfNoReleaseAreNoObstacle() {
        #expect(MemberDetails(document: []) == nil)
        #expect(MemberDetails(document: Array(#"{"version":"9.0.0","more":{}}"#.utf8))?.version == "9.0.0")
    }

    @Test func placementQuestionIsReadAsItWasWritten() {
        let question = PlacementQuestion(
            functionName: "f",
            configuration: "c",
            runtime: "python3.13",
            memoryMB: 128,
            codeHash: "h"
        )
        #expect(PlacementQuestion(arguments: question.arguments) == question)
        #expect(PlacementQuestion(arguments: ["f", "c", "python3.13", "much", "h"]) == nil)
        #expect(PlacementQuestion(arguments: []) == nil)
    }
}
