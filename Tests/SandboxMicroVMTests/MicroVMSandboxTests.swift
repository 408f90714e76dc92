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
    @Test func runsAProgramAndReportsItsOutputAndExitStatus() async throws {
        try await withSandbox { sandbox in
            let (exit, output) = try await sandbox.shell("echo hello; echo error >&2; exit 3")
            #expect(exit == .exited(3))
            #expect(output == "hello\nerror\n")
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
            await #expect(throws: SandboxError.self) { _ = try await sandbox.makeSocket() }
            await #expect(throws: SandboxError.self) { try await sandbox.adopt(.test(network: .internet)) }
        }
        #expect(try MachineProcesses.all().isEmpty)
    }

    @Test func letsAProcessOpenItsStandardOutput() async throws {
        try await withSandbox { sandbox in
            let told = try await sandbox.shell("echo hello > /dev/stdout")
            #expect(told.output == "hello\n")
        }
    }

    @Test func showsMountsReadOnlyInTheirPlaces() async throws {
        let code = try TemporaryDirectory()
        let layers = try TemporaryDirectory()
        try "code".write(toFile: "\(code.path)/file", atomically: true, encoding: .utf8)
        try "layer".write(toFile: "\(layers.path)/file", atomically: true, encoding: .utf8)
        let mounts = [
            ReadOnlyMount(source: code.path, target: "/var/task"), ReadOnlyMount(source: layers.path, target: "/opt"),
        ]
        try await withSandbox(.test(mounts: mounts)) { sandbox in
            let told = try await sandbox.shell("cat /var/task/file /opt/file; echo x > /var/task/file || echo refused")
            #expect(told.output.hasPrefix("codelayer"))
            #expect(told.output.hasSuffix("refused\n"))
        }
    }

    @Test func isAdoptedByAFunctionWhileAProcessRuns() async throws {
        let code = try TemporaryDirectory()
        try "code".write(toFile: "\(code.path)/file", atomically: true, encoding: .utf8)
        try await withSandbox(.test(isAdoptable: true)) { sandbox in
            let script = "while [ ! -e /var/task/file ]; do sleep 0.02; done; cat /var/task/file; df -k /tmp | head -2"
            let waiting = try await sandbox.launch("/bin/sh", ["-c", script], workingDirectory: "/")
            try await sandbox.adopt(
                .test(temporaryStorageMiB: 64, mounts: [ReadOnlyMount(source: code.path, target: "/var/task")])
            )
            #expect(await waiting.output.readToEnd().hasPrefix("code"))
            #expect(await waiting.exit() == .exited(0))
            await #expect(throws: SandboxError.self) { try await sandbox.adopt(.test()) }
        }
    }

    @Test func doesNothingWhileFrozen() async throws {
        try await withSandbox { sandbox in
            // Writes as fast as it can, so whenever it may run at all there is something in the pipe.
            let process = try await sandbox.launch("/bin/sh", ["-c", "while :; do echo x; done"])
            #expect(await process.output.read(upTo: 1) == "x")
            for _ in 0..<5 {
                try sandbox.freeze()
                try sandbox.freeze()
                // What was under way comes; when nothing has come for a while, nothing may come any more.
                while process.output.drain() > 0 { try await Task.sleep(for: .milliseconds(100)) }
                #expect(process.output.drain() == 0)
                try sandbox.thaw()
                try sandbox.thaw()
                #expect(await process.output.read(upTo: 1) == "x")
            }
        }
    }

    @Test func killsAllProcessesAndGoesOn() async throws {
        try await withSandbox { sandbox in
            let process = try await sandbox.launch("/bin/sh", ["-c", "trap '' TERM; echo on; sleep 1000"])
            _ = await process.output.read(upTo: 1)
            try sandbox.freeze()
            try await sandbox.killProcesses()
            #expect(await process.exit() == .signalled(9))
            #expect(try await sandbox.shell("echo again").output == "again\n")
        }
    }

    @Test func memoryBeyondTheLimitIsRefusedAndTold() async throws {
        try await withSandbox(.test(memoryMiB: 64)) { sandbox in
            #expect(!sandbox.hasExceededMemory())
            let (exit, _) = try await sandbox.run("/bin/dd", ["if=/dev/zero", "of=/dev/null", "bs=80M", "count=1"])
            #expect(exit == .signalled(9))
            #expect(sandbox.hasExceededMemory())
            #expect(sandbox.peakMemoryBytes() > 32 << 20)
        }
    }

    /// A process inside connects to the Runtime API's port, the service accepts at its listener.
    @Test func theRuntimeAPIIsReachedFromInside() async throws {
        try await withSandbox { sandbox in
            let listener = try #require(sandbox.takeRuntimeAPIListener())
            defer { close(listener) }
            #expect(sandbox.takeRuntimeAPIListener() == nil)
            let script = "exec 5<>/dev/tcp/127.0.0.1/9001; echo question >&5; read answer <&5; echo got $answer"
            let process = try await sandbox.launch("/bin/bash", ["-c", script])
            let question = await Self.serve(listener, answer: "answer\n")
            #expect(question == "question\n")
            #expect(await process.output.readToEnd() == "got answer\n")
        }
    }

    private static func serve(_ listener: CInt, answer: String) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                poll(&ready, 1, 20000)
                let connection = accept(listener, nil, nil)
                var bytes = [UInt8](repeating: 0, count: 100)
                let count = read(connection, &bytes, bytes.count)
                _ = write(connection, answer, answer.utf8.count)
                shutdown(connection, CInt(SHUT_WR))
                while read(connection, &bytes, bytes.count) > 0 {}
                close(connection)
                continuation.resume(returning: String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
            }
        }
    }

    @Test func manyAtOnceShareNothing() async throws {
        let engine = try #require(WithMicroVMEngine.engine)
        let sandboxes = try await withThrowingTaskGroup(of: (any Sandbox).self) { group in
            for _ in 0..<6 { group.addTask { try await engine.createSandbox(.test()) } }
            return try await group.reduce(into: [any Sandbox]()) { $0.append($1) }
        }
        var random: Set<String> = []
        for sandbox in sandboxes {
            let told = try await sandbox.shell(
                "head -c 16 /dev/urandom | od -An -tx1; ls -A /tmp | grep -v lost; echo x > /tmp/x"
            )
            random.insert(told.output)
        }
        #expect(random.count == 6)
        for sandbox in sandboxes { await sandbox.destroy() }
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
