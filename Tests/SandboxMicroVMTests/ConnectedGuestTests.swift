import Foundation
import Sandbox
import SandboxMicroVM
import SandboxTestSupport
import Testing

@testable import SandboxNamespaces

extension MicroVMSandboxTests {
    /// What guests reach, and what they do not. They are in a network with nothing else in it, and in the small internet there.
    @Suite(
        .enabled(if: OwnNetwork.isThere, "needs a network of its own (scripts/in-own-network)"),
        .timeLimit(.minutes(5)),
        WithMicroVMEngine(network: WithSmallInternet.network),
        WithSmallInternet()
    )
    struct ConnectedGuestTests {
        /// Programs for guests. Each prints what it is told, or the name of the error.
        private static let prelude = """
            import errno, socket, sys
            def attempt(body):
                try:
                    print(body(), flush=True)
                except OSError as error:
                    print(errno.errorcode.get(error.errno, type(error).__name__), flush=True)
            def stream(host, port):
                with socket.create_connection((host, port), 20) as connection:
                    return connection.recv(100).decode().strip()
            def bulk(host, port):
                with socket.create_connection((host, port), 20) as connection:
                    return sum(iter(lambda: len(connection.recv(65536)), 0))
            def datagram(host, port):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
                    question.settimeout(0.5)
                    question.connect((host, port))
                    # Of refusals the kernel sends only so many a second.
                    for attempt in range(40):
                        question.send(b"echo")
                        try:
                            return question.recv(100).decode()
                        except TimeoutError:
                            pass
            def own():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
                    any.connect(("\(SmallInternet.world)", 9))
                    return any.getsockname()[0]

            """

        private static let refusals = ["EHOSTUNREACH", "ECONNREFUSED", "EACCES"]

        private static func program(_ lines: [String]) -> [String] { ["-c", prelude + lines.joined(separator: "\n")] }

        /// What each of these expressions comes to in a guest.
        private static func ask(_ sandbox: any Sandbox, _ expressions: [String]) async throws -> [String] {
            let lines = expressions.map { "attempt(lambda: \($0))" }
            let (exit, output) = try await sandbox.run("/usr/bin/python3.11", program(lines))
            #expect(exit == .exited(0), "\(output)")
            return output.split(separator: "\n").map(String.init)
        }

        private static func stream(_ host: String) -> String { "stream('\(host)', \(SmallInternet.greetingPort))" }
        private static func datagram(_ host: String) -> String { "datagram('\(host)', \(SmallInternet.echoPort))" }

        @Test func reachesPublicAddressesAndNamesAsTheHost() async throws {
            try await withSandbox(.test(network: .internet)) { sandbox in
                let told = try await Self.ask(
                    sandbox,
                    [
                        Self.stream(SmallInternet.world), Self.datagram(SmallInternet.world),
                        Self.stream(SmallInternet.name),
                        Self.stream("missing.example"), "bulk('\(SmallInternet.world)', \(SmallInternet.bulkPort))",
                    ]
                )
                #expect(
                    told == [SmallInternet.host, "echo", SmallInternet.host, "gaierror", "\(SmallInternet.bulkBytes)"]
                )
            }
        }

        @Test func reachesNeitherTheHostNorWhatIsPrivate() async throws {
            try await withSandbox(.test(network: .internet)) { sandbox in
                // The gateway's own addresses and the host's, of which those of 169.254.80 are the two ends of one link.
                let hosts = [
                    SmallInternet.host, SmallInternet.privateAddress, SmallInternet.metadata, "169.254.78.1",
                    "169.254.80.0",
                    "169.254.80.1",
                ]
                let told = try await Self.ask(sandbox, hosts.flatMap { [Self.stream($0), Self.datagram($0)] })
                #expect(told.count == 2 * hosts.count)
                #expect(told.allSatisfy { Self.refusals.contains($0) }, "\(told)")
            }
        }

        @Test func reachesNoOtherSandbox() async throws {
            let listening = Self.program([
                "listener = socket.create_server(('0.0.0.0', 8080))", "print(own().ljust(15), flush=True)",
                "listener.accept()",
            ])
            try await withSandbox(.test(network: .internet)) { other in
                let process = try await other.launch("/usr/bin/python3.11", listening)
                let address = await process.output.read(upTo: 16).trimmingCharacters(in: .whitespacesAndNewlines)
                #expect(address.hasPrefix("100.64."))
                try await withSandbox(.test(network: .internet)) { sandbox in
                    let told = try await Self.ask(sandbox, ["own()", "stream('\(address)', 8080)"])
                    #expect(told.first != address)
                    #expect(told.dropFirst().allSatisfy { Self.refusals.contains($0) } && told.count == 2, "\(told)")
                }
                // Nor by another kind of sandbox.
                let jailer = try #require(WithMicroVMEngine.jailer)
                let bare = try await jailer.createSandbox(.test(network: .internet))
                let script = "exec 5<>/dev/tcp/\(address)/8080 && echo connected"
                #expect(try await bare.run("/bin/bash", ["-c", script]).exit != .exited(0))
                await bare.destroy()
            }
        }

        @Test(arguments: [false, true])
        func reachesNothingWhereItIsIsolated(isAdopted: Bool) async throws {
            try await withSandbox(.test(isAdoptable: isAdopted)) { sandbox in
                if isAdopted { try await sandbox.adopt(.test()) }
                let told = try await Self.ask(
                    sandbox,
                    [
                        Self.stream(SmallInternet.world), Self.datagram(SmallInternet.world),
                        Self.stream(SmallInternet.name),
                    ]
                )
                #expect(told == ["ENETUNREACH", "ENETUNREACH", "gaierror"])
            }
        }

        @Test func isConnectedWhenAFunctionWithANetworkAdoptsIt() async throws {
            let told = Self.program([
                "attempt(lambda: \(Self.stream(SmallInternet.world)))", "sys.stdin = open(3)", "sys.stdin.readline()",
                "attempt(lambda: \(Self.stream(SmallInternet.world)))",
            ])
            try await withSandbox(.test(isAdoptable: true)) { sandbox in
                var ends: [CInt] = [-1, -1]
                #expect(pipe(&ends) == 0)
                let process = try await sandbox.launch(
                    "/usr/bin/python3.11",
                    told,
                    workingDirectory: "/",
                    channel: ends[0]
                )
                close(ends[0])
                defer { close(ends[1]) }
                #expect(await process.output.read(upTo: 12) == "ENETUNREACH\n")
                try await sandbox.adopt(.test(network: .internet))
                #expect(write(ends[1], "\n", 1) == 1)
                #expect(await process.output.readToEnd() == "\(SmallInternet.host)\n")
            }
        }

        @Test func manyAtOnceHaveAddressesOfTheirOwn() async throws {
            let engine = try #require(WithMicroVMEngine.engine)
            let told = try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let isAdopted = number % 2 == 0
                        let sandbox = try await engine.createSandbox(.test(network: .internet, isAdoptable: isAdopted))
                        if isAdopted { try await sandbox.adopt(.test(network: .internet)) }
                        let told = try await Self.ask(sandbox, ["own()", Self.stream(SmallInternet.world)])
                        await sandbox.destroy()
                        return told
                    }
                }
                return try await group.reduce(into: [[String]]()) { $0.append($1) }
            }
            #expect(Set(told.compactMap(\.first)).count == 6)
            #expect(told.allSatisfy { $0.last == SmallInternet.host })
        }

        /// Neither a right nor a way of its own: what it has is a descriptor.
        @Test func theProcessBehindItHasNoNetwork() async throws {
            try await withSandbox(.test(network: .internet)) { sandbox in
                _ = try await sandbox.shell("true")
                let process = try #require(try MachineProcesses.all().first)
                #expect(MachineProcesses.status(process, "CapEff") == "0000000000000000")
                #expect(MachineProcesses.status(process, "CapBnd") == "0000000000000000")
                let network = open("/proc/\(process)/ns/net", O_RDONLY | O_CLOEXEC)
                defer { close(network) }
                #expect(try await interfaces(of: network) == ["lo"])
            }
        }

        @Test func leavesNothingInTheGateway() async throws {
            let gateway = try #require(WithMicroVMEngine.jailer?.gateway)
            let before = try await interfaces(of: gateway.network.rawValue)
            let own = try Self.devices()
            for isAdoptable in [false, true] {
                try await withSandbox(.test(network: .internet, isAdoptable: isAdoptable)) { sandbox in
                    if isAdoptable { try await sandbox.adopt(.test(network: .internet)) }
                    #expect(try await interfaces(of: gateway.network.rawValue).count == before.count + 1)
                    // The machine's process is the only one that has it.
                    #expect(try Self.devices() == own)
                }
                let now = try await interfaces(of: gateway.network.rawValue)
                #expect(now == before)
            }
            #expect(try MachineProcesses.all().isEmpty)
            // Isolated from the beginning, it has none at all.
            try await withSandbox { _ in
                let now = try await interfaces(of: gateway.network.rawValue)
                #expect(now == before)
            }
        }

        /// How many tap devices this process holds.
        private static func devices() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { descriptor in
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)"))
                    == "/dev/net/tun"
            }
        }

        @Test func aMachineThatDiesWhileItIsConnectedLeavesNothing() async throws {
            let gateway = try #require(WithMicroVMEngine.jailer?.gateway)
            let before = try await interfaces(of: gateway.network.rawValue)
            try await withSandbox(.test(isAdoptable: true)) { sandbox in
                for process in try MachineProcesses.all() { kill(process, SIGKILL) }
                await #expect(throws: SandboxError.self) { try await sandbox.adopt(.test(network: .internet)) }
            }
            #expect(try await interfaces(of: gateway.network.rawValue) == before)
        }
    }
}

/// The world outside, for a whole suite.
struct WithSmallInternet: SuiteTrait, TestScoping {
    /// Resolves names there.
    static let network = NetworkConfiguration(resolvers: [SmallInternet.world].compactMap { IPv4Range($0) })

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing body: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let internet = try SmallInternet()
        defer { internet.close() }
        try await body()
    }
}
