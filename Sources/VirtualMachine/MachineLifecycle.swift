/// What may be asked of a virtual machine when. It starts with the machine's running, or paused; no IO.
struct MachineLifecycle {
    enum State: Hashable {
        /// -> paused, saving, ended.
        case running
        /// -> running, saving, ended.
        case paused
        /// Its state is being kept, which it does not outlive. -> ended.
        case saving
        case ended
    }

    private(set) var state: State

    init(_ state: State) {
        self.state = state
    }

    enum ChangeAction: Hashable {
        /// Tell the process.
        case tell
        /// It is so already.
        case none
        case refuse(VirtualMachineError.Code)
    }

    mutating func pauseRequested() -> ChangeAction { change(from: .running, to: .paused) }

    mutating func resumeRequested() -> ChangeAction { change(from: .paused, to: .running) }

    /// Changes take effect in the order in which they were asked for, so what was asked for last is what will be.
    private mutating func change(from old: State, to new: State) -> ChangeAction {
        switch state {
        case old:
            state = new
            return .tell
        case new: return .none
        case .ended: return .refuse(.gone)
        default: return .refuse(.refused)
        }
    }

    mutating func snapshotRequested() -> ChangeAction {
        switch state {
        case .running, .paused:
            state = .saving
            return .tell
        case .saving: return .refuse(.refused)
        case .ended: return .refuse(.gone)
        }
    }

    /// Whether a drive's file can be replaced now.
    func driveReplacementRequested() -> ChangeAction {
        switch state {
        case .running, .paused: .tell
        case .saving: .refuse(.refused)
        case .ended: .refuse(.gone)
        }
    }

    /// Whether a guest can answer now who is asked for a connection.
    func channelRequested() -> ChangeAction {
        switch state {
        case .running: .tell
        case .paused, .saving: .refuse(.refused)
        case .ended: .refuse(.gone)
        }
    }

    /// The machine is to end, or has ended by itself.
    mutating func ended() {
        state = .ended
    }
}

extension MachineLifecycle.ChangeAction {
    /// The error of who asked for what is refused.
    ///
    /// - Parameter operation: What was asked for, before "a virtual machine".
    func refusal(of operation: String) -> VirtualMachineError? {
        guard case .refuse(let code) = self else { return nil }
        let reason = code == .gone ? "it has ended" : "it is paused, or its state is being kept"
        return VirtualMachineError(code, "failed to \(operation) a virtual machine: \(reason)")
    }
}
