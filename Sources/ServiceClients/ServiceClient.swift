package import AsyncHTTPClient
package import Identity
package import LambdaAPI
import NIOCore
import NIOHTTP1

/// Sends requests to one service, each once: who has something to deliver keeps it until it is delivered, and tries
/// again itself.
package struct ServiceClient: Sendable {
    /// How large an answer may be; no answer to these requests comes near it.
    private static let answerBytesMax = 1 << 20

    /// Where the service is.
    package let endpoint: ServiceEndpoint

    private let client: HTTPClient
    private let timeout: Duration
    private let now: @Sendable () -> Timestamp

    /// - Parameters:
    ///   - client: One that follows no redirects, for a signature is good for one host and path, and that says at once
    ///     when it cannot connect.
    ///   - timeout: How long it may take until all of an answer is there.
    package init(
        endpoint: ServiceEndpoint,
        client: HTTPClient,
        timeout: Duration = .seconds(10),
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.endpoint = endpoint
        self.client = client
        self.timeout = timeout
        self.now = now
    }

    /// Signs a request, sends it and returns the answer, whatever its status.
    ///
    /// - Parameters:
    ///   - payload: The hash of the body, where it is known already.
    ///   - timeout: How long it may take, where that is not what other requests may.
    /// - Throws: ``ServiceError`` that may pass, when there is no answer in time.
    package func send(
        _ request: ServiceRequest,
        payload: PayloadHash? = nil,
        timeout: Duration? = nil
    ) async throws(ServiceError) -> ServiceAnswer {
        let signed = endpoint.signed(request, payload: payload, at: now())
        let timeout = timeout ?? self.timeout
        do {
            // The HTTP client's own deadline is met by the head of an answer.
            return try await withDeadline(timeout) { try await exchange(signed, timeout) }
        } catch let error as DeadlineExceeded {
            throw .unreachable("\(error)")
        } catch is NIOTooManyBytesError {
            throw .unreachable("its answer is larger than \(Self.answerBytesMax) bytes")
        } catch is CancellationError {
            throw .unreachable("it was given up")
        } catch {
            throw .unreachable("\(error)")
        }
    }

    private func exchange(_ request: HTTPClientRequest, _ timeout: Duration) async throws -> ServiceAnswer {
        let response = try await client.execute(request, timeout: TimeAmount(timeout))
        let body = try await response.body.collect(upTo: Self.answerBytesMax)
        return ServiceAnswer(
            status: Int(response.status.code),
            headers: response.headers,
            body: Array(body.readableBytesView)
        )
    }
}
