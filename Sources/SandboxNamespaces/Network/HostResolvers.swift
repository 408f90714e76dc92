/// Where this host resolves names, as far as sandboxes can reach it. Source: resolv.conf(5).
struct HostResolvers: Equatable {
    let addresses: [IPv4Range]

    /// The host's own file, and that in which systemd-resolved writes what it stands for.
    private static let files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
    /// As many as the C library asks.
    private static let addressesMax = 3

    /// Reads the files, of which any may be missing.
    static func current() -> HostResolvers {
        HostResolvers(files: files.compactMap { try? readText(at: $0) })
    }

    /// - Parameter files: The first that names a resolver counts. One on the host's loopback is out of a sandbox's reach,
    ///   and so are those with an IPv6 address.
    init(files: [String]) {
        addresses = files.lazy.map(Self.addresses).first { !$0.isEmpty } ?? []
    }

    private static func addresses(in text: String) -> [IPv4Range] {
        let addresses = text.split(separator: "\n").compactMap { line -> IPv4Range? in
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[0] == "nameserver" else { return nil }
            return IPv4Range(words[1])
        }
        return Array(addresses.filter { $0.prefix == 32 && !IPv4Range.loopback.contains($0) }.prefix(addressesMax))
    }
}
