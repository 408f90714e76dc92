import ControlPlane
import FleetStatus
import Hummingbird
import LambdaAPI
import Placement

/// What Lambda has not: a look at the fleet, what operators order of workers, and why placement decides as it does.
///
/// - `GET /swiftlet/2026-11-01/fleet` answers with a `FleetReport`, also where all is one process.
/// - `POST /swiftlet/2026-11-01/fleet/workers/{Name}/{cordon|uncordon|drain|resume}` answers with `{}` once the order is stored.
/// - `GET /swiftlet/2026-11-01/functions/{FunctionName}/placement` answers with a `PlacementExplanation`.
enum FleetRoute: Equatable {
    case report
    /// The worker's name is percent-decoded.
    case order(WorkerOrder, worker: String)
    /// The function's name in any of its forms, percent-decoded.
    case placement(functionName: String)

    private static let reportPath = "/swiftlet/2026-11-01/fleet"
    private static let workersPrefix = "/swiftlet/2026-11-01/fleet/workers/"
    private static let functionsPrefix = "/swiftlet/2026-11-01/functions/"
    private static let placementSuffix = "/placement"

    /// Nil if the request is not for one of them.
    init?(_ request: Request) {
        self.init(isPost: request.method == .post, isGet: request.method == .get, request.uri.path)
    }

    init?(isPost: Bool, isGet: Bool, _ path: String) {
        if isGet, path == Self.reportPath {
            self = .report
        } else if isGet, let name = nameInPath(path[...], between: Self.functionsPrefix, Self.placementSuffix) {
            self = .placement(functionName: name)
        } else if isPost, let order = WorkerOrder.allCases.first(where: { path.hasSuffix("/\($0.rawValue)") }),
            let name = nameInPath(path[...], between: Self.workersPrefix, "/\(order.rawValue)")
        {
            self = .order(order, worker: name)
        } else {
            return nil
        }
    }

    /// The report names no functions; who may see the account's settings may see it. Orders are for those who may do everything,
    /// or are allowed them by this name.
    func demand(in locality: Locality) -> AccessControl.Demand {
        switch self {
        case .report:
            return AccessControl.Demand(action: "lambda:GetAccountSettings", resource: "*")
        case .order:
            return AccessControl.Demand(action: "swiftlet:OrderWorker", resource: "*")
        case .placement(let name):
            let reference = try? FunctionReference(name, in: locality)
            return AccessControl.Demand(
                action: "lambda:GetFunctionConfiguration",
                resource: reference?.arn(in: locality) ?? "*",
                function: reference
            )
        }
    }

    /// Throws what the API answers, such as `ResourceNotFoundException` for a worker or a function that is not there.
    func response(
        from fleet: any FleetOperations,
        _ functions: FunctionDirectory,
        in locality: Locality,
        requestID: LambdaAPI.RequestID
    ) async throws -> Response {
        do {
            let body: [UInt8]
            switch self {
            case .report:
                body = try FleetDocument.bytes(of: try await fleet.report())
            case .order(let order, let worker):
                try await fleet.order(order, of: worker)
                body = Array("{}".utf8)
            case .placement(let name):
                let function = try await functions.resolve(FunctionReference(name, in: locality))
                body = try FleetDocument.bytes(of: try await fleet.explain(PlacementQuestion(function)))
            }
            return Response(OperationOutput(status: 200, headers: [], body: body), requestID: requestID)
        } catch let error as FleetOperationError {
            throw LambdaError(error)
        }
    }
}

extension PlacementQuestion {
    fileprivate init(_ function: InvocableFunction) {
        self.init(
            functionName: function.name.rawValue,
            configuration: function.configurationID.rawValue,
            runtime: function.runtime,
            memoryMB: function.memoryMegabytes,
            codeHash: function.codeHash
        )
    }
}

extension LambdaError {
    fileprivate init(_ error: FleetOperationError) {
        switch error.code {
        case .unknownWorker: self = .resourceNotFound("Worker not found: \(error.message).")
        case .noFleet: self = .invalidParameterValue(error.message)
        default: self = .service(cause: error)
        }
    }
}
