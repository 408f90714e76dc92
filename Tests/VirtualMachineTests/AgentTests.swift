import Foundation
import GuestProtocol
import TestSupport
import Testing
import VirtualMachine

/// The agent in a real guest, spoken to as a host does. All tests run in copies of one guest.
extension RealMachines {
    @Suite struct AgentTests {
        /// A guest with its root mounted, its Runtime API's port open and a drive for `/tmp`.
        private struct Template {
            let fixture: MachineFixture
            let tree: TestTree
            let specification: MachineSpecification
            let snapshot: MachineSnapshot
            let session: GuestSession
        }

        private static let template = Task { () throws -> Template in
            let fixture = try MachineFixture()
            let tree = try TestTree()
            let scratch = try scratchDisk(mebibytes: 8)
            let drives = [tree.drive, MachineDrive(descriptor: scratch, isReadOnly: false)]
            let specification = fixture.specification(drives: drives)
            let machine = try await fixture.engine.boot(specification, in: BareHousing())
            let client = AgentClient(try #require(try await machine.takeChannel()))
            try client.greet()
            #expect(try client.ask(.mount(GuestMount(drive: 0, fileSystem: .image, target: "/"))) == nil)
            #expect(try client.ask(.listen(port: 9001)) == nil)
            return Template(
                fixture: fixture,
                tree: tree,
                specification: specification,
                snapshot: try await machine.snapshot(),
                session: client.session
            )
        }

        private static func scratchDisk(mebibytes: Int) throws -> CInt {
            let directory = try TemporaryDirectory()
            let path = "\(directory.path)/disk"
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/sbin/mkfs.ext4")
            process.arguments = ["-q", "-O", "^has_journal", path, "\(mebibytes)m"]
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return MachineFixture.file(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
        }

        /// A copy of the template, with a disk of its own.
        private static func withGuest(
            memoryMiB: UInt64 = 64,
            _ body: (AgentClient) throws -> Void
        ) async throws {
            let template = try await template.value
            var specification = template.specification
            specification.drives[1].descriptor = try scratchDisk(mebibytes: 8)
            defer { close(specification.drives[1].descriptor) }
            let copy = try await template.fixture.engine.restore(
                template.snapshot,
                as: specification,
                in: BareHousing()
            )
            try await copy.resume()
            let client = AgentClient(try #require(try await copy.takeChannel()), session: template.session)
            do {
                #expect(try client.ask(.mount(GuestMount(drive: 1, fileSystem: .scratch, target: "/tmp"))) == nil)
                #expect(try client.ask(.limit(memoryBytes: memoryMiB << 20, processes: 20)) == nil)
                try body(client)
            } catch {
                await copy.destroy()
                throw error
            }
            await copy.destroy()
        }

        @Test func aProcessIsNobodyInParticularAndSeesItsOwnOnly() async throws {
            try await Self.withGuest { client in
                let told = try client.run(
                    "/bin/sh",
                    [
                        "-c",
                        "id -u; id -G; pwd; echo $PATH; ls -d /proc/[0-9]* | grep -v \"/$$\\$\" | head -3; ls /proc/self/fd",
                    ]
                )
                #expect(told.exit == .exited(0))
                #expect(told.output.hasPrefix("993\n990\n/\n/usr/bin:/bin\n"))
                let refused = try client.run(
                    "/bin/sh",
                    ["-c", "echo x > /file; echo x > /dev/vda; kill -9 1; ls /tree"]
                )
                #expect(refused.exit != .exited(0))
            }
        }

        @Test func processesSayHowTheyEnded() async throws {
            try await Self.withGuest { client in
                #expect(try client.run("/bin/sh", ["-c", "exit 7"]).exit == .exited(7))
                #expect(try client.run("/bin/sh", ["-c", "kill -9 $$"]).exit == .signalled(9))
                #expect {
                    try client.start("/bin/none")
                } throws: { error in
                    (error as? AgentClient.Failed)?.failure == GuestFailure(errno: ENOENT, step: "execve")
                }
                let sleeping = try client.start("/bin/sleep", ["1000"])
                client.send(.signal(sleeping.number, number: 15))
                try client.receive { $0.exits[sleeping.number] != nil }
                #expect(client.exits[sleeping.number] == .signalled(15))
            }
        }

        @Test func allProcessesEndTogether() async throws {
            try await Self.withGuest { client in
                let script = "for i in 1 2 3; do sleep 1000 & done; (trap '' TERM; sleep 1000) & wait"
                let start = try client.start("/bin/sh", ["-c", script])
                #expect(try client.ask(.killAll) == nil)
                #expect(client.exits[start.number] == .signalled(9))
                #expect(try client.ask(.killAll) == nil)
                #expect(try client.run("/bin/sh", ["-c", "echo again"]).output == "again\n")
            }
        }

        @Test func muchOutputArrivesWhole() async throws {
            try await Self.withGuest { client in
                let told = try client.run("/bin/sh", ["-c", "head -c 3000000 /dev/zero"])
                #expect(told.output.utf8.count == 3_000_000)
            }
        }

        @Test func aProcessIsToldThroughItsChannel() async throws {
            try await Self.withGuest { client in
                let start = try client.start("/bin/sh", ["-c", "cat <&3"], hasChannel: true)
                let channel = try #require(start.channel)
                client.write(Array("function".utf8), to: channel)
                client.end(channel)
                try client.receive { $0.exits[start.number] != nil && $0.ended.contains(start.output) }
                #expect(client.output[start.output] == Array("function".utf8))
            }
        }

        @Test func memoryIsLimitedAndCounted() async throws {
            try await Self.withGuest(memoryMiB: 24) { client in
                #expect(
                    try client.run("/bin/dd", ["if=/dev/zero", "of=/dev/null", "bs=8M", "count=1"]).exit == .exited(0)
                )
                let used = client.session.memoryUsed
                #expect((8 << 20)...(24 << 20) ~= Int(used.peakBytes))
                #expect(used.kills == 0)
                let killed = try client.run("/bin/dd", ["if=/dev/zero", "of=/dev/null", "bs=40M", "count=1"])
                #expect(killed.exit == .signalled(9))
                #expect(client.session.memoryUsed.kills > 0)
            }
        }

        @Test func processesAreLimited() async throws {
            try await Self.withGuest { client in
                let script = "i=0; while [ $i -lt 40 ]; do sleep 100 >/dev/null 2>&1 & i=$((i+1)); done"
                let told = try client.run("/bin/sh", ["-c", "(\(script)) 2>&1; true"])
                #expect(told.output.contains("fork"))
                #expect(try client.ask(.killAll) == nil)
            }
        }

        @Test func temporaryFilesHaveTheSizeOfTheirDisk() async throws {
            try await Self.withGuest { client in
                let told = try client.run("/bin/sh", ["-c", "dd if=/dev/zero of=/tmp/file bs=1M count=20 2>&1; true"])
                #expect(told.output.contains("No space left"))
                #expect(try client.run("/bin/sh", ["-c", "echo x > /tmp/file && cat /tmp/file"]).output == "x\n")
            }
        }

        /// Both directions of a connection, each closed for itself.
        @Test func connectionsOfAFunctionReachTheHost() async throws {
            try await Self.withGuest { client in
                let script = "exec 5<>/dev/tcp/127.0.0.1/9001; echo question >&5; read answer <&5; echo got $answer"
                let start = try client.start("/bin/bash", ["-c", script])
                try client.receive { !$0.opened.isEmpty && $0.output[$0.opened[0]]?.count == 9 }
                let connection = client.opened[0]
                #expect(client.output[connection] == Array("question\n".utf8))
                client.write(Array("answer\n".utf8), to: connection)
                try client.receive { $0.exits[start.number] != nil && $0.ended.contains(start.output) }
                #expect(client.output[start.output] == Array("got answer\n".utf8))
                try client.receive { $0.ended.contains(connection) }
                client.end(connection)
            }
        }

        @Test func theNetworkInterfaceIsUsedOnceItIsToldHow() async throws {
            try await Self.withGuest { client in
                let before = try client.run("/bin/sh", ["-c", "cat /proc/net/route"]).output
                #expect(before.split(separator: "\n").count == 1)
                let addresses = GuestAddresses(own: 0x6440_0102, gateway: 0xa9fe_4e01)
                #expect(try client.ask(.connect(addresses)) == nil)
                let told = try client.run("/bin/sh", ["-c", "cat /proc/net/route /proc/net/fib_trie"]).output
                let routes = told.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
                // The kernel shows addresses as they are in memory. There are no neighbours.
                #expect(
                    routes.filter { $0.first == "eth0" }.map { Array($0[1...2]) + [$0[7]] } == [
                        ["00000000", "014EFEA9", "00000000"]
                    ]
                )
                #expect(told.contains("100.64.1.2"))
                // A copy of this machine would have that address.
                let others = GuestAddresses(own: 0x6440_0106, gateway: 0xa9fe_4e01)
                #expect(try client.ask(.connect(others)) == nil)
                let then = try client.run("/bin/sh", ["-c", "cat /proc/net/route /proc/net/fib_trie"]).output
                #expect(then.contains("100.64.1.6") && !then.contains("100.64.1.2"))
                #expect(then.split(separator: "\n").count { $0.hasPrefix("eth0\t") } == 1)
            }
        }

        @Test func aConnectionToWhereNobodyListensIsRefused() async throws {
            try await Self.withGuest { client in
                let stream = try client.connect(port: 4711)
                try client.receive { $0.ended.contains(stream) }
                let reached = try client.connect(port: 9001)
                try client.receive { !$0.opened.isEmpty }
                client.write([1], to: reached)
                let far = client.opened[0]
                try client.receive { $0.output[far] == [1] }
            }
        }
    }
}
