import NIOHTTP1

/// The headers of a request as an event has them: names in lower case, and the values of one name joined by commas.
struct EventHeaders {
    /// In the order in which the names first occur.
    private(set) var pairs: [(name: String, value: String)] = []
    /// The cookies of all cookie headers, which are in no event's headers.
    private(set) var cookies: [String] = []

    private var indices: [String: Int] = [:]

    /// Headers that are for the connection and not for the function. Source: RFC 9110 section 7.6.1.
    private static let hopByHop: Set<String> = [
        "connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// Reads the client's headers and adds those that AWS adds. What a client says of where it comes from is replaced, so
    /// that a function can trust it.
    init(_ request: FunctionURLRequest) {
        for (name, value) in request.head.headers {
            let name = name.lowercased()
            if name == "cookie" {
                cookies += Self.cookies(in: value)
            } else if !Self.hopByHop.contains(name) {
                append(name, value)
            }
        }
        if request.caller != nil {
            // The signature was for this host alone.
            remove("authorization")
        }
        if indices["host"] == nil {
            replace("host", request.domainName)
        }
        let encryption = request.connection.encryption
        replace("x-amzn-tls-cipher-suite", encryption?.cipherSuite)
        replace("x-amzn-tls-version", encryption?.version)
        replace("x-amzn-trace-id", request.traceHeader)
        replace("x-forwarded-for", request.connection.sourceIP)
        replace("x-forwarded-port", String(request.connection.port))
        replace("x-forwarded-proto", encryption == nil ? "http" : "https")
    }

    /// The value of a header by its name in lower case.
    subscript(name: String) -> String? {
        indices[name].map { pairs[$0].value }
    }

    private mutating func append(_ name: String, _ value: String) {
        if let index = indices[name] {
            pairs[index].value += "," + value
        } else {
            indices[name] = pairs.count
            pairs.append((name, value))
        }
    }

    /// Sets a header whatever the client sent; nil removes it.
    private mutating func replace(_ name: String, _ value: String?) {
        guard let value else { return remove(name) }
        if let index = indices[name] {
            pairs[index].value = value
        } else {
            append(name, value)
        }
    }

    private mutating func remove(_ name: String) {
        guard let removed = indices.removeValue(forKey: name) else { return }
        pairs.remove(at: removed)
        for (name, index) in indices where index > removed { indices[name] = index - 1 }
    }

    private static func cookies(in value: String) -> [String] {
        value.split(separator: ";").map { String($0.trimmingSpaces) }.filter { !$0.isEmpty }
    }
}

extension StringProtocol where SubSequence == Substring {
    /// The text without spaces and tabs at its ends.
    var trimmingSpaces: Substring {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let start = firstIndex(where: { !isSpace($0) }), let end = lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return self[start...end]
    }
}
