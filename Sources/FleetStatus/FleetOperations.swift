package import Placement

/// What operators ask of a running service, be it a fleet or one process.
package protocol FleetOperations: Sendable {
    /// All that there is.
    ///
    /// - Throws: ``FleetOperationError``.
    func report() async throws -> FleetReport

    /// Has something ordered of a worker.
    ///
    /// - Throws: ``FleetOperationError``.
    func order(_ order: WorkerOrder, of worker: String) async throws

    /// Where an environment of a function's version would be placed now, and why.
    ///
    /// - Throws: ``FleetOperationError``.
    func explain(_ question: PlacementQuestion) async throws -> PlacementExplanation
}

/// What operators can order of a worker. It stays so until the opposite is ordered, whatever is restarted.
package enum WorkerOrder: String, Sendable, CaseIterable {
    /// To have no new environments, or to have them again.
    case cordon, uncordon
    /// To finish what it has and end its environments, or to have some again.
    case drain, resume
}

/// A function's version, as far as placement needs to know it.
package struct PlacementQuestion: Sendable, Equatable {
    package var functionName: String
    package var configuration: String
    package var runtime: String
    package var memoryMB: Int
    package var codeHash: String

    package init(functionName: String, configuration: String, runtime: String, memoryMB: Int, codeHash: String) {
        self.functionName = functionName
        self.configuration = configuration
        self.runtime = runtime
        self.memoryMB = memoryMB
        self.codeHash = codeHash
    }

    /// As arguments of a question to a manager.
    package var arguments: [String] { [functionName, configuration, runtime, String(memoryMB), codeHash] }

    /// Reads what ``arguments`` has written; nil if it is something else.
    package init?(arguments: [String]) {
        guard arguments.count >= 5, let memoryMB = Int(arguments[3]) else { return nil }
        self.init(
            functionName: arguments[0],
            configuration: arguments[1],
            runtime: arguments[2],
            memoryMB: memoryMB,
            codeHash: arguments[4]
        )
    }
}

/// Why an operator's wish cannot be fulfilled.
package struct FleetOperationError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case noFleet, unknownWorker, unavailable
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// All is one process.
        package static let noFleet = Code(.noFleet)
        /// No worker has that name.
        package static let unknownWorker = Code(.unknownWorker)
        /// Who would have to be asked does not answer.
        package static let unavailable = Code(.unavailable)
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
