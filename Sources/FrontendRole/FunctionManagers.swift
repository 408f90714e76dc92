import HostLink
package import LambdaAPI

/// Asks the manager that a function belongs to, whichever that is at the moment.
package struct FunctionManagers: Sendable {
    private let client: ManagerClient
    private let directory: FleetDirectory

    /// A function that goes from one manager to another is asked for so often, with as long a pause: together a while longer than
    /// it takes.
    private static let attemptsMax = 12
    private static let pause = Duration.milliseconds(250)

    /// - Parameter directory: Knows which manager it is.
    package init(_ client: ManagerClient, _ directory: FleetDirectory) {
        self.client = client
        self.directory = directory
    }

    /// Asks what concerns one function; see ``ManagerClient/ask(_:_:_:)``. Questions may be asked twice.
    ///
    /// - Throws: ``QuestionError`` when nobody has answered, or if the task was cancelled.
    package func ask(
        _ question: String,
        of function: FunctionName,
        _ arguments: [String]
    ) async throws(QuestionError) -> [UInt8] {
        var attempt = 1
        while true {
            do throws(QuestionError) {
                guard let manager = directory.manager(of: function) else {
                    throw QuestionError(.unreachable, "no manager has the function \(function) at the moment")
                }
                return try await client.ask(manager, question, arguments)
            } catch {
                // What was not answered in time has taken long enough.
                guard attempt < Self.attemptsMax, error.code != .unanswered,
                    (try? await Task.sleep(for: Self.pause)) != nil
                else { throw error }
                attempt += 1
            }
        }
    }
}
