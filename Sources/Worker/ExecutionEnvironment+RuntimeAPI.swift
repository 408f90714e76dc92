import LambdaAPI
package import NIOCore
package import RuntimeAPI
import Sandbox
import Telemetry

// What the runtime and the extensions do.
extension ExecutionEnvironment: RuntimeAPIDelegate {
    package func extensionsRegistered() {
        guard lifecycle.isInitialising else { return }
        commandsContinuation.yield(.startRuntime(processes.generation))
    }

    package func runtimeBecameReady() {
        if response.isBroken { answer(.truncatedResponse) }
        if lifecycle.isInitialising {
            publish(.initRuntimeDone(initialisationPhase, .success))
        } else if lifecycle.isRestoring {
            publish(.restoreRuntimeDone(.success))
        } else if let running = lifecycle.answeredInvocation {
            reportRuntimeDone(running, response.outcome)
        }
    }

    package func environmentBecameReady() {
        let action = lifecycle.everybodyBecameReady()
        switch action {
        case .none:
            break
        case .reportInitialised:
            startEnded()
            start = .initialisation(NIODeadline.now() - initialisationStartedAt)
            reportInitialisation(.success)
            becameIdleForTheFirstTime()
        case .reportRestored:
            startEnded()
            reportRestoration(.success)
            becameIdleForTheFirstTime()
        case .takeSnapshot:
            startEnded()
            reportInitialisation(.success)
            commandsContinuation.yield(.takeSnapshot)
        case .deliver(let running):
            reportInitialisation(.success)
            limitCPU(true)
            deliver(running)
        case .finish(let running):
            finish(running)
            completeHeld(running)
            armFreezeTimer()
            observer.environmentBecameIdle(self)
        case .finishAndShutDown(let running):
            finish(running)
            completeHeld(running)
            shutDownForGood()
        }
    }

    private func becameIdleForTheFirstTime() {
        limitCPU(true)
        armFreezeTimer()
        observer.environmentInitialised(self)
    }

    package func runtimeFailedToInitialise(_ error: RuntimeDocument) {
        guard lifecycle.isInitialising || lifecycle.isRestoring else { return }
        fail(.initialisation(error))
    }

    package func telemetrySubscribed(_ subscription: TelemetrySubscription) {
        subscribe(subscription)
        publish(.subscription(subscription))
    }

    /// Delivers telemetry from here on.
    func subscribe(_ subscription: TelemetrySubscription) {
        guard let sandbox else { return }
        let platform = platformLog.identity
        telemetry.add(
            TelemetrySubscriber(
                subscription,
                on: eventLoop,
                connect: { port in
                    guard let port = UInt16(exactly: port) else { return nil }
                    do throws(SandboxError) { return try await sandbox.connect(toPort: port) } catch { return nil }
                },
                describeLoss: { records, bytes in
                    PlatformEvent.dropped(records: records, bytes: bytes).json(of: platform, at: .now())
                }
            ),
            platform: platform
        )
        guard subscription.kinds.contains(where: { $0 != .platform }) else { return }
        // The stream lives no longer than the environment, which takes the tap away before.
        platformLog.stream?.setTap { [self] source, bytes, time in
            let copy = Array(bytes)
            eventLoop.execute { self.telemetry.printed(copy, by: source, at: time) }
        }
    }

    // MARK: Answers

    package func runtimeResponded(_ response: RuntimeDocument) {
        self.response.producedBytes = response.body.readableBytes
        answer(InvokeResult(payload: response.body, contentType: response.contentType, isFunctionError: false))
    }

    package func runtimeFailed(_ error: RuntimeDocument) {
        response.producedBytes = error.body.readableBytes
        response.outcome = .init(status: "error", errorType: error.errorType ?? "Runtime.Unknown")
        answer(InvokeResult(payload: error.body, contentType: error.contentType, isFunctionError: true))
    }

    package func runtimeExceededResponseSize() {
        response.outcome = .init(status: "error", errorType: FailureDocument.responseTooLargeType)
        let payload = FailureDocument.responseTooLarge(limit: settings.responseBytesMax)
        answer(InvokeResult(payload: payload, contentType: nil, isFunctionError: true))
    }

    package func runtimeUsedInvalidResponseMode() {
        answer(.invalidResponseMode)
    }

    private func answer(_ document: FailureDocument) {
        response.outcome = .failure(document)
        guard let running = lifecycle.currentInvocation else { return }
        let payload = document.payload(for: running.requestID)
        var result = InvokeResult(payload: payload, contentType: nil, isFunctionError: true)
        if response.isStreaming {
            result.streamError = .init(code: document.errorType, details: String(buffer: payload))
            result.payload = ByteBuffer()
        }
        answer(result)
    }

    private func answer(_ result: InvokeResult) {
        guard case .answer(let running) = lifecycle.answered() else { return }
        let now = NIODeadline.now()
        response.beganAt = response.beganAt ?? now
        response.endedAt = now
        // The end of the log is known only when the runtime has finished; who does not want it need not wait for it.
        if running.invoke.request.wantsLogTail {
            response.heldResult = result
        } else {
            complete(running, result)
        }
        observer.environmentAnswered(self)
    }

    // MARK: Streamed answers

    package func responseStreamBegan(contentType: String?) {
        guard let running = lifecycle.currentInvocation, let stream = running.invoke.stream else { return }
        response.beganAt = .now()
        response.isStreaming = true
        stream.open(on: eventLoop, contentType: contentType) { [weak self] in self?.resumeStream(stream) }
    }

    /// Lets the stream go on if neither its pace nor its reader holds it back.
    private func resumeStream(_ stream: ResponseStream) {
        guard response.pausedUntil == nil, stream.hasRoom else { return }
        runtimeAPI?.resumeResponseStream()
    }

    package func responseStreamReceived(_ chunk: ByteBuffer) -> Bool {
        // After the end of the invoke, whatever its runtime still sends is nobody's.
        guard let running = lifecycle.currentInvocation, let stream = running.invoke.stream else { return true }
        response.producedBytes += chunk.readableBytes
        let verdict = response.pacer.passed(bytes: chunk.readableBytes, at: .now())
        if verdict == .exceeded {
            answer(.streamTooLarge)
            return true
        }
        let mayProceed = stream.write(chunk)
        guard case .wait(let due) = verdict else { return mayProceed }
        let isTimerArmed = response.pausedUntil != nil
        response.pausedUntil = due
        if !isTimerArmed { scheduleResumption(of: stream, at: due) }
        return false
    }

    /// One timer is enough: what comes while it runs puts the time off.
    private func scheduleResumption(of stream: ResponseStream, at deadline: NIODeadline) {
        let requestID = lifecycle.currentInvocation?.requestID
        eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self, let due = response.pausedUntil, lifecycle.currentInvocation?.requestID == requestID
            else { return }
            if due > .now() { return scheduleResumption(of: stream, at: due) }
            response.pausedUntil = nil
            resumeStream(stream)
        }
    }

    package func responseStreamEnded(_ error: RuntimeDocument?) {
        var result = InvokeResult(payload: ByteBuffer(), contentType: nil, isFunctionError: false)
        if let error {
            let code = error.errorType ?? "Runtime.Unknown"
            result.isFunctionError = true
            result.streamError = .init(code: code, details: String(buffer: error.body))
            response.outcome = .init(status: "error", errorType: code)
        }
        answer(result)
    }

    package func responseStreamBroke() {
        // Most often the runtime has died, which is the better answer and about to be known; otherwise it will ask for
        // the next event, or nothing will come of it until the timeout.
        response.isBroken = true
    }

    // MARK: The end of an invoke

    /// Tells of the runtime's part of an invoke.
    func reportRuntimeDone(_ running: RunningInvoke, _ outcome: PlatformEvent.Outcome) {
        // Every invoke comes by here, and few have anybody who wants to know.
        guard !telemetry.isIdle || platformLog.shows(.ofDone(outcome)) else { return }
        let now = NIODeadline.now()
        let deliveredAt = response.deliveredAt ?? now
        let wallClock = Timestamp.now().milliseconds - Int((now - deliveredAt).nanoseconds / 1_000_000)
        publish(
            .runtimeDone(
                PlatformEvent.RuntimeDone(
                    requestID: running.requestID,
                    traceHeader: running.invoke.request.traceHeader,
                    outcome: outcome,
                    startedAt: Timestamp(milliseconds: wallClock),
                    duration: now - deliveredAt,
                    producedBytes: response.producedBytes,
                    responseLatency: response.beganAt.map { $0 - deliveredAt },
                    responseDuration: response.endedAt.flatMap { ended in response.beganAt.map { ended - $0 } }
                )
            )
        )
    }

    /// Tells of an initialisation that has ended, and of the extensions that had a part in it.
    func reportInitialisation(_ outcome: PlatformEvent.Outcome) {
        if !outcome.isSuccess { publish(.initRuntimeDone(initialisationPhase, outcome)) }
        for status in runtimeAPI?.extensionStatuses ?? [] { publish(.extension(status)) }
        let duration = NIODeadline.now() - initialisationStartedAt
        publish(.initReport(initialisationPhase, duration: duration, outcome))
        telemetry.initialisationEnded()
    }

    /// The invoke is over, for whatever reason: writes what the log says at its end, and has it counted no longer. The
    /// lifecycle sees to it that this comes exactly once for each.
    func finish(_ running: RunningInvoke, failure: FailureDocument? = nil) {
        let report = InvocationReport(
            requestID: running.requestID,
            duration: NIODeadline.now() - running.startedAt,
            start: start.take(),
            memoryMegabytes: function.memoryMegabytes,
            memoryUsed: ByteCount(bytes: sandbox?.peakMemoryBytes() ?? 0),
            failure: failure
        )
        platformLog.stream?.drain()
        publish(.report(report, traceHeader: running.invoke.request.traceHeader))
        running.invoke.finished()
    }

    /// Answers a caller.
    func complete(_ running: RunningInvoke, _ result: InvokeResult) {
        running.invoke.complete(result)
    }

    /// Answers a caller who waited for the end of the log.
    func completeHeld(_ running: RunningInvoke) {
        guard var result = response.heldResult.take() else { return }
        result.logTail = platformLog.stream?.takeTail()
        complete(running, result)
    }
}
