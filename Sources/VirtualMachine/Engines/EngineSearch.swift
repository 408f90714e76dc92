import CSandbox
import Glibc
import Synchronization

/// Finds out which engines work on this host, by trying: each trial is a process that runs a guest of three instructions, and
/// is killed when its time is over.
package struct EngineSearch: Sendable {
    /// Where programs are looked for, in this order.
    package var directories: [String]
    package var kvmDevice: String
    /// How long one trial may take. It takes some hundredths of a second where it works.
    package var deadline: Duration

    package init(
        directories: [String] = ["/usr/local/bin", "/usr/bin", "/bin"],
        kvmDevice: String = "/dev/kvm",
        deadline: Duration = .seconds(5)
    ) {
        self.directories = directories
        self.kvmDevice = kvmDevice
        self.deadline = deadline
    }

    /// What was found of these engines, the best first. The others are not tried.
    package func findings(
        of engines: Set<EngineFinding.Engine> = Set(EngineFinding.Engine.allCases)
    ) async -> [EngineFinding] {
        var findings: [EngineFinding] = []
        for engine in EngineFinding.Engine.allCases where engines.contains(engine) {
            findings.append(EngineFinding(engine, await verdict(on: engine)))
        }
        return findings
    }

    private func verdict(on engine: EngineFinding.Engine) async -> EngineFinding.Verdict {
        if engine == .firecracker { return await firecracker(kvmProblem()) }
        guard let qemu = program("qemu-system-x86_64") else {
            return .unusable(reason: "qemu-system-x86_64 is not installed (Debian: qemu-system-x86)")
        }
        let version = await firstLine(of: qemu)
        guard engine == .qemuWithKVM else { return await verdict(qemu, .tcg, version) }
        if let problem = kvmProblem() { return .unusable(reason: problem) }
        return await verdict(qemu, .kvm, version)
    }

    /// The path of an installed program.
    package func program(_ name: String) -> String? {
        directories.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    private func firecracker(_ kvmProblem: String?) async -> EngineFinding.Verdict {
        guard let path = program("firecracker") else { return .unusable(reason: "firecracker is not installed") }
        if let kvmProblem { return .unusable(reason: kvmProblem) }
        return .usable(version: await firstLine(of: path))
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
