import Foundation
import Sandbox
import SandboxNamespaces
import SandboxTestSupport
import Testing

extension RealSandboxes {
    @Suite struct NamespacesSandboxTests {
        @Test(arguments: SandboxContract.checks)
        func keepsTheContract(check: SandboxCheck) async throws {
            try await withEngine { engine, _ in try await check.run(engine) }
        }

        // MARK: Processes

        @Test(arguments: ["/usr/bin/python3", "/usr/bin/node", "/usr/bin/java", "/usr/bin/perl", "/bin/bash"])
        func runsLanguageRuntimes(program: String) async throws {
            guard FileManager.default.isExecutableFile(atPath: program) else { return }
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(memoryMiB: 1024, processesMax: 512))
                let arguments = [
                    "/usr/bin/python3": ["-c", "import ssl, json, socket, threading, subprocess; print('hi')"],
                    "/usr/bin/node": [
                        "-e", "require('fs').promises.readFile('/etc/hosts').then(() => console.log('hi'))",
                    ],
                    "/usr/bin/java": ["-version"],
                    "/usr/bin/perl": ["-e", "print 'hi'"],
                    "/bin/bash": ["-c", "echo hi | cat"],
                ]
                let result = try await sandbox.run(program, arguments[program] ?? [])
                #expect(result.exit == .exited(0), "\(result.output)")
            }
        }

        // MARK: What a function sees

        @Test func showsTheUserGroupAndLimitsOfLambda() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let result = try await sandbox.shell(
                    """
                    id -u; id -un; id -g; id -G; hostname; ulimit -n; ulimit -Hn; ulimit -c; ulimit -l; ulimit -s
                    grep -E '^(Cap|NoNewPrivs|Seccomp:|SigIgn)' /proc/self/status; stat -c '%A %U' /tmp /var/task /opt
                    """
                )
                #expect(
                    result.output == """
                        993
                        sbx_user1051
                        990
                        990
                        sandbox
                        1024
                        1024
                        0
                        64
                        8192
                        SigIgn:\t0000000000000000
                        CapInh:\t0000000000000000
                        CapPrm:\t0000000000000000
                        CapEff:\t0000000000000000
                        CapBnd:\t0000000000000000
                        CapAmb:\t0000000000000000
                        NoNewPrivs:\t1
                        Seccomp:\t2
                        drwxrwxrwt root
                        drwxr-xr-x root
                        drwxr-xr-x root

                        """
                )
            }
        }

        // MARK: Freezing

        @Test func doesNothingWhileFrozen() async throws {
            try await withEngine { engine, directory in
                let sandbox = try await engine.createSandbox(.test())
                let counter = try await sandbox.shell("true").exit
                #expect(counter == .exited(0))
                // Writes as fast as it can, so whenever it may run at all there is something in the pipe.
                let process = try await sandbox.launch("/bin/sh", ["-c", "while :; do echo x; done"])
                #expect(await process.output.read(upTo: 1) == "x")
                for _ in 0..<20 {
                    try sandbox.freeze()
                    try sandbox.freeze()
                    // What was written before the last process stopped; then the kernel says that all have stopped, and
                    // from there on nothing may come.
                    try waitUntilFrozen(sandbox, engine: directory)
                    _ = process.output.drain()
                    sched_yield()
                    #expect(process.output.drain() == 0)
                    try sandbox.thaw()
                    try sandbox.thaw()
                    #expect(await process.output.read(upTo: 1).isEmpty == false)
                }
            }
        }

        /// Blocks until the kernel reports the sandbox's group as frozen.
        private func waitUntilFrozen(_ sandbox: any Sandbox, engine directory: String) throws {
            let group = try #require(try unifiedGroup(of: sandbox.id, engine: directory))
            let events = open(group + "/cgroup.events", O_RDONLY)
            try #require(events >= 0)
            defer { close(events) }
            var buffer = [UInt8](repeating: 0, count: 256)
            while true {
                let count = pread(events, &buffer, buffer.count, 0)
                if String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).contains("frozen 1") { return }
                var change = pollfd(fd: events, events: Int16(POLLPRI), revents: 0)
                try #require(poll(&change, 1, 10_000) > 0, "the sandbox was not frozen in time")
            }
        }

        // MARK: Destroying

        @Test func endsRunningProcessesWhenDestroyed() async throws {
            try await withEngine { engine, directory in
                for freezes in [false, true] {
                    let sandbox = try await engine.createSandbox(.test())
                    let process = try await sandbox.launch("/bin/sh", ["-c", "echo up; (sleep 1000 &); sleep 1000"])
                    #expect(await process.output.read(upTo: 3) == "up\n")
                    if freezes { try sandbox.freeze() }
                    await sandbox.destroy()
                    #expect(await process.exit() == .lost)
                    #expect(await process.output.readToEnd() == "")
                    #expect(try unifiedGroup(of: sandbox.id, engine: directory) == nil)
                }
            }
        }

        @Test func isDestroyedOnceForAllWhoAsk() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 { group.addTask { await sandbox.destroy() } }
                }
                await sandbox.destroy()
                let failure = await #expect(throws: SandboxError.self) { try await sandbox.launch("/bin/true") }
                #expect(failure?.code == .gone)
                #expect(throws: SandboxError.self) { try sandbox.freeze() }
                #expect(throws: SandboxError.self) { try sandbox.setCPULimit(.thousandths(100)) }
                #expect(sandbox.takeRuntimeAPIListener() == nil)
                #expect(sandbox.peakMemoryBytes() == 0)
            }
        }

        @Test func leavesNothingBehind() async throws {
            try await withEngine { engine, directory in
                // The first of a size makes the template that the others are copied from.
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                for _ in 0..<5 {
                    let sandbox = try await engine.createSandbox(.test())
                    _ = try await sandbox.shell(
                        "dd if=/dev/zero of=/tmp/x bs=1M count=20 2>/dev/null; (sleep 99 >/dev/null 2>&1 &)"
                    )
                    await sandbox.destroy()
                }
                try before.expectNothingNew(engine: directory)
            }
        }

        @Test func createsAndDestroysManyAtOnce() async throws {
            try await withEngine(spareScratchDisksMax: 2) { engine, _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<24 {
                        group.addTask {
                            let sandbox = try await engine.createSandbox(.test("many-\(number)"))
                            let result = try await sandbox.shell("cat /proc/sys/kernel/hostname")
                            #expect(result.output == "sandbox\n")
                            await sandbox.destroy()
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}
