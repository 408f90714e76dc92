import GuestImages
import Logging
import NIOCore
import Sandbox
import SandboxMicroVM
import SandboxNamespaces
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
    case firecracker
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
        let found = guests == nil ? nil : try await MachineMonitor.find(configuration.machines, logger: logger)
        if case .firecracker? = found, configuration.network != nil {
            throw ConfigurationError(
                key: "network",
                "virtual machines of Firecracker cannot be given a network yet; use --machines qemu, or none"
            )
        }
        var settings = NamespacesConfiguration(stateDirectory: data.path(of: "sandbox"))
        settings.network = configuration.network
        settings.extraUserlandPaths = runtimes.extraUserlandPaths
        // All namespace sandboxes are jails of machines then.
        settings.extraUserlandPaths += found?.jailPaths ?? []
        let namespaces = try await NamespacesEngine.start(settings, logger: logger)
        guard let guests, let found else { return SandboxEngines(namespaces: namespaces, machines: nil) }
        do {
            let machines = try MicroVMEngine(
                MicroVMConfiguration(
                    stateDirectory: data.path(of: "guest-drives"),
                    bootFiles: guests.bootFiles,
                    rootImages: guests.rootImages,
                    hasNetwork: configuration.network != nil
                ),
                jailer: namespaces,
                machines: try found.engine(directory: data.path(of: "guest-files"), on: group),
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
}
