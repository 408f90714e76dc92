/// Whether one way to run virtual machines works on this host, and if not, why.
package struct EngineFinding: Hashable, Sendable, CustomStringConvertible {
    package enum Engine: Hashable, Sendable, CaseIterable {
        case firecracker
        case qemuWithKVM
        case qemuEmulating
    }

    package enum Verdict: Hashable, Sendable {
        /// It ran something. What the program says of its version.
        case usable(version: String)
        /// What is missing, or what went wrong; a part of a sentence.
        case unusable(reason: String)
    }

    package var engine: Engine
    package var verdict: Verdict

    package init(_ engine: Engine, _ verdict: Verdict) {
        self.engine = engine
        self.verdict = verdict
    }

    package var isUsable: Bool {
        if case .usable = verdict { true } else { false }
    }

    package var name: String {
        switch engine {
        case .firecracker: "Firecracker"
        case .qemuWithKVM: "QEMU with KVM"
        case .qemuEmulating: "QEMU without KVM (software emulation: for tests)"
        }
    }

    /// A line for a person.
    package var description: String {
        switch verdict {
        case .usable(let version): "\(name): works (\(version))"
        case .unusable(let reason): "\(name): cannot be used: \(reason)"
        }
    }
}
