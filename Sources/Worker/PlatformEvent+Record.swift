import LambdaAPI
import NIOCore
import RuntimeAPI

// The events as JSON objects, in logs of that format and for subscribers. Source: `spec/runtime-api.md` section 3.
extension PlatformEvent {
    /// The whole event: time, type and record.
    func json(of platform: PlatformIdentity, at time: Timestamp) -> [UInt8] {
        Self.json(type: "platform.\(name)", at: time) { event in
            event.member("record", object: { writeMembers(to: &$0, of: platform) })
        }
    }

    /// An event of telemetry.
    ///
    /// - Parameter writeRecord: Writes the member `record`, which is an object or a text.
    static func json(type: String, at time: Timestamp, _ writeRecord: (inout JSONWriter) -> Void) -> [UInt8] {
        JSONWriter.document { event in
            event.member("time", time.zuluText)
            event.member("type", type)
            writeRecord(&event)
        }
    }

    private func writeMembers(to record: inout JSONWriter, of platform: PlatformIdentity) {
        switch self {
        case .initStart(let phase):
            platform.writeInitialisation(phase, to: &record)
            platform.writeInstance(to: &record)
        case .initRuntimeDone(let phase, let outcome):
            platform.writeInitialisation(phase, to: &record)
            outcome.write(to: &record)
        case .initReport(let phase, let duration, let outcome):
            platform.writeInitialisation(phase, to: &record)
            record.member("metrics", object: { $0.member("durationMs", duration.milliseconds) })
            outcome.write(to: &record)
        case .restoreStart:
            platform.writeInstance(to: &record)
        case .restoreRuntimeDone(let outcome):
            outcome.write(to: &record)
        case .restoreReport(let duration, let outcome):
            record.member("metrics", object: { $0.member("durationMs", duration.milliseconds) })
            outcome.write(to: &record)
        case .start(let requestID, let version, let traceHeader):
            record.member("requestId", requestID.rawValue)
            record.member("version", version.rawValue)
            record.member("tracing", TracingContext(header: traceHeader))
        case .runtimeDone(let done):
            done.write(to: &record)
        case .report(let report, let traceHeader):
            report.write(to: &record)
            record.member("tracing", TracingContext(header: traceHeader))
        case .extension(let status):
            record.member("name", status.name)
            record.member("state", status.state)
            record.member("events", status.events.map(\.rawValue))
            record.member("errorType", status.errorType)
        case .subscription(let subscription):
            record.member("name", subscription.subscriber)
            record.member("state", "Subscribed")
            record.member("types", subscription.kinds.map(\.rawValue))
        case .dropped(let records, let bytes):
            record.member("reason", "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.")
            record.member("droppedRecords", records)
            record.member("droppedBytes", bytes)
        }
    }
}

/// A span of an invoke, as telemetry has it.
private struct Span: JSONEncodable {
    let name: String
    let start: Timestamp
    let duration: TimeAmount

    func encode(to writer: inout JSONWriter) {
        writer.object { span in
            span.member("name", name)
            span.member("start", start.zuluText)
            span.member("durationMs", duration.milliseconds)
        }
    }
}

extension PlatformEvent.Outcome {
    fileprivate func write(to record: inout JSONWriter) {
        record.member("status", status)
        record.member("errorType", errorType)
    }
}

extension PlatformEvent.RuntimeDone {
    fileprivate func write(to record: inout JSONWriter) {
        record.member("requestId", requestID.rawValue)
        outcome.write(to: &record)
        record.member(
            "metrics",
            object: { metrics in
                metrics.member("durationMs", duration.milliseconds)
                metrics.member("producedBytes", producedBytes)
            }
        )
        record.member("tracing", TracingContext(header: traceHeader))
        record.member("spans", spans)
    }

    private var spans: [Span]? {
        guard let responseLatency, let responseDuration else { return nil }
        let start = Timestamp(milliseconds: startedAt.milliseconds)
        let began = Timestamp(milliseconds: start.milliseconds + Int(responseLatency.milliseconds))
        let ended = Timestamp(milliseconds: began.milliseconds + Int(responseDuration.milliseconds))
        let overhead = duration - responseLatency - responseDuration
        return [
            Span(name: "responseLatency", start: start, duration: responseLatency),
            Span(name: "responseDuration", start: began, duration: responseDuration),
            Span(name: "runtimeOverhead", start: ended, duration: max(overhead, .zero)),
        ]
    }
}

extension InvocationReport {
    fileprivate func write(to record: inout JSONWriter) {
        record.member("requestId", requestID.rawValue)
        record.member(
            "metrics",
            object: { metrics in
                metrics.member("durationMs", duration.milliseconds)
                metrics.member("billedDurationMs", billedMilliseconds)
                metrics.member("memorySizeMB", memoryMegabytes)
                metrics.member("maxMemoryUsedMB", memoryUsed.mebibytesRoundedUp)
                switch start {
                case .initialisation(let duration): metrics.member("initDurationMs", duration.milliseconds)
                case .restoration(let duration, let billed):
                    metrics.member("restoreDurationMs", duration.milliseconds)
                    metrics.member("billedRestoreDurationMs", Self.billedMilliseconds(billed))
                case nil: break
                }
            }
        )
        record.member("status", failure?.status.rawValue ?? "success")
        if let failure, failure.status == .error { record.member("errorType", failure.errorType) }
    }
}

extension PlatformIdentity {
    fileprivate func writeInitialisation(_ phase: PlatformEvent.InitialisationPhase, to record: inout JSONWriter) {
        record.member("initializationType", initializationType.rawValue)
        record.member("phase", phase.rawValue)
    }
}

extension PlatformIdentity {
    fileprivate func writeInstance(to record: inout JSONWriter) {
        record.member("runtimeVersion", runtimeVersion.name)
        record.member("runtimeVersionArn", runtimeVersion.arn)
        record.member("functionName", functionName.rawValue)
        record.member("functionVersion", version.rawValue)
        record.member("instanceId", instanceID)
        record.member("instanceMaxMemory", memoryMegabytes << 20)
    }
}

extension TimeAmount {
    /// With three decimals, as telemetry has durations.
    fileprivate var milliseconds: Double {
        Double((nanoseconds + 500) / 1000) / 1000
    }
}
