/// What an extension can subscribe to. Source: `spec/runtime-api.md` section 2.
package enum ExtensionEvent: String, Sendable, Codable, CaseIterable {
    case invoke = "INVOKE"
    case shutdown = "SHUTDOWN"
}

/// Why an environment shuts its extensions down, in the words of the SHUTDOWN event.
package enum ShutdownReason: String, Sendable {
    /// The environment is no longer wanted.
    case spindown
    /// An invoke took longer than the function's timeout.
    case timeout
    /// The runtime or an extension failed.
    case failure
}

/// What extensions are told: the event and what belongs to it.
package enum ExtensionNotice: Sendable {
    /// An invoke begins.
    case invoke(InvocationEvent)
    /// The environment ends, or is reset; `deadlineMilliseconds` is since 1970.
    case shutdown(ShutdownReason, deadlineMilliseconds: Int64)

    /// The event that it is.
    var event: ExtensionEvent {
        switch self {
        case .invoke: .invoke
        case .shutdown: .shutdown
        }
    }
}

/// An extension as telemetry and the platform's log show it.
package struct ExtensionStatus: Sendable, Equatable {
    /// The name it registered with; an external one's is its file's.
    package let name: String
    /// Its state, such as `Ready`, in Lambda's words.
    package let state: String
    /// What it subscribed to.
    package let events: [ExtensionEvent]
    /// The error type that it reported, or that its launch failed with.
    package let errorType: String?
}
