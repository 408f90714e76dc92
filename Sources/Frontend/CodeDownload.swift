import CodeStore
import ControlPlane
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LambdaAPI

/// A request for a package's archive at an address that GetFunction has returned.
struct CodeDownload {
    private let hash: CodeHash
    private let expiry: Int
    private let signature: String

    /// Nil if the path is not that of a package.
    init?(_ uri: URI) {
        guard uri.path.hasPrefix(CodeLocation.pathPrefix) else { return nil }
        hash = CodeHash(hexadecimal: String(uri.path.dropFirst(CodeLocation.pathPrefix.count)))
        expiry = uri.queryParameters["Expires"].flatMap { Int($0) } ?? 0
        signature = uri.queryParameters["Signature"].map { String($0) } ?? ""
    }

    func response(from controlPlane: ControlPlane) async throws -> Response {
        let archive = try await controlPlane.archive(hash, expiry: expiry, signature: signature)
        return Response(
            status: .ok,
            headers: [.contentType: "application/zip"],
            body: .init(byteBuffer: ByteBuffer(bytes: archive))
        )
    }
}
