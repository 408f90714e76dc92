import Foundation
import Sandbox
import SandboxNamespaces
import SandboxTestSupport
import Testing

extension RealSandboxes {
    /// Ending a sandbox's processes while the sandbox itself goes on, and reaching what they listen on.
    @Suite struct ClearingTests {
        @Test func killsEveryProcessAndKeepsFiles() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let script = """
                    echo kept > /tmp/file
                    trap '' TERM
                    (setsid sleep 1000 &)
                    echo ready
                    while :; do sleep 1; done
                    """
                let process = try await sandbox.launch("/bin/sh", ["-c", script])
                #expect(await process.output.read(upTo: 6) == "ready\n")
                try await sandbox.killProcesses()
                #expect(await process.exit() == .signalled(9))
                // The shell that looks is the only process beside init.
                let left = try await sandbox.shell("ls -d /proc/[0-9]* | wc -l; cat /tmp/file")
                #expect(left.output.split(separator: "\n").last == "kept")
                #expect(Int(left.output.prefix { $0.isNumber }) ?? 99 <= 4)
            }
        }

        @Test func returnsAtOnceWhereNothingRuns() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                try await sandbox.killProcesses()
                try await sandbox.killProcesses()
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            }
        }

        @Test func killsWhatIsFrozen() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let process = try await sandbox.launch("/bin/sleep", ["1000"])
                try sandbox.freeze()
                try await sandbox.killProcesses()
                #expect(await process.exit() == .signalled(9))
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            }
        }

        @Test func killsAHundredProcessesThatForkMeanwhile() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let script = "echo ready; while :; do /bin/true & done"
                for _ in 0..<4 {
                    let process = try await sandbox.launch("/bin/sh", ["-c", script])
                    #expect(await process.output.read(upTo: 6) == "ready\n")
                }
                try await sandbox.killProcesses()
                let left = try await sandbox.shell("ls -d /proc/[0-9]* | wc -l")
                #expect(Int(left.output.prefix { $0.isNumber }) ?? 99 <= 4)
            }
        }

        @Test func refusesAfterTheEnd() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                await sandbox.destroy()
                #expect(await #expect(throws: SandboxError.self) { try await sandbox.killProcesses() }?.code == .gone)
                #expect(
                    await #expect(throws: SandboxError.self) { try await sandbox.connect(toPort: 9001) }?.code == .gone
                )
            }
        }

        @Test func signalsOneProcessAndItsGroup() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let script = "trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
                let one = try await sandbox.launch("/bin/sh", ["-c", script])
                let other = try await sandbox.launch("/bin/sh", ["-c", script])
                #expect(await one.output.read(upTo: 6) == "ready\n")
                #expect(await other.output.read(upTo: 6) == "ready\n")
                try sandbox.signal(one.process, SIGTERM)
                #expect(await one.exit() == .exited(3))
                try sandbox.signal(one.process, SIGKILL)
                try sandbox.signal(other.process, SIGKILL)
                #expect(await other.exit() == .signalled(9))
            }
        }

        @Test func aConnectionReachesWhatListensInside() async throws {
            try await withEngine { engine, _ in
                let sandbox = try await engine.createSandbox(.test())
                let program = """
                    import socket
                    listener = socket.create_server(("127.0.0.1", 8080))
                    print("ready", flush=True)
                    print(listener.accept()[0].recv(100))
                    """
                let process = try await sandbox.launch("/usr/bin/python3", ["-c", program])
                #expect(await process.output.read(upTo: 6) == "ready\n")
                let descriptor = try await sandbox.connect(toPort: 8080)
                defer { close(descriptor) }
                #expect(write(descriptor, "hello", 5) == 5)
                #expect(await process.output.readToEnd() == "b'hello'\n")
                let error = await #expect(throws: SandboxError.self) { try await sandbox.connect(toPort: 8081) }
                #expect(error?.code == .refused)
            }
        }
    }
}
