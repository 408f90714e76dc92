/// The media type of a `Content-Type` header, without its parameters.
struct ContentType: Equatable {
    /// Lower case; empty if there is no header.
    let mediaType: String

    init(_ header: String?) {
        mediaType = header.map { $0.prefix { $0 != ";" }.trimmingSpaces.lowercased() } ?? ""
    }

    /// Whether a request's body of this type is in its event as it is; all others are in base64, those of forms too.
    /// Source: `spec/control-plane.md` section 5.
    var isText: Bool {
        switch mediaType {
        case "application/json", "application/xml", "application/javascript": true
        default: mediaType.hasPrefix("text/") || mediaType.hasSuffix("+json") || mediaType.hasSuffix("+xml")
        }
    }
}
