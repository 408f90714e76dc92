import ControlPlane
import EventQueue
import Hummingbird
import LambdaAPI

/// What Lambda has not: a look into the queue of asynchronous invocations, and dropping a function's.
///
/// - `GET /swiftlet/2026-11-01/queue` answers with a ``QueueReport``.
/// - `POST /swiftlet/2026-11-01/functions/{FunctionName}/purge-queue` drops the function's events that wait, those of all
///   its versions and aliases, and answers `{"Purged": n}`.
enum QueueRoute: Equatable {
    case report
    /// The function's name in any of its forms, percent-decoded.
    case purge(functionName: String)

    private static let reportPath = "/swiftlet/2026-11-01/queue"
    private static let purgePrefix = "/swiftlet/2026-11-01/functions/"
    private static let purgeSuffix = "/purge-queue"

    /// Nil if the request is not for one of them.
    init?(_ request: Request) {
        let path = request.uri.path
        if request.method == .get, path == Self.reportPath {
            self = .report
        } else if request.method == .post,
            let name = nameInPath(path[...], between: Self.purgePrefix, Self.purgeSuffix)
        {
            self = .purge(functionName: name)
        } else {
            return nil
        }
    }

    /// The report names functions and their destinations, as lists of functions do. Whoever may reserve no concurrency at
    /// all for a function can have its events dropped as well.
    func demand(in locality: Locality) -> AccessControl.Demand {
        switch self {
        case .report:
            return AccessControl.Demand(action: "lambda:ListFunctions", resource: "*")
        case .purge(let name):
            let reference = try? FunctionReference(name, in: locality)
            return AccessControl.Demand(
                action: "lambda:PutFunctionConcurrency",
                resource: reference?.arn(in: locality) ?? "*",
                function: reference
            )
        }
    }

    /// Throws `ResourceNotFoundException` when there is neither the function nor an event of it.
    func response(
        from events: EventQueue,
        _ functions: FunctionDirectory,
        in locality: Locality,
        requestID: LambdaAPI.RequestID
    ) async throws -> Response {
        let body: [UInt8]
        switch self {
        case .report:
            body = JSONWriter.bytes(of: try await events.report())
        case .purge(let functionName):
            // One that was deleted may have left events.
            let reference = try FunctionReference(functionName, in: locality)
            let count = try await events.purge(reference.name)
            if count == 0 { _ = try await functions.resolve(FunctionReference(reference.name)) }
            body = JSONWriter.document { $0.member("Purged", count) }
        }
        return Response(OperationOutput(status: 200, headers: [], body: body), requestID: requestID)
    }
}
