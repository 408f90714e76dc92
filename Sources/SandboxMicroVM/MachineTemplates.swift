import Glibc
import GuestProtocol
import NIOCore
import Sandbox
import Synchronization
import VirtualMachine

/// The machines from which all others are copied: booted, their root file system mounted and the Runtime API's port open. One
/// for each userland and size, made by whoever asks first.
final class MachineTemplates: Sendable {
    struct Template: Sendable {
        let snapshot: MachineSnapshot
        /// Where the conversation with its agent stands.
        let standing: GuestStanding
    }

    /// The port of the Runtime API, on the guest's own loopback interface.
    static let runtimeAPIPort: UInt16 = 9001

    /// What a template is made of.
    struct Make: Hashable, Sendable {
        let userland: UserlandID
        let size: GuestSize
    }

    typealias Boot = @Sendable (Make) async throws -> Template

    private let boot: Boot
    private let known = Mutex<[Make: Task<Template, any Error>]>([:])

    init(boot: @escaping Boot) {
        self.boot = boot
    }

    func template(_ make: Make) async throws(SandboxError) -> Template {
        let task = known.withLock { known in
            if let task = known[make] { return task }
            let task = Task { [boot] in try await boot(make) }
            known[make] = task
            return task
        }
        do {
            return try await task.value
        } catch {
            // The next one tries again.
            known.withLock { $0[make] = nil }
            throw SandboxError(.setUpFailed, "failed to make a template of guests: \(error)")
        }
    }
}
