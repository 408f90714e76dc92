import CSandbox
import FirecrackerAPI
import FirecrackerTestSupport
import Foundation
import Logging
import NIOPosix
import Sandbox
import SandboxNamespaces
import SandboxTestSupport
import TestSupport
import Testing
import VirtualMachine

@testable import SandboxMicroVM

/// The stand-in for Firecracker in a real jail: the driver and it reach each other through directories that are mounted nowhere,
/// and the jail shows nothing of them.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root"))
struct FirecrackerHousingTests {
    /// What the stand-in needs beside what jails show and itself: the libraries that it shares with us.
    private static let libraries: [String] = {
        let file = FileHandle(forReadingAtPath: "/proc/self/maps")
        let maps = String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
        let library = maps.split(separator: "\n").first { $0.hasSuffix("/libswiftCore.so") }
        let libraries = library.flatMap { line in
            line.firstIndex(of: "/").map { URL(fileURLWithPath: String(line[$0...])).deletingLastPathComponent().path }
        }
        return libraries.map { [$0] } ?? []
    }()

    private static func withJail(
        extraPaths: [String] = [],
        _ body: (NamespacesEngine, _ directory: String, _ program: String) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        // Where jails can show it: the checkout may be below `/tmp`, of which each jail has its own.
        let program = "/var/tmp/firecracker-stand-in-\(UUID())"
        try FileManager.default.copyItem(atPath: StandInHousing.executable, toPath: program)
        defer { try? FileManager.default.removeItem(atPath: program) }
        let jailer = try await NamespacesEngine.start(
            NamespacesConfiguration(
                stateDirectory: "\(directory.path)/jails",
                spareScratchDisksMax: 0,
                expectedScratchSizes: [],
                extraUserlandPaths: [program] + libraries + extraPaths
            ),
            logger: Logger(label: "tests")
        )
        do {
            try await body(jailer, directory.path, program)
        } catch {
            await jailer.shutdown()
            throw error
        }
        await jailer.shutdown()
    }

    private static func file(_ text: String, in directory: String) throws -> CInt {
        let path = "\(directory)/\(UUID())"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return open(path, O_RDWR | O_CLOEXEC)
    }

    @Test func aMachineLivesAndIsCopiedInAJail() async throws {
        try await Self.withJail { jailer, directory, program in
            let kernel = try Self.file("\u{7f}ELF", in: directory)
            let disk = sb_nameless_file(directory)
            defer {
                close(kernel)
                close(disk)
            }
            ftruncate(disk, 1 << 20)
            let engine = try FirecrackerEngine(
                FirecrackerProgram(executable: program),
                version: "stand-in",
                directory: "\(directory)/machines",
                group: .singletonMultiThreadedEventLoopGroup
            )
            let specification = MachineSpecification(
                memoryMiB: 4,
                kernel: MachineFile(descriptor: kernel, contentID: "k"),
                initialFiles: MachineFile(descriptor: kernel, contentID: "i"),
                drives: [
                    MachineDrive(descriptor: kernel, isReadOnly: true),
                    MachineDrive(descriptor: disk, isReadOnly: false),
                ]
            )
            func housing() -> StandInHousing {
                StandInHousing(SandboxHousing(jailer: jailer, specification: .test()))
            }
            let first = housing()
            let machine = try await engine.boot(specification, in: first)
            do {
                let client = try EchoClient(try await machine.takeChannel())
                #expect(client.hear() == Script.greeting)
                #expect(client.say("question\n") && client.hear() == "question\n")
            }
            let snapshot = try await machine.snapshot()
            #expect(first.violations == [])
            let second = housing()
            let copy = try await engine.restore(snapshot, as: specification, in: second)
            let code = try Self.file("code", in: directory)
            defer { close(code) }
            try await copy.replaceDrive(0, with: code)
            try await copy.replaceDrive(1, with: code)
            try await copy.resume()
            let client = try EchoClient(try await copy.takeChannel())
            #expect(client.hear() == Script.greeting)
            await copy.destroy()
            #expect(client.hear() == "")
            #expect(second.violations == [])
            #expect(second.lines.count == 4 && second.lines.allSatisfy { $0.hasPrefix("204 ") })
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(directory)/machines") == [])
        }
    }

    /// A monitor needs `/dev/kvm`, at that path.
    @Test func aJailShowsTheDevicesThatItIsToldTo() async throws {
        var status = stat()
        let devices = ["/dev/kvm", "/dev/fuse", "/dev/loop-control"]
        let present = devices.first { stat($0, &status) == 0 }
        let device = try #require(present)
        // As the kernel puts them together, for numbers as small as these.
        let numbers = "\(String(status.st_rdev >> 8, radix: 16)) \(String(status.st_rdev & 0xff, radix: 16))\n"
        let script = "[ -c \(device) ] && [ -w \(device) ] && stat -c '%t %T' \(device)"
        for (paths, output) in [([], ""), ([device], numbers)] {
            try await Self.withJail(extraPaths: paths) { jailer, _, _ in
                let sandbox = try await jailer.createSandbox(.test())
                let told = try await sandbox.shell("\(script); true")
                await sandbox.destroy()
                #expect(told.output == output)
            }
        }
    }
}
