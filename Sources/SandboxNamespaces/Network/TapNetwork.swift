import CSandbox
import Sandbox
import Synchronization

/// The tap devices in the gateway's network: the ways out of virtual machines.
///
/// A device is down until it is connected, and then what is written to it gets no further than the system call. Connected, it is
/// to the gateway what the interface of a sandbox is (`connect.c`): a route to one address, and the same rules.
final class TapNetwork: Sendable {
    private let network: OwnedDescriptor
    /// Its own: of a control that others use too, the answers would be mixed up. The lock is held for one request, which the
    /// kernel answers before the call returns.
    private let control: Mutex<OwnedDescriptor>

    /// - Parameter network: The namespace; stays the caller's to close.
    init(_ network: OwnedDescriptor) throws(SystemError) {
        self.network = network
        control = Mutex(
            OwnedDescriptor(try checked("open the gateway's network") { sb_network_control_of(network.rawValue) })
        )
    }

    /// Lets the namespace end.
    func close() {
        control.withLock { $0.close() }
    }

    // MARK: Devices, by the numbers of their sandboxes' users among all guests. All calls block; for a work queue's threads.

    func make(_ number: UInt32) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            try checked("make a tap device (takes root and /dev/net/tun, of the kernel's module tun)") {
                Self.name(number).withCString { name in
                    sb_network_tap(network.rawValue, sb_interface(name: name, index: Self.index(number)))
                }
            }
        )
    }

    /// Lets frames pass the device, in both directions.
    func bringUp(_ number: UInt32) throws(SystemError) {
        try perform("bring up") { sb_network_up($0, Self.index(number)) }
    }

    /// Leads to its one address by the device. What comes by it from any other is dropped.
    func route(_ number: UInt32) throws(SystemError) {
        let address = Self.addresses(number).own.bigEndian
        try perform("route") { sb_network_route($0, Self.index(number), address, 32, 0) }
    }

    /// Deletes a device, if it is still there: who holds its descriptor may have told the kernel to keep it.
    func remove(_ number: UInt32) {
        _ = control.withLock { control in Self.name(number).withCString { sb_network_delete(control.rawValue, $0) } }
    }

    private func perform(_ operation: String, _ request: (CInt) -> CInt) throws(SystemError) {
        try control.withLock { control throws(SystemError) in
            _ = try checked(operation) { request(control.rawValue) }
        }
    }

    private static func name(_ number: UInt32) -> String { "sandbox\(number)" }
    private static func index(_ number: UInt32) -> CInt { CInt(SB_NETWORK_INTERFACES) + CInt(number) }

    static func addresses(_ number: UInt32) -> TapAddresses {
        TapAddresses(own: SB_NETWORK_SANDBOXES + number, gateway: SB_NETWORK_GATEWAY)
    }
}
