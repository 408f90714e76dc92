/// What isolates a function from others and from the host. Lambda has no such choice.
package enum SandboxKind: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Namespaces, cgroups and filters of the host's kernel.
    case namespaces
    /// A virtual machine with a kernel of its own.
    case microvm

    /// The tag by which a function chooses; without it the service's first choice counts.
    package static let tag = "swiftlet:sandbox"

    /// What a function's tags choose; nil if they leave it to the service.
    package init?(tags: [String: String]) {
        guard let value = tags[Self.tag] else { return nil }
        self.init(rawValue: value)
    }

    package var description: String { rawValue }
}
