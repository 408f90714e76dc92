import HTTPTypes
import Hummingbird
import HummingbirdCore
import Identity
import LambdaAPI
import Logging
import LogsAPI
import LogsService
import NIOCore
import Telemetry

/// Answers the requests of AWS's JSON protocol, which have one path and name their operation in a header: those of
/// CloudWatch Logs.
struct LogsRoute: Sendable {
    /// The header that names the operation.
    static let target = HTTPField.Name(LogsTarget.header)!
    /// The largest batch is 1 MB with its overhead; JSON may take six bytes for one, and the rest is short.
    private static let bodySizeMax = 8 << 20

    let service: LogsService
    let locality: Locality
    let logger: Logger

    /// Never fails: every error is an answer.
    func respond(
        to request: Request,
        target: String,
        from client: Client,
        requestID: LambdaAPI.RequestID
    ) async -> Response {
        do throws(LogsError) {
            let operation = try LogsTarget.operation(target)
            let body = try await body(of: request, for: operation, from: client)
            return response(.ok, try await dispatch(operation, body, to: service), requestID)
        } catch {
            if let cause = error.cause {
                logger.error(
                    "request failed inside",
                    metadata: [LogKey.requestID: "\(requestID)", LogKey.error: "\(cause)"]
                )
            }
            return response(.init(code: error.code.httpStatus), JSONWriter.bytes(of: error), requestID)
        }
    }

    private func body(
        of request: Request,
        for operation: LogsOperation,
        from client: Client
    ) async throws(LogsError) -> [UInt8] {
        do {
            let (caller, body) = try await client.authenticated {
                try await request.body.collect(upTo: Self.bodySizeMax)
            }
            let bytes = Array(buffer: body)
            try await client.check([demand(operation, bytes)], by: caller)
            return bytes
        } catch let error as AuthenticationError {
            throw LogsError(.denied(error.code.name), error.message)
        } catch let error as LambdaError {
            throw LogsError(.denied(error.code.name), error.message ?? "")
        } catch is NIOTooManyBytesError {
            throw .invalidParameter("Upload too large: the request exceeds the limit of \(Self.bodySizeMax) bytes")
        } catch {
            throw .unavailable(cause: error)
        }
    }

    /// Operations are on log groups; those that name none are on all of them.
    private func demand(_ operation: LogsOperation, _ body: [UInt8]) -> AccessControl.Demand {
        var group = "*"
        if case .object(let object)? = try? JSONParser.parse(body), case .string(let name)? = object["logGroupName"] {
            group = name.string
        }
        return AccessControl.Demand(
            action: "logs:\(operation.rawValue)",
            resource: "arn:aws:logs:\(locality.region):\(locality.accountID):log-group:\(group):*"
        )
    }

    private func response(_ status: HTTPResponse.Status, _ body: [UInt8], _ requestID: LambdaAPI.RequestID) -> Response
    {
        var headers = HTTPFields()
        headers[.contentType] = "application/x-amz-json-1.1"
        headers[.requestID] = requestID.rawValue
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}
