import Foundation
import GuestImages
import LambdaAPI
import Logging
import NIOCore
import Sandbox
import SandboxMicroVM
import SandboxNamespaces
import Worker

/// What runs virtual machines, as it is configured.
enum MachineChoice: String, CaseIterable, Sendable {
    /// The best of those that work on this host.
    case auto
    case firecracker
    case qemu
    /// QEMU without the processor's help.
    case qemuEmulation = "qemu-emulation"
}

/// The engines that make sandboxes of the kinds that are configured. Machines have jails of their own, of another engine than
/// functions in namespaces: these are not to see what machines need of the host, `/dev/kvm` say.
struct SandboxEngines: Sendable {
    private let namespaces: NamespacesEngine?
    private let jails: NamespacesEngine?
    private let machines: MicroVMEngine?

    /// Makes sandboxes that are virtual machines, if there are any: those can be copied.
    var copier: (any SandboxCopier)? { machines }

    /// Where functions of each kind run.
    func supplies(_ runtimes: HostRuntimes) -> [SandboxKind: SandboxSupply] {
        var supplies: [SandboxKind: SandboxSupply] = [:]
        for (kind, runtimes) in runtimes.runtimes {
            let engine: (any SandboxEngine)? =
                switch kind {
                case .namespaces: namespaces
                case .microvm: machines
                }
            if let engine { supplies[kind] = SandboxSupply(engine: engine, runtimes: runtimes) }
        }
        return supplies
    }

    /// - Parameters:
    ///   - guests: What virtual machines start from; nil where there are none.
    ///   - group: Where links with guests are served.
    static func start(
        _ configuration: ServeConfiguration,
        in data: borrowing DataDirectory,
        _ runtimes: HostRuntimes,
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
        let directories = (functions: data.path(of: "sandbox"), jails: data.path(of: "jails"))
        var namespaces: NamespacesEngine?
        var jails: NamespacesEngine?
        do {
            if let installed = runtimes.runtimes[.namespaces] {
                var settings = NamespacesConfiguration(stateDirectory: directories.functions)
                settings.network = configuration.network
                settings.extraUserlandPaths = installed.extraUserlandPaths
                namespaces = try await NamespacesEngine.start(settings, logger: logger)
            } else {
                try await clear(directories.functions, logger: logger)
            }
            guard let guests, let found else {
                try await clear(directories.jails, logger: logger)
                return SandboxEngines(namespaces: namespaces, jails: nil, machines: nil)
            }
            var settings = NamespacesConfiguration(stateDirectory: directories.jails)
            settings.network = configuration.network
            settings.extraUserlandPaths = found.jailPaths
            let jailer = try await NamespacesEngine.start(settings, logger: logger)
            jails = jailer
            let machines = try MicroVMEngine(
                MicroVMConfiguration(
                    stateDirectory: data.path(of: "guest-drives"),
                    bootFiles: guests.bootFiles,
                    rootImages: guests.rootImages,
                    hasNetwork: configuration.network != nil
                ),
                jailer: jailer,
                machines: try found.engine(directory: data.path(of: "guest-files"), on: group),
                group: group,
                logger: logger
            )
            return SandboxEngines(namespaces: namespaces, jails: jailer, machines: machines)
        } catch {
            await jails?.shutdown()
            await namespaces?.shutdown()
            throw error
        }
    }

    /// Removes what a service with other kinds of sandboxes may have left here.
    private static func clear(_ directory: String, logger: Logger) async throws {
        guard FileManager.default.fileExists(atPath: directory) else { return }
        var settings = NamespacesConfiguration(stateDirectory: directory)
        settings.spareScratchDisksMax = 0
        settings.expectedScratchSizes = []
        await (try await NamespacesEngine.start(settings, logger: logger)).shutdown()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Ends all sandboxes of this process if `seconds` pass without another call.
    func keepAlive(for seconds: Duration) {
        namespaces?.keepAlive(for: seconds)
        // Of virtual machines, too: the launcher holds what holds them.
        jails?.keepAlive(for: seconds)
    }

    func shutdown() async {
        await machines?.shutdown()
        await jails?.shutdown()
        await namespaces?.shutdown()
    }
}
