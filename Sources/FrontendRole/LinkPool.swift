package import HostLink
package import NIOCore
import Synchronization

/// The links to other hosts that calls are made over: one for each host and event loop, made when it is first wanted and again
/// after it has ended.
package final class LinkPool: Sendable {
    private struct Key: Hashable {
        let address: HostAddress
        let eventLoop: ObjectIdentifier
    }

    /// A connection that could not be made takes longer than this only if nobody answers at all.
    private static let slow = TimeAmount.milliseconds(500)
    /// How long such a host is taken for unreachable.
    private static let pause = TimeAmount.seconds(1)

    private let dialler: LinkDialler
    private let links = Mutex<[Key: PooledLink]>([:])

    /// - Parameter dialler: Makes connections.
    package init(dialler: LinkDialler) {
        self.dialler = dialler
    }

    /// A link to a host that lives on an event loop, from which this must be called. What is there already is returned without
    /// any delay.
    ///
    /// - Returns: The link; fails with ``HostLink/LinkError`` `.unreachable`, and then nothing has been sent.
    package func link(to address: HostAddress, on eventLoop: any EventLoop) -> EventLoopFuture<Link> {
        let key = Key(address: address, eventLoop: ObjectIdentifier(eventLoop))
        let (pooled, isNew) = links.withLock { links -> (PooledLink, Bool) in
            if let pooled = links[key] { return (pooled, false) }
            let pooled = PooledLink(opened: eventLoop.makePromise()) { [weak self] in self?.drop(key, $0) }
            links[key] = pooled
            return (pooled, true)
        }
        if isNew {
            let dialled = dialler.dial(address, user: pooled, on: eventLoop)
            let begun = NIODeadline.now()
            dialled.assumeIsolated().whenFailure { [weak self] _ in
                guard let self else { return }
                // Who did not answer for long is not asked again at once: everybody would wait as long.
                guard .now() - begun > Self.slow else { return drop(key, pooled) }
                eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.drop(key, pooled) }
            }
            dialled.cascade(to: pooled.opened)
        }
        return pooled.opened.futureResult
    }

    /// A host is gone, or is reached somewhere else: its links are closed.
    package func close(_ isClosed: @Sendable (HostAddress) -> Bool) {
        let closing = links.withLock { links -> [PooledLink] in
            let closing = links.filter { isClosed($0.key.address) }
            for key in closing.keys { links[key] = nil }
            return Array(closing.values)
        }
        for pooled in closing { pooled.opened.futureResult.whenSuccess { $0.close() } }
    }

    private func drop(_ key: Key, _ pooled: PooledLink) {
        links.withLock { links in
            if links[key] === pooled { links[key] = nil }
        }
    }
}

/// A link of the pool, from the moment when it is wanted.
private final class PooledLink: LinkUser {
    let opened: EventLoopPromise<Link>
    private let ended: @Sendable (PooledLink) -> Void

    init(opened: EventLoopPromise<Link>, ended: @escaping @Sendable (PooledLink) -> Void) {
        self.opened = opened
        self.ended = ended
    }

    func linkOpened(_ link: Link) {}

    /// Other hosts answer calls over these links, and begin none.
    func received(_ frame: LinkFrame, over link: Link) {}

    func linkEnded(_ link: Link, _ error: LinkError) {
        ended(self)
    }
}
