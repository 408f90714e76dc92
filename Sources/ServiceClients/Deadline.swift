/// What is thrown when something has taken longer than it may.
package struct DeadlineExceeded: Error, Hashable, Sendable, CustomStringConvertible {
    /// How long it was allowed to take.
    package let duration: Duration

    package var description: String { "it did not answer within \(duration)" }
}

/// Runs `body`, and cancels it when it has not come to its end in time.
///
/// - Throws: ``DeadlineExceeded``, or what `body` throws.
package func withDeadline<Value: Sendable>(
    _ duration: Duration,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: duration)
            throw DeadlineExceeded(duration: duration)
        }
        guard let value = try await group.next() else { preconditionFailure("the group has two tasks") }
        return value
    }
}
