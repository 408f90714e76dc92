import CSandbox
import Foundation
import GuestImages
import GuestProtocol
import NIOPosix
import Testing
import VirtualMachine

/// What real machines need: QEMU, a kernel and the agent.
enum RealMachineNeeds {
    static let qemu = EngineSearch().program("qemu-system-x86_64")

    private static let guestDirectory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".guest").path

    /// The agent, which was built beside the tests.
    private static let agent = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("swiftlet-guest").path

    /// With the kernel that `make kernel` builds.
    static let ownFiles: BootFiles? = {
        let kernel = "\(guestDirectory)/vmlinux"
        guard FileManager.default.isReadableFile(atPath: kernel) else { return nil }
        return try? builder().files(ofKernelAt: kernel, agent: agent)
    }()

    /// With Debian's kernel, where `swiftlet image build-kernel --data .guest` has brought its package.
    static let debianFiles: BootFiles? = {
        let packages = try? FileManager.default.contentsOfDirectory(atPath: "\(guestDirectory)/guests/debian/packages")
        guard packages?.contains(where: { $0.hasPrefix("linux-image-6") }) ?? false else { return nil }
        return try? builder().filesOfDebianKernel(agent: agent)
    }()

    static var bootFiles: BootFiles? { ownFiles ?? debianFiles }

    static var areMet: Bool { qemu != nil && bootFiles != nil }

    private static func builder() throws -> BootFilesBuilder {
        try BootFilesBuilder(directory: "\(guestDirectory)/guests")
    }
}

/// Files that machines are made with, for one test.
final class MachineFixture: Sendable {
    let engine: QEMUEngine
    private let files: BootFiles
    private let kernel: CInt
    private let initialFiles: CInt

    init(_ files: BootFiles? = RealMachineNeeds.bootFiles) throws {
        self.files = try #require(files)
        kernel = open(self.files.kernel.path, O_RDONLY | O_CLOEXEC)
        initialFiles = open(self.files.initialFiles.path, O_RDONLY | O_CLOEXEC)
        engine = QEMUEngine(
            QEMUProgram(
                executable: try #require(RealMachineNeeds.qemu),
                accelerator: .tcg,
                counterKHz: hostCounterKHz()
            ),
            version: "tests",
            group: .singletonMultiThreadedEventLoopGroup
        )
    }

    deinit {
        close(kernel)
        close(initialFiles)
    }

    /// A file in memory.
    static func file(_ content: [UInt8], sizeBytes: Int? = nil) -> CInt {
        let file = sb_memory_file("test", 0)
        _ = content.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        if let sizeBytes { ftruncate(file, off_t(sizeBytes)) }
        return file
    }

    func specification(drives: [MachineDrive] = [], memoryMiB: Int = 128) -> MachineSpecification {
        MachineSpecification(
            memoryMiB: memoryMiB,
            kernel: MachineFile(descriptor: kernel, contentID: files.kernel.id),
            initialFiles: MachineFile(descriptor: initialFiles, contentID: files.initialFiles.id),
            hasACPI: files.hasACPI,
            drives: drives
        )
    }
}

/// A simple host's end of a link, which asks one thing at a time.
final class AgentClient {
    private let socket: CInt
    private(set) var session: GuestSession
    private var decoder = GuestMessageDecoder()
    private(set) var output: [StreamNumber: [UInt8]] = [:]
    private(set) var ended: Set<StreamNumber> = []
    private(set) var exits: [RequestNumber: GuestExit] = [:]
    private(set) var opened: [StreamNumber] = []
    private var answers: [RequestNumber: GuestFailure?] = [:]

    /// Owns the descriptor.
    init(_ channel: CInt, session: GuestSession = GuestSession()) {
        socket = channel
        self.session = session
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(socket)
    }

    struct Silence: Error {}

    func greet() throws {
        send(GuestSession.greeting)
        try receive { $0.session.isOpen }
    }

    func ask(_ request: GuestRequest) throws -> GuestFailure? {
        guard let message = session.ask(request), case .request(let number, _) = message else { throw Silence() }
        send(message)
        return try answer(to: number)
    }

    func start(_ executable: String, _ arguments: [String] = [], hasChannel: Bool = false) throws -> GuestSession.Start
    {
        let asked = session.start(hasChannel: hasChannel) { output, channel in
            GuestProcess(
                executable: executable,
                arguments: [executable] + arguments,
                environment: ["PATH=/usr/bin:/bin"],
                workingDirectory: "/",
                output: output,
                channel: channel
            )
        }
        guard let start = asked else { throw Silence() }
        send(start.message)
        if let failure = try answer(to: start.number) { throw Failed(failure: failure) }
        return start
    }

    struct Failed: Error {
        let failure: GuestFailure
    }

    /// Runs a program to its end.
    func run(_ executable: String, _ arguments: [String] = []) throws -> (exit: GuestExit?, output: String) {
        let start = try start(executable, arguments)
        try receive { $0.exits[start.number] != nil && $0.ended.contains(start.output) }
        return (exits[start.number], String(decoding: output[start.output] ?? [], as: UTF8.self))
    }

    func write(_ bytes: [UInt8], to stream: StreamNumber) {
        precondition(bytes.count <= session.streams.sendable(stream))
        session.streams.sent(bytes.count, on: stream)
        send(.stream(stream, .data(bytes[...])))
    }

    func end(_ stream: StreamNumber) {
        if session.streams.ended(stream) { send(.stream(stream, .end)) }
    }

    func connect(port: UInt16) throws -> StreamNumber {
        let opened = session.streams.open()
        let number = try #require(opened)
        send(.stream(number, .open(port: port)))
        return number
    }

    func send(_ message: HostMessage) {
        var bytes: [UInt8] = []
        message.write(to: &bytes)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(socket, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Takes in messages until this is so.
    func receive(until condition: (AgentClient) -> Bool) throws {
        while !condition(self) {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = read(socket, &buffer, buffer.count)
            guard count > 0 else { throw Silence() }
            decoder.append(buffer.prefix(count))
            while let message = try decoder.next() { handle(try session.received(message)) }
        }
    }

    private func answer(to number: RequestNumber) throws -> GuestFailure? {
        try receive { $0.answers[number] != nil }
        return answers[number] ?? nil
    }

    private func handle(_ event: GuestSession.Event) {
        switch event {
        case .answered(let number, let failure): answers[number] = .some(failure)
        case .exited(let number, let exit): exits[number] = exit
        case .stream(let number, .deliver(let bytes)):
            output[number, default: []] += bytes
            if let credit = session.streams.passedOn(bytes.count, of: number) { send(.stream(number, .credit(credit))) }
        case .stream(let number, .deliverEnd), .stream(let number, .deliverReset): ended.insert(number)
        case .stream(let number, .connect): opened.append(number)
        default: break
        }
    }
}
