import CodeStore
import Identity
import LambdaAPI

/// Where packages are kept, and what they may take on this host's disk.
struct CodeBucketConfiguration: Sendable {
    let bucket: CodeBucket
    /// What unpacked packages may take; nil for a part of the disk.
    let cacheSizeMax: ByteCount?

    /// Nil where no bucket is named.
    ///
    /// - Parameters:
    ///   - s3: The server that the bucket is on unless another is named.
    ///   - region: The bucket's region unless another is named.
    ///   - credentials: Those for either.
    /// - Throws: ``ConfigurationError`` for what does not fit, and for settings of a bucket that is not named.
    init?(
        _ values: ConfigurationValues,
        s3: S3Settings?,
        region: String,
        credentials: Credentials?
    ) async throws {
        let name = try await values.text("code-bucket", default: "")
        let prefix = try await values.text("code-bucket-prefix", default: "packages/")
        let endpoint = try await ServeConfiguration.endpoint("code-bucket-endpoint", values)
        let bucketRegion = try await values.text("code-bucket-region", default: region)
        let megabytes = try await values.number("code-cache-max", default: 0, in: 0...(1 << 30))
        guard megabytes == 0 || megabytes >= Self.cacheMegabytesMin else {
            throw ConfigurationError(
                key: "code-cache-max",
                "\(megabytes) is less than \(Self.cacheMegabytesMin); 0 is for a part of the disk"
            )
        }
        guard !name.isEmpty else {
            guard endpoint == nil else {
                throw ConfigurationError(key: "code-bucket", "it is needed where code-bucket-endpoint is given")
            }
            return nil
        }
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/) != nil else {
            throw ConfigurationError(key: "code-bucket", "'\(name)' is not the name of a bucket")
        }
        guard prefix.wholeMatch(of: /([A-Za-z0-9!_.*'()-]+\/)*/) != nil, prefix.utf8.count <= 512 else {
            throw ConfigurationError(
                key: "code-bucket-prefix",
                "'\(prefix)' is not a prefix of keys that ends with a slash, such as packages/"
            )
        }
        // Servers other than AWS's have regions of other forms, such as `auto`.
        guard bucketRegion.wholeMatch(of: /[a-z0-9-]+/) != nil else {
            throw ConfigurationError(key: "code-bucket-region", "'\(bucketRegion)' is not the name of a region")
        }
        guard let endpoint = endpoint ?? s3?.endpoint else {
            throw ConfigurationError(
                key: "code-bucket-endpoint",
                "it is needed where code-bucket is given and s3-endpoint is not"
            )
        }
        bucket = CodeBucket(
            s3: S3Settings(endpoint: endpoint, region: bucketRegion, credentials: credentials),
            name: name,
            prefix: prefix
        )
        cacheSizeMax = megabytes == 0 ? nil : .mebibytes(megabytes)
    }

    private static let cacheMegabytesMin = 64
}
