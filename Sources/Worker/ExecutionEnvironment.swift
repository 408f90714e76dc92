package import LambdaAPI
import Logging
package import NIOCore
import RuntimeAPI
import Sandbox
import Telemetry

/// One execution environment: a sandbox, a runtime and extensions in it, and one event at a time.
///
/// Decisions are ``EnvironmentLifecycle``'s; this class carries them out where they concern the event loop, and has
/// ``EnvironmentLife`` carry out what takes time.
///
/// ## Concurrency
/// Confined to its event loop: every method and property but the immutable ones must be used there. That is what
/// lets an event pass from the caller's connection to the runtime's without a lock or a hop between threads.
///
/// JUSTIFICATION: the worker manager keeps references to environments of many event loops in one place.
/// SAFETY: all mutable state is behind `eventLoop.preconditionInEventLoop()` at every entry.
package final class ExecutionEnvironment: @unchecked Sendable {
    typealias Lifecycle = EnvironmentLifecycle<RunningInvoke, NIODeadline>

    /// The environment's name.
    package let id: EnvironmentID
    /// What it runs, for its whole life.
    package let function: InvocableFunction
    /// What it is initialised for.
    let initializationType: InitializationType
    /// Where all of it happens.
    package let eventLoop: any EventLoop
    /// The log group that the function's log belongs to.
    var logGroup: String { function.logging.group }
    /// The environment's own stream in its log group, such as `2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef`.
    let logStream: String
    /// What its functions' AWS clients sign with, for its whole life.
    var credentials = EnvironmentCredentials.random()
    /// What processes show to the metadata endpoint.
    var metadataToken = RequestID.random().rawValue
    /// What is to be done with the sandbox; ends with the environment's life.
    let commands: AsyncStream<EnvironmentCommand>

    let settings: WorkerSettings
    let observer: any EnvironmentObserver
    let logger: Logger
    let commandsContinuation: AsyncStream<EnvironmentCommand>.Continuation

    var lifecycle: Lifecycle
    var runtimeAPI: RuntimeAPIServer?
    var sandbox: (any Sandbox)?
    var platformLog: PlatformLog
    var telemetry = TelemetryFanout()
    var processes = EnvironmentProcesses()
    /// The order in which processes are being ended, while they are.
    var shutdown: ShutdownSequence?
    var shutdownReason: ShutdownReason = .spindown
    var shutdownDeadline: NIODeadline = .now()
    /// When the current processes began to initialise, and for whom.
    var initialisationStartedAt: NIODeadline = .now()
    var initialisationPhase: PlatformEvent.InitialisationPhase = .initialisation
    /// How long it took to start ahead of the first invoke, until that invoke has reported it.
    var start: InvocationReport.Start?
    /// Who awaits a snapshot of it, if it is a template.
    let snapshotOrder: SnapshotOrder?
    /// When its restoration from a snapshot began, and when its processes could go on.
    var restoration: (startedAt: NIODeadline, resumedAt: NIODeadline)?
    /// What the current invoke's response has come to so far.
    var response = ResponseProgress()

    /// The place among those that start, until this one has.
    private var passage: StartGate.Passage?
    private var isCPULimited = false
    /// When the next timer fires at the latest; nil while none is set.
    private var timerDue: NIODeadline?
    private var isFreezeTimerArmed = false
    private var idleSince: NIODeadline = .now()

    /// An invoke that the environment has been given, and when.
    struct RunningInvoke {
        let invoke: Invoke
        let startedAt: NIODeadline

        var requestID: RequestID { invoke.request.requestID }
    }

    init(
        id: EnvironmentID,
        function: InvocableFunction,
        initializationType: InitializationType,
        eventLoop: any EventLoop,
        settings: WorkerSettings,
        observer: any EnvironmentObserver,
        snapshotOrder: SnapshotOrder? = nil,
        logger: Logger
    ) {
        self.snapshotOrder = snapshotOrder
        self.id = id
        self.function = function
        self.initializationType = initializationType
        lifecycle = Lifecycle(
            endsAfterFailedInitialisation: initializationType == .provisionedConcurrency,
            isTemplate: snapshotOrder != nil
        )
        self.eventLoop = eventLoop
        self.settings = settings
        self.observer = observer
        self.logger = logger
        (commands, commandsContinuation) = AsyncStream.makeStream()
        let (year, month, day) = Timestamp.now().date
        let date = "\(year)/\(month < 10 ? "0" : "")\(month)/\(day < 10 ? "0" : "")\(day)"
        // In a group of its own a stream need not name the function.
        let isShared = function.logging.group != FunctionLogging.standardGroup(of: function.name.rawValue)
        logStream = "\(date)/\(isShared ? function.name.rawValue : "")[\(function.version)]\(id)"
        platformLog = PlatformLog(
            identity: PlatformIdentity(
                function: function,
                instanceID: id.rawValue,
                initializationType: initializationType
            ),
            isJSON: function.logging.format == .json,
            level: function.logging.systemLevel ?? .info
        )
    }

    /// Runs `body` where the environment lives.
    func onEventLoop<Value: Sendable>(_ body: @escaping @Sendable (ExecutionEnvironment) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            eventLoop.execute { continuation.resume(returning: body(self)) }
        }
    }

    // MARK: Use, by the worker manager

    /// Gives the environment an event. The promise is completed exactly once if this returns true.
    ///
    /// - Returns: Whether the environment was idle, as it must be.
    package func run(_ invoke: Invoke) -> Bool {
        eventLoop.preconditionInEventLoop()
        let now = NIODeadline.now()
        let running = RunningInvoke(invoke: invoke, startedAt: now)
        switch lifecycle.invoked(running, deadline: now + .seconds(Int64(function.timeoutSeconds))) {
        case .refuse:
            return false
        case .initialise:
            begin(invoke)
            initialise(.invoke)
        case .thawAndDeliver:
            thaw()
            begin(invoke)
            deliver(running)
        case .deliver:
            begin(invoke)
            deliver(running)
        }
        armTimer()
        return true
    }

    private func begin(_ invoke: Invoke) {
        response = ResponseProgress()
        platformLog.stream?.keepTail(invoke.request.wantsLogTail)
    }

    /// Ends the environment, at once if it is idle, else when it has finished.
    package func retire() {
        eventLoop.preconditionInEventLoop()
        switch lifecycle.retired() {
        case .none:
            break
        case .end:
            close()
            observer.environmentEnded(self)
        case .shutDown(let thawing):
            if thawing { thaw() }
            shutDownForGood()
        }
    }

    /// Ends the environment at once. An invoke that it runs is told so.
    package func abort() {
        eventLoop.preconditionInEventLoop()
        fail(.aborted)
    }

    /// Tells of something that the platform did: in the function's log, and to those who subscribed.
    func publish(_ event: PlatformEvent) {
        platformLog.append(event)
        guard !telemetry.isIdle else { return }
        telemetry.publish(event, of: platformLog.identity, at: .now())
    }

    /// Gives the current invoke's event to the runtime, which waits for it.
    func deliver(_ running: RunningInvoke) {
        let request = running.invoke.request
        let now = NIODeadline.now()
        response.deliveredAt = now
        publish(
            .start(request.requestID, version: function.version, traceHeader: request.traceHeader)
        )
        let left = (lifecycle.deadline ?? now) - now
        let event = InvocationEvent(
            requestID: request.requestID,
            deadlineMilliseconds: Int64(Timestamp.now().milliseconds) + left.nanoseconds / 1_000_000,
            invokedFunctionARN: request.invokedFunctionARN,
            traceHeader: request.traceHeader,
            clientContext: request.clientContext,
            payload: request.payload,
            invocationID: RequestID.random().rawValue,
            acceptsStream: running.invoke.stream != nil
        )
        guard runtimeAPI?.deliver(event) == true else {
            // The lifecycle knows the runtime to be ready, so this cannot be; the invoke must end all the same.
            return fail(.runtimeExit(.withoutReason))
        }
    }

    // MARK: Start

    /// It is this environment's turn to start.
    func startBegan(_ passage: StartGate.Passage) {
        self.passage = passage
        eventLoop.assumeIsolated().scheduleTask(in: settings.startPatience) { [weak self] in self?.startEnded() }
    }

    /// It has started, or will not, or waits for something other than the CPU: others may start.
    func startEnded() {
        passage?.leave()
        passage = nil
    }

    // MARK: Timers

    /// Sees to it that a timer fires at the current deadline or before. The deadlines of invokes only grow, so one timer
    /// is enough for many: one that finds itself early is set again, and a warm invoke costs no timer of its own. Only
    /// an initialisation has a deadline that may be later than that of the invoke after it.
    func armTimer() {
        guard let deadline = lifecycle.deadline else { return }
        if let timerDue, timerDue <= deadline { return }
        timerDue = deadline
        eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            // Superseded by one that was set for an earlier time, which has seen to everything since.
            guard timerDue == deadline else { return }
            timerDue = nil
            carryOut(lifecycle.timerFired(now: .now()))
            armTimer()
        }
    }

    func armFreezeTimer() {
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

    func thaw() {
        do throws(SandboxError) {
            try sandbox?.thaw()
        } catch {
            // The invoke will time out if this is so; say why.
            logger.error("environment could not be thawed", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Initialisation may use all the CPU there is, as on Lambda, within an invoke too: that has no more time than others.
    /// The function's share counts from the event after it.
    func limitCPU(_ isWanted: Bool) {
        guard isCPULimited != isWanted else { return }
        isCPULimited = isWanted
        do throws(SandboxError) {
            let share = settings.cpuLimit(memoryMegabytes: function.memoryMegabytes)
            try sandbox?.setCPULimit(isWanted ? share : .unlimited)
        } catch {
            logger.warning("CPU limit could not be set", metadata: [LogKey.error: "\(error)"])
        }
    }
}
