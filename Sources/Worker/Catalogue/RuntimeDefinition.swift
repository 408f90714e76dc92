/// What the catalogue knows about one of Lambda's runtime identifiers, whether or not the host has it.
package struct RuntimeDefinition: Sendable, Hashable {
    /// Where a runtime stands in Lambda's calendar.
    package enum Status: String, Sendable, Hashable, Decodable {
        /// Offered before general availability.
        case preview
        /// Supported.
        case supported
        /// Past its end of support; Lambda still accepts it.
        case deprecated
    }

    /// Lambda's identifier, such as `python3.11`.
    package let identifier: String
    /// The language family: `python`, `nodejs`, `provided`, …
    package let family: String
    /// The part of the identifier that tells the family's runtimes apart, such as `3.11` or `20`.
    package let version: String
    /// Where it stands in Lambda's calendar.
    package let status: Status
    /// How to get it where it is missing: a sentence's end, lower case, no full stop.
    package let installHint: String

    let launch: Launch?

    /// How to start it, resolved from family and runtime. Only `arguments` keeps placeholders, for what differs from
    /// function to function.
    struct Launch: Sendable, Hashable {
        /// The runtime's own interpreter, then its stand-ins, best first.
        var interpreters: [Interpreter]
        /// Whether the executable comes with the function's code or a layer, so that the host need not have it.
        var isFromPackage: Bool
        /// The arguments after the program's name.
        var arguments: [PlaceholderText]
        /// The name of the directory to show at `/var/runtime`, below one of the runtimes directories.
        var directory: String?
        /// The files that must be in that directory.
        var requiredFiles: [String]
        var environment: [String: String]
        /// Whether it can be started before its function is known, without the arguments that name the handler; it then
        /// waits to be told.
        var canWait: Bool
        /// Whether it can be copied while it waits, with the machine that it runs in: it keeps nothing random that it would not
        /// renew before the function's first code, and rehearses an invoke when it is asked to.
        var canBeCopied: Bool
    }

    /// One version of the family's interpreter.
    struct Interpreter: Sendable, Hashable {
        /// Its version, in the form of the runtime's.
        var version: String
        /// Absolute paths inside the sandbox, in order of preference.
        var executables: [String]
        var versionCheck: VersionCheck?
    }

    /// What an interpreter must print, and when.
    struct VersionCheck: Sendable, Hashable {
        var arguments: [String]
        var prefix: String
    }
}
