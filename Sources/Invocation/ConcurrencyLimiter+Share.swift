package import LambdaAPI
package import NIOCore
import Synchronization
package import Worker

/// One of several managers that admit invokes of the same account, each those of its functions.
extension ConcurrencyLimiter {
    /// What the places are used for that functions without any of their own have together.
    package struct CommonUse: Sendable, Equatable {
        /// How many places there are.
        package let share: Int
        /// How many invokes have one; more than there are, after those of another manager have been taken over.
        package let inUse: Int
        /// How many invokes wait for one.
        package let waiting: Int
    }

    /// Functions without any places of their own have so many together from now on.
    package func shareChanged(to places: Int) {
        submitAgain(machine.withLock { $0.shareChanged(to: places) })
    }

    /// What these places are used for.
    package var commonUse: CommonUse {
        let use = machine.withLock { $0.commonUse }
        return CommonUse(share: use.share, inUse: use.inUse, waiting: use.waiting)
    }

    /// Counts an invoke that another manager has admitted and that is not over.
    ///
    /// - Returns: The invoke, whose end is to be told as that of any other.
    package func adopt(_ requestID: RequestID, of function: InvocableFunction, on eventLoop: any EventLoop) -> Invoke {
        machine.withLock { $0.invokeAdopted(function.name, function.version) }
        let request = InvokeRequest(
            requestID: requestID,
            function: function,
            invokedFunctionARN: function.locality.functionARN(function.name),
            payload: ByteBuffer(),
            clientContext: nil,
            traceHeader: "",
            wantsLogTail: false
        )
        return Invoke(request: request, caller: .nobody(eventLoop), observer: self)
    }

    /// Counts the invokes of some functions no longer, because another manager does from now on, and the places that they have
    /// with others together go with them. Those that wait fail with `.moved`.
    ///
    /// - Parameter expected: How many were expected of them; see ``expect(_:)``.
    /// - Returns: How many had a place that others may have, too.
    package func forget(expecting expected: Int, _ isForgotten: @Sendable (FunctionName) -> Bool) -> Int {
        let (waiters, running) = machine.withLock { $0.forget(expecting: expected, isForgotten) }
        fail(waiters)
        return running
    }

    /// So many invokes of functions without places of their own run, which are yet to be adopted: until ``found(_:)`` they
    /// count whatever they are.
    package func expect(_ count: Int) {
        machine.withLock { $0.expect(count) }
    }

    /// All invokes are adopted that were expected and are not over.
    package func found(_ count: Int) {
        submitAgain(machine.withLock { $0.found(count) })
    }

    /// The manager has been evicted: it counts no invokes of some functions any more, and expects none; and functions without
    /// places of their own have none together until it is given some.
    package func memberEvicted(_ isForgotten: @Sendable (FunctionName) -> Bool) {
        let (forgotten, again) = machine.withLock { $0.memberEvicted(isForgotten) }
        fail(forgotten)
        submitAgain(again)
    }

    private func fail(_ waiters: [Invoke]) {
        for waiter in waiters {
            waiter.eventLoop.execute { waiter.fail(InvokeFailure(.moved, "the function is another manager's now")) }
        }
    }

    /// How many invokes of some functions run that have no places of their own.
    package func commonRunning(_ isIncluded: @Sendable (FunctionName) -> Bool) -> Int {
        machine.withLock { $0.commonRunning(isIncluded) }
    }

    /// Functions without any places of their own are to have no more than these together, but as many as run.
    ///
    /// - Returns: How many they have.
    package func shareShrinks(to places: Int) -> Int {
        machine.withLock { $0.shareShrinks(to: places) }
    }

    /// Counts invokes by their rate that may follow one that runs, as many as the rate allows and no more than `count`.
    package func takeRate(of function: InvocableFunction, upTo count: Int) -> Int {
        let now = Int(clamping: NIODeadline.now().uptimeNanoseconds)
        return machine.withLock { $0.takeRate(function.name, function.version, upTo: count, at: now) }
    }

    /// So many invokes that were counted by their rate have not come.
    package func giveBackRate(_ count: Int, of function: InvocableFunction) {
        machine.withLock { $0.giveBackRate(count, of: function.name) }
    }
}
