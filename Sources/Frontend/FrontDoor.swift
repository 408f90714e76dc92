import Glibc
package import NIOCore
import Synchronization

/// Where clients connect. It is closed in such a way that everybody who is in is served, and nobody comes in halfway.
///
/// The system finishes handshakes by itself and queues the connections for the service to accept. Closing the listener resets what
/// is in the queue, and what is in a handshake: clients that believe to be connected, have perhaps sent a request, and cannot
/// tell whether it was begun. So the door first has the system take no more handshakes up, goes on accepting until those
/// that were begun are through, and only then is the listener closed. Whoever comes meanwhile hears nothing, asks again after a
/// second, as TCP does, and is refused: nothing was sent, so trying another host is safe.
package final class FrontDoor: Sendable {
    /// How long handshakes that were begun may take: the way to clients and back.
    private static let handshakeTime = Duration.milliseconds(250)
    /// How long the service may take to accept what has queued up, and how often that is looked at.
    private static let acceptTimeMax = Duration.seconds(2)
    private static let lookInterval = Duration.milliseconds(10)

    private let listener = Mutex<(any Channel)?>(nil)

    package init() {}

    /// The service accepts connections of this listener.
    package func opened(_ channel: any Channel) {
        listener.withLock { $0 = channel }
    }

    /// Lets nobody in any more, and returns when all who were about to come in are. The listener may then be closed.
    ///
    /// - Throws: What the system answers; the listener may be closed all the same, less gently.
    package func close() async throws {
        guard let listener = listener.withLock({ $0.take() }), let options = listener as? any SocketOptionProvider,
            listener.localAddress?.port != nil
        else { return }
        let filter = HandshakeFilter()
        try await options.unsafeSetSocketOption(level: .socket, name: HandshakeFilter.option, value: filter.program)
            .get()
        withExtendedLifetime(filter) {}
        try await Task.sleep(for: Self.handshakeTime)
        let end = ContinuousClock.now + Self.acceptTimeMax
        while try await Self.queueLength(of: options) > 0, ContinuousClock.now < end {
            try await Task.sleep(for: Self.lookInterval)
        }
    }

    /// How many connections wait to be accepted. See tcp_get_info in the kernel: a listener's has it in this field.
    private static func queueLength(of listener: any SocketOptionProvider) async throws -> Int {
        let info: tcp_info = try await listener.unsafeGetSocketOption(level: .tcp, name: .init(rawValue: TCP_INFO))
            .get()
        return Int(info.tcpi_unacked)
    }
}

/// A program for the kernel that drops each segment which asks a listener for a new connection, and lets all others through.
///
/// Connections that are accepted later inherit it, and are never sent such a segment.
private final class HandshakeFilter {
    static let option = NIOBSDSocket.Option(rawValue: SO_ATTACH_FILTER)

    /// `struct sock_fprog`.
    struct Program: Sendable {
        var count: UInt16
        /// The address of the first instruction.
        var instructions: UInt
    }

    /// `struct sock_filter`.
    private struct Instruction {
        var code: UInt16
        var onTrue: UInt8 = 0
        var onFalse: UInt8 = 0
        var value: UInt32
    }

    private enum Code {
        /// A byte of the segment, whose header comes first.
        static let loadByte: UInt16 = 0x30
        static let and: UInt16 = 0x54
        static let jumpIfEqual: UInt16 = 0x15
        static let end: UInt16 = 0x06
    }

    private static let flagsOffset: UInt32 = 13
    private static let syn: UInt32 = 0x02
    private static let ack: UInt32 = 0x10

    private let instructions: UnsafeMutableBufferPointer<Instruction>

    init() {
        let steps = [
            Instruction(code: Code.loadByte, value: Self.flagsOffset),
            Instruction(code: Code.and, value: Self.syn | Self.ack),
            Instruction(code: Code.jumpIfEqual, onTrue: 0, onFalse: 1, value: Self.syn),
            Instruction(code: Code.end, value: 0),
            Instruction(code: Code.end, value: .max),
        ]
        instructions = .allocate(capacity: steps.count)
        _ = instructions.initialize(from: steps)
    }

    deinit {
        instructions.deallocate()
    }

    /// Good as long as the filter is there; the kernel copies it.
    var program: Program {
        Program(count: UInt16(instructions.count), instructions: UInt(bitPattern: instructions.baseAddress))
    }
}
