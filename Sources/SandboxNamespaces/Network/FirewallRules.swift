import CSandbox

/// What sandboxes may reach, as rules for nft(8): one table for the gateway's network, one for the host's.
///
/// The gateway lets out what goes to public addresses, and to the resolvers; nothing comes in but answers. The host
/// stands in for whatever passes it, and is itself out of reach, with all that it listens on.
struct FirewallRules: Equatable {
    /// Where names are resolved.
    let resolvers: [IPv4Range]
    /// What may be reached although it is no public address.
    let allowed: [IPv4Range]

    /// How many connections a sandbox may have at a time, without those that are closing: as many as a function may have
    /// descriptors. Every new one is compared with all of them, so it should not be many more.
    private static let connectionsMax = 1024
    /// How many queries a sandbox may send in a second; each counts as a connection for half a minute. As many as a network
    /// interface of a VPC may send.
    private static let queriesPerSecond = 1024

    /// Who tries learns at once that it is of no use.
    private static let refuse = "reject with icmpx admin-prohibited"

    private static let isQuery = "meta l4proto { tcp, udp } th dport 53"

    /// No public addresses, or those at which clouds tell an instance about itself. Source: the IANA's registry of
    /// special-purpose addresses (RFC 6890), without the ranges for documentation; 168.63.129.16 is Azure's.
    private static let denied: [IPv4Range] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
    ].map { IPv4Range($0)! }

    /// What is denied even if it lies in a range that is allowed: an instance's identity is never meant for functions.
    private static let alwaysDenied: [IPv4Range] = ["127.0.0.0/8", "168.63.129.16", "169.254.0.0/16"].map {
        IPv4Range($0)!
    }

    /// The address of the gateway, and of the resolver as sandboxes know it.
    static let gateway = IPv4Range(SB_NETWORK_GATEWAY)

    /// The rules of the gateway's network.
    ///
    /// What comes from an address that is not that of its interface is dropped before anything else is done with it: pieces of
    /// packets, too, before they are put together with those of another.
    ///
    /// - Parameter uplink: Its interface towards the host.
    func gatewayTable(uplink: String) -> String {
        """
        table inet swiftlet
        delete table inet swiftlet
        table inet swiftlet {
            set denied {
                type ipv4_addr
                flags interval
                elements = { \(list(Self.denied)) }
            }
            set allowed {
                type ipv4_addr
                flags interval
                auto-merge
                \(allowed.isEmpty ? "" : "elements = { \(list(allowed)) }")
            }
            set connections {
                type ipv4_addr
                size 65535
                flags dynamic
            }
            set queries {
                type ipv4_addr
                size 65535
                flags dynamic,timeout
                timeout 10s
            }
            chain sources {
                type filter hook prerouting priority -450;
                iifname != { "lo", "\(uplink)" } fib saddr . iif oif missing drop
            }
            chain input {
                type filter hook input priority filter; policy drop;
                iifname != "\(uplink)" \(Self.refuse)
            }
            chain forward {
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                iifname "\(uplink)" drop
                oifname != "\(uplink)" \(Self.refuse)
                ct status dnat jump resolve
                ct state new add @connections { ip saddr ct count over \(Self.connectionsMax) } \(Self.refuse)
                ip daddr { \(list(Self.alwaysDenied)) } \(Self.refuse)
                ip daddr @allowed accept
                ip daddr @denied \(Self.refuse)
                meta nfproto ipv4 accept
            }
            chain resolve {
                update @queries { ip saddr limit rate over \(Self.queriesPerSecond)/second } drop
                accept
            }
            chain prerouting {
                type nat hook prerouting priority dstnat;
                \(resolution(uplink: uplink))
            }
            chain postrouting {
                type nat hook postrouting priority srcnat;
                oifname "\(uplink)" masquerade
            }
        }

        """
    }

    /// The rules of the host's network.
    ///
    /// - Parameters:
    ///   - table: The table's name, which tells one service on the host from another.
    ///   - uplink: The host's interface towards the gateway.
    ///   - address: The gateway's address there.
    func hostTable(_ table: String, uplink: String, address: IPv4Range) -> String {
        """
        table inet \(table)
        delete table inet \(table)
        table inet \(table) {
            chain input {
                type filter hook input priority filter - 5; policy accept;
                \(acceptance(uplink: uplink))
                iifname "\(uplink)" \(Self.refuse)
            }
            chain forward {
                type filter hook forward priority filter - 5; policy accept;
                oifname "\(uplink)" ct state established,related accept
                oifname "\(uplink)" drop
            }
            chain postrouting {
                type nat hook postrouting priority srcnat; policy accept;
                ip saddr \(address) masquerade
            }
        }

        """
    }

    /// Takes the host's rules away.
    static func removal(of table: String) -> String {
        "table inet \(table)\ndelete table inet \(table)\n"
    }

    /// Queries to the gateway go to the resolvers in turn, so that a client that asks again asks another.
    private func resolution(uplink: String) -> String {
        guard !resolvers.isEmpty else { return "" }
        let turns = resolvers.enumerated().map { "\($0) : \($1)" }.joined(separator: ", ")
        return """
            iifname != "\(uplink)" ip daddr \(Self.gateway) \(Self.isQuery) \
            dnat ip to numgen inc mod \(resolvers.count) map { \(turns) }
            """
    }

    /// A resolver may be on the host itself.
    private func acceptance(uplink: String) -> String {
        guard !resolvers.isEmpty else { return "" }
        return "iifname \"\(uplink)\" ip daddr { \(list(resolvers)) } \(Self.isQuery) accept"
    }

    private func list(_ ranges: [IPv4Range]) -> String {
        ranges.map(\.description).joined(separator: ", ")
    }
}
