/// The canonical request: the one text that all spellings of a request come down to before it is signed.
extension SigningRequest {
    /// Makes the canonical request over the headers of these names, in lower case and sorted.
    ///
    /// `X-Amz-Signature` in the query is left out: it is made of all the others.
    func canonicalText(signedHeaders: [String], payload: PayloadHash, service: String) -> String {
        var text = "\(method)\n\(canonicalPath(service: service))\n\(canonicalQuery)\n"
        for name in signedHeaders {
            let values = values(of: name).map { SigningHeader.collapsed($0) }
            text += "\(name):\(values.joined(separator: ","))\n"
        }
        return text + "\n\(signedHeaders.joined(separator: ";"))\n\(payload.text)"
    }

    /// S3 signs keys as they are sent: to it `a//b` and `a/./b` are names. All others take the path for a path, and
    /// what is escaped in it is escaped once more.
    private func canonicalPath(service: String) -> String {
        if path.isEmpty { return "/" }
        return service == "s3" ? path : URIEncoding.encode(Self.normalized(path).utf8, keepingSlashes: true)
    }

    /// Takes out empty segments and those of dots.
    private static func normalized(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment == ".." {
                _ = segments.popLast()
            } else {
                segments.append(segment)
            }
        }
        let endsWithSlash = path.utf8.last == UInt8(ascii: "/") && !segments.isEmpty
        return "/" + segments.joined(separator: "/") + (endsWithSlash ? "/" : "")
    }

    /// Escapes are made anew, for clients differ in what they escape and in the case of the digits. What is no escape
    /// stays as it is, so that it never means the same as one that is.
    private var canonicalQuery: String {
        let parameters = query.utf8.split(separator: UInt8(ascii: "&")).map { pair in
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (name: Self.reencoded(parts[0]), value: parts.count > 1 ? Self.reencoded(parts[1]) : "")
        }
        return
            parameters
            .filter { $0.name != "X-Amz-Signature" }
            .sorted { left, right in
                left.name == right.name
                    ? left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
                    : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
            }
            .map { "\($0.name)=\($0.value)" }
            .joined(separator: "&")
    }

    private static func reencoded(_ text: Substring.UTF8View) -> String {
        URIEncoding.decode(text).map { URIEncoding.encode($0) } ?? String(Substring(text))
    }

    /// The decoded values of the query's parameters of that name.
    func parameters(_ name: String) -> [String] {
        query.utf8.split(separator: UInt8(ascii: "&")).compactMap { pair in
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let decoded = URIEncoding.decode(parts[0]), decoded.elementsEqual(name.utf8) else { return nil }
            guard parts.count > 1 else { return "" }
            return URIEncoding.decode(parts[1]).flatMap { String(validating: $0, as: UTF8.self) } ?? ""
        }
    }
}
