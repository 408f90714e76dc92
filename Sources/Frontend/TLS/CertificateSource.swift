import HostIdentity
package import Logging
import NIOHTTP2
import NIOSSL
import Synchronization
import Telemetry

/// The certificate that the listener shows, from two PEM files. It is read again when they change, so that it can be
/// renewed while the service runs; connections that are open keep the old one.
package final class CertificateSource: Sendable {
    /// How often the files are looked at.
    private static let interval = Duration.seconds(5)

    private struct State {
        var context: NIOSSLContext
        var stamps: FileStamps
    }

    private let certificatePath: String
    private let keyPath: String
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the files. Throws if there is no good certificate in them, or the key is another's.
    package init(certificatePath: String, keyPath: String, logger: Logger) throws {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.logger = logger
        let stamps = FileStamps(of: [certificatePath, keyPath])
        state = Mutex(State(context: try Self.context(certificatePath, keyPath), stamps: stamps))
    }

    /// What new connections are made with.
    var context: NIOSSLContext { state.withLock { $0.context } }

    /// Looks at the files until the task is cancelled.
    package func run() async {
        while (try? await Task.sleep(for: Self.interval)) != nil { reload() }
    }

    /// Reads the files if they have changed. What cannot be read leaves everything as it is.
    func reload() {
        do {
            let stamps = FileStamps(of: [certificatePath, keyPath])
            guard stamps != state.withLock({ $0.stamps }) else { return }
            let context = try Self.context(certificatePath, keyPath)
            state.withLock { $0 = State(context: context, stamps: stamps) }
            logger.notice("certificate read again", metadata: [LogKey.path: "\(certificatePath)"])
        } catch {
            logger.error(
                "certificate could not be read again; the old one is shown",
                metadata: [LogKey.path: "\(certificatePath)", LogKey.error: "\(error)"]
            )
        }
    }

    private static func context(_ certificatePath: String, _ keyPath: String) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(try StoredFile.text(of: certificatePath).utf8))
            .map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(bytes: Array(try StoredFile.text(of: keyPath).utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain,
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = NIOHTTP2SupportedALPNProtocols
        return try NIOSSLContext(configuration: configuration)
    }
}
