import Sandbox

/// The snapshots of sandboxes with a waiting runtime in them, from which others are copied that wait in the same way: those of the
/// plans used last. Pure.
struct WaitingTemplates {
    /// A snapshot, and the runtime's process in it.
    struct Template: Sendable {
        let snapshot: any SandboxSnapshot
        let process: SandboxProcess
    }

    /// Each keeps a machine's memory.
    private static let countMax = 16

    private var templates: [WaitingPlan: Template] = [:]
    /// The plans in the order of their last use.
    private var order: [WaitingPlan] = []

    /// The template of a plan, if it has been made.
    mutating func use(_ plan: WaitingPlan) -> Template? {
        guard let template = templates[plan] else { return nil }
        keep(template, for: plan)
        return template
    }

    /// The template of a plan has been made. The one that was not used for the longest time goes, if there are too many.
    mutating func keep(_ template: Template, for plan: WaitingPlan) {
        drop(plan)
        templates[plan] = template
        order.append(plan)
        if order.count > Self.countMax { templates[order.removeFirst()] = nil }
    }

    /// The template of a plan is of no use; the next who needs one makes another.
    mutating func drop(_ plan: WaitingPlan) {
        templates[plan] = nil
        order.removeAll { $0 == plan }
    }
}
