import CodeStore
import LambdaAPI

/// Where a request says that a package is.
struct PackageSource {
    let zipFile: Blob?
    let bucket: String?
    let key: String?
    let version: String?

    init(_ code: FunctionCode) {
        (zipFile, bucket, key, version) = (code.zipFile, code.s3Bucket, code.s3Key, code.s3ObjectVersion)
    }

    init(_ request: UpdateFunctionCodeRequest) {
        (zipFile, bucket, key, version) = (request.zipFile, request.s3Bucket, request.s3Key, request.s3ObjectVersion)
    }

    init(_ content: LayerVersionContentInput) {
        (zipFile, bucket, key, version) = (content.zipFile, content.s3Bucket, content.s3Key, content.s3ObjectVersion)
    }
}

// Packages in requests and in S3.
extension ControlPlane {
    /// Throws `InvalidParameterValueException` for a source that is none, before anything is fetched.
    ///
    /// - Parameter what: What the package is for: `function code` or `layer content`.
    func check(_ source: PackageSource, for what: String) throws(LambdaError) {
        guard source.zipFile != nil || source.bucket != nil || source.key != nil else {
            throw .invalidParameterValue("Please provide a source for \(what).")
        }
        guard source.zipFile == nil || (source.bucket == nil && source.key == nil) else {
            throw .invalidParameterValue(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        }
        guard source.zipFile != nil || (source.bucket != nil && source.key != nil) else {
            throw .invalidParameterValue("S3Bucket and S3Key must be provided together.")
        }
        guard source.zipFile != nil || dependencies.objects != nil else {
            throw .invalidParameterValue(
                "Swiftlet has no S3 to fetch \(source.bucket ?? "")/\(source.key ?? "") from. Start it with s3-endpoint, "
                    + "or provide a ZipFile."
            )
        }
    }

    /// Stores the package that a source has; it has been checked.
    func store(_ source: PackageSource) async throws(LambdaError) -> CodePackage {
        if let archive = source.zipFile {
            return try await inCodeStore { store throws(CodeStoreError) in try await store.put(archive.bytes) }
        }
        guard let bucket = source.bucket, let key = source.key, let objects = dependencies.objects else {
            throw .invalidParameterValue("Please provide a source for function code.")
        }
        let archive: [UInt8]
        do throws(S3Error) {
            archive = try await objects.fetch(
                S3Object(bucket: bucket, key: key, version: source.version),
                // Unlike an upload's, only the content's size has a limit; no good package is larger than what it holds.
                sizeMax: Limits.unzippedSizeMax
            )
        } catch {
            guard error.code != .tooLarge else { throw .unzippedTooLarge }
            throw .invalidParameterValue(
                "Error occurred while GetObject. S3 Error Code: \(error.code). S3 Error Message: \(error.message)"
            )
        }
        return try await inCodeStore { store throws(CodeStoreError) in
            try await store.put(archive, sizeMax: Limits.unzippedSizeMax)
        }
    }
}
