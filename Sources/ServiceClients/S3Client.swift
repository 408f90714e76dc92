package import Identity
import LambdaAPI
import NIOHTTP1

/// Objects in buckets of S3, or of whatever speaks its protocol: put, looked for, listed and deleted. Each request is sent
/// once; whoever asks tries again.
package struct S3Client: Sendable {
    /// How many objects a page has at most: so many that an answer stays below what it may have, however long the keys are.
    private static let listedObjectsMax = 500

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

    /// The same for an object whose hash is known: S3 takes it only if it arrives undamaged.
    ///
    /// - Parameters:
    ///   - checksum: The body's SHA-256.
    ///   - timeout: How long it may take.
    package func putObject(
        bucket: String,
        key: String,
        body: [UInt8],
        checksum: (base64: String, payload: PayloadHash),
        timeout: Duration
    ) async throws(ServiceError) {
        var request = Self.request(bucket: bucket, key: key, body: body)
        request.headers.append(("x-amz-checksum-sha256", checksum.base64))
        try Self.check(try await client.send(request, payload: checksum.payload, timeout: timeout))
    }

    /// What S3 tells of an object without sending it; nil if there is none.
    package func headObject(bucket: String, key: String) async throws(ServiceError) -> S3ObjectHead? {
        let request = ServiceRequest(method: .HEAD, path: Self.path(bucket: bucket, key: key))
        let answer = try await client.send(request)
        guard answer.status != 404 else { return nil }
        try Self.check(answer)
        let modified = answer.headers.first(name: "Last-Modified").flatMap { Timestamp(httpDate: $0) }
        return S3ObjectHead(
            size: answer.headers.first(name: "Content-Length").flatMap { Int($0) },
            age: Self.age(of: modified, in: answer)
        )
    }

    /// Deletes an object; one that is not there is deleted already.
    package func deleteObject(bucket: String, key: String) async throws(ServiceError) {
        let answer = try await client.send(ServiceRequest(method: .DELETE, path: Self.path(bucket: bucket, key: key)))
        let error = ErrorDocument(answer)
        guard answer.status != 404 || error.code == "NoSuchBucket" else { return }
        try Self.check(answer)
    }

    /// Some of the objects whose keys begin with `prefix`, a page of them.
    ///
    /// - Parameter token: The earlier page's, nil for the first page.
    package func listObjects(
        bucket: String,
        prefix: String,
        after token: String? = nil
    ) async throws(ServiceError) -> S3Listing {
        let answer = try await client.send(Self.listRequest(bucket: bucket, prefix: prefix, after: token))
        try Self.check(answer)
        let document = S3ListingDocument(answer.body)
        guard document.isWhole else {
            throw .unreachable("it answered with something that is no list of objects", status: answer.status)
        }
        return S3Listing(
            objects: document.objects.map { object in
                S3Listing.Object(
                    key: object.key,
                    age: Self.age(of: Timestamp(rfc3339: object.lastModified), in: answer)
                )
            },
            nextToken: document.nextToken
        )
    }

    /// The path of an object's address. The bucket is in it and not in the host's name, which not every server that
    /// speaks S3's protocol has.
    package static func path(bucket: String, key: String) -> String {
        "/\(URIEncoding.encode(bucket.utf8))/\(URIEncoding.encode(key.utf8, keepingSlashes: true))"
    }

    static func request(bucket: String, key: String, body: [UInt8]) -> ServiceRequest {
        ServiceRequest(method: .PUT, path: path(bucket: bucket, key: key), body: body)
    }

    static func listRequest(bucket: String, prefix: String, after token: String?) -> ServiceRequest {
        var query = "list-type=2&max-keys=\(listedObjectsMax)&prefix=" + URIEncoding.encode(prefix.utf8)
        if let token { query = "continuation-token=\(URIEncoding.encode(token.utf8))&\(query)" }
        return ServiceRequest(method: .GET, path: "/\(URIEncoding.encode(bucket.utf8))", query: query)
    }

    static func check(_ answer: ServiceAnswer) throws(ServiceError) {
        guard answer.isSuccess else { throw ServiceError(refusal: answer) }
    }

    /// How long ago something was, by the clock of the server that has answered.
    static func age(of moment: Timestamp?, in answer: ServiceAnswer) -> Duration? {
        guard let moment, let now = answer.headers.first(name: "Date").flatMap({ Timestamp(httpDate: $0) }) else {
            return nil
        }
        return .milliseconds(now.milliseconds - moment.milliseconds)
    }
}

/// What S3 tells of an object.
package struct S3ObjectHead: Hashable, Sendable {
    /// In bytes.
    package let size: Int?
    /// How long ago it was stored, by S3's own clock; nil if S3 does not tell.
    package let age: Duration?
}

/// Some objects of a bucket.
package struct S3Listing: Sendable {
    /// One of them.
    package struct Object: Hashable, Sendable {
        package let key: String
        /// How long ago it was stored, by S3's own clock; nil if S3 does not tell.
        package let age: Duration?
    }

    package let objects: [Object]
    /// What the next page is asked for with; nil when this is the last.
    package let nextToken: String?
}
