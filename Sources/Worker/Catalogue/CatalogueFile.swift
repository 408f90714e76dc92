/// The shape of `catalogue.json`, as it is decoded; ``RuntimeCatalogue`` resolves it into one definition per runtime.
struct CatalogueFile: Decodable {
    /// The version of the format that this program reads.
    static let schemaVersion = 1

    var schemaVersion: Int
    /// Variables of every runtime.
    var environment: [String: String?]
    var families: [String: Family]
    var runtimes: [Runtime]

    /// What the runtimes of one language have in common.
    struct Family: Decodable {
        /// How to start it; absent where Swiftlet has no bootstrap for the language.
        var launch: Launch?
        /// How to get it on a host that lacks it.
        var install: String?
    }

    /// How the runtimes of a family are started. Texts may have placeholders; see ``PlaceholderText``.
    struct Launch: Decodable {
        /// In these and in the version check, `{version}` is that of the interpreter: the runtime's own, or that of one
        /// of its stand-ins. Everywhere else it is the runtime's.
        var executables: [String]
        var fromPackage: Bool?
        var versionCheck: VersionCheck?
        var arguments: [String]
        var directory: String?
        var requiredFiles: [String]?
        /// Variables over the catalogue's own; `null` removes one.
        var environment: [String: String?]?
        var canWait: Bool?
        var canBeCopied: Bool?
    }

    /// What an interpreter must print to be of the right version.
    struct VersionCheck: Decodable {
        var arguments: [String]
        var prefix: String
    }

    /// One of Lambda's runtime identifiers.
    struct Runtime: Decodable {
        var identifier: String
        var family: String
        var version: String
        var status: RuntimeDefinition.Status
        /// Versions of nearby interpreters, best first, that may serve the runtime where its own is missing.
        var standIns: [String]?
        /// In place of the family's hint.
        var install: String?
        /// Variables over the family's; `null` removes one.
        var environment: [String: String?]?
    }
}
