package import AsyncHTTPClient
import FoundationEssentials
import Identity
package import LambdaAPI
import NIOPosix
import ServiceClients

/// A bucket for packages.
package struct CodeBucket: Sendable {
    /// The server, and who asks it.
    package var s3: S3Settings
    /// The bucket's name.
    package var name: String
    /// What the keys begin with; it ends with a slash unless it is empty.
    package var prefix: String

    /// A bucket by its parts.
    package init(s3: S3Settings, name: String, prefix: String) {
        self.s3 = s3
        self.name = name
        self.prefix = prefix
    }
}

/// Archives in a bucket, as objects `PREFIX/HASH.zip`, for as many hosts as use it. Other objects there are left alone.
///
/// What fails for a reason that may pass is tried again, a few times and after a pause that doubles. Every request has a
/// deadline, so a server that hangs is an error after a while.
///
/// Whoever uses it may list the bucket, and get, put and delete its objects. Where listing is not allowed, S3 says of a
/// missing object that it is forbidden.
package struct BucketArchives: ArchiveStore {
    /// How long things may take, and how often they are tried.
    package struct Patience: Sendable {
        /// How often each request is sent, and each archive fetched that arrives damaged.
        package var attemptsMax = 4
        /// How long is waited before the first repetition; twice as long before each further one.
        package var retryDelay = Duration.milliseconds(200)
        /// How long a request without an archive may take.
        package var requestTimeout = Duration.seconds(10)
        /// How long the transfer of an archive's part may take, and of a whole archive that is put for each so many bytes.
        package var partTimeout = Duration.seconds(30)

        package init() {}
    }

    /// How many bytes of an archive that is put may take a part's time.
    private static let partSize = 8 << 20

    private let bucket: CodeBucket
    private let patience: Patience
    private let client: S3Client
    private let source: S3Source

    /// - Parameters:
    ///   - client: One that follows no redirects; see ``ServiceClient``.
    ///   - now: The time for signatures.
    package init(
        _ bucket: CodeBucket,
        client: HTTPClient,
        patience: Patience = Patience(),
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.bucket = bucket
        self.patience = patience
        let endpoint = ServiceEndpoint(
            service: "s3",
            url: bucket.s3.endpoint,
            region: bucket.s3.region,
            credentials: bucket.s3.credentials
        )
        self.client = S3Client(
            ServiceClient(endpoint: endpoint, client: client, timeout: patience.requestTimeout, now: now)
        )
        source = S3Source(
            settings: bucket.s3,
            client: client,
            retryDelay: patience.retryDelay,
            timeout: patience.partTimeout,
            now: now
        )
    }

    package var isShared: Bool { true }

    /// What is wrong with the bucket, for whoever has to put it right, and whether it may pass by itself; nil if it can be
    /// listed.
    package func obstacle() async -> (reason: String, mayPass: Bool)? {
        do throws(ServiceError) {
            _ = try await client.listObjects(bucket: bucket.name, prefix: bucket.prefix)
            return nil
        } catch {
            return (error.description, error.mayPass)
        }
    }

    package func put(_ archive: [UInt8], as hash: CodeHash) async throws(CodeStoreError) {
        let timeout = patience.partTimeout * (1 + archive.count / Self.partSize)
        // Sent also when it is there already: whoever removes what nobody refers to goes by the time of the last put.
        try await trying("put", hash) { () throws(ServiceError) in
            try await client.putObject(
                bucket: bucket.name,
                key: key(of: hash),
                body: archive,
                checksum: (hash.base64, hash.payload),
                timeout: timeout
            )
        }
        // Whoever has decided to remove it just before may have done so just after.
        let head = try await head(of: hash)
        guard let head, head.size == nil || head.size == archive.count else {
            throw CodeStoreError(
                .unavailable,
                "failed to put package \(hash) into bucket \(bucket.name): it is not there"
            )
        }
    }

    package func get(_ hash: CodeHash) async throws(CodeStoreError) -> [UInt8] {
        var delay = patience.retryDelay
        for attempt in 1...patience.attemptsMax {
            let archive = try await fetch(hash)
            let arrived = try await CodeStore.run(on: .singleton) { CodeHash(of: archive) }
            guard arrived != hash else { return archive }
            guard attempt < patience.attemptsMax else { break }
            try await pause(&delay, "get", hash)
        }
        throw CodeStoreError(.unavailable, "failed to get package \(hash) from bucket \(bucket.name): it is damaged")
    }

    private func fetch(_ hash: CodeHash) async throws(CodeStoreError) -> [UInt8] {
        do throws(S3Error) {
            return try await source.fetch(
                S3Object(bucket: bucket.name, key: key(of: hash), version: nil),
                sizeMax: Limits.unzippedSizeMax
            )
        } catch {
            throw CodeStoreError(
                error.code.rawValue == "NoSuchKey" ? .notFound : .unreachable,
                "failed to get package \(hash) from bucket \(bucket.name): \(error)"
            )
        }
    }

    package func age(of hash: CodeHash) async throws(CodeStoreError) -> Duration? {
        // One whose age is not told is taken for new, so that nobody removes it.
        try await head(of: hash).map { $0.age ?? .zero }
    }

    private func head(of hash: CodeHash) async throws(CodeStoreError) -> S3ObjectHead? {
        try await trying("look for", hash) { () throws(ServiceError) in
            try await client.headObject(bucket: bucket.name, key: key(of: hash))
        }
    }

    package func remove(_ hash: CodeHash) async throws(CodeStoreError) {
        try await trying("remove", hash) { () throws(ServiceError) in
            try await client.deleteObject(bucket: bucket.name, key: key(of: hash))
        }
    }

    package func list() async throws(CodeStoreError) -> [CodeHash: Duration] {
        var ages: [CodeHash: Duration] = [:]
        var token: String?
        repeat {
            let earlier = token
            let page = try await trying("list", nil) { () throws(ServiceError) in
                try await client.listObjects(bucket: bucket.name, prefix: bucket.prefix, after: earlier)
            }
            for object in page.objects {
                guard let hash = hash(ofKey: object.key) else { continue }
                ages[hash] = object.age ?? .zero
            }
            token = page.nextToken
        } while token != nil
        return ages
    }

    private func key(of hash: CodeHash) -> String { "\(bucket.prefix)\(hash).zip" }

    /// Nil if the key is none that a package has.
    private func hash(ofKey key: String) -> CodeHash? {
        guard key.hasPrefix(bucket.prefix), key.hasSuffix(".zip") else { return nil }
        return CodeHash(digits: String(key.dropFirst(bucket.prefix.count).dropLast(4)))
    }
}

// MARK: - Trying again

extension BucketArchives {
    private func trying<Value>(
        _ operation: String,
        _ hash: CodeHash?,
        _ request: () async throws(ServiceError) -> Value
    ) async throws(CodeStoreError) -> Value {
        var delay = patience.retryDelay
        for attempt in 1... {
            do throws(ServiceError) {
                return try await request()
            } catch {
                guard error.mayPass, attempt < patience.attemptsMax, !Task.isCancelled else {
                    throw failure(operation, hash, error.description)
                }
            }
            try await pause(&delay, operation, hash)
        }
        preconditionFailure("the attempts have an end")
    }

    private func pause(
        _ delay: inout Duration,
        _ operation: String,
        _ hash: CodeHash?
    ) async throws(CodeStoreError) {
        do {
            try await Task.sleep(for: delay)
        } catch {
            throw failure(operation, hash, "it was given up")
        }
        delay *= 2
    }

    private func failure(_ operation: String, _ hash: CodeHash?, _ reason: String) -> CodeStoreError {
        let what = hash.map { "package \($0)" } ?? "the packages"
        return CodeStoreError(.unreachable, "failed to \(operation) \(what) in bucket \(bucket.name): \(reason)")
    }
}
