import Foundation
import GuestProtocol
import Sandbox
import SandboxTestSupport
import TestSupport
import Testing

@testable import SandboxMicroVM

// Snapshots of sandboxes with a function in them, kept on the disk and copied.
extension MicroVMSandboxTests {
    /// Asks the Runtime API whether it has been restored, as a runtime does, and tells then what it has.
    private static let program = """
        import os, socket, sys
        open('/tmp/kept', 'w').write('kept ' + open('/var/task/file').read())
        answered = socket.create_connection(('127.0.0.1', 9001))
        answered.sendall(b'first')
        print(answered.recv(9).decode(), flush=True)
        answered.sendall(b'restored?')
        idle = socket.create_connection(('127.0.0.1', 9001))
        print(answered.recv(9).decode(), open('/tmp/kept').read(), open('/proc/sys/kernel/hostname').read().strip())
        print(os.urandom(16).hex(), flush=True)
        idle.sendall(b'later')
        print(idle.recv(9).decode())
        sys.exit(5)
        """

    @Test func copiesGoOnWithWhatWasAsked() async throws {
        let engine = try #require(WithMicroVMEngine.engine)
        let directory = try TemporaryDirectory()
        let code = try TemporaryDirectory()
        try "code".write(toFile: "\(code.path)/file", atomically: true, encoding: .utf8)
        let (snapshot, process) = try await Self.snapshot(Self.program, code: code.path) { listener in
            let connection = try await Self.accept(listener)
            #expect(await Self.read(5, from: connection) == "first")
            Self.write("second", to: connection)
            #expect(await Self.read(9, from: connection) == "restored?")
            // The other one, over which nothing is asked.
            _ = try await Self.accept(listener)
        }
        try engine.save(snapshot, in: directory.path)
        var told: Set<String> = []
        for kept in [snapshot, try engine.loadSnapshot(from: directory.path)] {
            for _ in 0..<2 {
                let output = OutputPipe()
                let (exits, continuation) = AsyncStream.makeStream(of: ProcessExit.self)
                let sandbox = try await engine.createSandbox(
                    .test(),
                    copying: kept,
                    processes: [
                        process: CopiedProcess(output: output.descriptor, channel: nil) { exit in
                            continuation.yield(exit)
                            continuation.finish()
                        }
                    ]
                )
                output.closeWriting()
                let listener = try #require(sandbox.takeRuntimeAPIListener())
                defer { close(listener) }
                let connections = [try await Self.accept(listener), try await Self.accept(listener)]
                // Which came first is not said.
                let asking = try #require(await Self.readable(of: connections))
                #expect(await Self.read(9, from: asking) == "restored?")
                Self.write("yes", to: asking)
                let idle = try #require(connections.first { $0 != asking })
                #expect(await Self.read(5, from: idle) == "later")
                Self.write("end", to: idle)
                let lines = await output.readToEnd().split(separator: "\n")
                #expect(await exits.first { _ in true } == .exited(5))
                #expect(lines.count == 3 && lines.first == "yes kept code sandbox" && lines.last == "end")
                if lines.count == 3 { told.insert(String(lines[1])) }
                for connection in connections { close(connection) }
                // All else works there, too, and nothing of it is seen elsewhere.
                #expect(try await sandbox.shell("cat /tmp/kept; echo gone >/tmp/kept").output == "kept code")
                await sandbox.destroy()
            }
        }
        #expect(told.count == 4)
        #expect(try MachineProcesses.all().isEmpty)
    }

    @Test func whoDoesNotComeToRestIsNotKept() async throws {
        let engine = try #require(WithMicroVMEngine.engine)
        let code = try TemporaryDirectory()
        let program = """
            import socket
            connection = socket.create_connection(('127.0.0.1', 9001))
            while True: connection.sendall(b'x' * 1000)
            """
        await #expect(throws: SandboxError.self) {
            _ = try await Self.snapshot(program, code: code.path) { listener in
                let connection = try await Self.accept(listener)
                #expect(await Self.read(100_000, from: connection).utf8.count == 100_000)
            }
        }
        #expect(try MachineProcesses.all().isEmpty)
        _ = engine
    }

    @Test func whatWasAlteredIsNotUsed() async throws {
        let engine = try #require(WithMicroVMEngine.engine)
        let code = try TemporaryDirectory()
        try "code".write(toFile: "\(code.path)/file", atomically: true, encoding: .utf8)
        let (snapshot, _) = try await Self.snapshot("import time; time.sleep(1000)", code: code.path) { _ in }
        let whole = try TemporaryDirectory()
        try engine.save(snapshot, in: whole.path)
        #expect(throws: SandboxError.self) { try engine.save(snapshot, in: whole.path) }
        _ = try engine.loadSnapshot(from: whole.path)
        let names = try FileManager.default.contentsOfDirectory(atPath: whole.path)
        #expect(Set(names).isSuperset(of: ["memory", "state", "sandbox.json", "drive-1", "drive-2"]))
        for name in names {
            for alter in [Self.truncate, Self.flip, Self.remove] {
                let copy = try TemporaryDirectory()
                // As sparse as they are.
                let copying = try Process.run(
                    URL(fileURLWithPath: "/bin/cp"),
                    arguments: ["--sparse=always", "-r", "\(whole.path)/.", copy.path]
                )
                copying.waitUntilExit()
                try alter("\(copy.path)/\(name)")
                let error = #expect(throws: SandboxError.self, "\(name)") {
                    _ = try engine.loadSnapshot(from: copy.path)
                }
                #expect(error?.code == .incompatible)
            }
        }
    }

    // MARK: Means

    private static func truncate(_ path: String) throws {
        let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
        #expect(Glibc.truncate(path, off_t(size / 2)) == 0)
    }

    /// Alters one bit of what is there.
    private static func flip(_ path: String) throws {
        let file = open(path, O_RDWR)
        defer { close(file) }
        var byte: UInt8 = 0
        let place: off_t = path.hasSuffix(".json") ? 1 : 4096
        #expect(pread(file, &byte, 1, place) == 1)
        byte ^= 1
        #expect(pwrite(file, &byte, 1, place) == 1)
    }

    private static func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: path)
    }

    /// Runs a program in a template until `body` returns, and keeps it.
    private static func snapshot(
        _ program: String,
        code: String,
        _ body: (_ listener: CInt) async throws -> Void
    ) async throws -> (any SandboxSnapshot, SandboxProcess) {
        let engine = try #require(WithMicroVMEngine.engine)
        var specification = SandboxSpecification.test(mounts: [ReadOnlyMount(source: code, target: "/var/task")])
        specification.isTemplate = true
        let template = try await engine.createSandbox(specification)
        do {
            let process = try await template.launch("/usr/bin/python3.11", ["-c", program])
            let listener = try #require(template.takeRuntimeAPIListener())
            defer { close(listener) }
            try await body(listener)
            return (try await engine.snapshot(template), process.process)
        } catch {
            await template.destroy()
            throw error
        }
    }

    private static func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }

    private static func wait(for descriptors: [CInt]) -> CInt? {
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&polled, UInt(polled.count), 60_000) > 0 else { return nil }
        return polled.first { $0.revents != 0 }?.fd
    }

    private static func readable(of connections: [CInt]) async -> CInt? {
        await onThread { wait(for: connections) }
    }

    private static func accept(_ listener: CInt) async throws -> CInt {
        let connection = await onThread { wait(for: [listener]) == nil ? -1 : Glibc.accept(listener, nil, nil) }
        try #require(connection >= 0)
        return connection
    }

    private static func read(_ count: Int, from connection: CInt) async -> String {
        await onThread {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: count)
            while bytes.count < count, wait(for: [connection]) != nil {
                let got = Glibc.read(connection, &buffer, count - bytes.count)
                if got <= 0 { break }
                bytes += buffer[..<got]
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private static func write(_ text: String, to connection: CInt) {
        let bytes = Array(text.utf8)
        #expect(Glibc.write(connection, bytes, bytes.count) == bytes.count)
    }
}
