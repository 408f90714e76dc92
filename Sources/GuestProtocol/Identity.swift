/// What tells one copy of a snapshot from another. All copies wake up with the same memory, so with the same state of the
/// kernel's generator of random numbers and the same time; each is given an identity before anything else runs in it.
package struct GuestIdentity: Hashable, Sendable {
    /// Random bytes of the host's; see ``GuestLink/entropyBytes``.
    package var entropy: [UInt8]
    /// The time, in nanoseconds since 1970.
    package var unixNanoseconds: UInt64
    package var hostName: String

    package init(entropy: [UInt8], unixNanoseconds: UInt64, hostName: String) {
        self.entropy = entropy
        self.unixNanoseconds = unixNanoseconds
        self.hostName = hostName
    }

    func write(to writer: inout WireWriter) {
        writer.write(entropy)
        writer.write(unixNanoseconds)
        writer.write(hostName)
    }

    init(from reader: inout WireReader) throws(ProtocolViolation) {
        entropy = Array(try reader.data(max: GuestLink.entropyBytes.upperBound))
        guard entropy.count >= GuestLink.entropyBytes.lowerBound else {
            throw ProtocolViolation("an identity of \(entropy.count) random bytes")
        }
        unixNanoseconds = try reader.integer()
        hostName = try reader.text(max: 64)
    }
}
