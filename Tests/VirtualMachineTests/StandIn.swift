import FirecrackerTestSupport
import Foundation
import NIOPosix
import TestSupport
import Testing

@testable import VirtualMachine

/// A stand-in for Firecracker in place of the driver's process, and what it was asked.
final class StandIn: Sendable {
    private let directory: TemporaryDirectory
    let engine: FirecrackerEngine
    private let kernel: CInt
    private let initialFiles: CInt

    init(
        patience: MachinePatience = MachinePatience(),
        kernel content: [UInt8] = [0x7f] + Array("ELF kernel".utf8)
    ) throws {
        directory = try TemporaryDirectory()
        kernel = MachineFixture.file(content)
        initialFiles = MachineFixture.file(Array("files".utf8))
        engine = try FirecrackerEngine(
            FirecrackerProgram(executable: StandInHousing.executable),
            version: "stand-in",
            directory: "\(directory.path)/machines",
            group: .singletonMultiThreadedEventLoopGroup,
            patience: patience
        )
    }

    deinit {
        close(kernel)
        close(initialFiles)
    }

    func specification(drives: [MachineDrive] = [], memoryMiB: Int = 4) -> MachineSpecification {
        MachineSpecification(
            memoryMiB: memoryMiB,
            kernel: MachineFile(descriptor: kernel, contentID: "kernel"),
            initialFiles: MachineFile(descriptor: initialFiles, contentID: "files"),
            drives: drives
        )
    }

    /// A file that has a name on the disk of the engine's directory, as an image has.
    func file(_ name: String, _ content: String) throws -> CInt {
        let path = "\(directory.path)/\(name)"
        try content.write(toFile: path, atomically: false, encoding: .utf8)
        return try #require([open(path, O_RDWR | O_CLOEXEC)].first { $0 >= 0 })
    }

    /// What is left in the engine's directory.
    func leftovers() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/machines")
    }
}
