package import AsyncHTTPClient
import FoundationEssentials
package import Identity
package import LambdaAPI
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import ServiceClients

/// An object in S3, or in whatever speaks its protocol.
package struct S3Object: Hashable, Sendable {
    package var bucket: String
    package var key: String
    /// Nil for the version that is current.
    package var version: String?

    package init(bucket: String, key: String, version: String?) {
        self.bucket = bucket
        self.key = key
        self.version = version
    }
}

/// Where S3 is, and who asks it.
package struct S3Settings: Sendable {
    /// Scheme, host and port, such as `http://127.0.0.1:9100`; no path.
    package var endpoint: String
    package var region: String
    /// Nil for objects that anybody may read.
    package var credentials: Credentials?

    package init(endpoint: String, region: String, credentials: Credentials?) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
    }
}

/// Fetches packages from S3.
///
/// An object is read in parts, each asked for on the condition that it is still the same object, so that one which is
/// replaced meanwhile is never half old and half new. A part that fails for a reason that may pass is asked for again.
package struct S3Source: Sendable {
    /// How much is read at a time, in bytes.
    private static let partSize = 8 << 20
    /// How long the document of an error may be, in bytes.
    private static let errorSizeMax = 1 << 20
    /// How often a part is asked for, and how often an object is begun anew because it was replaced.
    private static let attemptsMax = 4
    private let endpoint: ServiceEndpoint
    private let client: HTTPClient
    private let retryDelay: Duration
    private let timeout: Duration
    private let now: @Sendable () -> Timestamp

    /// - Parameters:
    ///   - retryDelay: How long is waited before the first repetition; twice as long before each further one.
    ///   - timeout: How long it may take until all of the answer to one request is there.
    package init(
        settings: S3Settings,
        client: HTTPClient,
        retryDelay: Duration = .milliseconds(200),
        timeout: Duration = .seconds(30),
        now: @escaping @Sendable () -> Timestamp
    ) {
        endpoint = ServiceEndpoint(
            service: "s3",
            url: settings.endpoint,
            region: settings.region,
            credentials: settings.credentials
        )
        self.client = client
        self.retryDelay = retryDelay
        self.timeout = timeout
        self.now = now
    }

    /// The whole object.
    ///
    /// - Throws: ``S3Error`` as S3 has it, or one that says that S3 could not be reached or that the object is too large.
    package func fetch(_ object: S3Object, sizeMax: ByteCount) async throws(S3Error) -> [UInt8] {
        for _ in 1..<Self.attemptsMax {
            do throws(S3Error) {
                return try await read(object, sizeMax: sizeMax)
            } catch {
                guard error.code == .preconditionFailed else { throw error }
            }
        }
        return try await read(object, sizeMax: sizeMax)
    }

    private func read(_ object: S3Object, sizeMax: ByteCount) async throws(S3Error) -> [UInt8] {
        var bytes: [UInt8] = []
        var tag: String?
        while true {
            let part = try await part(of: object, from: bytes.count, tag: tag, sizeMax: sizeMax)
            guard part.totalSize <= sizeMax.bytes else { throw .tooLarge(part.totalSize) }
            guard !part.isWhole else { return Array(part.body.readableBytesView) }
            // Not everybody looks at the condition.
            guard tag == nil || tag == part.tag else { throw .replaced }
            if bytes.isEmpty { bytes.reserveCapacity(part.totalSize) }
            bytes.append(contentsOf: part.body.readableBytesView)
            tag = part.tag
            guard bytes.count < part.totalSize else { return bytes }
            guard part.body.readableBytes > 0 else { throw .unreachable("the object ended before its size") }
        }
    }

    /// Some bytes of an object.
    private struct Part {
        var body: ByteBuffer
        var totalSize: Int
        /// Names the object's content.
        var tag: String?
        /// Whether these are all bytes of the object, whichever were asked for.
        var isWhole = false
    }

    private func part(
        of object: S3Object,
        from start: Int,
        tag: String?,
        sizeMax: ByteCount
    ) async throws(S3Error) -> Part {
        var delay = retryDelay
        for attempt in 1... {
            do throws(S3Error) {
                return try await requestPart(of: object, from: start, tag: tag, sizeMax: sizeMax)
            } catch {
                guard error.mayPass, attempt < Self.attemptsMax else { throw error }
            }
            do {
                try await Task.sleep(for: delay)
            } catch {
                throw .unreachable("it was given up")
            }
            delay *= 2
        }
        preconditionFailure("the attempts have an end")
    }

    private func requestPart(
        of object: S3Object,
        from start: Int,
        tag: String?,
        sizeMax: ByteCount
    ) async throws(S3Error) -> Part {
        let request = request(for: object, from: start, tag: tag)
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            // The HTTP client's own deadline is met by the head of an answer.
            (response, body) = try await withDeadline(timeout) {
                let response = try await client.execute(request, timeout: TimeAmount(timeout))
                // Ranges are not for everybody: what answers without one sends the whole object.
                let limit = response.status == .ok ? sizeMax.bytes : Self.partSize + Self.errorSizeMax
                return (response, try await response.body.collect(upTo: limit))
            }
        } catch is NIOTooManyBytesError {
            throw .tooLarge(sizeMax.bytes + 1)
        } catch {
            throw .unreachable("\(error)")
        }
        switch response.status {
        case .partialContent:
            // `bytes 0-99/1000`
            let total = response.headers.first(name: "Content-Range")?.split(separator: "/").last.flatMap { Int($0) }
            guard let total else { throw .unreachable("its answer has no Content-Range") }
            return Part(body: body, totalSize: total, tag: response.headers.first(name: "ETag"))
        case .ok:
            return Part(body: body, totalSize: body.readableBytes, tag: nil, isWhole: true)
        case .rangeNotSatisfiable where start == 0:
            // An object without a first byte.
            return Part(body: ByteBuffer(), totalSize: 0, tag: nil)
        default:
            throw S3Error(status: response.status.code, document: Data(buffer: body))
        }
    }

    private func request(for object: S3Object, from start: Int, tag: String?) -> HTTPClientRequest {
        var headers = [(name: "Range", value: "bytes=\(start)-\(start + Self.partSize - 1)")]
        if let tag { headers.append(("If-Match", tag)) }
        let request = ServiceRequest(
            method: .GET,
            path: S3Client.path(bucket: object.bucket, key: object.key),
            query: object.version.map { "versionId=" + URIEncoding.encode($0.utf8) } ?? "",
            headers: headers
        )
        return endpoint.signed(request, at: now())
    }
}
