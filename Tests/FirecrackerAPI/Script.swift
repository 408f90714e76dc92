import Foundation

/// What a stand-in for Firecracker is to do apart from what Firecracker does.
package struct Script: Sendable, Codable {
    package enum Fault: String, Sendable, Codable {
        case refuse
        /// A status that Firecracker does not have.
        case accept
        case silence
        case exit
        case garbage
        /// An answer without end.
        case flood
    }

    package enum Start: String, Sendable, Codable {
        case normal
        case exit
        case noSocket
        /// A link to somebody else's socket, at which Firecracker's is looked for.
        case link
    }

    package enum Guest: String, Sendable, Codable {
        case listens
        /// It takes the fourth connection, as one that boots.
        case listensLate
        case refuses
        case silent
        /// It says something else than that it has accepted.
        case babbles
    }

    /// By method and path.
    package var faults: [String: Fault]
    package var start: Start
    package var guest: Guest
    /// Where each request is noted, in a line of its own: status, method, path, body.
    package var record: String

    package init(faults: [String: Fault], start: Start, guest: Guest, record: String) {
        self.faults = faults
        self.start = start
        self.guest = guest
        self.record = record
    }

    /// The argument, before Firecracker's own, that is followed by the script, as JSON.
    package static let argument = "--stand-in-script"
    /// How the lines of requests begin that no Firecracker would ever take.
    package static let violation = "VIOLATION"
    /// With what a guest that takes a connection greets.
    package static let greeting = "guest\n"
    /// What is at the beginning of a guest's memory, and of its last page.
    package static let memory = "memory of a guest"
    package static let refusal = "refused as the script says"
}
