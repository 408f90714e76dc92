/// The addresses of a machine whose tap device is connected. The gateway drops what claims to come from any other.
package struct TapAddresses: Sendable, Hashable {
    /// The machine's own, most significant byte first.
    package let own: UInt32
    /// The gateway's, by which everything else is reached, on the link whatever the machine's own address is.
    package let gateway: UInt32

    package init(own: UInt32, gateway: UInt32) {
        self.own = own
        self.gateway = gateway
    }
}

extension Sandbox {
    package func takeTap() -> CInt? { nil }

    package func connectTap() async throws(SandboxError) -> TapAddresses {
        throw SandboxError(.unsupported, "sandbox \(id) has no tap device")
    }
}
