import CSandbox
package import FirecrackerAPI
import Foundation
import Glibc
import Synchronization
package import VirtualMachine

/// A stand-in for Firecracker where its process would be, and what it was asked.
package final class StandInHousing: MachineHousing {
    private let housing: any MachineHousing
    private let script: Script
    /// A file in memory, which the process has as the last of its descriptors.
    private let record: CInt
    private let exits = Mutex(0)

    package static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("firecracker-stand-in").path

    /// - Parameter housing: What it runs in.
    package init(
        _ housing: any MachineHousing = BareHousing(),
        faults: [String: Script.Fault] = [:],
        start: Script.Start = .normal,
        guest: Script.Guest = .listens
    ) {
        self.housing = housing
        record = sb_memory_file("record", 0)
        // After the eleven of the driver's.
        script = Script(faults: faults, start: start, guest: guest, record: "/proc/self/fd/14")
    }

    deinit {
        close(record)
    }

    package func start(
        _ program: MachineProgram,
        onExit: @escaping @Sendable (MachineExit) -> Void
    ) async throws(VirtualMachineError) {
        var program = program
        precondition(program.descriptors.count == 11, "a machine gets as many descriptors in each life")
        let text = (try? JSONEncoder().encode(script)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        program.arguments.insert(contentsOf: [Script.argument, text], at: 1)
        program.descriptors.append(record)
        try await housing.start(program) { exit in
            self.exits.withLock { $0 += 1 }
            onExit(exit)
        }
    }

    package func destroy() async {
        await housing.destroy()
    }

    /// Whether the process has ended.
    package var hasEnded: Bool { exits.withLock { $0 } == 1 }

    /// What was asked: the outcome, the method and the path.
    package var asked: [String] { lines.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } }

    /// The same with bodies.
    package var lines: [String] {
        var status = stat()
        guard fstat(record, &status) == 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = pread(record, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// What no Firecracker would ever take.
    package var violations: [String] { lines.filter { $0.hasPrefix(Script.violation) } }
}
