import Foundation
import Sandbox
import SandboxNamespaces
import SandboxTestSupport
import Testing

extension RealSandboxes {
    /// What a hostile function may try; see `EscapeAttempts`.
    @Suite struct EscapeTests {
        @Test(arguments: [false, true])
        func allAreRefused(isAdopted: Bool) async throws {
            try await withEngine { engine, directory in
                try "secret".write(toFile: directory + "/secret", atomically: true, encoding: .utf8)
                let sandbox = try await engine.createSandbox(.test(isAdoptable: isAdopted))
                if isAdopted {
                    let code = ReadOnlyMount(source: directory + "/userland/opt", target: "/var/task")
                    try await sandbox.adopt(.test(mounts: [code]))
                }
                let failures = try await EscapeAttempts.failures(in: sandbox, directory: directory)
                #expect(failures.isEmpty)
            }
        }

        @Test func oneSandboxSeesNothingOfAnother() async throws {
            try await withEngine { engine, _ in
                let victim = try await engine.createSandbox(.test("victim"))
                let listener = try #require(victim.takeRuntimeAPIListener())
                defer { close(listener) }
                let sleeper = try await victim.launch("/bin/sh", ["-c", "echo up; exec sleep 1000"])
                _ = await sleeper.output.read(upTo: 3)
                let attacker = try await engine.createSandbox(.test("attacker"))
                let own = try #require(attacker.takeRuntimeAPIListener())
                defer { close(own) }
                let result = try await attacker.run(
                    "/usr/bin/python3",
                    [
                        "-c",
                        """
                        import os, socket
                        socket.create_connection(('127.0.0.1', 9001))
                        print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()) == [1, os.getpid()])
                        try:
                            os.kill(-1, 9)
                            print('killed all')
                        except ProcessLookupError:
                            print('nobody else')
                        """,
                    ]
                )
                #expect(result.output == "True\nnobody else\n" || result.output == "True\nkilled all\n")
                var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                #expect(poll(&waiting, 1, 0) == 0, "the other sandbox's Runtime API was reached")
                waiting.fd = own
                #expect(poll(&waiting, 1, 0) == 1)
                #expect(try await victim.shell("kill -0 2 && echo alive").output == "alive\n")
            }
        }
    }
}
