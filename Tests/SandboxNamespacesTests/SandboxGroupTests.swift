import Foundation
import Sandbox
import SandboxNamespaces
import SandboxTestSupport
import Testing

extension RealSandboxes {
    @Suite struct SandboxGroupTests {
        @Test func killsAllProcessesWhenTheMemoryLimitIsExceeded() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(memoryMiB: 128))
                let bystander = try await sandbox.launch("/bin/sleep", ["1000"])
                #expect(!sandbox.hasExceededMemory())
                let result = try await sandbox.run("/usr/bin/python3", ["-c", "x = bytearray(1 << 30)"])
                #expect(result.exit == .signalled(9))
                #expect(sandbox.hasExceededMemory())
                #expect(await bystander.exit() == .signalled(9))
                // The sandbox itself is as good as before.
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            }
        }

        @Test func tellsThePeakOfMemory() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(memoryMiB: 256))
                let before = sandbox.peakMemoryBytes()
                #expect(before > 0)
                #expect(before < 16 << 20)
                _ = try await sandbox.run("/usr/bin/python3", ["-c", "x = b'x' * (100 << 20)"])
                let after = sandbox.peakMemoryBytes()
                #expect(after > 100 << 20)
                #expect(after < 160 << 20)
            }
        }

        @Test func tellsTheTimeOnTheCPU() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let before = try #require(sandbox.cpuNanoseconds())
                let busy = "import time\nwhile time.process_time() < 0.3: pass"
                _ = try await sandbox.run("/usr/bin/python3", ["-c", busy])
                let after = try #require(sandbox.cpuNanoseconds())
                #expect(after - before > 290_000_000)
                // It includes the start of the interpreter, and not what others do.
                #expect(after - before < 2_000_000_000)
                await sandbox.destroy()
                #expect(sandbox.cpuNanoseconds() == nil)
            }
        }

        @Test func limitsTheNumberOfProcesses() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(processesMax: 50))
                let bomb = """
                    import os, signal
                    count = 0
                    try:
                        while True:
                            if os.fork() == 0:
                                signal.pause()
                            count += 1
                    except OSError as error:
                        print(count + 1, error.errno, flush=True)
                        os.kill(-1, signal.SIGKILL)
                    """
                let result = try await sandbox.run("/usr/bin/python3", ["-c", bomb])
                #expect(result.output == "50 11\n")
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            }
        }

        @Test func survivesAForkBombThatNobodyStops() async throws {
            try await withEngine { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                let sandbox = try await engine.createSandbox(.test(processesMax: 100))
                let bomb = try await sandbox.launch("/bin/sh", ["-c", "echo up; f() { f | f & }; f; sleep 1000"])
                #expect(await bomb.output.read(upTo: 3) == "up\n")
                await sandbox.destroy()
                try before.expectNothingNew(engine: directory)
            }
        }

        @Test func setsTheShareOfCPUTime() async throws {
            try await withEngine { engine, directory in
                let sandbox = try await engine.createSandbox(.test(cpuLimit: .thousandths(500)))
                #expect(try quota(of: sandbox, engine: directory) == "10000 20000")
                try sandbox.setCPULimit(.thousandths(1769))
                #expect(try quota(of: sandbox, engine: directory) == "35380 20000")
                // The kernel's least.
                try sandbox.setCPULimit(.thousandths(1))
                #expect(try quota(of: sandbox, engine: directory) == "1000 20000")
                try sandbox.setCPULimit(.unlimited)
                #expect(try ["-1 20000", "max 20000"].contains(quota(of: sandbox, engine: directory)))
            }
        }

        private func quota(of sandbox: any Sandbox, engine directory: String) throws -> String {
            for group in try HostTraces.engineGroups(listedIn: directory).map({ "\($0)/\(sandbox.id)" }) {
                let file: (String) throws -> String = {
                    try text(of: "\(group)/\($0)").trimmingCharacters(in: .whitespacesAndNewlines)
                }
                if let quota = try? file("cpu.cfs_quota_us") { return try "\(quota) \(file("cpu.cfs_period_us"))" }
                if let quota = try? file("cpu.max") { return quota }
            }
            return "no group limits CPU time"
        }
    }

    @Suite struct ScratchDiskTests {
        @Test(arguments: [512, 600])
        func holdsItsSizeAndNoMoreWithoutTouchingTheMemoryLimit(sizeMiB: Int) async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test(memoryMiB: 128, temporaryStorageMiB: sizeMiB))
                let result = try await sandbox.shell(
                    """
                    dd if=/dev/zero of=/tmp/first bs=1M count=\(sizeMiB) 2>/dev/null && echo holds its size
                    dd if=/dev/zero of=/tmp/second bs=1M count=64 2>&1 | grep -o 'No space left on device'
                    rm /tmp/first && echo again > /tmp/third && cat /tmp/third
                    """
                )
                #expect(result.output == "holds its size\nNo space left on device\nagain\n")
                #expect(!sandbox.hasExceededMemory())
            }
        }

        @Test func isEmptyAndNotSharedBetweenSandboxes() async throws {
            try await withEngine(spareScratchDisksMax: 2) { engine, _ in
                for _ in 0..<4 {
                    let sandbox = try await engine.createSandbox(.test())
                    #expect(try await sandbox.shell("ls -A /tmp; echo secret > /tmp/file").output == "")
                }
            }
        }

        @Test func runsNoSetUserIDProgramsAndTakesNoDevices() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let result = try await sandbox.shell("grep ' /tmp ' /proc/mounts")
                #expect(result.output.contains("nosuid"))
                #expect(result.output.contains("nodev"))
            }
        }
    }
}
