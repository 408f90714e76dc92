import LambdaAPI
package import NIOCore
package import NIOHTTP1
import NIOPosix

/// A client of the API of a running server, for the commands that need one: a connection per request, no retries.
package struct APIClient: Sendable {
    /// An answer's status and body.
    package struct Answer: Sendable {
        package let status: Int
        package let body: [UInt8]
    }

    /// How large an answer may be; no answer to these commands comes near it.
    private static let answerBytesMax = 16 << 20
    private static let connectTimeout = TimeAmount.seconds(5)

    private let host: String
    private let port: Int
    private let group: any EventLoopGroup

    /// - Parameter endpoint: Such as `http://127.0.0.1:9000`.
    /// - Throws: ``DeveloperError`` for any other kind of address.
    package init(endpoint: String, on group: any EventLoopGroup = .singletonMultiThreadedEventLoopGroup) throws {
        let parts = endpoint.wholeMatch(of: /http:\/\/(?<host>[^\/:]+|\[[^\]]+\])(:(?<port>\d+))?\/?/)
        guard let parts, let port = Int(parts.port ?? "80"), (1...65_535).contains(port) else {
            throw DeveloperError("the endpoint must be like http://127.0.0.1:9000, and is '\(endpoint)'")
        }
        let name = parts.host
        host = String(name.hasPrefix("[") ? name.dropFirst().dropLast() : name)
        self.port = port
        self.group = group
    }

    /// The address that requests go to.
    package var url: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// - Throws: ``DeveloperError`` when there is no answer.
    package func send(_ method: HTTPMethod, _ path: String, _ body: [UInt8] = []) async throws -> Answer {
        do {
            let channel = try await connect()
            return try await channel.executeThenClose { inbound, outbound in
                var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
                head.headers = [
                    "Host": "\(host):\(port)", "Content-Type": "application/json", "Connection": "close",
                    "Content-Length": String(body.count),
                ]
                try await outbound.write(.head(head))
                if !body.isEmpty { try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
                try await outbound.write(.end(nil))
                for try await answer in inbound {
                    return Answer(
                        status: Int(answer.head.status.code),
                        body: answer.body.map { Array($0.readableBytesView) } ?? []
                    )
                }
                throw DeveloperError("the server at \(url) closed the connection without an answer")
            }
        } catch let error as DeveloperError {
            throw error
        } catch {
            throw DeveloperError("there is no server at \(url) (\(error)); start one, or name another with --endpoint")
        }
    }

    private func connect() async throws -> NIOAsyncChannel<NIOHTTPClientResponseFull, HTTPClientRequestPart> {
        try await ClientBootstrap(group: group)
            .connectTimeout(Self.connectTimeout)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(NIOHTTPClientResponseAggregator(maxContentLength: Self.answerBytesMax))
                    return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
    }
}

extension APIClient.Answer {
    /// The body if the request succeeded.
    ///
    /// - Throws: ``DeveloperError`` with the error that the API answered.
    package func success() throws -> [UInt8] {
        guard !(200..<300).contains(status) else { return body }
        let text = String(decoding: body, as: UTF8.self)
        guard let value = try? JSONParser.parse(body), case .object(let object) = value else {
            throw DeveloperError("the server answered \(status): \(text)")
        }
        let upper: String? = try object.optional("Message")
        let lower: String? = try object.optional("message")
        throw DeveloperError(upper ?? lower ?? text, status: status)
    }
}

/// Why a command could not do what it was asked for; its description is for the one who asked.
package struct DeveloperError: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// The status of the API's answer, if there was one.
    package let status: Int?

    package init(_ description: String, status: Int? = nil) {
        self.description = description
        self.status = status
    }
}
