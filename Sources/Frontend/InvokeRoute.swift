import LambdaAPI
import NIOHTTP1

/// The Invoke operation's route, recognised without the router: `POST /2015-03-31/functions/{FunctionName}/invocations`.
/// Source: `spec/invoke.md` section 1.
struct InvokeRoute: Equatable {
    /// The function's name in any of its forms, percent-decoded.
    let functionName: String
    /// The `Qualifier` parameter, percent-decoded.
    let qualifier: String?

    private static let prefix = "/2015-03-31/functions/"
    private static let suffix = "/invocations"

    /// Nil if the request is not for this route.
    init?(method: HTTPMethod, uri: String) {
        guard method == .POST, uri.hasPrefix(Self.prefix) else { return nil }
        let bytes = uri.utf8
        let pathEnd = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        let path = uri[..<pathEnd]
        guard path.hasSuffix(Self.suffix) else { return nil }
        let start = bytes.index(bytes.startIndex, offsetBy: Self.prefix.utf8.count)
        guard let end = bytes.index(pathEnd, offsetBy: -Self.suffix.utf8.count, limitedBy: start), start < end else {
            return nil
        }
        let name = uri[start..<end]
        guard !name.utf8.contains(UInt8(ascii: "/")), let functionName = percentDecoded(name) else { return nil }
        self.functionName = functionName
        qualifier = pathEnd == bytes.endIndex ? nil : Self.qualifier(in: uri[bytes.index(after: pathEnd)...])
    }

    private static func qualifier(in query: Substring) -> String? {
        for pair in query.split(separator: "&") where pair.hasPrefix("Qualifier=") {
            return percentDecoded(pair.dropFirst("Qualifier=".count))
        }
        return nil
    }
}
