import Glibc
import GuestProtocol

/// The bytes to and from the host. What is sent while there is no connection waits for the next one.
final class HostLink {
    /// How much may wait to be written before the agent takes in no more from the function's processes.
    private static let outgoingBytesEnough = 256 << 10

    /// -1 while there is no connection.
    private(set) var descriptor: CInt = -1
    /// Whether the descriptor is a connection, which has an end, and not a port.
    private var isConnection = false
    /// Whether the connection has ended.
    private(set) var hasEnded = false
    private var outgoing: [UInt8] = []
    private var written = 0

    func attach(_ descriptor: CInt, isConnection: Bool) {
        self.descriptor = descriptor
        self.isConnection = isConnection
        hasEnded = false
    }

    /// Lets go of a connection, and of what was under way on it.
    func detach() {
        close(descriptor)
        descriptor = -1
        hasEnded = false
        outgoing = []
        written = 0
    }

    var hasOutgoing: Bool { written < outgoing.count }

    /// Whether it is time to wait before anything is added that can wait.
    var isCongested: Bool { outgoing.count - written >= Self.outgoingBytesEnough }

    func send(_ message: GuestMessage) {
        message.write(to: &outgoing)
    }

    /// Writes what the host takes now.
    func flush() throws(SystemFailure) {
        while hasOutgoing, descriptor >= 0, !hasEnded {
            let count = outgoing.withUnsafeBytes { bytes in
                write(descriptor, bytes.baseAddress! + written, bytes.count - written)
            }
            if count < 0 {
                // EPIPE: nobody holds the other end at the moment, as while a snapshot is being taken.
                if [EAGAIN, EINTR].contains(errno) || notesEnd(errno) { return }
                throw SystemFailure(step: "write to the host", errno: errno)
            }
            written += count
        }
        guard !hasOutgoing else { return }
        outgoing.removeAll(keepingCapacity: outgoing.count <= Self.outgoingBytesEnough)
        written = 0
    }

    /// Reads what is there, a piece at most. `nil`: nothing now.
    func receive() throws(SystemFailure) -> [UInt8]? {
        var failure: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            let received = read(descriptor, buffer.baseAddress, buffer.count)
            if received < 0 { failure = errno }
            if received == 0 { hasEnded = isConnection }
            count = max(0, received)
        }
        guard failure == 0 || [EAGAIN, EINTR].contains(failure) || notesEnd(failure) else {
            throw SystemFailure(step: "read from the host", errno: failure)
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// Whether the error is that nobody holds the other end.
    private func notesEnd(_ error: CInt) -> Bool {
        guard isConnection else { return error == EPIPE }
        hasEnded = [EPIPE, ECONNRESET, ENOTCONN, ETIMEDOUT].contains(error)
        return hasEnded
    }
}
