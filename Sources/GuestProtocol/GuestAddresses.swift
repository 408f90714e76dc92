/// The addresses of IPv4 with which a guest uses its network interface, most significant byte first.
package struct GuestAddresses: Hashable, Sendable {
    /// The guest's own. It has no neighbours.
    package var own: UInt32
    /// That of the gateway, on the link whatever the guest's own is, by which everything else is reached.
    package var gateway: UInt32

    package init(own: UInt32, gateway: UInt32) {
        self.own = own
        self.gateway = gateway
    }

    func write(to writer: inout WireWriter) {
        writer.write(own)
        writer.write(gateway)
    }

    init(from reader: inout WireReader) throws(ProtocolViolation) {
        own = try reader.integer()
        gateway = try reader.integer()
        guard Self.isOfOneHost(own), Self.isOfOneHost(gateway), own != gateway else {
            throw ProtocolViolation("addresses that are not those of a guest and a gateway")
        }
    }

    /// Neither unspecified, nor loopback, nor of many.
    private static func isOfOneHost(_ address: UInt32) -> Bool {
        let network = address >> 24
        return (1..<224).contains(network) && network != 127
    }
}
