import AsyncHTTPClient
import Foundation
import Identity
import LambdaAPI
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import ServiceClients
import Telemetry

@testable import CodeStore

/// moto's S3 behind a front that spoils answers, as a process for all tests; see `Tests/Conformance/object_service.py`.
enum ObjectService {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The process has the end of this pipe, and ends when this process does, however that ends.
    private static let input = Pipe()
    private static let address = Result { try start() }

    /// Where it is. Started when it is first asked for.
    static func endpoint() throws -> String { try address.get() }

    private static func start() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appending(path: ".venv/bin/python")
        process.arguments = [root.appending(path: "Tests/Conformance/object_service.py").path]
        process.environment = ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        do {
            try process.run()
        } catch {
            throw Failure(description: "failed to start moto (scripts/bootstrap test installs it): \(error)")
        }
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            guard let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty else {
                throw Failure(description: "moto has ended")
            }
            line += byte
        }
        return "http://127.0.0.1:" + String(decoding: line.dropLast(), as: UTF8.self)
    }
}

/// A bucket of a test's own.
struct TestBucket {
    /// What happens to requests for the bucket. Those of one method only, if one is named; `after` are let pass, and then
    /// `count` of them met.
    struct Fault: Encodable {
        var method: String?
        var kind: String
        var after: Int?
        var count: Int?
        var status: Int?
        var code: String?
        var seconds: Int?
        var size: Int?

        static func status(
            _ status: Int,
            _ code: String,
            to method: String,
            after: Int = 0,
            count: Int? = nil
        ) -> Fault {
            Fault(method: method, kind: "status", after: after, count: count, status: status, code: code)
        }
    }

    private struct Asked: Decodable {
        var asked: [String]
        var peak: Int
    }

    private static let credentials = Credentials(accessKeyID: "AKID", secretAccessKey: "a/secret+with=signs")

    let name = "code-\(UUID().uuidString.lowercased())"
    let endpoint: String

    /// So many bytes that no two calls give alike, and that cannot be compressed.
    static func noise(_ count: Int) throws -> [UInt8] {
        guard count > 0 else { return [] }
        let source = try FileHandle(forReadingFrom: URL(filePath: "/dev/urandom"))
        return Array(try source.read(upToCount: count) ?? Data())
    }

    init() async throws {
        endpoint = try ObjectService.endpoint()
        _ = try await send(.PUT, "/\(name)", Data())
    }

    /// The bucket as a host sees it that has little patience.
    func archives(
        prefix: String = "some/packages/",
        _ change: (inout BucketArchives.Patience) -> Void = { _ in }
    ) -> BucketArchives {
        var patience = BucketArchives.Patience()
        patience.retryDelay = .milliseconds(1)
        change(&patience)
        return BucketArchives(
            CodeBucket(
                s3: S3Settings(endpoint: endpoint, region: "us-east-1", credentials: Self.credentials),
                name: name,
                prefix: prefix
            ),
            client: .shared,
            patience: patience,
            now: { .now() }
        )
    }

    func put(_ content: [UInt8], key: String) async throws {
        _ = try await send(.PUT, "/\(name)/\(key)", Data(content))
    }

    func delete(key: String) async throws {
        _ = try await send(.DELETE, "/\(name)/\(key)")
    }

    func inject(_ faults: Fault...) async throws {
        _ = try await send(.POST, "/_front/\(name)/faults", JSONEncoder().encode(faults))
    }

    /// Lets go on what faults hold up, now and later.
    func release() async throws {
        _ = try await send(.POST, "/_front/\(name)/release", Data())
    }

    /// The requests of a method so far, such as `GET /BUCKET/KEY`.
    func asked(_ method: String) async throws -> [String] {
        try await report().asked.filter { $0.hasPrefix("\(method) ") }
    }

    /// The most requests for content that were answered at a time.
    func peak() async throws -> Int { try await report().peak }

    /// Returns when so many requests are held.
    func waitUntilHeld(_ count: Int) async throws {
        _ = try await send(.GET, "/_front/\(name)/held/\(count)")
    }

    private func report() async throws -> Asked {
        try JSONDecoder().decode(Asked.self, from: try await send(.GET, "/_front/\(name)/asked"))
    }

    private func send(_ method: HTTPMethod, _ path: String, _ body: Data? = nil) async throws -> Data {
        let service = ServiceEndpoint(service: "s3", url: endpoint, region: "us-east-1", credentials: Self.credentials)
        let request = service.signed(
            ServiceRequest(method: method, path: path, body: body.map { Array($0) } ?? []),
            at: .now()
        )
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let content = try await response.body.collect(upTo: 1 << 24)
        guard (200..<300).contains(response.status.code) else {
            throw ObjectService.Failure(description: "\(method) \(path): \(response.status)")
        }
        return Data(buffer: content)
    }
}
