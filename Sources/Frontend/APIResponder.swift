import ControlPlane
import EventQueue
import FleetStatus
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LambdaAPI
import Logging
import NIOCore
import Telemetry

/// Answers every request but Invoke: the management operations, those of CloudWatch Logs, the download of code, and
/// Swiftlet's own routes.
struct APIResponder: HTTPResponder {
    typealias Context = APIRequestContext

    let controlPlane: ControlPlane
    let events: EventQueue
    let fleet: any FleetOperations
    let logs: LogsRoute
    let identity: IdentityRoute
    let access: AccessControl
    let locality: Locality
    let rates: RequestRates
    let browsers: BrowserGuard
    let errors: ErrorMapping

    func respond(to request: Request, context: APIRequestContext) async throws -> Response {
        let response = await respond(to: request, from: context)
        guard request.method == .head else { return response }
        // An answer to HEAD has no body, whatever a GET would have.
        return Response(status: response.status, headers: response.headers)
    }

    private func respond(to request: Request, from context: APIRequestContext) async -> Response {
        let requestID = LambdaAPI.RequestID.random()
        if request.method == .get, request.uri.path == "/healthz" {
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: "ok\n")))
        }
        let client = Client(request, context, access)
        do throws(LambdaError) {
            try browsers.check(host: request.head.authority, origin: request.headers[.origin])
        } catch {
            return Response(OperationOutput(error), requestID: requestID)
        }
        if let target = request.headers[LogsRoute.target] {
            return await logs.respond(to: request, target: target, from: client, requestID: requestID)
        }
        if IdentityRoute.takes(request) {
            return await identity.respond(to: request, from: client, requestID: requestID)
        }
        do {
            return try await answer(request, client, requestID)
        } catch {
            return Response(OperationOutput(errors.lambdaError(error, requestID: requestID)), requestID: requestID)
        }
    }

    private func answer(
        _ request: Request,
        _ client: Client,
        _ requestID: LambdaAPI.RequestID
    ) async throws -> Response {
        if request.method == .get, let download = CodeDownload(request.uri) {
            return try await download.response(from: controlPlane)
        }
        if request.method == .post, let recycling = RecycleRoute(request.uri.path) {
            let (caller, _) = try await client.authenticated {
                try await body(of: request, limit: ByteCount.mebibytes(1), "")
            }
            try await client.check([recycling.demand(in: locality)], by: caller)
            return try await recycling.response(from: controlPlane, requestID: requestID)
        }
        if let route = QueueRoute(request) {
            let (caller, _) = try await client.authenticated {
                try await body(of: request, limit: ByteCount.mebibytes(1), "")
            }
            try await client.check([route.demand(in: locality)], by: caller)
            return try await route.response(
                from: events,
                controlPlane.functions,
                in: locality,
                requestID: requestID
            )
        }
        if let route = FleetRoute(request) {
            let (caller, _) = try await client.authenticated {
                try await body(of: request, limit: ByteCount.mebibytes(1), "")
            }
            try await client.check([route.demand(in: locality)], by: caller)
            return try await route.response(from: fleet, controlPlane.functions, in: locality, requestID: requestID)
        }
        let query = request.uri.queryParameters.map { (name: String($0.key), value: String($0.value)) }
        let match = RouteTable.all.match(method: request.method.rawValue, path: request.uri.path[...]) { name, value in
            query.contains { $0.name == name && $0.value == value }
        }
        guard let match else {
            throw LambdaError.unknownOperation(method: request.method.rawValue, path: request.uri.path)
        }
        let (caller, received) = try await client.authenticated {
            try await body(of: request, limit: Self.bodySizeMax(of: match.operation), match.operation.rawValue)
        }
        try rates.admit(match.operation)
        let input = OperationInput(
            pathParameters: match.pathParameters,
            query: query,
            headers: request.headers.map { (name: $0.name.rawName, value: $0.value) },
            body: Array(buffer: received)
        )
        if !access.authenticator.isOpen {
            let demands = try OperationDemands(match.operation, input, in: locality).all()
            try await client.check(demands, by: caller)
        }
        let output = try await dispatch(match.operation, input, to: controlPlane)
        return Response(output, requestID: requestID)
    }

    private func body(of request: Request, limit: ByteCount, _ operation: String) async throws -> ByteBuffer {
        do {
            return try await request.body.collect(upTo: limit.bytes)
        } catch is NIOTooManyBytesError {
            throw LambdaError.requestEntityTooLarge(limit: limit, operation: operation)
        } catch {
            // The client has gone, or what it has sent is no body.
            throw LambdaError.invalidRequestContent("The request's body is malformed or not as long as it says.")
        }
    }

    /// Only operations that carry a package may have a body of a package's size.
    private static func bodySizeMax(of operation: Operation) -> ByteCount {
        switch operation {
        case .createFunction, .updateFunctionCode, .publishLayerVersion: Limits.createFunctionRequestSizeMax
        default: Limits.requestPayloadMax
        }
    }
}

extension Response {
    /// An answer of the API.
    init(_ output: OperationOutput, requestID: LambdaAPI.RequestID) {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.requestID] = requestID.rawValue
        for (name, value) in output.headers {
            guard let name = HTTPField.Name(name) else { continue }
            headers[name] = value
        }
        self.init(
            status: .init(code: output.status),
            headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: output.body))
        )
    }
}

extension HTTPField.Name {
    /// The header that names a request to AWS's services.
    static let requestID = HTTPField.Name("x-amzn-RequestId")!
}
