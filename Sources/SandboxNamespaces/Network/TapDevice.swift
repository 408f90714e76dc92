import Sandbox
import Synchronization

/// The tap device of one sandbox, from its making to its removal.
final class TapDevice: Sendable {
    private enum State {
        /// -> connected, removed.
        case waiting
        /// -> removed.
        case connected
        case removed
    }

    private let network: TapNetwork
    private let number: UInt32
    /// Held while the device is connected or removed, a few requests to the kernel, so that neither comes between the steps of the
    /// other: once it is removed, its number may be another's.
    private let state = Mutex(State.waiting)
    private let descriptor: Mutex<OwnedDescriptor?>

    /// Makes it. Blocks; for a work queue's thread.
    ///
    /// - Parameter number: That of the sandbox's user, which no two living sandboxes share.
    init(number: UInt32, in network: TapNetwork) throws(SystemError) {
        self.number = number
        self.network = network
        descriptor = Mutex(try network.make(number))
    }

    deinit {
        remove()
    }

    /// The descriptor; its ownership goes to who asks first.
    func take() -> CInt? {
        descriptor.withLock { $0.take() }.map { $0.release() }
    }

    /// Connects it with the gateway. Blocks; for a work queue's thread.
    func connect(_ steps: inout SetUpSteps) throws(SandboxError) -> TapAddresses {
        try state.withLock { state throws(SandboxError) in
            guard case .waiting = state else {
                throw SandboxError(.gone, "sandbox \(steps.sandbox) has ended or is connected already")
            }
            try steps.take("bring up tap device") { () throws(SystemError) in try network.bringUp(number) }
            try steps.take("route to machine") { () throws(SystemError) in try network.route(number) }
            state = .connected
        }
        return TapNetwork.addresses(number)
    }

    /// Removes what is left of it. Idempotent. Blocks.
    func remove() {
        state.withLock { state in
            if case .removed = state { return }
            state = .removed
            descriptor.withLock { $0 = nil }
            network.remove(number)
        }
    }
}
