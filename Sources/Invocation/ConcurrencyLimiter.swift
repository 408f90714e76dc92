package import LambdaAPI
import NIOCore
import Synchronization
import Worker

/// Admits invokes within the limits of concurrency: a thin shell around ``Admission``, with one short lock.
package final class ConcurrencyLimiter: InvokeObserver {
    typealias Machine = Admission<FunctionName, FunctionVersion, Invoke>

    /// How long an invoke waits in line at most. An environment that has answered finishes well within it, even with the
    /// smallest share of the CPU and a traceback to print.
    private static let patience: TimeAmount = .milliseconds(250)

    let machine: Mutex<Machine>
    /// Runs an invoke that is admitted.
    private let run: @Sendable (Invoke) -> Void
    /// Told that an invoke begins to wait.
    private let onWaiting: @Sendable () -> Void

    /// - Parameters:
    ///   - account: The account's concurrency.
    ///   - requestsPerSecond: How many invokes per second each unit of concurrency allows; nil for no limit.
    ///   - isShared: Whether other managers admit invokes of the account, too.
    ///   - onWaiting: Called when an invoke begins to wait. It must not block.
    ///   - run: Called with every invoke that is admitted, on its caller's event loop.
    init(
        account: Int,
        requestsPerSecond: Int?,
        isShared: Bool = false,
        onWaiting: @escaping @Sendable () -> Void = {},
        run: @escaping @Sendable (Invoke) -> Void
    ) {
        machine = Mutex(
            Machine(.init(account: account, requestsPerSecond: requestsPerSecond, isShared: isShared))
        )
        self.run = run
        self.onWaiting = onWaiting
    }

    /// Sees to it that the invoke is run, now or in a moment, or its caller told of a ``ThrottledInvoke``.
    ///
    /// Must be called on the caller's event loop.
    func submit(_ invoke: Invoke) {
        let function = invoke.request.function
        let now = Int(clamping: NIODeadline.now().uptimeNanoseconds)
        let action = machine.withLock {
            $0.invokeArrived(function.name, function.version, at: now, waiter: invoke)
        }
        switch action {
        case .admit:
            run(invoke)
        case .refuse(let refusal):
            invoke.fail(ThrottledInvoke(refusal))
        case .wait(let ticket):
            onWaiting()
            invoke.eventLoop.scheduleTask(in: Self.patience) { [self] in
                let refused = machine.withLock { $0.waitedLongEnough(ticket, for: function.name) }
                guard let (invoke, refusal) = refused else { return }
                invoke.fail(ThrottledInvoke(refusal))
            }
        }
    }

    package func invokeFinished(_ function: InvocableFunction) {
        let next = machine.withLock { $0.invokeFinished(function.name, function.version) }
        guard let next else { return }
        next.eventLoop.execute { [run] in run(next) }
    }

    /// The function's reserved concurrency, and what is provisioned for its versions, are these from now on.
    package func settingsChanged(
        of function: FunctionName,
        reserved: Int?,
        provisioned: [FunctionVersion: Int]
    ) {
        submitAgain(
            machine.withLock {
                $0.settingsChanged(.init(reserved: reserved, provisioned: provisioned), of: function)
            }
        )
    }

    /// The function is gone.
    package func functionDeleted(_ function: FunctionName) {
        submitAgain(machine.withLock { $0.functionDeleted(function) })
    }

    func submitAgain(_ invokes: [Invoke]) {
        for invoke in invokes {
            invoke.eventLoop.execute { self.submit(invoke) }
        }
    }
}

/// An invoke was not run because a limit of concurrency, or of its rate, was reached.
package struct ThrottledInvoke: Error, Sendable, Equatable, CustomStringConvertible {
    /// Which limit it was, in AWS's words.
    package let reason: ThrottleReason

    /// A refusal that another manager has decided.
    package init(reason: ThrottleReason) {
        self.reason = reason
    }

    init<Function, Version, Waiter>(_ refusal: Admission<Function, Version, Waiter>.Refusal) {
        reason =
            switch refusal {
            case .accountConcurrency: .concurrentInvocationLimitExceeded
            case .accountRate: .functionInvocationRateLimitExceeded
            case .reservedConcurrency: .reservedFunctionConcurrentInvocationLimitExceeded
            case .reservedRate: .reservedFunctionInvocationRateLimitExceeded
            }
    }

    package var description: String { "the invoke was throttled: \(reason)" }
}
