import CSandbox
import Glibc
import Synchronization

/// Finds out which engines work on this host, by trying: each trial is a process that runs a guest of three instructions, and
/// is killed when its time is over.
package struct EngineSearch: Sendable {
    /// Where programs are looked for, in this order.
    package var directories: [String]
    /// The path of Firecracker, where it is not to be looked for.
    package var firecracker: String?
    package var kvmDevice: String
    /// How long one trial may take. It takes some hundredths of a second where it works.
    package var deadline: Duration

    package init(
        directories: [String] = Self.usualDirectories,
        firecracker: String? = nil,
        kvmDevice: String = "/dev/kvm",
        deadline: Duration = .seconds(5)
    ) {
        self.directories = directories
        self.firecracker = firecracker
        self.kvmDevice = kvmDevice
        self.deadline = deadline
    }

    /// Where programs of the host's are, then those of who has started us.
    package static var usualDirectories: [String] {
        let usual = ["/usr/local/bin", "/usr/bin", "/bin"]
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let own = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") && !usual.contains($0) }
        return usual + own
    }

    /// What was found of these engines, the best first. The others are not tried.
    package func findings(
        of engines: Set<EngineFinding.Engine> = Set(EngineFinding.Engine.allCases)
    ) async -> [EngineFinding] {
        var findings: [EngineFinding] = []
        let qemu = program("qemu-system-x86_64")
        let version = if let qemu { await firstLine(of: qemu) } else { "" }
        let absent = "qemu-system-x86_64 is not installed (Debian: qemu-system-x86)"
        // The trial of Firecracker's device is QEMU's, too.
        var kvm: EngineFinding.Verdict?
        if engines.contains(.firecracker) || engines.contains(.qemuWithKVM) {
            kvm = kvmProblem().map { .unusable(reason: $0) }
            if kvm == nil, let qemu { kvm = await verdict(qemu, .kvm, version) }
        }
        for engine in EngineFinding.Engine.allCases where engines.contains(engine) {
            let verdict: EngineFinding.Verdict =
                switch (engine, qemu) {
                case (.firecracker, _): await firecracker(kvm)
                case (_, nil): .unusable(reason: absent)
                case (.qemuWithKVM, _): kvm ?? .unusable(reason: absent)
                case (.qemuEmulating, let qemu?): await verdict(qemu, .tcg, version)
                }
            findings.append(EngineFinding(engine, verdict))
        }
        return findings
    }

    /// The path of an installed program.
    package func program(_ name: String) -> String? {
        directories.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// - Parameter kvm: What a trial with QEMU has said of KVM, or what keeps from trying; `nil` where neither is known.
    private func firecracker(_ kvm: EngineFinding.Verdict?) async -> EngineFinding.Verdict {
        guard let path = firecracker ?? program("firecracker") else {
            return .unusable(reason: "firecracker is not installed (put the released program into PATH)")
        }
        guard access(path, X_OK) == 0 else { return .unusable(reason: "\(path) cannot be executed") }
        let version = await firstLine(of: path)
        switch kvm {
        case .unusable(let reason)?: return .unusable(reason: "\(version) is there, but \(reason)")
        case .usable?: return .usable(version: version)
        case nil: return .usable(version: "\(version); KVM was not tried, which takes QEMU")
        }
    }

    private func kvmProblem() -> String? {
        let device = open(kvmDevice, O_RDWR | O_CLOEXEC)
        guard device < 0 else {
            close(device)
            return nil
        }
        return errno == ENOENT
            ? "there is no \(kvmDevice)" : "\(kvmDevice) cannot be opened: \(String(cString: strerror(errno)))"
    }

    private func verdict(
        _ qemu: String,
        _ accelerator: QEMUProgram.Accelerator,
        _ version: String
    ) async -> EngineFinding.Verdict {
        let firmware = TrialGuest.firmware
        let file = sb_memory_file("trial", 0)
        defer { close(file) }
        guard file >= 0, write(file, firmware, firmware.count) == firmware.count else {
            return .unusable(reason: "no memory for a trial")
        }
        let program = MachineProgram(
            executable: qemu,
            arguments: TrialGuest.arguments(qemu, accelerator),
            descriptors: [file]
        )
        let exit = await run(program)
        return TrialGuest.failure(exit, deadline: deadline).map { .unusable(reason: $0) } ?? .usable(version: version)
    }

    /// What a program says of its version.
    package func firstLine(of path: String) async -> String {
        let output = sb_memory_file("version", 0)
        defer { close(output) }
        guard output >= 0 else { return "unknown version" }
        _ = await run(
            MachineProgram(executable: path, arguments: [path, "--version"], descriptors: []),
            output: output
        )
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = pread(output, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        return text.split(separator: "\n").first.map(String.init) ?? "unknown version"
    }

    /// Runs a program to its end; `nil` if it had to be killed.
    private func run(_ program: MachineProgram, output: CInt? = nil) async -> MachineExit? {
        let housing = BareHousing(output: output)
        let (exits, continuation) = AsyncStream.makeStream(of: MachineExit?.self)
        let deadline = deadline
        do {
            try await housing.start(program) { exit in
                continuation.yield(exit)
                continuation.finish()
            }
        } catch {
            return .lost
        }
        let exit = await withTaskGroup(of: MachineExit?.self) { group in
            group.addTask { await exits.first { _ in true } ?? nil }
            group.addTask {
                try? await Task.sleep(for: deadline)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        await housing.destroy()
        return exit
    }
}
