import Logging
import NIOCore
import SandboxMicroVM
import Telemetry
import VirtualMachine

/// The program that runs virtual machines on this host, found by trying.
enum MachineMonitor {
    case firecracker(FirecrackerProgram, version: String)
    case qemu(QEMUProgram, version: String)

    /// Throws if nothing works of what was chosen; says what works and why the rest does not.
    static func find(_ choice: MachineChoice, logger: Logger) async throws -> MachineMonitor {
        let search = EngineSearch()
        let wanted: Set<EngineFinding.Engine> =
            switch choice {
            case .auto: Set(EngineFinding.Engine.allCases)
            case .firecracker: [.firecracker]
            case .qemu: [.qemuWithKVM]
            case .qemuEmulation: [.qemuEmulating]
            }
        let findings = await search.findings(of: wanted)
        guard let found = findings.first(where: \.isUsable), case .usable(let version) = found.verdict,
            let program = search.program(found.engine == .firecracker ? "firecracker" : "qemu-system-x86_64")
        else {
            let reasons = findings.map(\.description).joined(separator: "; ")
            throw ConfigurationError(key: "sandbox", "no virtual machine runs on this host: \(reasons)")
        }
        logger.notice("functions run in virtual machines", metadata: [LogKey.reason: "\(found)"])
        switch found.engine {
        case .firecracker:
            return .firecracker(FirecrackerProgram(executable: program), version: version)
        case .qemuWithKVM, .qemuEmulating:
            let accelerator: QEMUProgram.Accelerator = found.engine == .qemuWithKVM ? .kvm : .tcg
            return .qemu(
                QEMUProgram(executable: program, accelerator: accelerator, counterKHz: hostCounterKHz()),
                version: version
            )
        }
    }

    /// What the jails of machines have to show.
    var jailPaths: [String] {
        switch self {
        case .firecracker(let program, _): program.jailPaths
        case .qemu(let program, _): MicroVMConfiguration.jailPaths + (program.accelerator == .kvm ? ["/dev/kvm"] : [])
        }
    }

    /// - Parameters:
    ///   - directory: One that only this engine uses.
    ///   - group: Where the processes are spoken to.
    func engine(directory: String, on group: any EventLoopGroup) throws -> any VirtualMachineEngine {
        switch self {
        case .firecracker(let program, let version):
            try FirecrackerEngine(program, version: version, directory: directory, group: group)
        case .qemu(let program, let version):
            QEMUEngine(program, version: version, group: group)
        }
    }
}
