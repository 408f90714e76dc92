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
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(try credentials.serverHandler(allowing: roles))
                    try pipeline.addHandler(
                        LinkStart(silenceMax: silenceMax, isDialler: false) { channel in
                            credentials.register(channel)
                            return user(try HostCredentials.peer(of: channel))
                        }
                    )
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
