import ControlPlane
import FleetStatus
import Foundation
import LambdaAPI
import ManagerRole
import Placement
import WorkerManager

extension Questions {
    /// What can be asked of a manager of a fleet.
    ///
    /// - `status`: how it sees the fleet; a ``ManagerReport``.
    /// - `explain`, with what ``PlacementQuestion`` has: where an environment would be placed; a ``PlacementExplanation``.
    /// - `provisionProgress`, with a function and a configuration: a ``ProvisionAnswer``.
    /// - `recycle`, with a function: a ``RecycleAnswer``.
    convenience init(of desk: ManagerDesk, _ manager: WorkerManager) {
        self.init([
            "status": { _ in try Self.json(await desk.status()) },
            "explain": { arguments in
                guard let question = PlacementQuestion(arguments: arguments) else { throw Complaint.malformed }
                return try Self.json(desk.explain(question))
            },
            "provisionProgress": { arguments in
                guard arguments.count >= 2 else { throw Complaint.malformed }
                guard desk.isReady(FunctionName(arguments[0])) else { throw Complaint.notOwner }
                let progress = manager.provisionProgress(of: InvocableFunction.ConfigurationID(arguments[1]))
                return try Self.json(ProvisionAnswer(ready: progress?.ready, failure: progress?.failure))
            },
            "recycle": { arguments in
                guard let name = arguments.first else { throw Complaint.malformed }
                guard desk.isReady(FunctionName(name)) else { throw Complaint.notOwner }
                return try Self.json(RecycleAnswer(recycled: manager.recycle(FunctionName(name))))
            },
        ])
    }

    private static func json(_ answer: some Encodable) throws -> [UInt8] { Array(try JSONEncoder().encode(answer)) }
}

/// Why a question is not answered.
private enum Complaint: String, Error, CustomStringConvertible {
    case malformed = "the question lacks something"
    case notOwner = "the function is another manager's, or it is not known yet what runs of it"

    var description: String { rawValue }
}
