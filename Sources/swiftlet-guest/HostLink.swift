import Glibc
import GuestProtocol

/// The bytes to and from the host.
final class HostLink {
    /// How much may wait to be written before the agent takes in no more from the function's processes.
    private static let outgoingBytesEnough = 256 << 10

    let descriptor: CInt
    private var outgoing: [UInt8] = []
    private var written = 0

    init(_ descriptor: CInt) {
        self.descriptor = descriptor
    }

    var hasOutgoing: Bool { written < outgoing.count }

    /// Whether it is time to wait before anything is added that can wait.
    var isCongested: Bool { outgoing.count - written >= Self.outgoingBytesEnough }

    func send(_ message: GuestMessage) {
        message.write(to: &outgoing)
    }

    /// Writes what the host takes now.
    func flush() throws(SystemFailure) {
        while hasOutgoing {
            let count = outgoing.withUnsafeBytes { bytes in
                write(descriptor, bytes.baseAddress! + written, bytes.count - written)
            }
            if count < 0 {
                // EPIPE: nobody holds the other end at the moment, as while a snapshot is being taken.
                if [EAGAIN, EINTR, EPIPE].contains(errno) { return }
                throw SystemFailure(step: "write to the host", errno: errno)
            }
            written += count
        }
        outgoing.removeAll(keepingCapacity: outgoing.count <= Self.outgoingBytesEnough)
        written = 0
    }

    /// Reads what is there, a piece at most. `nil`: nothing now.
    func receive() throws(SystemFailure) -> [UInt8]? {
        var failure: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            let received = read(descriptor, buffer.baseAddress, buffer.count)
            if received < 0 { failure = errno }
            count = max(0, received)
        }
        guard failure == 0 || [EAGAIN, EINTR, EPIPE].contains(failure) else {
            throw SystemFailure(step: "read from the host", errno: failure)
        }
        return bytes.isEmpty ? nil : bytes
    }
}
