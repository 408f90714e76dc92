import NIOCore

/// The first message of either side: which versions of the protocol it speaks. The highest that both speak is spoken, so that
/// hosts of one release and the next work together.
struct LinkGreeting: Equatable {
    /// Tells that the other side speaks this protocol at all.
    private static let magic: UInt32 = 0x5357_4654

    /// The versions that this release speaks.
    static let spoken = LinkGreeting(oldest: 1, newest: 1)

    var oldest: UInt16
    var newest: UInt16

    var body: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(Self.magic, oldest, newest)
        return buffer
    }

    init(oldest: UInt16, newest: UInt16) {
        self.oldest = oldest
        self.newest = newest
    }

    /// Reads the other side's. What a later release says behind it is not looked at.
    init(_ body: ByteBuffer) throws(LinkError) {
        var body = body
        guard let (magic, oldest, newest) = body.readMultipleIntegers(as: (UInt32, UInt16, UInt16).self),
            magic == Self.magic, oldest <= newest
        else { throw LinkError(.malformed, "the other host does not speak the protocol between hosts") }
        self.init(oldest: oldest, newest: newest)
    }

    /// The version that both speak.
    func version(with other: LinkGreeting) throws(LinkError) -> UInt16 {
        let version = min(newest, other.newest)
        guard version >= max(oldest, other.oldest) else {
            throw LinkError(
                .incompatible,
                "the other host speaks versions \(other.oldest) to \(other.newest) of the protocol between hosts, this one "
                    + "\(oldest) to \(newest): upgrade one release at a time"
            )
        }
        return version
    }
}
