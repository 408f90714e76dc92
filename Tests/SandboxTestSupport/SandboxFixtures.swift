import Foundation
package import Sandbox

extension SandboxSpecification {
    /// The only one of engines that tests make.
    package static let userland = UserlandID("test")

    package static func test(
        _ name: String = "test-\(UInt32.random(in: 0...UInt32.max))",
        memoryMiB: Int = 256,
        processesMax: Int = 64,
        cpuLimit: CPULimit = .unlimited,
        temporaryStorageMiB: Int = 512,
        mounts: [ReadOnlyMount] = [],
        network: SandboxNetwork = .isolated,
        isAdoptable: Bool = false,
        hasTap: Bool = false
    ) -> SandboxSpecification {
        SandboxSpecification(
            id: SandboxID(name),
            memoryBytesMax: memoryMiB << 20,
            processesMax: processesMax,
            cpuLimit: cpuLimit,
            temporaryStorageBytes: temporaryStorageMiB << 20,
            mounts: mounts,
            userland: userland,
            network: network,
            isAdoptable: isAdoptable,
            hasTap: hasTap
        )
    }
}

extension SandboxAdoption {
    package static func test(
        memoryMiB: Int = 256,
        processesMax: Int = 64,
        temporaryStorageMiB: Int = 512,
        mounts: [ReadOnlyMount] = [],
        network: SandboxNetwork = .isolated
    ) -> SandboxAdoption {
        SandboxAdoption(
            memoryBytesMax: memoryMiB << 20,
            processesMax: processesMax,
            temporaryStorageBytes: temporaryStorageMiB << 20,
            mounts: mounts,
            network: network
        )
    }
}

/// A pipe whose reading end a test reads and whose writing end a process gets.
package final class OutputPipe: Sendable {
    private let reading: FileHandle
    private let writing: FileHandle

    package init() {
        let pipe = Pipe()
        reading = pipe.fileHandleForReading
        writing = pipe.fileHandleForWriting
    }

    package var descriptor: CInt { writing.fileDescriptor }

    /// Closes our copy of the writing end, so that reading ends with the processes.
    package func closeWriting() {
        try? writing.close()
    }

    /// Everything until all writers have closed. Waits on a thread of its own.
    package func readToEnd() async -> String {
        closeWriting()
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let data = (try? self.reading.readToEnd()) ?? Data()
                continuation.resume(returning: String(decoding: data, as: UTF8.self))
            }
        }
    }

    /// What is there, waiting for at least one byte; empty at the end.
    package func read(upTo count: Int = 65536) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let data = (try? self.reading.read(upToCount: count)) ?? Data()
                continuation.resume(returning: String(decoding: data, as: UTF8.self))
            }
        }
    }

    /// Makes what is in the pipe go away, and says how much it was. Does not wait.
    package func drain() -> Int {
        let descriptor = reading.fileDescriptor
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        defer { _ = fcntl(descriptor, F_SETFL, flags) }
        var total = 0
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { return total }
            total += count
        }
    }
}

/// A started process whose end can be waited for.
package struct StartedProcess {
    package let output: OutputPipe
    package let process: SandboxProcess
    fileprivate let exits: AsyncStream<ProcessExit>

    package func exit() async -> ProcessExit? {
        await exits.first { _ in true }
    }
}

extension Sandbox {
    package func launch(
        _ executable: String,
        _ arguments: [String] = [],
        environment: [String] = ["PATH=/usr/bin"],
        workingDirectory: String = "/tmp",
        channel: CInt? = nil
    ) async throws -> StartedProcess {
        let output = OutputPipe()
        let (exits, continuation) = AsyncStream.makeStream(of: ProcessExit.self)
        let process = try await start(
            ProcessSpecification(
                executable: executable,
                arguments: [executable] + arguments,
                environment: environment,
                workingDirectory: workingDirectory,
                output: output.descriptor,
                channel: channel
            ),
            onExit: { exit in
                continuation.yield(exit)
                continuation.finish()
            }
        )
        output.closeWriting()
        return StartedProcess(output: output, process: process, exits: exits)
    }

    /// Runs a program to its end.
    package func run(_ executable: String, _ arguments: [String] = []) async throws -> (
        exit: ProcessExit?, output: String
    ) {
        let process = try await launch(executable, arguments)
        let output = await process.output.readToEnd()
        return (await process.exit(), output)
    }

    /// Runs a shell script to its end.
    package func shell(_ script: String) async throws -> (exit: ProcessExit?, output: String) {
        try await run("/bin/sh", ["-c", script])
    }
}
