import Foundation
import Logging
import Sandbox
import SandboxNamespaces
import SandboxTestSupport
import Testing

extension RealSandboxes {
    /// Runs engines in a process that has given up root.
    @Suite struct UnprivilegedEngineTests {
        @Test func makesSandboxesInAUserNamespaceOfItsOwn() async throws {
            // The launcher may lie where only root can look.
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID())").path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let launcher =
                try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
                .split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/swiftlet-launcher"
            try FileManager.default.copyItem(atPath: launcher, toPath: directory + "/swiftlet-launcher")
            try #require(chown(directory, 65534, 65534) == 0)

            let result = try await #require(
                processExitsWith: .exitCode(0),
                observing: [\.standardOutputContent, \.standardErrorContent]
            ) { [directory = directory as String] in
                try #require(setgroups(0, nil) == 0 && setgid(65534) == 0 && setuid(65534) == 0)
                let code = directory + "/code"
                try FileManager.default.createDirectory(atPath: code, withIntermediateDirectories: true)
                try "hello".write(toFile: code + "/file", atomically: true, encoding: .utf8)
                let engine = try await NamespacesEngine.start(
                    NamespacesConfiguration(
                        stateDirectory: directory + "/state",
                        launcherPath: directory + "/swiftlet-launcher"
                    ),
                    logger: Logger(label: "tests") { StreamLogHandler.standardError(label: $0) }
                )
                let mount = ReadOnlyMount(source: code, target: "/var/task")
                let sandbox = try await engine.createSandbox(.test(temporaryStorageMiB: 64, mounts: [mount]))
                let result = try await sandbox.shell(
                    """
                    id -u; id -g; cat /var/task/file; echo; ls /mnt; echo x > /dev/null && echo null
                    grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status; ls /proc | grep -c '^[0-9]'
                    dd if=/dev/zero of=/tmp/x bs=1M count=65 2>&1 | grep -o 'No space left on device'
                    """
                )
                #expect(
                    result.output == """
                        993
                        990
                        hello
                        null
                        CapEff:\t0000000000000000
                        CapBnd:\t0000000000000000
                        NoNewPrivs:\t1
                        Seccomp:\t2
                        4
                        No space left on device

                        """
                )
                let adopted = try await engine.createSandbox(.test(isAdoptable: true))
                try await adopted.adopt(.test(temporaryStorageMiB: 64, mounts: [mount]))
                let seen = try await adopted.shell(
                    """
                    id -u; cat /var/task/file; echo; ls /mnt /opt | wc -w; touch /var/task/x 2>&1 | grep -o 'Read-only'
                    dd if=/dev/zero of=/tmp/x bs=1M count=65 2>&1 | grep -o 'No space left on device'
                    """
                )
                #expect(seen.output == "993\nhello\n2\nRead-only\nNo space left on device\n")
                let process = try await sandbox.launch("/bin/sh", ["-c", "while :; do echo x; done"])
                #expect(await process.output.read(upTo: 1) == "x")
                try sandbox.freeze()
                try sandbox.thaw()
                #expect(sandbox.takeRuntimeAPIListener() != nil)
                let attempts = [
                    "mount -t tmpfs x /tmp", "unshare -Ur true", "umount /proc", "cat \(directory)/code/file",
                    "kill -0 \(getpid())", "chroot /tmp",
                ]
                for attempt in attempts {
                    #expect(try await sandbox.shell(attempt).exit != .exited(0), "\(attempt)")
                }
                // Its own user, but the first process of a namespace dies only by order from outside.
                _ = try await sandbox.shell("kill -9 1; kill -STOP 1")
                #expect(try await sandbox.run("/bin/true").exit == .exited(0))
                await engine.shutdown()
                #expect(await process.exit() == .lost)
                #expect(try HostTraces.descendants(of: getpid()) == [])
                exit(0)
            }
            // What is weaker is said once, in full.
            let log = String(decoding: result.standardErrorContent, as: UTF8.self)
            for weakness in ["weaker", "own user", "no limit on: memory", "/tmp is in memory"] {
                #expect(log.contains(weakness), "\(log)")
            }
        }
    }
}
