/// The domain under which the function URLs of this instance are: `<url-id>.lambda-url.<region>.<suffix>`.
package struct FunctionURLDomain: Hashable, Sendable {
    /// The region as it stands in the domain names.
    package let region: String
    /// What follows the region: `localhost`, which resolves to this host without a name server, or a domain of the
    /// operator's own.
    package let suffix: String

    /// A domain that the configuration has validated.
    package init(region: String, suffix: String = "localhost") {
        self.region = region
        self.suffix = suffix
    }

    /// The domain name of one URL, without a port.
    package func name(of id: FunctionURLID) -> String {
        "\(id.rawValue)\(Self.marker)\(region).\(suffix)"
    }

    /// The public URL, which ends in a slash as AWS's do. The port is left out where the scheme implies it.
    package func url(of id: FunctionURLID, scheme: String, port: Int?) -> String {
        "\(scheme)://\(name(of: id))\(Self.portText(port, scheme: scheme))/"
    }

    /// The URL of the path form, for clients that cannot resolve names below `localhost`.
    ///
    /// - Parameter host: The host of this instance's API, without a port.
    package static func pathURL(of id: FunctionURLID, scheme: String, host: String, port: Int?) -> String {
        "\(scheme)://\(host)\(portText(port, scheme: scheme))\(FunctionURLAddress.pathPrefix)\(id.rawValue)/"
    }

    private static func portText(_ port: Int?, scheme: String) -> String {
        switch (scheme, port) {
        case (_, nil), ("http", 80), ("https", 443): ""
        case (_, let port?): ":\(port)"
        }
    }

    /// What stands between a URL's identifier and the region.
    static let marker = ".lambda-url."

    /// AWS's own suffix, which clients have that resolve it to this host.
    private static let awsSuffix = "on.aws"

    /// The identifier in the value of a `Host` header, which may have a port; nil if the host is not below this domain.
    ///
    /// Hosts of other requests are refused at their first dot, without allocating anything.
    func id(inHost host: String) -> FunctionURLID? {
        let bytes = host.utf8
        guard let labelEnd = bytes.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        var rest = bytes[labelEnd...]
        guard rest.removePrefix(ignoringCaseOf: Self.marker), rest.removePrefix(ignoringCaseOf: region),
            rest.removePrefix(ignoringCaseOf: "."), Self.isSuffix(rest, suffix) || Self.isSuffix(rest, Self.awsSuffix)
        else { return nil }
        return FunctionURLID(label: bytes[..<labelEnd])
    }

    private static func isSuffix(_ rest: Substring.UTF8View, _ suffix: String) -> Bool {
        var rest = rest
        guard rest.removePrefix(ignoringCaseOf: suffix) else { return false }
        guard let colon = rest.popFirst() else { return true }
        return colon == UInt8(ascii: ":") && rest.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
    }
}

extension Substring.UTF8View {
    /// Removes a prefix if it is there in any case of its ASCII letters; else leaves everything as it is.
    fileprivate mutating func removePrefix(ignoringCaseOf prefix: String) -> Bool {
        var position = startIndex
        for byte in prefix.utf8 {
            guard position < endIndex, asciiLowercased(self[position]) == asciiLowercased(byte) else { return false }
            formIndex(after: &position)
        }
        self = self[position...]
        return true
    }
}
