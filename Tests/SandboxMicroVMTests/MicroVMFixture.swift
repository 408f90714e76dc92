import Foundation
import GuestImages
import Logging
import NIOPosix
import Sandbox
import SandboxMicroVM
import SandboxNamespaces
import SandboxTestSupport
import TestSupport
import Testing
import VirtualMachine

/// What sandboxes that are virtual machines need of this host.
enum MicroVMNeeds {
    private static let guestDirectory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".guest").path
    private static let agent = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("swiftlet-guest").path

    static let qemu = EngineSearch().program("qemu-system-x86_64")

    /// With the kernel that `make kernel` builds, or else with Debian's.
    static let bootFiles: BootFiles? = {
        guard let builder = try? BootFilesBuilder(directory: "\(guestDirectory)/guests") else { return nil }
        let kernel = "\(guestDirectory)/vmlinux"
        if FileManager.default.isReadableFile(atPath: kernel) {
            return try? builder.files(ofKernelAt: kernel, agent: agent)
        }
        let packages = try? FileManager.default.contentsOfDirectory(atPath: "\(guestDirectory)/guests/debian/packages")
        guard packages?.contains(where: { $0.hasPrefix("linux-image-6") }) ?? false else { return nil }
        return try? builder.filesOfDebianKernel(agent: agent)
    }()

    static var areMet: Bool { geteuid() == 0 && qemu != nil && bootFiles != nil }
}

/// One engine for a whole suite: its templates take longer to make than most tests to run.
struct WithMicroVMEngine: SuiteTrait, TestScoping {
    @TaskLocal static var engine: MicroVMEngine?
    /// What makes the sandboxes around machines.
    @TaskLocal static var jailer: NamespacesEngine?

    /// How guests may go out, if they may.
    var network: NetworkConfiguration?

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing body: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let rootImage = "\(directory.path)/root.image"
        try Self.makeRootImage(at: rootImage, in: "\(directory.path)/root")
        let jailer = try await NamespacesEngine.start(
            NamespacesConfiguration(
                stateDirectory: "\(directory.path)/jails",
                spareScratchDisksMax: 0,
                expectedScratchSizes: [],
                extraUserlandPaths: MicroVMConfiguration.jailPaths,
                network: network
            ),
            logger: Logger(label: "tests")
        )
        do {
            let engine = try engine(directory: directory.path, rootImage: rootImage, jailer: jailer)
            try await Self.$jailer.withValue(jailer) {
                try await Self.$engine.withValue(engine) { try await body() }
            }
            await engine.shutdown()
            await jailer.shutdown()
        } catch {
            await jailer.shutdown()
            throw error
        }
    }

    private func engine(
        directory: String,
        rootImage: String,
        jailer: NamespacesEngine
    ) throws -> MicroVMEngine {
        try MicroVMEngine(
            MicroVMConfiguration(
                stateDirectory: "\(directory)/guests",
                bootFiles: try #require(MicroVMNeeds.bootFiles),
                rootImages: [
                    SandboxSpecification.userland: GuestImage(id: String(repeating: "0", count: 64), path: rootImage)
                ],
                hasNetwork: network != nil
            ),
            jailer: jailer,
            machines: QEMUEngine(
                QEMUProgram(
                    executable: try #require(MicroVMNeeds.qemu),
                    accelerator: .tcg,
                    counterKHz: hostCounterKHz()
                ),
                version: "tests",
                group: .singletonMultiThreadedEventLoopGroup
            ),
            group: .singletonMultiThreadedEventLoopGroup,
            logger: Logger(label: "tests")
        )
    }

    /// Some of this host's programs with their libraries.
    private static func makeRootImage(at path: String, in root: String) throws {
        let programs = [
            "sh", "bash", "cat", "date", "head", "od", "sleep", "id", "ls", "dd", "env", "df", "grep", "wc", "true",
            "python3.11",
        ]
        for place in ["dev", "proc", "tmp", "opt", "var/task", "var/runtime", "etc", "usr/bin"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(place)", withIntermediateDirectories: true)
        }
        for name in ["bin", "lib", "lib64"] {
            try FileManager.default.createDirectory(atPath: "\(root)/usr/\(name)", withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: "\(root)/\(name)", withDestinationPath: "usr/\(name)")
        }
        for (path, text) in SandboxFiles.all {
            try text.write(toFile: root + path, atomically: false, encoding: .utf8)
        }
        var copied = ["#!/bin/sh", "set -eu"]
        for name in programs {
            copied.append("if [ -e /usr/bin/\(name) ]; then cp -L /usr/bin/\(name) \(root)/usr/bin/; fi")
            copied.append(
                "for f in $(ldd /usr/bin/\(name) 2>/dev/null | grep -o '/[^ ]*'); do mkdir -p \(root)$(dirname $f); "
                    + "cp -nL $f \(root)$f; done"
            )
        }
        // What its modules load, too.
        copied.append(
            "for f in $(ldd /usr/lib/python3.11/lib-dynload/*.so | sed -n 's/.*=> \\([^ ]*\\).*/\\1/p' | sort -u); do "
                + "mkdir -p \(root)$(dirname $f); cp -nL $f \(root)$f; done"
        )
        copied.append("if [ -d /usr/lib/python3.11 ]; then cp -r /usr/lib/python3.11 \(root)/usr/lib/; fi")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", copied.joined(separator: "\n")]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        try ErofsImage.make(of: root, at: path)
    }
}

/// Runs a body with a sandbox of the suite's engine, and destroys it afterwards.
func withSandbox(
    _ specification: SandboxSpecification = .test(),
    _ body: (any Sandbox) async throws -> Void
) async throws {
    try await #require(WithMicroVMEngine.engine).withSandbox(specification, body)
}
