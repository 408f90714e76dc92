package import Foundation
package import Logging
package import NIOCore
import NIOSSL
import Synchronization
import Telemetry
import X509

/// What a host proves itself by to the others of its fleet, and checks them with: the files of one directory.
///
/// | File | What it holds |
/// |---|---|
/// | `certificate.pem` | the host's certificate |
/// | `key.pem` | its private key, which only its owner may be able to read |
/// | `authority.pem` | the certificate of the fleet's authority |
/// | `revoked` | the signed list of the revoked; it may be missing |
///
/// Each connection is made with what the files hold at that moment. Those that are open go on with what they were made
/// with, also when that certificate ends; a peer that is revoked loses its connections, too (``register(_:)``).
package final class HostCredentials: Sendable {
    package struct Settings: Sendable {
        /// How often the files are looked at.
        package var interval = Duration.seconds(5)
        /// How often the list of the revoked is fetched.
        package var revocationInterval = Duration.seconds(60)
        /// How long a handshake may take.
        package var handshakeTimeout = TimeAmount.seconds(10)
        /// The clock that certificates' lives are compared with.
        package var now: @Sendable () -> Date = { Date() }

        package init() {}
    }

    private struct Registration {
        let channel: any Channel
        let peer: PeerCertificate
    }

    private struct State {
        var own: OwnCertificate
        var revocations: RevocationList
        var life: CertificateLife
        var stamps: FileStamps
        var channels: [ObjectIdentifier: Registration] = [:]
        var lastFetch: ContinuousClock.Instant?
    }

    /// Who this host is. It stays the same for as long as the process runs.
    package let identity: HostIdentity
    /// The fleet that the host belongs to.
    package let fleet: FleetName
    let settings: Settings
    private let files: CredentialFiles
    private let renewal: (any RenewalAuthority)?
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the files. Without an authority to renew it at, the certificate is good until somebody replaces the files.
    ///
    /// Throws ``HostIdentityError`` if the files are missing, do not belong together, or would be accepted by no peer;
    /// with ``HostIdentityError/Code/exposedKey`` if others can read the key.
    package init(
        directory: String,
        renewal: (any RenewalAuthority)? = nil,
        settings: Settings = Settings(),
        logger: Logger
    ) throws(HostIdentityError) {
        files = CredentialFiles(directory: directory)
        let stamps = FileStamps(of: files.paths)
        let content = try files.load()
        let own = try Self.own(content, files, at: settings.now())
        var revocations = RevocationList(fleet: own.authority.fleet)
        if let text = content.revoked {
            revocations = try RevocationList(signed: text, by: own.authority.key)
        }
        guard !revocations.revokes(own.peer) else {
            throw HostIdentityError(.revoked, "\(files.certificate) is revoked; \(Self.advice(own.peer.identity))")
        }
        identity = own.peer.identity
        fleet = own.authority.fleet
        self.renewal = renewal
        self.settings = settings
        self.logger = logger
        let life = CertificateLife(own.peer.validity, renews: renewal != nil)
        state = Mutex(State(own: own, revocations: revocations, life: life, stamps: stamps))
    }

    /// What new connections are made with.
    var own: OwnCertificate { state.withLock { $0.own } }

    /// Until when the certificate of this moment is good.
    package var expires: Date { state.withLock { $0.own.peer.validity.expires } }

    /// From when on the certificate of this moment should have been renewed: warnings begin then.
    package var isLateFrom: Date { state.withLock { CertificateLife.firstReport($0.own.peer.validity) } }

    /// Watches the files, renews the certificate and fetches the list of the revoked, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await look()
            try? await Task.sleep(for: settings.interval)
        }
    }

    /// One round of what ``run()`` does.
    func look() async {
        reload()
        if renewal != nil, state.withLock({ Self.isFetchDue(&$0, every: settings.revocationInterval) }) {
            await fetchRevocations()
        }
        let now = settings.now()
        let (actions, expires) = state.withLock { ($0.life.timePassed(to: now), $0.life.validity.expires) }
        for action in actions {
            let ends: Logger.Metadata = [
                LogKey.hostIdentity: "\(identity)", LogKey.expires: "\(expires.ISO8601Format())",
            ]
            switch action {
            case .renew: await tryToRenew()
            case .warn: logger.warning("this host's certificate ends soon; \(Self.advice(identity))", metadata: ends)
            case .reportEnd: logger.error("this host's certificate has ended; \(Self.advice(identity))", metadata: ends)
            }
        }
    }

    private static func isFetchDue(_ state: inout State, every interval: Duration) -> Bool {
        let now = ContinuousClock.now
        guard state.lastFetch.map({ now - $0 >= interval }) ?? true else { return false }
        state.lastFetch = now
        return true
    }

    private static func advice(_ identity: HostIdentity) -> String {
        "issue another with 'swiftlet ca issue \(identity.role) \(identity.name)'"
    }

    private static func own(
        _ content: CredentialFiles.Content,
        _ files: CredentialFiles,
        at now: Date
    ) throws(HostIdentityError) -> OwnCertificate {
        do {
            return try OwnCertificate(content, files: files, at: now)
        } catch {
            // A crash between the two moves of a renewal leaves the new key with the old certificate.
            guard let certificate = files.certificateLeftBehind else { throw error }
            var whole = content
            whole.certificate = certificate
            guard let own = try? OwnCertificate(whole, files: files, at: now) else { throw error }
            try files.finishReplacing()
            return own
        }
    }
}

// MARK: - Renewal

extension HostCredentials {
    /// Reads the files if they have changed. What cannot be used leaves everything as it is.
    func reload() {
        let stamps = FileStamps(of: files.paths)
        let isChanged = state.withLock { state in
            defer { state.stamps = stamps }
            return stamps != state.stamps
        }
        guard isChanged else { return }
        do {
            let content = try files.load()
            let own = try OwnCertificate(content, files: files, at: settings.now())
            try checkIdentity(of: own)
            let isOther = state.withLock { state in
                let isOther = own.peer != state.own.peer
                // Another authority counts its lists by itself.
                if own.authority.certificate != state.own.authority.certificate {
                    state.revocations = RevocationList(fleet: fleet)
                }
                state.own = own
                if isOther { state.life.renewed(own.peer.validity) }
                return isOther
            }
            if let text = content.revoked { try apply(revocations: text) }
            guard isOther else { return }
            logger.notice(
                "this host's certificate was replaced",
                metadata: [
                    LogKey.hostIdentity: "\(identity)",
                    LogKey.expires: "\(own.peer.validity.expires.ISO8601Format())",
                ]
            )
        } catch {
            logger.error(
                "files of this host's certificate cannot be used; what was read before stays",
                metadata: [LogKey.path: "\(files.certificate)", LogKey.error: "\(error)"]
            )
        }
    }

    private func checkIdentity(of own: OwnCertificate) throws(HostIdentityError) {
        guard own.peer.identity == identity, own.authority.fleet == fleet else {
            throw HostIdentityError(
                .wrongName,
                """
                the new certificate is for \(own.peer.identity) of \(own.authority.fleet), and this host is \
                \(identity) of \(fleet); restart it to make it another
                """
            )
        }
    }

    /// Asks the authority for a certificate of a new key, and replaces the files. ``run()`` does it when it is due.
    /// Throws ``HostIdentityError``, and leaves everything as it is then.
    package func renew() async throws {
        guard let renewal else {
            throw HostIdentityError(.unavailable, "failed to renew the certificate: no authority was named")
        }
        let (request, key) = try SigningRequest.make(for: identity)
        var content = try files.load()
        content.certificate = try await renewal.renew(signingRequest: request, as: self)
        content.key = key
        try checkIdentity(of: try OwnCertificate(content, files: files, at: settings.now()))
        try files.replace(certificate: content.certificate, key: key)
        reload()
    }

    private func tryToRenew() async {
        do {
            try await renew()
        } catch {
            let now = settings.now()
            state.withLock { $0.life.renewalFailed(at: now) }
            guard !Task.isCancelled else { return }
            logger.warning(
                "failed to renew this host's certificate",
                metadata: [LogKey.hostIdentity: "\(identity)", LogKey.error: "\(error)"]
            )
        }
    }
}

// MARK: - Revocation

extension HostCredentials {
    /// Closes the channel of a secured connection as soon as its peer is revoked; at once, if it is. May be called from
    /// anywhere, after the handshake. What ``secure(_:allowing:protocols:)`` and its like have made is registered.
    package func register(_ channel: any Channel) {
        guard channel.eventLoop.inEventLoop else { return channel.eventLoop.execute { self.register(channel) } }
        // One whose peer nobody knows is not kept either.
        guard let peer = try? Self.certificate(of: channel), add(channel, peer) else { return Self.cut(channel) }
    }

    /// Registers a channel; false if its peer is revoked.
    func add(_ channel: any Channel, _ peer: PeerCertificate) -> Bool {
        let id = ObjectIdentifier(channel)
        let isAdded = state.withLock { state in
            guard !state.revocations.revokes(peer) else { return false }
            state.channels[id] = Registration(channel: channel, peer: peer)
            return true
        }
        if isAdded {
            channel.closeFuture.whenComplete { _ in self.state.withLock { $0.channels[id] = nil } }
        }
        return isAdded
    }

    /// Closes a channel without the farewell of TLS, during which a peer could still send.
    static func cut(_ channel: any Channel) {
        guard channel.eventLoop.inEventLoop else { return channel.eventLoop.execute { cut(channel) } }
        if let context = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLHandler.self) {
            context.close(promise: nil)
        } else {
            channel.close(promise: nil)
        }
    }

    func checkRevocation(of peer: PeerCertificate) throws(HostIdentityError) {
        guard state.withLock({ $0.revocations.revokes(peer) }) else { return }
        throw HostIdentityError(.revoked, "the certificate of \(peer.identity), \(peer.serial), is revoked")
    }

    /// Tells the log of a peer that was not accepted.
    func refused(_ error: HostIdentityError) {
        logger.info("connection of a host refused", metadata: [LogKey.error: "\(error)"])
    }

    /// Fetches the list of the revoked. The one there is stays if it cannot be had.
    func fetchRevocations() async {
        guard let renewal else { return }
        do {
            let text = try await renewal.revocationList(as: self)
            guard try apply(revocations: text) else { return }
            try files.replace(revoked: text)
        } catch {
            guard !Task.isCancelled else { return }
            logger.warning(
                "failed to fetch the list of revoked certificates; the last one stays in force",
                metadata: [LogKey.error: "\(error)"]
            )
        }
    }

    /// Takes over a newer list; false if it is the one there is. Throws ``HostIdentityError/Code/invalidFile`` for an
    /// older one, and for one that is not the authority's.
    @discardableResult
    func apply(revocations text: String) throws(HostIdentityError) -> Bool {
        let list = try RevocationList(signed: text, by: own.authority.key)
        guard list.fleet == fleet else {
            throw HostIdentityError(.invalidFile, "the list of the revoked is of the fleet \(list.fleet), not \(fleet)")
        }
        let (before, lost) = state.withLock { state -> (Int, [Registration]) in
            let before = state.revocations.number
            guard list.number > before else { return (before, []) }
            state.revocations = list
            return (before, state.channels.values.filter { list.revokes($0.peer) })
        }
        guard list.number >= before else {
            throw HostIdentityError(
                .invalidFile,
                "the list of the revoked has the number \(list.number), and number \(before) was seen before"
            )
        }
        for registration in lost {
            logger.notice(
                "connection closed: its peer is revoked",
                metadata: [LogKey.hostIdentity: "\(registration.peer.identity)"]
            )
            Self.cut(registration.channel)
        }
        return list.number > before
    }
}
