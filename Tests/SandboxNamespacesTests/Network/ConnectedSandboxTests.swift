import Foundation
import Sandbox
import SandboxTestSupport
import Testing

@testable import SandboxNamespaces

extension RealSandboxes {
    /// What they do is done to the network that this process is in, hence only in one with nothing in it; see
    /// `scripts/in-own-network`. What functions reach is tested with real ones, in `Tests/Conformance/test_network.py`.
    @Suite("Connected sandboxes", .enabled(if: hasOwnNetwork, "needs a network of its own"))
    struct ConnectedSandboxTests {
        private static let interfaces = "cat /proc/net/dev | grep -o '[a-z0-9]*:' | sort | tr -d '\\n'"

        @Test func hasAnInterfaceWhenItMayGoOut() async throws {
            try await withEngine(network: NetworkConfiguration()) { engine, _ in
                for (network, expected) in [(SandboxNetwork.internet, "eth0:lo:"), (.isolated, "lo:")] {
                    let made = try await engine.createSandbox(.test(network: network))
                    #expect(try await made.shell(Self.interfaces).output == expected)
                    let adopted = try await engine.createSandbox(.test(isAdoptable: true))
                    try await adopted.adopt(.test(network: network))
                    #expect(try await adopted.shell(Self.interfaces).output == expected)
                }
            }
        }

        @Test func isRefusedWhereNoneMayGoOut() async throws {
            try await withEngine { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                let refused = await #expect(throws: SandboxError.self) {
                    _ = try await engine.createSandbox(.test(network: .internet))
                }
                #expect(refused?.code == .unsupported)
                let sandbox = try await engine.createSandbox(.test(isAdoptable: true))
                await #expect(throws: SandboxError.self) { try await sandbox.adopt(.test(network: .internet)) }
                try before.expectNothingNew(engine: directory)
            }
        }

        @Test func survivesTheLaunchersEnd() async throws {
            try await withEngine(network: NetworkConfiguration()) { engine, _ in
                _ = try await engine.createSandbox(.test(network: .internet))
                kill(try #require(try HostTraces.descendants(of: getpid()).first), SIGKILL)
                // The engine takes a moment to see it; until then a sandbox fails with the launcher that is gone.
                var next: (any Sandbox)?
                for _ in 0..<100 where next == nil {
                    next = try? await engine.createSandbox(.test(network: .internet))
                }
                #expect(try await #require(next).shell(Self.interfaces).output == "eth0:lo:")
            }
        }

        @Test func leavesNothingOnTheHost() async throws {
            func traces() throws -> String {
                let interfaces = try text(of: "/proc/thread-self/net/dev").split(separator: "\n")
                return try interfaces.map { $0.prefix { $0 != ":" } }.joined() + text(of: "/proc/thread-self/net/route")
            }
            let before = try traces()
            try await withEngine(network: NetworkConfiguration()) { engine, _ in
                _ = try await engine.createSandbox(.test(network: .internet))
                #expect(try traces() != before)
            }
            #expect(try traces() == before)
        }

        #if DEBUG
        @Test(arguments: [false, true])
        func rollsBackWholeWhicheverStepFails(isAdopted: Bool) async throws {
            try await withEngine(network: NetworkConfiguration()) { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                // The steps of the launcher come after its own first one thousand where init waits for them.
                let first = isAdopted ? 1 : 1001
                let names = try await failEachStep(from: first, leaving: before, engine: directory) {
                    fault throws(SandboxError) in
                    let made = try await engine.createSandbox(
                        .test(network: .internet, isAdoptable: isAdopted),
                        failing: isAdopted ? nil : fault
                    )
                    if isAdopted, let sandbox = made as? NamespacesSandbox {
                        try await sandbox.adopt(.test(network: .internet), failing: fault)
                    }
                    await made.destroy()
                }
                for name in [
                    "make interfaces", "bring up gateway's interface", "route to sandbox", "give sandbox an address",
                    "route to gateway",
                ] {
                    #expect(names.contains { $0.contains(name) }, "no step was called \(name)")
                }
            }
        }
        #endif
    }

    /// Whether there is nothing in this process's network that could be harmed.
    static var hasOwnNetwork: Bool { OwnNetwork.isThere }
}
