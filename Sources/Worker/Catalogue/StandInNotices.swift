import Synchronization

/// Remembers which runtimes that an interpreter of another version serves here have been used, so that each is told
/// once.
final class StandInNotices: Sendable {
    private let runtimes: InstalledRuntimes
    private let told = Mutex<Set<String>>([])

    init(runtimes: InstalledRuntimes) {
        self.runtimes = runtimes
    }

    /// What to tell the operator when a function of a runtime is about to be started; `nil` where the runtime's own
    /// interpreter serves it, which costs a look-up, or where it has been told before.
    func firstUse(of identifier: String) -> String? {
        guard let notice = runtimes.standInNotice(for: identifier),
            told.withLock({ $0.insert(identifier).inserted })
        else { return nil }
        return "\(identifier): \(notice)"
    }
}
