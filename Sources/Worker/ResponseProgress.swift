import NIOCore

/// How far the answer to the current invoke has come.
struct ResponseProgress {
    /// An invoke that failed, and what its caller will be told.
    struct FailedInvoke {
        let running: ExecutionEnvironment.RunningInvoke
        let result: InvokeResult
    }

    /// When the runtime was given the event; nil while processes still initialise for it.
    var deliveredAt: NIODeadline?
    /// When the runtime began to respond, and when it had.
    var beganAt: NIODeadline?
    var endedAt: NIODeadline?
    /// The response's size so far.
    var producedBytes = 0
    /// Whether the response is being passed on as it comes.
    var isStreaming = false
    var pacer = StreamPacer()
    /// Until when the pacer holds the stream back.
    var pausedUntil: NIODeadline?
    /// Whether the runtime's connection closed in the middle of the stream.
    var isBroken = false
    /// The result while its caller waits for the end of the log too.
    var heldResult: InvokeResult?
    /// The invoke that failed, while the processes are being ended.
    var failedInvoke: FailedInvoke?
    /// How the runtime ended its part.
    var outcome: PlatformEvent.Outcome = .success
}
