import Foundation
import Sandbox
import SandboxMicroVM
import SandboxTestSupport
import TestSupport
import Testing

/// Sandboxes in real virtual machines, in real jails. By themselves, like those of namespaces.
@Suite(
    .serialized,
    .enabled(if: MicroVMNeeds.areMet, "needs root, QEMU, and a kernel (swiftlet image build-kernel --data .guest)"),
    WithMicroVMEngine()
)
struct MicroVMSandboxTests {
    @Test(arguments: SandboxContract.checks)
    func keepsTheContract(check: SandboxCheck) async throws {
        try await check.run(try #require(WithMicroVMEngine.engine))
    }

    @Test(arguments: [false, true])
    func escapesAreRefused(isAdopted: Bool) async throws {
        let directory = try TemporaryDirectory()
        try "secret".write(toFile: "\(directory.path)/secret", atomically: true, encoding: .utf8)
        let code = try TemporaryDirectory()
        try await withSandbox(.test(isAdoptable: isAdopted)) { sandbox in
            if isAdopted {
                try await sandbox.adopt(.test(mounts: [ReadOnlyMount(source: code.path, target: "/var/task")]))
            }
            let failures = try await EscapeAttempts.failures(in: sandbox, directory: directory.path)
            #expect(failures.isEmpty)
        }
    }

    @Test func writesToAFileToo() async throws {
        let directory = try TemporaryDirectory()
        try await withSandbox { sandbox in
            let file = open("\(directory.path)/output", O_WRONLY | O_CREAT, 0o600)
            let process = ProcessSpecification(
                executable: "/bin/sh",
                arguments: ["sh", "-c", "echo hello"],
                environment: [],
                workingDirectory: "/",
                output: file
            )
            let (exits, continuation) = AsyncStream.makeStream(of: ProcessExit.self)
            _ = try await sandbox.start(process) { exit in
                continuation.yield(exit)
                continuation.finish()
            }
            close(file)
            #expect(await exits.first { _ in true } == .exited(0))
            // Output and end come by ways of their own; what is asked afterwards is answered after both.
            _ = try await sandbox.shell("true")
            #expect(try String(contentsOfFile: "\(directory.path)/output", encoding: .utf8) == "hello\n")
        }
    }

    @Test func hasAKernelOfItsOwn() async throws {
        try await withSandbox { sandbox in
            let told = try await sandbox.shell("cat /proc/version /proc/sys/kernel/hostname; id -u; id -g")
            let own = try String(contentsOfFile: "/proc/version", encoding: .utf8)
            #expect(!told.output.hasPrefix(own))
            #expect(told.output.hasSuffix("sandbox\n993\n990\n"))
        }
    }

    /// Not quietly without what was asked for.
    @Test func whatItCannotDoIsRefused() async throws {
        let engine = try #require(WithMicroVMEngine.engine)
        await #expect(throws: SandboxError.self) { _ = try await engine.createSandbox(.test(network: .internet)) }
        try await withSandbox(.test(isAdoptable: true)) { sandbox in
            await #expect(throws: SandboxError.self) { try await sandbox.adopt(.test(network: .internet)) }
        }
        #expect(try MachineProcesses.all().isEmpty)
    }

    @Test func aGuestThatEndsTakesItsProcessesWithIt() async throws {
        try await withSandbox { sandbox in
            let process = try await sandbox.launch("/bin/sleep", ["1000"])
            await sandbox.destroy()
            #expect(await process.exit() == .lost)
            await #expect(throws: SandboxError.self) { try await sandbox.shell("true") }
            await sandbox.destroy()
        }
    }

    // MARK: The process of the machine

    @Test func theProcessIsConfined() async throws {
        try await withSandbox { sandbox in
            let processes = try MachineProcesses.all()
            #expect(processes.count == 1)
            let process = try #require(processes.first)
            #expect(!MachineProcesses.status(process, "Uid").hasPrefix("0\t"))
            #expect(MachineProcesses.status(process, "CapEff") == "0000000000000000")
            #expect(MachineProcesses.status(process, "CapBnd") == "0000000000000000")
            #expect(MachineProcesses.status(process, "NoNewPrivs") == "1")
            // The launcher's, and QEMU's own.
            #expect(MachineProcesses.status(process, "Seccomp_filters") == "2")
            for name in ["mnt", "net", "pid", "user", "ipc", "uts", "cgroup"] {
                let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)")
                let its = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/\(name)")
                #expect(own != its)
            }
            // Of files, its machine's only: none has a name that is the service's.
            let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
            for descriptor in descriptors {
                let path = "/proc/\(process)/fd/\(descriptor)"
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { continue }
                #expect(!target.contains("sqlite") && !target.contains("/jails"), "\(target)")
            }
        }
        #expect(try MachineProcesses.all().isEmpty)
    }

    @Test(arguments: [0, 20, 60])
    func aProcessThatIsKilledTakesOnlyItsOwnSandboxWithIt(afterMilliseconds delay: Int) async throws {
        try await withSandbox { other in
            let engine = try #require(WithMicroVMEngine.engine)
            let before = Set(try MachineProcesses.all())
            async let created = engine.createSandbox(.test())
            var victim: pid_t?
            while victim == nil {
                victim = try MachineProcesses.all().first { !before.contains($0) }
                await Task.yield()
            }
            try await Task.sleep(for: .milliseconds(delay))
            if let victim { kill(victim, SIGKILL) }
            do {
                let sandbox = try await created
                // It was made just before, and finds out.
                await #expect(throws: SandboxError.self) {
                    _ = try await sandbox.shell("sleep 5")
                    throw SandboxError(.gone, "a process that ended, or was lost")
                }
                await sandbox.destroy()
            } catch let error as SandboxError {
                #expect([.setUpFailed, .gone].contains(error.code), "\(error)")
            }
            #expect(Set(try MachineProcesses.all()) == before)
            #expect(try await other.shell("echo on").output == "on\n")
        }
    }

    @Test func aMachineThatQuitsIsGone() async throws {
        try await withSandbox { sandbox in
            let process = try await sandbox.launch("/bin/sleep", ["1000"])
            for pid in try MachineProcesses.all() { kill(pid, SIGTERM) }
            #expect(await process.exit() == .lost)
            await #expect(throws: SandboxError.self) { try await sandbox.killProcesses() }
        }
    }
}
