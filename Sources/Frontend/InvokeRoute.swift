import LambdaAPI
import NIOHTTP1

/// The routes of all invokes, recognised without the router. Source: `spec/invoke.md` section 1.
struct InvokeRoute: Equatable {
    /// Which of them.
    enum Operation: CaseIterable {
        /// `POST /2015-03-31/functions/{FunctionName}/invocations`
        case invoke
        /// `POST /2021-11-15/functions/{FunctionName}/response-streaming-invocations`
        case invokeWithResponseStream
        /// `POST /2014-11-13/functions/{FunctionName}/invoke-async/`, whose last slash not every client sends
        case invokeAsync

        /// What a caller must be allowed.
        var action: String {
            switch self {
            case .invoke, .invokeWithResponseStream: "lambda:InvokeFunction"
            case .invokeAsync: "lambda:InvokeAsync"
            }
        }

        fileprivate var prefix: String {
            switch self {
            case .invoke: "/2015-03-31/functions/"
            case .invokeWithResponseStream: "/2021-11-15/functions/"
            case .invokeAsync: "/2014-11-13/functions/"
            }
        }

        fileprivate var suffix: String {
            switch self {
            case .invoke: "/invocations"
            case .invokeWithResponseStream: "/response-streaming-invocations"
            case .invokeAsync: "/invoke-async"
            }
        }
    }

    let operation: Operation
    /// The function's name in any of its forms, percent-decoded.
    let functionName: String
    /// The `Qualifier` parameter, percent-decoded.
    let qualifier: String?

    /// Nil if the request is not for this route.
    init?(method: HTTPMethod, uri: String) {
        guard method == .POST, let operation = Operation.allCases.first(where: { uri.hasPrefix($0.prefix) })
        else { return nil }
        self.operation = operation
        let bytes = uri.utf8
        let pathEnd = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        let path = uri[..<pathEnd]
        let hasLastSlash = operation == .invokeAsync && path.hasSuffix("/")
        guard let name = nameInPath(hasLastSlash ? path.dropLast() : path, between: operation.prefix, operation.suffix)
        else {
            return nil
        }
        functionName = name
        let hasQualifier = operation != .invokeAsync && pathEnd != bytes.endIndex
        qualifier = !hasQualifier ? nil : Self.qualifier(in: uri[bytes.index(after: pathEnd)...])
    }

    private static func qualifier(in query: Substring) -> String? {
        for pair in query.split(separator: "&") where pair.hasPrefix("Qualifier=") {
            return percentDecoded(pair.dropFirst("Qualifier=".count))
        }
        return nil
    }
}

/// The function's name between the two ends of a path, percent-decoded; nil if the path has not these ends, or something
/// else between them.
func nameInPath(_ path: Substring, between prefix: String, _ suffix: String) -> String? {
    guard path.hasPrefix(prefix), path.hasSuffix(suffix) else { return nil }
    let bytes = path.utf8
    let start = bytes.index(bytes.startIndex, offsetBy: prefix.utf8.count)
    guard let end = bytes.index(bytes.endIndex, offsetBy: -suffix.utf8.count, limitedBy: start), start < end else {
        return nil
    }
    let name = path[start..<end]
    return name.utf8.contains(UInt8(ascii: "/")) ? nil : percentDecoded(name)
}
