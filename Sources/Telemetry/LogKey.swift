package import Logging

/// The metadata keys of Swiftlet's own log, all of them. A key stands here before it is used anywhere.
package enum LogKey {
    /// The request's UUID.
    package static let requestID = "request.id"
    /// The function's name.
    package static let functionName = "function.name"
    /// The execution environment.
    package static let environmentID = "environment.id"
    /// An error's description with its causes.
    package static let error = "error"
    /// Why something happened, in words.
    package static let reason = "reason"
    /// A path on the host.
    package static let path = "path"
    /// An address that is listened on.
    package static let address = "address"
    /// How many of something.
    package static let count = "count"
    /// A host of the fleet: its role and name.
    package static let hostIdentity = "host.identity"
    /// When a certificate ends.
    package static let expires = "certificate.expires"
    /// How many workers a fleet should have, and has.
    package static let capacityDesired = "capacity.desired"
    package static let capacityPresent = "capacity.present"
    /// What environments that work, and those that are idle, were promised, in MB.
    package static let capacityBusy = "capacity.busy.mb"
    package static let capacityIdle = "capacity.idle.mb"
    /// What an operation was about, in words.
    package static let item = "item"
}

extension Logger {
    /// This logger with one more metadata entry on every line.
    package func with(_ key: String, _ value: some CustomStringConvertible) -> Logger {
        var logger = self
        logger[metadataKey: key] = "\(value)"
        return logger
    }
}
