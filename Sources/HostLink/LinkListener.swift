package import HostIdentity
package import NIOCore
import NIOPosix

/// Where other hosts connect.
package struct LinkListener: Sendable {
    private let channel: any Channel

    /// Listens. Connections are accepted from hosts with these roles only, each of which shows who it is.
    ///
    /// - Parameters:
    ///   - port: 0 for one that is free.
    ///   - silenceMax: How long nothing may be heard of a host before its connection counts as lost.
    ///   - user: Who talks with a host that has connected.
    package static func listen(
        host: String,
        port: Int,
        _ credentials: HostCredentials,
        allowing roles: Set<HostRole>,
        silenceMax: TimeAmount,
        on eventLoops: any EventLoopGroup,
        user: @escaping @Sendable (HostIdentity) -> any LinkUser
    ) async throws -> LinkListener {
        let bootstrap = ServerBootstrap(group: eventLoops)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                // No byte passes before the other side is known to be who it may be.
                let secured = credentials.secure(channel, allowing: roles)
                return channel.eventLoop.makeCompletedFuture {
                    let handler = LinkHandler(isDialler: false, silenceMax: silenceMax)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    secured.assumeIsolated().whenSuccess { handler.start(channel, user: user($0)) }
                }
            }
        return LinkListener(channel: try await bootstrap.bind(host: host, port: port).get())
    }

    /// The port that is listened to.
    package var port: Int { channel.localAddress?.port ?? 0 }

    /// Accepts no more connections. Those that there are go on.
    package func close() async {
        try? await channel.close()
    }
}
