import Foundation
import Sandbox
import SandboxTestSupport
import Testing

@testable import SandboxNamespaces

extension RealSandboxes {
    @Suite struct AdoptionTests {
        /// Reads its channel to the end, and then runs what came.
        private static let waiter = """
            import os
            program = b""
            while piece := os.read(3, 65536):
                program += piece
            os.close(3)
            exec(program)
            """

        /// A sandbox with a process in it that waits for what to do.
        private struct Waiting {
            let sandbox: NamespacesSandbox
            let process: StartedProcess
            let channel: FileHandle

            func adopt(_ adoption: SandboxAdoption, then program: String) async throws -> String {
                try await sandbox.adopt(adoption)
                try channel.write(contentsOf: Data(program.utf8))
                try channel.close()
                return await process.output.readToEnd()
            }
        }

        private func makeWaiting(
            _ engine: NamespacesEngine,
            memoryMiB: Int = 128
        ) async throws -> Waiting {
            let specification = SandboxSpecification.test(memoryMiB: memoryMiB, isAdoptable: true)
            let sandbox = try #require(try await engine.createSandbox(specification) as? NamespacesSandbox)
            let pipe = Pipe()
            let process = try await sandbox.launch(
                "/usr/bin/python3",
                ["-c", Self.waiter],
                workingDirectory: "/",
                channel: pipe.fileHandleForReading.fileDescriptor
            )
            try pipe.fileHandleForReading.close()
            return Waiting(sandbox: sandbox, process: process, channel: pipe.fileHandleForWriting)
        }

        private func makeCode(in directory: String) throws -> String {
            let code = directory + "/code"
            try FileManager.default.createDirectory(atPath: code, withIntermediateDirectories: true)
            try "hello".write(toFile: code + "/file", atomically: true, encoding: .utf8)
            return code
        }

        @Test func givesAWaitingProcessItsFilesReadOnly() async throws {
            try await withEngine { engine, directory in
                let code = try makeCode(in: directory)
                let waiting = try await makeWaiting(engine)
                let output = try await waiting.adopt(
                    .test(temporaryStorageMiB: 700, mounts: [ReadOnlyMount(source: code, target: "/var/task")]),
                    then: """
                        import os, socket
                        os.chdir("/var/task")
                        print(open("file").read(), os.listdir("/opt"), os.stat("file").st_uid)
                        for place in ("/var/task/new", "/opt/new", "/var/task/file"):
                            try:
                                open(place, "a")
                                print("wrote", place)
                            except OSError as error:
                                print(error.strerror)
                        size = os.statvfs("/tmp")
                        print(size.f_blocks * size.f_frsize >> 20 in range(700, 730), oct(os.stat("/tmp").st_mode))
                        open("/tmp/x", "w").write("x")
                        print(os.getuid(), os.getgid(), socket.gethostname(), sorted(map(int, os.listdir("/proc/self/fd")))[:3])
                        """
                )
                #expect(
                    output == """
                        hello [] 0
                        Read-only file system
                        Read-only file system
                        Permission denied
                        True 0o41777
                        993 990 sandbox [0, 1, 2]

                        """
                )
                // A process that is started afterwards sees the same.
                let later = try await waiting.sandbox.shell("cat /var/task/file /tmp/x; ls /opt")
                #expect(later.output == "hellox")
            }
        }

        @Test func showsNothingOfAFunctionBefore() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(isAdoptable: true))
                let process = try await sandbox.launch(
                    "/bin/sh",
                    ["-c", "find /var/task /opt -type f; touch /tmp/x /opt/x /var/task/x 2>/dev/null || echo refused"],
                    workingDirectory: "/"
                )
                #expect(await process.output.readToEnd() == "refused\n")
            }
        }

        /// What a process has loaded before adoption must not keep it from finding the function's libraries.
        @Test func findsLibrariesOfThePackageByTheirName() async throws {
            try await withEngine { engine, directory in
                let code = try makeCode(in: directory)
                try FileManager.default.createDirectory(atPath: code + "/lib", withIntermediateDirectories: true)
                try FileManager.default.copyItem(
                    atPath: URL(fileURLWithPath: "/lib/x86_64-linux-gnu/libz.so.1").resolvingSymlinksInPath().path,
                    toPath: code + "/lib/libown.so"
                )
                let specification = SandboxSpecification.test(isAdoptable: true)
                let sandbox = try #require(try await engine.createSandbox(specification) as? NamespacesSandbox)
                let pipe = Pipe()
                let process = try await sandbox.launch(
                    "/usr/bin/python3",
                    ["-c", "import ctypes, ssl\n" + Self.waiter],
                    environment: ["LD_LIBRARY_PATH=/var/task:/var/task/lib:/opt/lib"],
                    workingDirectory: "/",
                    channel: pipe.fileHandleForReading.fileDescriptor
                )
                let waiting = Waiting(sandbox: sandbox, process: process, channel: pipe.fileHandleForWriting)
                let output = try await waiting.adopt(
                    .test(mounts: [ReadOnlyMount(source: code, target: "/var/task")]),
                    then: "print(bool(ctypes.CDLL('libown.so')))"
                )
                #expect(output == "True\n")
            }
        }

        @Test func setsTheFunctionsLimits() async throws {
            try await withEngine { engine, _ in
                for (made, adopted) in [(128, 256), (512, 256)] {
                    let waiting = try await makeWaiting(engine, memoryMiB: made)
                    let output = try await waiting.adopt(
                        .test(memoryMiB: adopted),
                        then: "x = b'x' * (200 << 20); print(len(x) >> 20, flush=True); y = b'y' * (100 << 20)"
                    )
                    #expect(output == "200\n")
                    #expect(await waiting.process.exit() == .signalled(9))
                    #expect(waiting.sandbox.hasExceededMemory())
                }
            }
        }

        @Test func countsMemoryFromAdoption() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(isAdoptable: true))
                let process = try await sandbox.launch(
                    "/usr/bin/python3",
                    ["-c", "x = b'x' * (100 << 20)"],
                    workingDirectory: "/"
                )
                #expect(await process.exit() == .exited(0))
                #expect(sandbox.peakMemoryBytes() > 100 << 20)
                try await sandbox.adopt(.test())
                #expect(sandbox.peakMemoryBytes() < 60 << 20)
            }
        }

        @Test func isAdoptedOnce() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(isAdoptable: true))
                try await sandbox.adopt(.test())
                let second = await #expect(throws: SandboxError.self) { try await sandbox.adopt(.test()) }
                #expect(second?.code == .gone)
                let ordinary = try await engine.createSandbox(.test())
                let never = await #expect(throws: SandboxError.self) { try await ordinary.adopt(.test()) }
                #expect(never?.code == .gone)
                let ended = try await engine.createSandbox(.test(isAdoptable: true))
                await ended.destroy()
                let late = await #expect(throws: SandboxError.self) { try await ended.adopt(.test()) }
                #expect(late?.code == .gone)
            }
        }

        @Test func failsWithoutARemainderWhenAMountIsNotThere() async throws {
            try await withEngine { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                for mount in [
                    ReadOnlyMount(source: directory + "/nowhere", target: "/var/task"),
                    ReadOnlyMount(source: directory, target: "/nowhere"),
                ] {
                    let sandbox = try await engine.createSandbox(.test(isAdoptable: true))
                    let failure = await #expect(throws: SandboxError.self) {
                        try await sandbox.adopt(.test(mounts: [mount]))
                    }
                    #expect(failure?.code == .adoptionFailed)
                    #expect(failure?.errno == ENOENT)
                    try before.expectNothingNew(engine: directory)
                }
            }
        }

        @Test func leavesNothingBehind() async throws {
            try await withEngine { engine, directory in
                let code = try makeCode(in: directory)
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                for isAdopted in [true, false, true] {
                    let waiting = try await makeWaiting(engine)
                    if isAdopted {
                        let mounts = ["/var/task", "/opt"].map { ReadOnlyMount(source: code, target: $0) }
                        try await waiting.sandbox.adopt(.test(mounts: mounts))
                    }
                    await waiting.sandbox.destroy()
                    #expect(await waiting.process.exit() == .lost)
                    try waiting.channel.close()
                }
                try before.expectNothingNew(engine: directory)
            }
        }

        #if DEBUG
        @Test func rollsBackWholeWhicheverStepFails() async throws {
            try await withEngine { engine, directory in
                let code = try makeCode(in: directory)
                let mounts = ["/var/task", "/opt"].map { ReadOnlyMount(source: code, target: $0) }
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                let names = try await failEachStep(leaving: before, engine: directory, code: .adoptionFailed) {
                    fault throws(SandboxError) in
                    let made = try await engine.createSandbox(.test(isAdoptable: true))
                    guard let sandbox = made as? NamespacesSandbox else { preconditionFailure("of another engine") }
                    try await sandbox.adopt(.test(mounts: mounts), failing: fault)
                    await sandbox.destroy()
                }
                #expect(names.count > 8)
                for name in [
                    "set ", "count memory anew", "make /tmp", "open \(code)", "ask the launcher",
                    "find sandbox to adopt",
                    "vfork", "enter mount namespace", "attach read-only mount", "attach /tmp",
                ] {
                    #expect(names.contains { $0.contains(name) }, "no step was called \(name)")
                }
            }
        }

        @Test func rollsBackTheMakingOfAnAdoptableSandbox() async throws {
            try await withEngine { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                let names = try await failEachStep(leaving: before, engine: directory) { fault throws(SandboxError) in
                    let sandbox = try await engine.createSandbox(.test(isAdoptable: true), failing: fault)
                    await sandbox.destroy()
                }
                #expect(names.contains { $0.contains("open own mount namespace") })
                #expect(!names.contains { $0.contains("make /tmp") || $0.contains("attach /tmp") })
            }
        }
        #endif

        @Test func survivesTheLaunchersEnd() async throws {
            try await withEngine { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                let sandbox = try await engine.createSandbox(.test(isAdoptable: true))
                let launcher = try #require(try HostTraces.descendants(of: getpid()).first)
                kill(launcher, SIGKILL)
                let failure = await #expect(throws: SandboxError.self) { try await sandbox.adopt(.test()) }
                #expect([.gone, .adoptionFailed].contains(failure?.code))
                let next = try await engine.createSandbox(.test(isAdoptable: true))
                try await next.adopt(.test())
                #expect(try await next.run("/bin/true").exit == .exited(0))
                await next.destroy()
                try before.expectNothingNew(engine: directory)
            }
        }
    }
}
