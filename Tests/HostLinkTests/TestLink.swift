import HostIdentity
import NIOCore
import NIOEmbedded

@testable import HostLink

enum HostIdentityForTests {
    static func worker() throws -> HostIdentity { try HostIdentity(role: .worker, name: "w1") }
}

/// Notes down what it is told.
///
/// JUSTIFICATION: links want a user that can be held from anywhere.
/// SAFETY: it is used from the one event loop of its link, or from the one thread of a test.
final class RecordingUser: LinkUser, @unchecked Sendable {
    private(set) var opened: [Link] = []
    private(set) var frames: [LinkFrame] = []
    private(set) var errors: [LinkError] = []
    /// Done with every message.
    var onFrame: (LinkFrame, Link) -> Void = { _, _ in }

    func linkOpened(_ link: Link) { opened.append(link) }
    func linkEnded(_ link: Link, _ error: LinkError) { errors.append(error) }

    func received(_ frame: LinkFrame, over link: Link) {
        frames.append(frame)
        onFrame(frame, link)
    }
}

/// Notes down what it hears.
final class RecordingCall: LinkCall {
    private(set) var frames: [LinkFrame] = []
    private(set) var errors: [LinkError] = []

    func received(_ frame: LinkFrame) { frames.append(frame) }
    func linkEnded(_ error: LinkError) { errors.append(error) }
}

/// One end of a link without a network: what it writes is looked at, and what it reads is made up.
struct TestLink {
    static let silenceMax = TimeAmount.seconds(6)

    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let user = RecordingUser()
    let opened: EventLoopPromise<Link>
    private let handler: LinkHandler

    init(isDialler: Bool) throws {
        opened = loop.makePromise()
        handler = LinkHandler(isDialler: isDialler, silenceMax: Self.silenceMax, opened: opened)
        channel = EmbeddedChannel(handler: handler, loop: loop)
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/test")).wait()
        // Not every test looks at it.
        opened.futureResult.whenFailure { _ in }
    }

    /// The other side is who it should be.
    func start() {
        handler.start(channel, user: user)
        loop.run()
    }

    /// Both sides have greeted.
    func open() throws -> Link {
        start()
        try hear(LinkHandler.Kind.greeting, 0, LinkGreeting.spoken.body)
        _ = try written()
        guard let link = user.opened.first else { throw LinkError(.closed, "the link did not open") }
        return link
    }

    /// The other side sends a message.
    func hear(_ kind: UInt8, _ call: UInt32 = 0, _ body: ByteBuffer = ByteBuffer()) throws {
        var buffer = ByteBuffer()
        _ = LinkFrame(kind: kind, call: call, body: body).write(to: &buffer, copyingUpTo: .max)
        try channel.writeInbound(buffer)
        loop.run()
    }

    /// The blocks that were written since it was last asked.
    func blocks() throws -> [ByteBuffer] {
        loop.run()
        var blocks: [ByteBuffer] = []
        while let block = try channel.readOutbound(as: ByteBuffer.self) { blocks.append(block) }
        return blocks
    }

    /// The messages that were written since it was last asked.
    func written() throws -> [LinkFrame] {
        var buffer = ByteBuffer()
        for var block in try blocks() { buffer.writeBuffer(&block) }
        var frames: [LinkFrame] = []
        while let frame = try LinkFrame.read(from: &buffer) { frames.append(frame) }
        return frames
    }
}
