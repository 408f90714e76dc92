import FirecrackerAPI
import Foundation
import GuestProtocol
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import VirtualMachine

/// A stand-in for Firecracker in place of the driver's process, and what it was asked.
final class StandIn: Sendable {
    private let directory: TemporaryDirectory
    let engine: FirecrackerEngine
    private let kernel: CInt
    private let initialFiles: CInt

    private static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("firecracker-stand-in").path

    init(
        patience: MachinePatience = MachinePatience(),
        kernel content: [UInt8] = [0x7f] + Array("ELF kernel".utf8)
    ) throws {
        directory = try TemporaryDirectory()
        kernel = MachineFixture.file(content)
        initialFiles = MachineFixture.file(Array("files".utf8))
        engine = try FirecrackerEngine(
            FirecrackerProgram(executable: Self.executable),
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

    func housing(
        faults: [String: Script.Fault] = [:],
        start: Script.Start = .normal,
        guest: Script.Guest = .listens
    ) throws -> Housing {
        try Housing(in: directory.path, faults, start, guest)
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

    /// One process.
    final class Housing: MachineHousing {
        private let housing = BareHousing()
        private let script: String
        private let record: String
        private let exits = Mutex(0)

        fileprivate init(
            in directory: String,
            _ faults: [String: Script.Fault],
            _ start: Script.Start,
            _ guest: Script.Guest
        ) throws {
            let name = "\(directory)/\(UUID())"
            script = "\(name).script"
            record = "\(name).record"
            let content = Script(faults: faults, start: start, guest: guest, record: record)
            try JSONEncoder().encode(content).write(to: URL(fileURLWithPath: script))
        }

        func start(
            _ program: MachineProgram,
            onExit: @escaping @Sendable (MachineExit) -> Void
        ) async throws(VirtualMachineError) {
            var program = program
            program.arguments.insert(contentsOf: [Script.argument, script], at: 1)
            try await housing.start(program) { exit in
                self.exits.withLock { $0 += 1 }
                onExit(exit)
            }
        }

        func destroy() async {
            await housing.destroy()
        }

        /// Whether the process has ended.
        var hasEnded: Bool { exits.withLock { $0 } == 1 }

        /// What was asked: the outcome, the method and the path.
        var asked: [String] { lines.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } }

        /// The same with bodies.
        var lines: [String] {
            guard let text = try? String(contentsOfFile: record, encoding: .utf8) else { return [] }
            return text.split(separator: "\n").map(String.init)
        }

        /// What no Firecracker would ever take.
        var violations: [String] { lines.filter { $0.hasPrefix(Script.violation) } }
    }
}

/// A simple host's end of a channel with a guest that echoes.
struct EchoClient: ~Copyable {
    private let socket: CInt

    init(_ socket: CInt?) throws {
        self.socket = try #require(socket)
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(self.socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(socket)
    }

    func say(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return send(socket, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
    }

    /// What comes, up to the end of a line; less if the connection ends, and `nil` if nothing comes.
    func hear() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.last != UInt8(ascii: "\n") {
            let count = read(socket, &byte, 1)
            if count < 0, errno == EAGAIN { return nil }
            guard count == 1 else { break }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }
}
