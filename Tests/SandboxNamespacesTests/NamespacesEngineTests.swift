import Foundation
import Logging
import Sandbox
import SandboxNamespaces
import SandboxTestSupport
import Testing

extension RealSandboxes {
    @Suite struct NamespacesEngineTests {
        #if DEBUG
        @Test func rollsBackWholeWhicheverStepFails() async throws {
            try await withEngine { engine, directory in
                let code = directory + "/code"
                try FileManager.default.createDirectory(atPath: code, withIntermediateDirectories: true)
                let mounts = [
                    ReadOnlyMount(source: code, target: "/var/task"), ReadOnlyMount(source: code, target: "/opt"),
                ]
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                var names: [String] = []
                // The steps of the service, the launcher and init; then those that the launcher takes beside init.
                for first in [1, 1001] {
                    names += try await failEachStep(
                        from: first,
                        leaving: before,
                        engine: directory,
                        code: .setUpFailed
                    ) { fault throws(SandboxError) in
                        let sandbox = try await engine.createSandbox(.test(mounts: mounts), failing: fault)
                        await sandbox.destroy()
                    }
                }
                #expect(names.count > 50)
                for name in [
                    "make cgroup", "make /tmp", "make control socket", "ask the launcher", "clone", "join cgroup",
                    "mount /proc", "attach /tmp", "attach read-only mount", "bind listener", "enter user namespace",
                    "drop capabilities", "install system call filter", "map users", "map groups",
                ] {
                    #expect(names.contains { $0.contains(name) }, "no step was called \(name)")
                }
                let sandbox = try await engine.createSandbox(.test(mounts: mounts))
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            }
        }
        #endif

        @Test(arguments: ["", "../x", "a/b", "A", "a b", "a\0b", String(repeating: "a", count: 129)])
        func refusesNamesThatAreNone(name: String) async throws {
            try await withEngine { engine, _ in
                let failure = await #expect(throws: SandboxError.self) {
                    _ = try await engine.createSandbox(.test(name))
                }
                #expect(failure?.code == .setUpFailed)
                #expect(failure?.errno == EINVAL)
            }
        }

        @Test func refusesANameThatIsInUse() async throws {
            try await withEngine { engine, _ in
                let first = try await engine.createSandbox(.test("same"))
                let failure = await #expect(throws: SandboxError.self) {
                    _ = try await engine.createSandbox(.test("same"))
                }
                #expect(failure?.code == .setUpFailed)
                #expect(try await first.run("/bin/true").exit == .exited(0))
                await first.destroy()
                let second = try await engine.createSandbox(.test("same"))
                #expect(try await second.run("/bin/true").exit == .exited(0))
            }
        }

        @Test func killsASandboxThatDoesNotAnswer() async throws {
            try await withEngine(patience: .milliseconds(300)) { engine, directory in
                let sandbox = try await engine.createSandbox(.test())
                let process = try await sandbox.launch("/bin/sleep", ["1000"])
                try sandbox.freeze()
                let failure = await #expect(throws: SandboxError.self) { try await sandbox.launch("/bin/true") }
                #expect(failure?.code == .gone)
                #expect(await process.exit() == .lost)
                await sandbox.destroy()
                #expect(try unifiedGroup(of: sandbox.id, engine: directory) == nil)
            }
        }

        @Test func refusesMountsThatAreNotThere() async throws {
            try await withEngine { engine, directory in
                for mount in [
                    ReadOnlyMount(source: directory + "/nowhere", target: "/var/task"),
                    ReadOnlyMount(source: directory, target: "/nowhere"),
                ] {
                    let failure = await #expect(throws: SandboxError.self) {
                        _ = try await engine.createSandbox(.test(mounts: [mount]))
                    }
                    #expect(failure?.code == .setUpFailed)
                    #expect(failure?.errno == ENOENT)
                }
            }
        }

        @Test func endsEverySandboxWhenTheServiceIsNotHeardOfInTime() async throws {
            try await withEngine { engine, _ in
                let sandboxes = [try await engine.createSandbox(.test()), try await engine.createSandbox(.test())]
                var processes: [StartedProcess] = []
                for sandbox in sandboxes { processes.append(try await sandbox.launch("/bin/sleep", ["1000"])) }
                // The last word counts, be it for longer or for less long.
                engine.keepAlive(for: .seconds(1000))
                engine.keepAlive(for: .milliseconds(50))
                for process in processes { #expect(await process.exit() == .lost) }
                for sandbox in sandboxes { await sandbox.destroy() }
                // Those that come later are none the worse.
                let next = try await engine.createSandbox(.test())
                #expect(try await next.run("/bin/true").exit == .exited(0))
                await next.destroy()
            }
        }

        @Test func losesAllSandboxesWithTheLauncherAndStartsAnother() async throws {
            try await withEngine { engine, directory in
                await (try engine.createSandbox(.test())).destroy()
                let before = try HostTraces.current(engine: directory)
                for _ in 0..<3 {
                    let sandboxes = [
                        try await engine.createSandbox(.test()), try await engine.createSandbox(.test()),
                    ]
                    var processes: [StartedProcess] = []
                    for sandbox in sandboxes { processes.append(try await sandbox.launch("/bin/sleep", ["1000"])) }
                    try sandboxes[0].freeze()
                    let launcher = try #require(try HostTraces.descendants(of: getpid()).first)
                    kill(launcher, SIGKILL)
                    for process in processes { #expect(await process.exit() == .lost) }
                    for sandbox in sandboxes {
                        let failure = await #expect(throws: SandboxError.self) { try await sandbox.launch("/bin/true") }
                        #expect(failure?.code == .gone)
                        await sandbox.destroy()
                    }
                    let next = try await engine.createSandbox(.test())
                    #expect(try await next.run("/bin/true").exit == .exited(0))
                    await next.destroy()
                    try before.expectNothingNew(engine: directory)
                }
            }
        }

        @Test func removesWhatAKilledPredecessorLeft() async throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID())").path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
                let engine = try await NamespacesEngine.start(
                    NamespacesConfiguration(stateDirectory: directory),
                    logger: Logger(label: "tests")
                )
                let busy = try await engine.createSandbox(.test("busy"))
                _ = try await busy.launch("/bin/sleep", ["1000"])
                let frozen = try await engine.createSandbox(.test("frozen"))
                _ = try await frozen.launch("/bin/sleep", ["1000"])
                try frozen.freeze()
                kill(getpid(), SIGKILL)
            }
            let left = try HostTraces.engineGroups(listedIn: directory).flatMap { group in
                ["busy", "frozen"].map { "\(group)/\($0)" }.filter { isDirectory($0) }
            }
            #expect(left.count >= 4, "the killed engine had left nothing to remove")
            let engine = try await NamespacesEngine.start(
                NamespacesConfiguration(stateDirectory: directory),
                logger: Logger(label: "tests")
            )
            #expect(left.filter { isDirectory($0) } == [])
            let traces = try HostTraces.current(engine: directory)
            #expect(traces.groups == [])
            let sandbox = try await engine.createSandbox(.test("busy"))
            #expect(try await sandbox.run("/bin/true").exit == .exited(0))
            let groups = try HostTraces.engineGroups(listedIn: directory)
            await engine.shutdown()
            #expect(groups.filter { isDirectory($0) } == [])
        }

        @Test func removesEverythingAtShutdown() async throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID())").path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let files = try HostTraces.openFiles()
            let engine = try await NamespacesEngine.start(
                NamespacesConfiguration(stateDirectory: directory),
                logger: Logger(label: "tests")
            )
            let groups = try HostTraces.engineGroups(listedIn: directory)
            let sandbox = try await engine.createSandbox(.test())
            let process = try await sandbox.launch("/bin/sleep", ["1000"])
            await engine.shutdown()
            await engine.shutdown()
            #expect(await process.exit() == .lost)
            #expect(try HostTraces.descendants(of: getpid()) == [])
            #expect(groups.filter { isDirectory($0) } == [])
            #expect(
                try entries(of: "/sys/block").compactMap { try? text(of: "/sys/block/\($0)/loop/backing_file") }
                    .filter { $0.hasPrefix(directory) } == []
            )
            let filesAfter = try HostTraces.openFiles()
            #expect(filesAfter == files)
            let failure = await #expect(throws: SandboxError.self) { _ = try await engine.createSandbox(.test()) }
            #expect(failure?.code == .gone)
        }

        @Test func saysWhatIsWrongWithItsLauncher() async throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID())").path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            for program in ["/nowhere/swiftlet-launcher", "/bin/true"] {
                let failure = await #expect(throws: SandboxError.self) {
                    _ = try await NamespacesEngine.start(
                        NamespacesConfiguration(stateDirectory: directory, launcherPath: program),
                        logger: Logger(label: "tests")
                    )
                }
                #expect(failure?.code == .engineFailed)
                #expect(failure?.message.contains("launcher") == true)
            }
        }
    }
}
