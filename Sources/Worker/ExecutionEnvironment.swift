package import LambdaAPI
import Logging
package import NIOCore
package import RuntimeAPI
import Sandbox
import Telemetry

/// One execution environment: a sandbox, a runtime in it, and one event at a time.
///
/// ## Concurrency
/// Confined to its event loop: every method and property but the immutable ones must be used there. That is what
/// lets an event pass from the caller's connection to the runtime's without a lock or a hop between threads.
///
/// JUSTIFICATION: the worker manager keeps references to environments of many event loops in one place.
/// SAFETY: all mutable state is behind `eventLoop.preconditionInEventLoop()` at every entry.
package final class ExecutionEnvironment: @unchecked Sendable {
    /// The environment's name.
    package let id: EnvironmentID
    /// What it runs, for its whole life.
    package let function: InvocableFunction
    /// What it is initialised for.
    let initialisationType: InitialisationType
    /// Where all of it happens.
    package let eventLoop: any EventLoop

    private let settings: WorkerSettings
    private let observer: any EnvironmentObserver
    private let logger: Logger
    /// Succeeds when the environment's life is over and its sandbox may be destroyed.
    private let ended: EventLoopPromise<Void>

    private var lifecycle = EnvironmentLifecycle<RunningInvoke, NIODeadline>()
    private var runtimeAPI: RuntimeAPIServer?
    private var sandbox: (any Sandbox)?
    private var log: FunctionLogStream?
    private var startedAt: NIODeadline = .now()
    private var initialisation: TimeAmount?
    private var isTimerArmed = false
    private var isFreezeTimerArmed = false
    private var idleSince: NIODeadline = .now()
    /// The result of the current invoke while its caller waits for the end of the log too.
    private var heldResult: InvokeResult?

    /// An invoke that the runtime has been given, and when.
    struct RunningInvoke {
        let invoke: Invoke
        let deliveredAt: NIODeadline
    }

    init(
        id: EnvironmentID,
        function: InvocableFunction,
        initialisationType: InitialisationType,
        eventLoop: any EventLoop,
        settings: WorkerSettings,
        observer: any EnvironmentObserver,
        logger: Logger
    ) {
        self.id = id
        self.function = function
        self.initialisationType = initialisationType
        self.eventLoop = eventLoop
        self.settings = settings
        self.observer = observer
        self.logger = logger
        self.ended = eventLoop.makePromise()
        let (year, month, day) = Timestamp.now().date
        let date = "\(year)/\(month < 10 ? "0" : "")\(month)/\(day < 10 ? "0" : "")\(day)"
        self.logStream = "\(date)/[\(function.version)]\(id)"
    }

    // MARK: Preparation, driven by the worker

    /// Takes over a sandbox in which the runtime is about to be started.
    ///
    /// - Returns: Whether the runtime is still wanted.
    func runtimeStarting(in sandbox: any Sandbox, log: FunctionLogStream) throws(SandboxError) -> Bool {
        eventLoop.preconditionInEventLoop()
        let now = NIODeadline.now()
        guard lifecycle.runtimeStarting(deadline: now + settings.initialisationTimeout) else { return false }
        guard let listener = sandbox.takeRuntimeAPIListener() else {
            throw SandboxError(.setUpFailed, "the sandbox has no Runtime API socket to give")
        }
        self.sandbox = sandbox
        self.log = log
        startedAt = now
        let server = RuntimeAPIServer(
            eventLoop: eventLoop,
            responseBytesMax: settings.responseBytesMax,
            delegate: self
        )
        runtimeAPI = server
        server.serve(on: listener).whenFailure { [self] error in
            preparationFailed("failed to serve the Runtime API: \(error)")
        }
        armTimer()
        return true
    }

    /// The host could not make the environment.
    func preparationFailed(_ reason: String) {
        eventLoop.preconditionInEventLoop()
        if !lifecycle.hasEnded {
            logger.error("execution environment could not be made", metadata: [LogKey.error: "\(reason)"])
        }
        end(lifecycle.preparationFailed(), reason: reason)
    }

    /// The runtime's process has ended, or could not be started.
    func runtimeExited(_ exit: RuntimeExit) {
        eventLoop.preconditionInEventLoop()
        end(lifecycle.runtimeExited(exit))
    }

    /// Nothing of the environment is left on the host.
    func wasRemoved() {
        eventLoop.preconditionInEventLoop()
        sandbox = nil
        log = nil
        observer.environmentRemoved(self)
    }

    /// Returns when the environment's life is over. Not cancellable: an environment ends by being retired.
    func hasEnded() async {
        // The promise is only ever succeeded.
        try? await ended.futureResult.get()
    }

    /// Runs `body` where the environment lives.
    func onEventLoop<Value: Sendable>(_ body: @escaping @Sendable (ExecutionEnvironment) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            eventLoop.execute { continuation.resume(returning: body(self)) }
        }
    }

    /// The log group that the function's log belongs to.
    var logGroup: String { "/aws/lambda/\(function.name)" }

    /// The environment's own stream in its log group, such as `2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef`.
    let logStream: String

    // MARK: Use, by the worker manager

    /// Gives the environment an event. The promise is completed exactly once if this returns true.
    ///
    /// - Returns: Whether the environment was idle, as it must be.
    package func run(_ invoke: Invoke) -> Bool {
        eventLoop.preconditionInEventLoop()
        let now = NIODeadline.now()
        let timeout = TimeAmount.seconds(Int64(function.timeoutSeconds))
        let running = RunningInvoke(invoke: invoke, deliveredAt: now)
        switch lifecycle.invoked(running, deadline: now + timeout) {
        case .refuse:
            return false
        case .thawAndDeliver:
            thaw()
            fallthrough
        case .deliver:
            deliver(invoke, timeout: timeout)
            return true
        }
    }

    /// Ends the environment, at once if it is idle, else when it has finished.
    package func retire() {
        eventLoop.preconditionInEventLoop()
        end(lifecycle.retired())
    }

    /// Ends the environment at once. An invoke that it runs is told so.
    package func abort() {
        eventLoop.preconditionInEventLoop()
        end(lifecycle.aborted())
    }

    private func deliver(_ invoke: Invoke, timeout: TimeAmount) {
        let request = invoke.request
        log?.keepTail(request.wantsLogTail)
        log?.append(line: InvocationReport.start(request.requestID, version: function.version))
        let event = InvocationEvent(
            requestID: request.requestID,
            deadlineMilliseconds: Int64(Timestamp.now().milliseconds) + timeout.nanoseconds / 1_000_000,
            invokedFunctionARN: request.invokedFunctionARN,
            traceHeader: request.traceHeader,
            clientContext: request.clientContext,
            payload: request.payload
        )
        armTimer()
        guard runtimeAPI?.deliver(event) == true else {
            // The lifecycle knows the runtime to be ready, so this cannot be; the invoke must end all the same.
            return end(lifecycle.runtimeExited(.withoutReason))
        }
    }

    // MARK: Timers

    /// Sees to it that a timer fires at the current deadline or before. One timer is enough: deadlines only grow, so
    /// a timer that finds itself early is set again, and a warm invoke costs no timer of its own.
    private func armTimer() {
        guard !isTimerArmed, let deadline = lifecycle.deadline else { return }
        isTimerArmed = true
        eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            isTimerArmed = false
            end(lifecycle.timerFired(now: .now()))
            armTimer()
        }
    }

    private func armFreezeTimer() {
        idleSince = .now()
        guard !isFreezeTimerArmed else { return }
        isFreezeTimerArmed = true
        scheduleFreeze(at: idleSince + settings.freezeDelay)
    }

    private func scheduleFreeze(at deadline: NIODeadline) {
        eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            let due = idleSince + settings.freezeDelay
            if due > .now() {
                return scheduleFreeze(at: due)
            }
            isFreezeTimerArmed = false
            guard case .freeze = lifecycle.idledLongEnough() else { return }
            do throws(SandboxError) {
                try sandbox?.freeze()
            } catch {
                // An environment that cannot be frozen uses CPU while idle, and no more than that.
                logger.warning("environment could not be frozen", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    private func thaw() {
        do throws(SandboxError) {
            try sandbox?.thaw()
        } catch {
            // The invoke will time out if this is so; say why.
            logger.error("environment could not be thawed", metadata: [LogKey.error: "\(error)"])
        }
    }

    // MARK: Ends

    private func end(_ action: EnvironmentLifecycle<RunningInvoke, NIODeadline>.EndAction, reason: String = "") {
        switch action {
        case .none:
            break
        case .end(let end):
            close()
            if let failure = initialisationFailure(end, reason: reason) {
                observer.environmentFailedToInitialise(self, failure)
            }
            observer.environmentEnded(self)
        case .failAndEnd(let running, let end):
            close()
            let failure = document(of: end)
            finish(running, failure: failure)
            let payload = failure.payload(for: running.invoke.request.requestID)
            running.invoke.promise.succeed(
                InvokeResult(
                    payload: payload,
                    contentType: nil,
                    isFunctionError: true,
                    logTail: log?.takeTail()
                )
            )
            observer.environmentEnded(self)
        case .finishAndEnd(let running, let end):
            close()
            finish(running, failure: document(of: end))
            complete(running)
            observer.environmentEnded(self)
        }
    }

    private func close() {
        runtimeAPI?.close()
        ended.succeed()
    }

    private func document(of end: EnvironmentLifecycle<RunningInvoke, NIODeadline>.End) -> FailureDocument {
        switch end {
        case .timeout:
            .timeout(seconds: function.timeoutSeconds)
        case .exit(let exit), .initialisationExit(let exit):
            .exit(exit)
        case .initialisationTimeout:
            .timeout(seconds: settings.initialisationTimeoutSeconds)
        case .retired, .aborted, .preparationFailed, .initialisationError:
            .sandboxFailure
        }
    }

    private func initialisationFailure(
        _ end: EnvironmentLifecycle<RunningInvoke, NIODeadline>.End,
        reason: String
    ) -> InitialisationFailure? {
        switch end {
        case .initialisationError(let error): .reported(error)
        case .initialisationExit, .initialisationTimeout: .platform(document(of: end))
        case .preparationFailed: .host(reason)
        case .retired, .aborted, .exit, .timeout: nil
        }
    }

    /// Answers an invoke that waited for this environment with the failure of its initialisation.
    package func answer(_ invoke: Invoke, with failure: InitialisationFailure) {
        let requestID = invoke.request.requestID
        log?.append(line: InvocationReport.start(requestID, version: function.version))
        finish(RunningInvoke(invoke: invoke, deliveredAt: startedAt), failure: failure.document)
        failure.complete(invoke, logTail: invoke.request.wantsLogTail ? log?.takeTail() : nil)
    }

    /// The invoke is over: writes what the log says at its end.
    private func finish(_ running: RunningInvoke, failure: FailureDocument? = nil) {
        let requestID = running.invoke.request.requestID
        let report = InvocationReport(
            requestID: requestID,
            duration: NIODeadline.now() - running.deliveredAt,
            initialisation: initialisation.take(),
            memoryMegabytes: function.memoryMegabytes,
            memoryUsed: ByteCount(bytes: sandbox?.peakMemoryBytes() ?? 0),
            failure: failure
        )
        log?.drain()
        log?.append(line: InvocationReport.end(requestID))
        log?.append(line: report.line)
        running.invoke.finished()
    }

    /// Answers a caller who waited for the end of the log.
    private func complete(_ running: RunningInvoke) {
        guard var result = heldResult.take() else { return }
        result.logTail = log?.takeTail()
        running.invoke.promise.succeed(result)
    }
}

// MARK: - What the runtime does

extension ExecutionEnvironment: RuntimeAPIDelegate {
    package func runtimeBecameReady() {
        switch lifecycle.runtimeBecameReady() {
        case .none:
            break
        case .reportInitialised:
            initialisation = NIODeadline.now() - startedAt
            limitCPU()
            armFreezeTimer()
            observer.environmentInitialised(self)
        case .finish(let running):
            finish(running)
            complete(running)
            armFreezeTimer()
            observer.environmentBecameIdle(self)
        case .finishAndEnd(let running, _):
            finish(running)
            complete(running)
            close()
            observer.environmentEnded(self)
        }
    }

    package func runtimeResponded(_ response: RuntimeDocument) {
        answer(InvokeResult(payload: response.body, contentType: response.contentType, isFunctionError: false))
    }

    package func runtimeFailed(_ error: RuntimeDocument) {
        answer(InvokeResult(payload: error.body, contentType: error.contentType, isFunctionError: true))
    }

    package func runtimeExceededResponseSize() {
        let payload = FailureDocument.responseTooLarge(limit: settings.responseBytesMax)
        answer(InvokeResult(payload: payload, contentType: nil, isFunctionError: true))
    }

    package func runtimeFailedToInitialise(_ error: RuntimeDocument) {
        end(lifecycle.initialisationFailed(error))
    }

    private func answer(_ result: InvokeResult) {
        guard case .answer(let running) = lifecycle.answered() else { return }
        // The end of the log is known only when the runtime has finished; who does not want it need not wait for it.
        if running.invoke.request.wantsLogTail {
            heldResult = result
        } else {
            running.invoke.promise.succeed(result)
        }
        observer.environmentAnswered(self)
    }

    /// Initialisation may use all the CPU there is, as on Lambda; the function's share counts from its first event.
    private func limitCPU() {
        do throws(SandboxError) {
            try sandbox?.setCPULimit(settings.cpuLimit(memoryMegabytes: function.memoryMegabytes))
        } catch {
            logger.warning("CPU limit could not be set", metadata: [LogKey.error: "\(error)"])
        }
    }
}
