import LambdaAPI
package import NIOHTTP1

/// The status and headers of an answer to a request to a function URL.
package struct FunctionURLResponseHead: Equatable, Sendable {
    /// Never one of those that another answer follows.
    package var status: HTTPResponseStatus
    /// All of which may be sent as they are: none says how the body is framed, and none breaks out of its line.
    package var headers: HTTPHeaders

    /// A head that is not the function's.
    init(status: HTTPResponseStatus, headers: HTTPHeaders) {
        self.status = status
        self.headers = headers
    }

    /// How large a function's headers may be together. AWS's own limit is not known; what is larger, clients refuse.
    static let headersSizeMax = ByteCount(bytes: 64 << 10)

    /// The statuses that a function may set. Lower ones are answers that another answer follows.
    static let statusRange = 200...599

    /// Headers that are about the connection or the body's framing, which are the server's own business; in a function's
    /// response they are dropped. Source: RFC 9110 section 7.6.1.
    private static let serverOwned: Set<String> = [
        "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade",
    ]

    /// Reads `statusCode`, `headers` and `cookies` of a function's response; nil when they are malformed.
    init?(_ response: JSONObject, contentType: String) {
        guard let status = Self.status(response["statusCode"]) else { return nil }
        var headers = FunctionHeaders()
        switch response["headers"] {
        case nil: break
        case .object(let object)?:
            for member in object.members {
                guard headers.set(member.name, member.value) else { return nil }
            }
        default: return nil
        }
        switch response["cookies"] {
        case nil: break
        case .array(let cookies)?:
            for cookie in cookies {
                guard case .string(let text) = cookie, headers.addCookie(text.string) else { return nil }
            }
        default: return nil
        }
        self.status = status
        self.headers = headers.headers(without: Self.serverOwned, contentType: contentType)
    }

    /// A status as a number or, as AWS takes it too, as a string of digits; absent it is 200.
    private static func status(_ json: JSONValue?) -> HTTPResponseStatus? {
        let code: Int?
        switch json {
        case nil: return .ok
        case .integer(let integer)?: code = integer
        case .string(let text)?: code = Int(text.string)
        default: code = nil
        }
        guard let code, statusRange.contains(code) else { return nil }
        return HTTPResponseStatus(statusCode: code)
    }
}

/// Headers on their way from a function's response to a client.
private struct FunctionHeaders {
    private var pairs: [(name: String, value: String)] = []
    private var indices: [String: Int] = [:]
    private var cookies: [String] = []
    private var sizeBytes = 0

    /// Sets a header; a later one of the same name replaces it, and null is none at all. False when the header may not be
    /// sent.
    mutating func set(_ name: String, _ json: JSONValue) -> Bool {
        guard let value = Self.text(of: json) else { return true }
        guard HTTPFieldText.isName(name), HTTPFieldText.isValue(value), count(name, value) else { return false }
        let key = name.lowercased()
        if let index = indices[key] {
            pairs[index].value = value
        } else {
            indices[key] = pairs.count
            pairs.append((name, value))
        }
        return true
    }

    /// False when the cookie may not be sent.
    mutating func addCookie(_ cookie: String) -> Bool {
        guard HTTPFieldText.isValue(cookie), count("set-cookie", cookie) else { return false }
        cookies.append(cookie)
        return true
    }

    func headers(without dropped: Set<String>, contentType: String) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.reserveCapacity(pairs.count + cookies.count + 2)
        if indices["content-type"] == nil {
            headers.add(name: "Content-Type", value: contentType)
        }
        for (name, value) in pairs where !dropped.contains(name.lowercased()) {
            headers.add(name: name, value: value)
        }
        for cookie in cookies {
            headers.add(name: "Set-Cookie", value: cookie)
        }
        return headers
    }

    private mutating func count(_ name: String, _ value: String) -> Bool {
        sizeBytes += name.utf8.count + value.utf8.count
        return sizeBytes <= FunctionURLResponseHead.headersSizeMax.bytes
    }

    private static func text(of json: JSONValue) -> String? {
        switch json {
        case .null: nil
        case .string(let text): text.string
        default: String(decoding: JSONWriter.bytes(of: json), as: UTF8.self)
        }
    }
}
