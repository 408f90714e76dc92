import ControlPlane
import Foundation
import FrontendRole
import HostLink
import LambdaAPI
import Logging
import Telemetry

/// The environments of a fleet, as a frontend's control plane sees them: it asks the manager that a function belongs to. What is
/// to be provisioned managers read in the store themselves.
struct FleetEnvironments: FunctionEnvironments {
    let managers: FunctionManagers
    let logger: Logger

    func provision(_ function: InvocableFunction, count: Int) {}

    func provisionProgress(
        of configuration: InvocableFunction.ConfigurationID,
        _ function: FunctionName
    ) async -> ProvisionProgress? {
        guard let answer = await ask("provisionProgress", of: function, [configuration.rawValue]) else { return nil }
        let progress = try? JSONDecoder().decode(ProvisionAnswer.self, from: Data(answer))
        return progress?.ready.map { ProvisionProgress(ready: $0, failure: progress?.failure) }
    }

    func recycle(_ function: FunctionName) async -> Int {
        guard let answer = await ask("recycle", of: function) else { return 0 }
        return (try? JSONDecoder().decode(RecycleAnswer.self, from: Data(answer)))?.recycled ?? 0
    }

    /// Asks whoever has the function now; nil if nobody answers.
    private func ask(_ question: String, of function: FunctionName, _ arguments: [String] = []) async -> [UInt8]? {
        do {
            return try await managers.ask(question, of: function, [function.rawValue] + arguments)
        } catch {
            logger.warning(
                "the manager of a function does not answer",
                metadata: [LogKey.functionName: "\(function)", LogKey.error: "\(error)"]
            )
            return nil
        }
    }
}

/// What a manager answers to `provisionProgress`.
struct ProvisionAnswer: Codable {
    /// Nil if nothing is provisioned.
    var ready: Int?
    var failure: String?
}

/// What a manager answers to `recycle`.
struct RecycleAnswer: Codable {
    var recycled: Int
}
