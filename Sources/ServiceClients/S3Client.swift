import Identity
import NIOHTTP1

/// Puts objects into buckets of S3.
package struct S3Client: Sendable {
    private let client: ServiceClient

    /// - Parameter client: One whose service is `s3`.
    package init(_ client: ServiceClient) {
        self.client = client
    }

    /// Stores an object, in place of one that has the key already.
    ///
    /// - Throws: ``ServiceError`` as S3 has it, or one that says that S3 could not be reached.
    package func putObject(bucket: String, key: String, body: [UInt8]) async throws(ServiceError) {
        try Self.check(try await client.send(Self.request(bucket: bucket, key: key, body: body)))
    }

    /// The path of an object's address. The bucket is in it and not in the host's name, which not every server that
    /// speaks S3's protocol has.
    package static func path(bucket: String, key: String) -> String {
        "/\(URIEncoding.encode(bucket.utf8))/\(URIEncoding.encode(key.utf8, keepingSlashes: true))"
    }

    static func request(bucket: String, key: String, body: [UInt8]) -> ServiceRequest {
        ServiceRequest(method: .PUT, path: path(bucket: bucket, key: key), body: body)
    }

    static func check(_ answer: ServiceAnswer) throws(ServiceError) {
        guard answer.isSuccess else { throw ServiceError(refusal: answer) }
    }
}
