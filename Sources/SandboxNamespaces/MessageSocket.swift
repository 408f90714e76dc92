import CSandbox
import Glibc

/// A message that came from the launcher or from a sandbox's init; see `Messages.h`.
struct IncomingMessage {
    let kind: sb_kind
    let number: CInt
    let token: UInt64
    /// The message's first string, empty where it has none.
    let text: String
    let descriptors: [OwnedDescriptor]
}

/// The service's end of a socket to the launcher or to a sandbox's init.
final class MessageSocket: Sendable {
    let descriptor: OwnedDescriptor

    init(_ descriptor: OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// A connected pair: our end, and the descriptor to give away.
    static func makePair() throws(SystemError) -> (ours: MessageSocket, theirs: OwnedDescriptor) {
        var pair: (CInt, CInt) = (-1, -1)
        try checked("make a pair of sockets") {
            withUnsafeMutableBytes(of: &pair) { sb_socket_pair($0.assumingMemoryBound(to: CInt.self).baseAddress) }
        }
        return (MessageSocket(OwnedDescriptor(pair.0)), OwnedDescriptor(pair.1))
    }

    /// Sends one message.
    ///
    /// - Parameters:
    ///   - body: A structure of C that follows the head in this kind of message.
    ///   - waits: Whether to wait for room when the peer is slow; otherwise the call fails with `EAGAIN`.
    func send<Body: BitwiseCopyable>(
        _ kind: sb_kind,
        token: UInt64 = 0,
        number: CInt = 0,
        value: Int = 0,
        body: Body,
        strings: [String] = [],
        descriptors: [CInt] = [],
        waits: Bool = true
    ) throws(SystemError) {
        var head = sb_head(
            kind: kind.rawValue,
            number: number,
            token: token,
            value: UInt32(value),
            string_count: UInt32(strings.count)
        )
        var rest: [UInt8] = []
        if MemoryLayout<Body>.size > 0 { withUnsafeBytes(of: body) { rest += $0 } }
        for string in strings {
            rest += string.utf8
            rest.append(0)
        }
        try checked("send a message") {
            sb_send(
                descriptor.rawValue,
                &head,
                rest,
                rest.count,
                descriptors,
                UInt32(descriptors.count),
                waits ? 0 : CInt(MSG_DONTWAIT)
            )
        }
    }

    /// Sends one message that has no body.
    func send(
        _ kind: sb_kind,
        token: UInt64 = 0,
        number: CInt = 0,
        value: Int = 0,
        strings: [String] = [],
        descriptors: [CInt] = [],
        waits: Bool = true
    ) throws(SystemError) {
        try send(
            kind,
            token: token,
            number: number,
            value: value,
            body: (),
            strings: strings,
            descriptors: descriptors,
            waits: waits
        )
    }

    /// The next message that is there already; `nil` when the peer has closed its end.
    ///
    /// - Throws: `EAGAIN` when no message is there, `EBADMSG` when one is not as it should be.
    func receive() throws(SystemError) -> IncomingMessage? {
        // What launcher and init send is small; only requests are large.
        try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) {
            buffer -> Result<IncomingMessage?, SystemError> in
            withUnsafeTemporaryAllocation(of: CInt.self, capacity: Int(SB_DESCRIPTORS_MAX)) { descriptors in
                var descriptorCount: UInt32 = 0
                let count = sb_receive(
                    descriptor.rawValue,
                    buffer.baseAddress,
                    buffer.count,
                    descriptors.baseAddress,
                    &descriptorCount,
                    CInt(MSG_DONTWAIT)
                )
                guard count >= 0 else { return .failure(SystemError(operation: "receive a message", errno: errno)) }
                guard count > 0 else { return .success(nil) }
                let head = buffer.loadUnaligned(as: sb_head.self)
                let text = buffer[MemoryLayout<sb_head>.size..<count].prefix { $0 != 0 }
                return .success(
                    IncomingMessage(
                        kind: sb_kind(head.kind),
                        number: head.number,
                        token: head.token,
                        text: String(decoding: text, as: UTF8.self),
                        descriptors: descriptors.prefix(Int(descriptorCount)).map(OwnedDescriptor.init)
                    )
                )
            }
        }.get()
    }
}
