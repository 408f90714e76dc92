import ControlPlane
import Hummingbird
import LambdaAPI

/// `POST /swiftlet/2026-11-01/functions/{FunctionName}/recycle`, which Lambda has not: ends a function's environments.
/// Answers `{"Recycled": n}` with the number of them, or with the error of any operation on a function.
struct RecycleRoute: Equatable {
    /// The function's name in any of its forms, percent-decoded.
    let functionName: String

    private static let prefix = "/swiftlet/2026-11-01/functions/"
    private static let suffix = "/recycle"

    /// Nil if the path is not of this route.
    init?(_ path: String) {
        guard let name = nameInPath(path[...], between: Self.prefix, Self.suffix) else { return nil }
        functionName = name
    }

    /// Whoever may change a function's code may end its environments.
    func demand(in locality: Locality) -> AccessControl.Demand {
        let reference = try? FunctionReference(functionName, in: locality)
        return AccessControl.Demand(
            action: "lambda:UpdateFunctionCode",
            resource: reference?.arn(in: locality) ?? "*",
            function: reference
        )
    }

    func response(from controlPlane: ControlPlane, requestID: LambdaAPI.RequestID) async throws -> Response {
        let count = try await controlPlane.recycle(functionName)
        let body = JSONWriter.document { $0.member("Recycled", count) }
        return Response(OperationOutput(status: 200, headers: [], body: body), requestID: requestID)
    }
}
