import Glibc
import Sandbox
import Synchronization
import VirtualMachine

/// A namespace sandbox as the housing of a virtual machine: the process behind the machine has a user and namespaces of its
/// own, a read-only root without anything but programs, no network, limits on memory, processors and processes, and a filter
/// of system calls. What a hostile guest gets by taking over that process is a namespace sandbox without a function in it.
final class SandboxHousing: MachineHousing {
    private let jailer: any SandboxEngine
    private let specification: SandboxSpecification
    private let state = Mutex<(sandbox: (any Sandbox)?, isDestroyed: Bool)>((nil, false))

    init(jailer: any SandboxEngine, specification: SandboxSpecification) {
        self.jailer = jailer
        self.specification = specification
    }

    /// The sandbox, once the machine has been started and until it is destroyed.
    var sandbox: (any Sandbox)? { state.withLock { $0.sandbox } }

    func start(
        _ program: MachineProgram,
        onExit: @escaping @Sendable (MachineExit) -> Void
    ) async throws(VirtualMachineError) {
        precondition(MachineProgram.firstDescriptor == 3, "a sandbox gives descriptors from 3 on")
        do throws(SandboxError) {
            let sandbox = try await jailer.createSandbox(specification)
            let isDestroyed = state.withLock { state in
                if !state.isDestroyed { state.sandbox = sandbox }
                return state.isDestroyed
            }
            guard !isDestroyed else {
                await sandbox.destroy()
                throw SandboxError(.gone, "the housing was destroyed")
            }
            var descriptors = program.descriptors
            let tap = program.hasTap ? sandbox.takeTap() : nil
            // The process is to be the only one that holds it, so that it goes away with it.
            defer { if let tap { close(tap) } }
            if program.hasTap {
                guard let tap else { throw SandboxError(.unsupported, "the sandbox of a machine has no tap device") }
                descriptors.append(tap)
            }
            let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
            defer { close(nowhere) }
            let process = ProcessSpecification(
                executable: program.executable,
                arguments: program.arguments,
                environment: [],
                workingDirectory: "/",
                output: nowhere,
                channel: descriptors.first,
                furtherDescriptors: Array(descriptors.dropFirst())
            )
            _ = try await sandbox.start(process) { exit in
                onExit(MachineExit(exit))
            }
        } catch {
            await destroy()
            throw VirtualMachineError(.startFailed, "failed to start a virtual machine: \(error)")
        }
    }

    func destroy() async {
        let sandbox = state.withLock { state in
            state.isDestroyed = true
            return state.sandbox
        }
        await sandbox?.destroy()
    }
}

extension MachineExit {
    fileprivate init(_ exit: ProcessExit) {
        self =
            switch exit {
            case .exited(let status): .exited(status)
            case .signalled(let signal): .signalled(signal)
            case .lost: .lost
            }
    }
}
