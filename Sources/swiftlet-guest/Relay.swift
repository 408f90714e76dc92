import Glibc

/// One stream's end in the guest: a descriptor of a function's process, and what is on its way there.
final class Relay {
    enum Kind {
        /// The reading end of what a process prints.
        case output
        /// The other end of a process's channel.
        case channel
        /// A connection that the function made. Others are made to it.
        case accepted
        case made
    }

    let descriptor: CInt
    let kind: Kind
    /// A connection that is being made.
    var isConnecting: Bool
    /// Whether the descriptor may have more to read.
    var isReading: Bool
    /// Nothing follows from the host.
    var hasPeerEnded = false
    /// Bytes from the host that the descriptor has not taken yet; never more than a window.
    private(set) var pending: ArraySlice<UInt8> = []

    init(_ descriptor: CInt, _ kind: Kind) {
        self.descriptor = descriptor
        self.kind = kind
        isConnecting = kind == .made
        isReading = true
    }

    var isSocket: Bool { kind != .output }

    func append(_ bytes: ArraySlice<UInt8>) {
        pending.append(contentsOf: bytes)
    }

    /// Writes what the descriptor takes now. Returns how much that was; `nil` if it takes no more, ever.
    func flush() -> Int? {
        guard !isConnecting else { return 0 }
        var total = 0
        while !pending.isEmpty {
            let count = pending.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                return errno == EAGAIN || errno == EINTR ? total : nil
            }
            total += count
            pending = pending.dropFirst(count)
        }
        pending = []
        return total
    }

    enum Piece {
        case bytes([UInt8])
        case end
        case nothing
        case failure
    }

    func read(upTo max: Int) -> Piece {
        var failure: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: max) { buffer, count in
            let received = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if received < 0 { failure = errno }
            count = Swift.max(0, received)
        }
        if failure == EAGAIN || failure == EINTR { return .nothing }
        if failure != 0 { return .failure }
        return bytes.isEmpty ? .end : .bytes(bytes)
    }

    /// Has a connection end as one that failed, where the other side can tell.
    func reset() {
        guard isSocket else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}
