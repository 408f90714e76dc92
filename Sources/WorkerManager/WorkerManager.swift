package import LambdaAPI
package import Logging
import NIOCore
import Synchronization
import Telemetry
package import Worker

/// Assigns invokes to the environments of this host, and keeps as many environments as are needed.
///
/// A thin shell around ``EnvironmentLedger``: every decision is made there, under one short lock, and carried out here,
/// outside of it.
package final class WorkerManager: Sendable {
    /// What is configured of the manager.
    package struct Settings: Sendable {
        /// The most memory that all environments together may have been promised.
        package var memoryBudget: ByteCount
        /// How long an environment is kept idle.
        package var idleTimeout: Duration = .seconds(600)

        package init(memoryBudget: ByteCount) {
            self.memoryBudget = memoryBudget
        }
    }

    private typealias Ledger = EnvironmentLedger<
        InvocableFunction.ConfigurationID, EnvironmentID, Invoke, ObjectIdentifier, NIODeadline
    >

    /// The ledger, and the environments that its identifiers stand for.
    private struct State {
        var ledger: Ledger
        var environments: [EnvironmentID: ExecutionEnvironment] = [:]
        var isShuttingDown = false
    }

    /// How long an invoke waits for an environment that has answered to be idle, before another is started for it.
    private static let finishingPatience: TimeAmount = .milliseconds(5)

    private let worker: Worker
    private let settings: Settings
    private let logger: Logger
    private let state: Mutex<State>

    package init(worker: Worker, settings: Settings, logger: Logger) {
        self.worker = worker
        self.settings = settings
        self.logger = logger
        state = Mutex(State(ledger: Ledger(memoryBudget: settings.memoryBudget.bytes)))
        tellFreeMemory()
    }

    /// Sees to it that the invoke's promise is completed: gives it an environment now or as soon as there is one.
    ///
    /// Must be called on the event loop of the invoke's promise.
    package func submit(_ invoke: Invoke) {
        let eventLoop = invoke.promise.futureResult.eventLoop
        let function = invoke.request.function
        let (action, environment) = state.withLock { state -> (Ledger.InvokeAction?, ExecutionEnvironment?) in
            guard !state.isShuttingDown else { return (nil, nil) }
            let action = state.ledger.invokeArrived(
                invoke,
                for: function.configurationID,
                memory: function.memory.bytes,
                on: ObjectIdentifier(eventLoop)
            )
            guard case .assign(let id) = action else { return (action, nil) }
            return (action, state.environments[id])
        }
        switch action {
        case nil:
            invoke.promise.fail(InvokeFailure(.shuttingDown, "the service is shutting down"))
        case .assign:
            guard let environment else { preconditionFailure("the ledger assigned an environment that is not there") }
            run(invoke, in: environment)
        case .wait:
            break
        case .waitBriefly:
            eventLoop.scheduleTask(in: Self.finishingPatience) { [self] in
                let action = state.withLock {
                    $0.ledger.waitedLongEnough(for: function.configurationID, memory: function.memory.bytes)
                }
                carryOut(action, for: function, on: eventLoop)
            }
        case .startEnvironment(let evicted):
            carryOut(.startEnvironments(1, evicting: evicted), for: function, on: eventLoop)
        case .refuse:
            refuse([invoke])
        }
    }

    /// Ends the environments of a configuration that has been replaced or deleted; those at work finish first.
    package func retire(_ configuration: InvocableFunction.ConfigurationID) {
        end(state.withLock { $0.ledger.functionRetired(configuration) })
    }

    /// Ends environments that are idle for too long, until the task is cancelled.
    package func run() async {
        let period = min(settings.idleTimeout / 4, .seconds(5))
        while (try? await Task.sleep(for: period)) != nil {
            let limit = NIODeadline.now() - TimeAmount(settings.idleTimeout)
            end(state.withLock { $0.ledger.expireIdle(since: limit) })
        }
    }

    /// Takes no more invokes, refuses those that wait, and ends every environment when it has finished.
    package func shutDown() {
        let (environments, waiters) = state.withLock { state -> ([EnvironmentID], [Invoke]) in
            state.isShuttingDown = true
            return state.ledger.shutDown()
        }
        for waiter in waiters {
            waiter.promise.fail(InvokeFailure(.shuttingDown, "the service is shutting down"))
        }
        end(environments)
    }

    /// Ends every environment at once, and with it whatever it runs: the last resort of a shutdown.
    package func abort() {
        shutDown()
        for environment in state.withLock({ Array($0.environments.values) }) {
            environment.eventLoop.execute { environment.abort() }
        }
    }

    // MARK: Carrying out

    private func carryOut(_ action: Ledger.StartAction, for function: InvocableFunction, on eventLoop: any EventLoop) {
        switch action {
        case .none:
            break
        case .refuse(let invokes):
            refuse(invokes)
        case .startEnvironments(let count, let evicted):
            end(evicted)
            defer { tellFreeMemory() }
            for _ in 0..<count {
                let environment = worker.makeEnvironment(for: function, on: eventLoop, observer: self)
                state.withLock { state in
                    state.environments[environment.id] = environment
                    state.ledger.environmentStarting(
                        environment.id,
                        for: function.configurationID,
                        memory: function.memory.bytes,
                        on: ObjectIdentifier(eventLoop)
                    )
                }
                worker.start(environment)
            }
        }
    }

    /// Sandboxes that wait for functions may use what is not promised to environments.
    private func tellFreeMemory() {
        worker.pool.memoryBecameFree(state.withLock { $0.ledger.memoryFree })
    }

    private func run(_ invoke: Invoke, in environment: ExecutionEnvironment) {
        guard environment.eventLoop.inEventLoop else {
            return environment.eventLoop.execute { self.run(invoke, in: environment) }
        }
        guard environment.run(invoke) else {
            // It ended between the assignment and now; nothing of the invoke has run, so it may go elsewhere.
            let eventLoop = invoke.promise.futureResult.eventLoop
            return eventLoop.execute { self.submit(invoke) }
        }
    }

    private func end(_ environments: [EnvironmentID]) {
        guard !environments.isEmpty else { return }
        let ending = state.withLock { state in environments.compactMap { state.environments[$0] } }
        for environment in ending {
            environment.eventLoop.execute { environment.retire() }
        }
    }

    private func refuse(_ invokes: [Invoke]) {
        logger.warning(
            "invokes were refused because no memory is left for another environment",
            metadata: [
                LogKey.count: "\(invokes.count)", LogKey.reason: "\(state.withLock { $0.ledger.summary })",
            ]
        )
        for invoke in invokes {
            invoke.promise.fail(
                InvokeFailure(.capacityExhausted, "no memory is left in the budget for another execution environment")
            )
        }
    }
}

extension WorkerManager: EnvironmentObserver {
    package func environmentInitialised(_ environment: ExecutionEnvironment) {
        environmentReady(environment)
    }

    package func environmentBecameIdle(_ environment: ExecutionEnvironment) {
        environmentReady(environment)
    }

    package func environmentAnswered(_ environment: ExecutionEnvironment) {
        state.withLock { $0.ledger.environmentAnswered(environment.id) }
    }

    package func environmentFailedToInitialise(
        _ environment: ExecutionEnvironment,
        reason: String
    ) {
        let waiter = state.withLock { $0.ledger.environmentFailedToInitialise(environment.id) }
        waiter?.promise.fail(InvokeFailure(.environmentFailed, reason))
    }

    package func environmentEnded(_ environment: ExecutionEnvironment) {
        let action = state.withLock { $0.ledger.environmentEnded(environment.id) }
        carryOut(action, for: environment.function, on: environment.eventLoop)
    }

    package func environmentRemoved(_ environment: ExecutionEnvironment) {
        let action = state.withLock { state in
            state.environments[environment.id] = nil
            return state.ledger.environmentRemoved(environment.id)
        }
        tellFreeMemory()
        carryOut(action, for: environment.function, on: environment.eventLoop)
    }

    private func environmentReady(_ environment: ExecutionEnvironment) {
        let action = state.withLock { $0.ledger.environmentReady(environment.id, at: .now()) }
        switch action {
        case .run(let invoke):
            run(invoke, in: environment)
        case .end:
            environment.retire()
        case .keep, .none:
            break
        }
    }
}
