import CodeStore

/// The external extensions of a function: the files directly in `/opt/extensions`.
/// Source: `spec/runtime-api.md` section 2.
struct ExternalExtensions {
    /// Their files' names, sorted.
    let names: [String]

    /// - Parameter layers: What is shown at `/opt`; nil if nothing is.
    init(of layers: OptTree?) throws(CodeStoreError) {
        names = try layers?.files(in: "extensions") ?? []
    }

    /// The path of an extension inside the sandbox.
    static func path(of name: String) -> String { "/opt/extensions/\(name)" }
}
