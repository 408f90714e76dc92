import Sandbox
import Synchronization

/// The snapshots of sandboxes with a waiting runtime in them, from which others are copied that wait in the same way. Each is made
/// by whoever asks first.
final class WaitingTemplates: Sendable {
    /// A snapshot, and the runtime's process in it.
    struct Template: Sendable {
        let snapshot: any SandboxSnapshot
        let process: SandboxProcess
    }

    private enum Entry {
        case making(Task<Template, any Error>)
        case made(Template)
    }

    private struct State {
        var entries: [WaitingPlan: Entry] = [:]
        /// The plans in the order of their last use.
        var order: [WaitingPlan] = []

        mutating func use(_ plan: WaitingPlan) {
            order.removeAll { $0 == plan }
            order.append(plan)
            // Each keeps a machine's memory.
            if order.count > WaitingTemplates.countMax { entries[order.removeFirst()] = nil }
        }
    }

    private static let countMax = 16

    private let state = Mutex(State())

    /// The template of a plan, if it has been made.
    func made(for plan: WaitingPlan) -> Template? {
        state.withLock { state in
            guard case .made(let template)? = state.entries[plan] else { return nil }
            state.use(plan)
            return template
        }
    }

    /// The template of a plan, which is made first if there is none.
    func template(
        for plan: WaitingPlan,
        make: @escaping @Sendable () async throws -> Template
    ) async throws(SandboxError) -> Template {
        let task = state.withLock { state -> Task<Template, any Error> in
            state.use(plan)
            switch state.entries[plan] {
            case .made(let template): return Task { template }
            case .making(let task): return task
            case nil:
                let task = Task { try await make() }
                state.entries[plan] = .making(task)
                return task
            }
        }
        do {
            let template = try await task.value
            state.withLock { state in
                if state.entries[plan] != nil { state.entries[plan] = .made(template) }
            }
            return template
        } catch {
            drop(plan)
            throw error as? SandboxError ?? SandboxError(.snapshotFailed, "failed to make a template: \(error)")
        }
    }

    /// The template of a plan is of no use; the next who asks makes another.
    func drop(_ plan: WaitingPlan) {
        state.withLock { state in
            state.entries[plan] = nil
            state.order.removeAll { $0 == plan }
        }
    }
}
