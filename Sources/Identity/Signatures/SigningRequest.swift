/// A request as far as it is signed, all of it as it is on the wire.
package struct SigningRequest: Sendable {
    package var method: String
    /// The path with its escapes.
    package var path: String
    /// What stands behind the question mark, with its escapes; empty when there is none.
    package var query: String
    /// In the order of the wire; names in any case.
    package var headers: [(name: String, value: String)]

    /// A request by its parts.
    package init(method: String, path: String, query: String = "", headers: [(name: String, value: String)]) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
    }

    /// A request whose path and query are still one, as in a request line.
    package init(method: String, target: String, headers: [(name: String, value: String)]) {
        let mark = target.utf8.firstIndex(of: UInt8(ascii: "?"))
        self.init(
            method: method,
            path: String(target[..<(mark ?? target.endIndex)]),
            query: mark.map { String(target[target.utf8.index(after: $0)...]) } ?? "",
            headers: headers
        )
    }

    /// The values of all headers of that name, which is in lower case.
    func values(of name: String) -> [String] {
        headers.filter { SigningHeader.lowercased($0.name) == name }.map(\.value)
    }
}

/// The rules for headers: names have no case and white space in values does not count.
enum SigningHeader {
    /// Only ASCII has case in a name; what is not ASCII is no name, but must not become one either.
    static func lowercased(_ name: String) -> String {
        let bytes = name.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value without white space around it, and with one space for each run of it inside, quoted or not.
    static func collapsed(_ value: String) -> String {
        let words = value.utf8.split { $0 == 0x20 || (0x09...0x0D).contains($0) }
        return String(decoding: Array(words.joined(separator: [0x20])), as: UTF8.self)
    }

    /// Sorted by bytes, each once, as the list of signed headers is.
    static func canonicalNames(_ names: some Sequence<String>) -> [String] {
        Set(names.map { lowercased($0) }).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
