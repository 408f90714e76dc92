/// The changes of this process that are not told yet, and who waits until they are, as a state machine.
struct ChangeEnds<Waiter> {
    private enum Progress {
        /// It is being made.
        case begun
        /// It was told before its maker waits for that.
        case told
        /// It is made, and its maker waits.
        case waiting(Waiter)
    }

    private var changes: [Int: Progress] = [:]
    private var last = 0

    /// A change is about to be made. Returns its number.
    mutating func begin() -> Int {
        last += 1
        changes[last] = .begun
        return last
    }

    /// A change was not made.
    mutating func forget(_ number: Int) {
        changes[number] = nil
    }

    /// A change is made, and its maker wants to know when it is told.
    ///
    /// - Returns: Whether the waiter is kept; if not, it need not wait.
    mutating func wait(for number: Int, _ waiter: Waiter) -> Bool {
        guard case .begun? = changes[number] else {
            changes[number] = nil
            return false
        }
        changes[number] = .waiting(waiter)
        return true
    }

    /// A change is told. Returns who waits for it.
    mutating func heard(_ number: Int) -> Waiter? {
        switch changes[number] {
        case .begun:
            changes[number] = .told
            return nil
        case .waiting(let waiter):
            changes[number] = nil
            return waiter
        case .told, nil: return nil
        }
    }

    /// Whatever was made until now is told. Returns who waits for it.
    mutating func heardAll() -> [Waiter] {
        var waiters: [Waiter] = []
        for (number, progress) in changes {
            guard case .waiting(let waiter) = progress else { continue }
            waiters.append(waiter)
            changes[number] = nil
        }
        return waiters
    }
}
