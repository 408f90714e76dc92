package import AsyncHTTPClient
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
    /// - Throws: ``ServiceError`` that may pass, when there is no answer in time.
    package func send(_ request: ServiceRequest) async throws(ServiceError) -> ServiceAnswer {
        let signed = endpoint.signed(request, at: now())
        do {
            return try await withThrowingTaskGroup(of: ServiceAnswer.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await exchange(signed) }
                // The HTTP client's own deadline is met by the head of an answer.
                group.addTask {
                    try await Task.sleep(for: timeout)
                    throw ServiceError.unreachable("it did not answer within \(timeout)")
                }
                guard let answer = try await group.next() else { preconditionFailure("the group has two tasks") }
                return answer
            }
        } catch let error as ServiceError {
            throw error
        } catch is NIOTooManyBytesError {
            throw .unreachable("its answer is larger than \(Self.answerBytesMax) bytes")
        } catch is CancellationError {
            throw .unreachable("it was given up")
        } catch {
            throw .unreachable("\(error)")
        }
    }

    private func exchange(_ request: HTTPClientRequest) async throws -> ServiceAnswer {
        let response = try await client.execute(request, timeout: TimeAmount(timeout))
        let body = try await response.body.collect(upTo: Self.answerBytesMax)
        return ServiceAnswer(
            status: Int(response.status.code),
            headers: response.headers,
            body: Array(body.readableBytesView)
        )
    }
}
