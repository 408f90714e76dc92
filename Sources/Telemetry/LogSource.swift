package import LambdaAPI

/// Whose process printed something.
package enum LogSource: Sendable, CaseIterable {
    /// The runtime, and whatever the function's code starts.
    case function
    /// An external extension.
    case `extension`
}

/// Hears what an environment's processes print, beside the log. Called on any thread, in the order of the bytes of each
/// source, under a lock: it must not block and not call the stream.
package typealias LogTap =
    @Sendable (_ source: LogSource, _ bytes: UnsafeBufferPointer<UInt8>, _ time: Timestamp) -> Void
