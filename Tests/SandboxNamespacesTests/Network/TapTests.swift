import Foundation
import Sandbox
import SandboxTestSupport
import Testing

@testable import SandboxNamespaces

extension RealSandboxes {
    /// What a hostile virtual machine reaches through the tap device of its sandbox. With machines of good behaviour in
    /// `Tests/SandboxMicroVMTests`.
    @Suite("Tap devices", .enabled(if: hasOwnNetwork, "needs a network of its own"), .timeLimit(.minutes(5)))
    struct TapTests {
        private static let world = inet_addr(SmallInternet.world).byteSwapped

        private static func withWorld(
            _ body: (NamespacesEngine, _ directory: String, SmallInternet) async throws -> Void
        ) async throws {
            let internet = try SmallInternet()
            defer { internet.close() }
            try await withEngine(network: NetworkConfiguration()) { engine, directory in
                try await body(engine, directory, internet)
            }
        }

        private static func connected(_ engine: NamespacesEngine) async throws -> (PlayedMachine, TapAddresses) {
            let sandbox = try await engine.createSandbox(.test(hasTap: true))
            let tap = try #require(sandbox.takeTap())
            let addresses = try await sandbox.connectTap()
            return (PlayedMachine(tap, addresses), addresses)
        }

        private static func gatewayInterfaces(_ engine: NamespacesEngine) async throws -> [String] {
            try await interfaces(of: try #require(engine.gateway).network.rawValue)
        }

        @Test func leadsNowhereUntilItIsConnected() async throws {
            try await Self.withWorld { engine, _, internet in
                let sandbox = try await engine.createSandbox(.test(hasTap: true))
                let tap = try #require(sandbox.takeTap())
                #expect(sandbox.takeTap() == nil)
                let frame = [UInt8](repeating: 0xff, count: 60)
                #expect(write(tap, frame, frame.count) == -1 && errno == EIO)
                let addresses = try await sandbox.connectTap()
                let machine = PlayedMachine(tap, addresses)
                machine.askForGateway()
                #expect(try #require(machine.awaitGateway()) == addresses.own)
                machine.send("hello", to: Self.world, port: SmallInternet.sinkPort)
                #expect(await internet.datagrams.first { _ in true } == "hello from \(SmallInternet.host)")
                // Not the sandbox's own processes.
                #expect(try await sandbox.shell("cat /proc/net/dev | grep -o '[a-z0-9]*:'").output == "lo:\n")
                #expect(try await sandbox.shell("cat /proc/net/route | wc -l").output == "1\n")
                let again = await #expect(throws: SandboxError.self) { try await sandbox.connectTap() }
                #expect(again?.code == .gone)
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            }
        }

        @Test func whatIsSentInTheNameOfAnotherIsDropped() async throws {
            try await Self.withWorld { engine, _, internet in
                let other = try await Self.connected(engine).1
                let (machine, addresses) = try await Self.connected(engine)
                #expect(other.own != addresses.own)
                let host = inet_addr(SmallInternet.host).byteSwapped
                let names = [
                    other.own, addresses.own + 1, addresses.gateway, host, Self.world, 0x7f00_0001, 0xe000_0001,
                ]
                // The gateway takes what comes by one device in its order, so what it answers comes after what it does not.
                for name in names { machine.askForGateway(as: name) }
                machine.askForGateway()
                #expect(try #require(machine.awaitGateway()) == addresses.own)
                // Who has no address yet may ask for a neighbour, but for nothing else.
                for name in names + [0] {
                    machine.send("forged", from: name, to: Self.world, port: SmallInternet.sinkPort)
                }
                machine.send("honest", to: Self.world, port: SmallInternet.sinkPort)
                #expect(await internet.datagrams.first { _ in true } == "honest from \(SmallInternet.host)")
            }
        }

        /// Nor does a piece of a packet become part of another's packet, of which the gateway puts pieces together.
        @Test func aForgedPieceIsNotPutTogetherWithThoseOfAnother() async throws {
            try await Self.withWorld { engine, _, internet in
                let (machine, addresses) = try await Self.connected(engine)
                let (forger, _) = try await Self.connected(engine)
                for played in [machine, forger] {
                    played.askForGateway()
                    _ = try #require(played.awaitGateway())
                }
                let port = SmallInternet.sinkPort
                let forged = "12345678forged"
                let honest = "12345678honest"
                forger.sendPiece(16..<22, of: forged, number: 9, from: addresses.own, to: Self.world, port: port)
                machine.sendPiece(0..<16, of: honest, number: 9, to: Self.world, port: port)
                forger.sendPiece(16..<22, of: forged, number: 9, from: addresses.own, to: Self.world, port: port)
                machine.sendPiece(16..<22, of: honest, number: 9, to: Self.world, port: port)
                #expect(await internet.datagrams.first { _ in true } == "\(honest) from \(SmallInternet.host)")
            }
        }

        @Test func whatIsForAnotherSandboxIsRefused() async throws {
            try await Self.withWorld { engine, _, _ in
                let (other, its) = try await Self.connected(engine)
                // So that the gateway would know where to send it.
                other.askForGateway()
                #expect(other.awaitGateway() == its.own)
                let (machine, _) = try await Self.connected(engine)
                machine.askForGateway()
                _ = try #require(machine.awaitGateway())
                let host = inet_addr(SmallInternet.host).byteSwapped
                for destination in [its.own, host, its.gateway] {
                    machine.send("hello", to: destination, port: SmallInternet.echoPort)
                    #expect(machine.awaitRefusal() == destination)
                }
                #expect(other.receive(withinMilliseconds: 0) == nil)
            }
        }

        /// Who holds the descriptor may tell the kernel to keep the device without it.
        @Test func goesAwayWithItsSandboxWhateverIsDoneToIt() async throws {
            try await withEngine(network: NetworkConfiguration()) { engine, _ in
                let before = try await Self.gatewayInterfaces(engine)
                for isConnected in [false, true] {
                    let sandbox = try await engine.createSandbox(.test(hasTap: true))
                    #expect(try await Self.gatewayInterfaces(engine) != before)
                    let tap = try #require(sandbox.takeTap())
                    if isConnected { _ = try await sandbox.connectTap() }
                    // TUNSETPERSIST
                    #expect(ioctl(tap, 0x4004_54cb, 1 as CInt) == 0)
                    close(tap)
                    #expect(try await Self.gatewayInterfaces(engine) != before)
                    await sandbox.destroy()
                    #expect(try await Self.gatewayInterfaces(engine) == before)
                    let late = await #expect(throws: SandboxError.self) { try await sandbox.connectTap() }
                    #expect(late?.code == .gone)
                }
                // One that nobody has taken.
                let untouched = try await engine.createSandbox(.test(hasTap: true))
                await untouched.destroy()
                #expect(untouched.takeTap() == nil)
                #expect(try await Self.gatewayInterfaces(engine) == before)
            }
        }

        @Test func isRefusedWhereNoneMayGoOut() async throws {
            try await withEngine { engine, _ in
                let refused = await #expect(throws: SandboxError.self) {
                    _ = try await engine.createSandbox(.test(hasTap: true))
                }
                #expect(refused?.code == .unsupported)
                let sandbox = try await engine.createSandbox(.test())
                #expect(sandbox.takeTap() == nil)
                let none = await #expect(throws: SandboxError.self) { try await sandbox.connectTap() }
                #expect(none?.code == .unsupported)
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            }
        }

        #if DEBUG
        @Test(arguments: [false, true])
        func rollsBackWholeWhicheverStepFails(isConnecting: Bool) async throws {
            try await withEngine(network: NetworkConfiguration()) { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                let interfaces = try await Self.gatewayInterfaces(engine)
                let names = try await failEachStep(leaving: before, engine: directory) { fault throws(SandboxError) in
                    let made = try await engine.createSandbox(
                        .test(hasTap: true),
                        failing: isConnecting ? nil : fault
                    )
                    if isConnecting, let sandbox = made as? NamespacesSandbox {
                        _ = try await sandbox.connectTap(failing: fault)
                    }
                    await made.destroy()
                } look: { step async throws in
                    #expect(try await Self.gatewayInterfaces(engine) == interfaces, "after step \(step)")
                }
                let expected =
                    isConnecting
                    ? ["bring up tap device", "route to machine"] : ["make tap device", "ask the launcher"]
                for name in expected {
                    #expect(names.contains { $0.contains(name) }, "no step was called \(name)")
                }
            }
        }
        #endif
    }
}
