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
            try await client.check(demands(operation, bytes), by: caller)
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

    /// Operations are on log groups, one for each that a request names in any way; those that name none are on all.
    private func demands(_ operation: LogsOperation, _ body: [UInt8]) -> [AccessControl.Demand] {
        let prefix = "arn:aws:logs:\(locality.region):\(locality.accountID):log-group:"
        var groups: [String] = []
        if case .object(let object)? = try? JSONParser.parse(body) {
            for member in ["logGroupName", "logGroupIdentifier", "resourceArn"] {
                guard case .string(let text)? = object[member] else { continue }
                let name = text.string.hasPrefix(prefix) ? String(text.string.dropFirst(prefix.count)) : text.string
                groups.append(name.hasSuffix(":*") ? String(name.dropLast(2)) : name)
            }
        }
        return (groups.isEmpty ? ["*"] : groups).map { group in
            AccessControl.Demand(action: "logs:\(operation.rawValue)", resource: "\(prefix)\(group):*")
        }
    }

    private func response(_ status: HTTPResponse.Status, _ body: [UInt8], _ requestID: LambdaAPI.RequestID) -> Response
    {
        var headers = HTTPFields()
        headers[.contentType] = "application/x-amz-json-1.1"
        headers[.requestID] = requestID.rawValue
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}
