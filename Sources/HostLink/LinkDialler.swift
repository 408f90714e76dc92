package import HostIdentity
package import NIOCore
import NIOPosix

/// A host of the fleet, as others reach it.
package struct HostAddress: Sendable, Hashable, CustomStringConvertible {
    /// Who it must show to be.
    package let identity: HostIdentity
    package let host: String
    package let port: Int

    /// A host that listens there.
    package init(_ identity: HostIdentity, host: String, port: Int) {
        self.identity = identity
        self.host = host
        self.port = port
    }

    /// Reads `host:port`; nil if it is none. An address of IPv6 stands in brackets.
    package init?(_ identity: HostIdentity, _ address: String) {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(identity, host: String(host), port: port)
    }

    /// `host:port`, as ``init(_:_:)`` reads it.
    package var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    package var description: String { "\(identity) at \(text)" }
}

/// Connects to other hosts.
package struct LinkDialler: Sendable {
    private let credentials: HostCredentials
    private let connectTimeout: TimeAmount
    private let silenceMax: TimeAmount

    /// - Parameters:
    ///   - connectTimeout: How long it may take to connect.
    ///   - silenceMax: How long nothing may be heard of a host before its connection counts as lost.
    package init(_ credentials: HostCredentials, connectTimeout: TimeAmount = .seconds(2), silenceMax: TimeAmount) {
        self.credentials = credentials
        self.connectTimeout = connectTimeout
        self.silenceMax = silenceMax
    }

    /// Connects to a host, which must show to be the one that is meant.
    ///
    /// - Returns: The link, once both have greeted; fails with ``LinkError`` `.unreachable`.
    package func dial(_ address: HostAddress, user: any LinkUser, on eventLoop: any EventLoop) -> EventLoopFuture<Link>
    {
        let opened = eventLoop.makePromise(of: Link.self)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [credentials, silenceMax] channel in
                let secured = credentials.secure(channel, expecting: address.identity)
                return channel.eventLoop.makeCompletedFuture {
                    let handler = LinkHandler(isDialler: true, silenceMax: silenceMax, opened: opened)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    secured.assumeIsolated().whenComplete { result in
                        switch result {
                        case .success: handler.start(channel, user: user)
                        case .failure(let error): handler.refuse(error)
                        }
                    }
                }
            }
            .connect(host: address.host, port: address.port)
            .whenFailure { error in
                // Fails a second time without effect where the handshake has failed already.
                opened.fail(LinkError(.unreachable, "failed to connect to \(address)", cause: error))
            }
        return opened.futureResult
    }
}
