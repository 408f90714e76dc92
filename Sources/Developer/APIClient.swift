import AsyncHTTPClient
import Glibc
package import Identity
import LambdaAPI
import NIOCore
package import NIOHTTP1
import NIOPosix
import NIOSSL
import Telemetry

/// A client of the API of a running server, for the commands that need one; no retries.
package struct APIClient: Sendable {
    /// An answer's status and body.
    package struct Answer: Sendable {
        package let status: Int
        package let body: [UInt8]
    }

    /// How large an answer may be; no answer to these commands comes near it.
    private static let answerBytesMax = 16 << 20
    /// How long an answer may take: deploying the largest package does not take as long.
    private static let timeout = TimeAmount.seconds(120)

    /// Says at once when nobody listens, where the library's shared client would try again for a minute. It lives as long
    /// as the command.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(10)
        return HTTPClient(configuration: configuration)
    }()

    /// The address that requests go to.
    package let url: String

    private let host: String
    private let credentials: Credentials?
    private let region: String
    private let tls: TLSConfiguration

    /// - Parameters:
    ///   - endpoint: Such as `http://127.0.0.1:9000`.
    ///   - credentials: What requests are signed with; nil for a server that has no users.
    ///   - certificateBundle: A PEM file with what is trusted in place of what the host trusts.
    /// - Throws: ``DeveloperError`` for any other kind of address.
    package init(
        endpoint: String,
        credentials: Credentials? = nil,
        region: String = "us-east-1",
        certificateBundle: String? = nil
    ) throws {
        let parts = endpoint.wholeMatch(of: /(?<url>https?:\/\/(?<host>([^\/:]+|\[[^\]]+\])(:(?<port>\d+))?))\/?/)
        guard let parts, (1...65_535).contains(Int(parts.port ?? "80") ?? 0) else {
            throw DeveloperError("the endpoint must be like http://127.0.0.1:9000, and is '\(endpoint)'")
        }
        url = String(parts.url)
        host = String(parts.host)
        self.credentials = credentials
        self.region = region
        var tls = TLSConfiguration.makeClientConfiguration()
        if let certificateBundle { tls.trustRoots = .file(certificateBundle) }
        self.tls = tls
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// - Throws: ``DeveloperError`` when there is no answer.
    package func send(_ method: HTTPMethod, _ path: String, _ body: [UInt8] = []) async throws -> Answer {
        var headers = [(name: "Host", value: host), (name: "Content-Type", value: "application/json")]
        if let credentials {
            let signer = SigV4Signer(credentials: credentials, region: region, service: "lambda")
            let signed = SigningRequest(method: method.rawValue, target: path, headers: headers)
            headers += signer.headers(signing: signed, payload: PayloadHash(of: body), at: .now())
        }
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        request.headers = HTTPHeaders(headers)
        request.tlsConfiguration = tls
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            let response = try await Self.client.execute(request, timeout: Self.timeout)
            let answer = try await response.body.collect(upTo: Self.answerBytesMax)
            return Answer(status: Int(response.status.code), body: Array(buffer: answer))
        } catch {
            let reason = Self.isRefusal(error) ? "" : " (\(error))"
            throw DeveloperError("there is no server at \(url)\(reason); start one, or name another with --endpoint")
        }
    }

    /// Whether nobody listens there, which needs no words.
    private static func isRefusal(_ error: any Error) -> Bool {
        switch error {
        case let error as IOError: error.errnoCode == ECONNREFUSED
        case let error as NIOConnectionError: error.connectionErrors.allSatisfy { isRefusal($0.error) }
        default: false
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
