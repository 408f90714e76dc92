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
    private let functions: FunctionManagers
    private let accountConcurrency: Int

    package init(
        store: any FleetStore,
        managers: ManagerClient,
        functions: FunctionManagers,
        accountConcurrency: Int
    ) {
        self.store = store
        self.managers = managers
        self.functions = functions
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
        do {
            let function = FunctionName(question.functionName)
            let answer = try await functions.ask("explain", of: function, question.arguments)
            return try JSONDecoder().decode(PlacementExplanation.self, from: Data(answer))
        } catch {
            throw FleetOperationError(.unavailable, "the function's manager does not answer", cause: error)
        }
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
