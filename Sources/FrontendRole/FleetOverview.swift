import Fleet
package import FleetStatus
import Foundation
import HostIdentity
import HostLink
import LambdaAPI
package import MetadataStore
package import Placement

/// What operators ask of a fleet, for a frontend: the store knows who there is and what was ordered, the managers what is done.
package struct FleetOverview: FleetOperations {
    private let store: any FleetStore
    private let managers: ManagerClient
    private let directory: FleetDirectory
    private let accountConcurrency: Int

    /// How often it is looked for a function's manager, and how long it is between two looks.
    private static let looksMax = 12
    private static let lookPause = Duration.milliseconds(250)

    package init(
        store: any FleetStore,
        managers: ManagerClient,
        directory: FleetDirectory,
        accountConcurrency: Int
    ) {
        self.store = store
        self.managers = managers
        self.directory = directory
        self.accountConcurrency = accountConcurrency
    }

    package func report() async throws -> FleetReport {
        let (view, orders) = try await inStore { () async throws(MetadataStoreError) in
            var view = FleetView(of: FleetTable.allCases)
            view.apply(try await store.changes(since: view.versions))
            return (view, try await store.workerOrders())
        }
        var addresses: [Incarnation: HostAddress] = [:]
        for manager in view.members(.manager) {
            addresses[manager.id.incarnation] = FleetDirectory.address(of: manager)
        }
        let answers = await managers.ask(all: Array(Set(addresses.values)), "status")
        return FleetReport(
            view,
            orders: orders,
            answers: addresses.mapValues { Self.report(answers[$0]) },
            accountConcurrency: accountConcurrency,
            at: Date()
        )
    }

    private static func report(_ answer: Result<[UInt8], QuestionError>?) -> FleetReport.Answer {
        switch answer {
        case nil: .failure(ManagerSilence("its address cannot be used"))
        case .failure(let error): .failure(ManagerSilence("\(error)"))
        case .success(let document):
            (try? JSONDecoder().decode(ManagerReport.self, from: Data(document))).map { .success($0) }
                ?? .failure(ManagerSilence("its answer is of another release"))
        }
    }

    package func order(_ order: WorkerOrder, of worker: String) async throws {
        try await inStore { () async throws(MetadataStoreError) in
            let update = try await store.changes(since: FleetVersions(of: [.workers]))
            let isMember = update.members[.worker]?.contains { $0.id.name == worker } ?? false
            // One that is down for maintenance may be let in again before it comes back.
            let orders = try await store.workerOrders()
            guard isMember || orders[worker] != nil else { return false }
            switch order {
            case .cordon: try await store.setCordon(worker, true)
            case .uncordon: try await store.setCordon(worker, false)
            case .drain: try await store.setDrain(worker, true)
            case .resume: try await store.setDrain(worker, false)
            }
            return true
        }
        .orThrow(FleetOperationError(.unknownWorker, "no worker of the fleet is named \(worker)"))
    }

    package func explain(_ question: PlacementQuestion) async throws -> PlacementExplanation {
        guard let manager = await manager(of: FunctionName(question.functionName)) else {
            throw FleetOperationError(
                .unavailable,
                "no manager has the function \(question.functionName) at the moment"
            )
        }
        do {
            let answer = try await managers.ask(manager, "explain", question.arguments)
            return try JSONDecoder().decode(PlacementExplanation.self, from: Data(answer))
        } catch {
            throw FleetOperationError(.unavailable, "manager \(manager.identity.name) does not answer", cause: error)
        }
    }

    /// The manager that has a function, which may be on its way from one to another.
    private func manager(of function: FunctionName) async -> HostAddress? {
        for _ in 1...Self.looksMax {
            if let manager = directory.manager(of: function) { return manager }
            guard (try? await Task.sleep(for: Self.lookPause)) != nil else { return nil }
        }
        return directory.manager(of: function)
    }

    private func inStore<Value>(
        _ body: () async throws(MetadataStoreError) -> Value
    ) async throws(FleetOperationError) -> Value {
        do throws(MetadataStoreError) {
            return try await body()
        } catch {
            throw FleetOperationError(.unavailable, "the fleet's database does not answer", cause: error)
        }
    }
}

extension Bool {
    fileprivate func orThrow(_ error: FleetOperationError) throws { if !self { throw error } }
}
