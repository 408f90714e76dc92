import GuestImages
import LambdaAPI
import Logging
import NIOCore
import Sandbox
import SandboxMicroVM
import SandboxNamespaces
import Telemetry
import VirtualMachine
import Worker

/// How functions are isolated from each other and from the host, as it is configured.
enum SandboxKind: String, CaseIterable, Sendable {
    /// Namespaces, cgroups and filters of the host's kernel.
    case namespaces
    /// A virtual machine with a kernel of its own.
    case microvm
}

/// What runs virtual machines, as it is configured.
enum MachineChoice: String, CaseIterable, Sendable {
    /// The best of those that work on this host.
    case auto
    case qemu
    /// QEMU without the processor's help.
    case qemuEmulation = "qemu-emulation"
}

/// The engines that make sandboxes: namespaces always, since virtual machines are jailed in them, and machines where they are
/// asked for.
struct SandboxEngines: Sendable {
    let namespaces: NamespacesEngine
    private let machines: MicroVMEngine?

    /// The one that functions' sandboxes are made by.
    var engine: any SandboxEngine { machines ?? namespaces }

    /// - Parameters:
    ///   - guests: What virtual machines start from; nil where there are none.
    ///   - group: Where links with guests are served.
    static func start(
        _ configuration: ServeConfiguration,
        in data: borrowing DataDirectory,
        _ runtimes: InstalledRuntimes,
        _ guests: GuestFilesOnDisk?,
        on group: any EventLoopGroup,
        logger: Logger
    ) async throws -> SandboxEngines {
        let monitor = guests == nil ? nil : try await machineMonitor(configuration.machines, on: group, logger: logger)
        var settings = NamespacesConfiguration(stateDirectory: data.path(of: "sandbox"))
        settings.network = configuration.network
        settings.extraUserlandPaths = runtimes.extraUserlandPaths
        if guests != nil { settings.extraUserlandPaths += MicroVMConfiguration.jailPaths }
        let namespaces = try await NamespacesEngine.start(settings, logger: logger)
        guard let guests, let monitor else { return SandboxEngines(namespaces: namespaces, machines: nil) }
        do {
            let machines = try MicroVMEngine(
                MicroVMConfiguration(
                    stateDirectory: data.path(of: "guest-drives"),
                    bootFiles: guests.bootFiles,
                    rootImages: guests.rootImages
                ),
                jailer: namespaces,
                machines: monitor,
                group: group,
                logger: logger
            )
            return SandboxEngines(namespaces: namespaces, machines: machines)
        } catch {
            await namespaces.shutdown()
            throw error
        }
    }

    func shutdown() async {
        await machines?.shutdown()
        await namespaces.shutdown()
    }

    /// Finds what can run machines on this host, by trying.
    private static func machineMonitor(
        _ choice: MachineChoice,
        on group: any EventLoopGroup,
        logger: Logger
    ) async throws -> any VirtualMachineEngine {
        let search = EngineSearch()
        let wanted: Set<EngineFinding.Engine> =
            switch choice {
            case .auto: [.qemuWithKVM, .qemuEmulating]
            case .qemu: [.qemuWithKVM]
            case .qemuEmulation: [.qemuEmulating]
            }
        let findings = await search.findings(of: wanted)
        guard let found = findings.first(where: \.isUsable), case .usable(let version) = found.verdict,
            let qemu = search.program("qemu-system-x86_64")
        else {
            let reasons = findings.map(\.description).joined(separator: "; ")
            throw ConfigurationError(key: "sandbox", "no virtual machine runs on this host: \(reasons)")
        }
        logger.notice("functions run in virtual machines", metadata: [LogKey.reason: "\(found)"])
        return QEMUEngine(
            QEMUProgram(
                executable: qemu,
                accelerator: found.engine == .qemuWithKVM ? .kvm : .tcg,
                counterKHz: hostCounterKHz()
            ),
            version: version,
            group: group
        )
    }
}
