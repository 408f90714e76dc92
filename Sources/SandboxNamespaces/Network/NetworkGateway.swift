import CSandbox
import Dispatch
import Glibc
import Logging
import Sandbox
import Synchronization

/// The way out for sandboxes that may reach public addresses: a network of its own between theirs and the host's.
///
///     sandbox ── gateway ── host ── out
///     sandbox ──┘
///
/// All that sandboxes need of interfaces, routes and rules is in the gateway's network, which nothing but this process
/// and its launcher holds: it goes away with them, however they end. The host sees one interface, and has one table of
/// rules, which is replaced at the next start if it was left behind.
final class NetworkGateway: Sendable {
    /// The network namespace, and its control, which the launcher connects sandboxes with.
    let network: OwnedDescriptor
    let control: OwnedDescriptor
    /// The tap devices in that network.
    let taps: TapNetwork

    private let configuration: NetworkConfiguration
    private let directory: String
    private let table: String
    private let uplink: String
    private let address: IPv4Range
    private let logger: Logger
    private let rules: Mutex<FirewallRules?> = Mutex(nil)
    private let watch: Mutex<(any DispatchSourceTimer)?> = Mutex(nil)
    /// Where rules are changed once the gateway is open.
    private let changing = DispatchQueue(label: "swiftlet.resolvers")

    /// The gateway's end of the interface pair with the host.
    private static let innerUplink = "host"
    /// Its number there; those of sandboxes begin at 1000.
    private static let innerUplinkIndex: CInt = 2
    /// Pairs of addresses for the ends of that pair: no two services on a host have the same one.
    private static let firstUplinkAddress: UInt32 = 0xa9fe_5000
    private static let uplinksMax: UInt32 = 4096
    /// How often the host's resolvers are looked at, which change with the network that a laptop is in.
    private static let resolversInterval = DispatchTimeInterval.seconds(5)

    /// Makes the gateway and opens it. Blocks; for a work queue's thread.
    ///
    /// - Parameters:
    ///   - instance: Tells this engine from all others on the host.
    ///   - directory: For files that last as long as the call.
    /// - Throws: `.unsupported` with what is missing on this host, and what to do about it.
    init(
        _ configuration: NetworkConfiguration,
        instance: String,
        directory: String,
        logger: Logger
    ) throws(SandboxError) {
        self.configuration = configuration
        self.directory = directory
        self.logger = logger
        table = "swiftlet-\(instance)"
        // An interface's name has at most 15 characters.
        uplink = "swl\(instance.prefix(12))"
        do throws(SystemError) {
            (network, control) = try Self.makeNetwork()
            try Self.allowForwarding(in: network, logger: logger)
            taps = try TapNetwork(network)
            address = try Self.connect(network, control, uplink: uplink)
        } catch {
            throw Self.unsupported(error)
        }
        do throws(SystemError) {
            try apply(currentRules())
        } catch {
            removeFromHost()
            throw Self.unsupported(error)
        }
        if configuration.resolvers.isEmpty { followResolvers() }
    }

    private static func unsupported(_ error: SystemError) -> SandboxError {
        SandboxError(
            .unsupported,
            """
            functions cannot be given a network on this host: \(error); it takes root, nft (package nftables) and \
            nsenter (package util-linux)
            """,
            errno: error.errno
        )
    }

    /// Closes the way out, for sandboxes that are connected too, and removes what the host has of it. Blocks.
    func close() {
        watch.withLock { $0?.cancel() }
        // Behind a change under way, which would put back what is removed here.
        changing.sync {
            taps.close()
            network.close()
            control.close()
            removeFromHost()
        }
    }

    // MARK: The network

    private static func makeNetwork() throws(SystemError) -> (network: OwnedDescriptor, control: OwnedDescriptor) {
        var network: CInt = -1
        var control: CInt = -1
        try checked("make the gateway's network") { sb_network_make(&network, &control) }
        return (OwnedDescriptor(network), OwnedDescriptor(control))
    }

    private static func allowForwarding(in network: OwnedDescriptor, logger: Logger) throws(SystemError) {
        for (name, value) in [
            ("ipv4/ip_forward", "1"),
            // What claims to come from an address that its interface does not lead to is dropped (RFC 3704).
            ("ipv4/conf/all/rp_filter", "1"),
            ("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1"),
        ] {
            do throws(SystemError) {
                try checked("set net/\(name) of the gateway") { sb_network_set(network.rawValue, name, value) }
            } catch {
                // A host without IPv6 has no such settings.
                guard name.hasPrefix("ipv6"), error.errno == ENOENT else { throw error }
            }
        }
        let setting = "/proc/sys/net/ipv4/ip_forward"
        guard try readText(at: setting).hasPrefix("0") else { return }
        logger.warning(
            "this host forwards packets from now on, for functions that have a network",
            metadata: ["setting": "net.ipv4.ip_forward"]
        )
        try writeText("1", to: setting)
    }

    /// Connects the gateway with the host, and returns its address there.
    private static func connect(
        _ network: OwnedDescriptor,
        _ control: OwnedDescriptor,
        uplink: String
    ) throws(SystemError) -> IPv4Range {
        let host = OwnedDescriptor(try checked("open the host's network") { sb_network_control() })
        defer { host.close() }
        // A predecessor that has just died may have left one, which goes by itself, but when the kernel finds the time.
        sb_network_delete(host.rawValue, uplink)
        let index = try makePair(host, network, uplink: uplink)
        try checked("bring up the gateway's loopback") { sb_network_up(control.rawValue, 1) }
        let gateway = FirewallRules.gateway.first.bigEndian
        try checked("give the gateway its address") { sb_network_address(control.rawValue, 1, gateway) }
        try checked("bring up the gateway's uplink") { sb_network_up(control.rawValue, innerUplinkIndex) }
        for number in 0..<uplinksMax {
            let outer = (firstUplinkAddress + 2 * number).bigEndian
            let inner = (firstUplinkAddress + 2 * number + 1).bigEndian
            if sb_network_route(host.rawValue, index, inner, 32, 0) < 0 && errno == EEXIST { continue }
            try checked("route to the gateway") { sb_network_address(host.rawValue, index, outer) }
            try checked("give the uplink its address") {
                sb_network_address(control.rawValue, innerUplinkIndex, inner)
            }
            try checked("route to the host") { sb_network_route(control.rawValue, innerUplinkIndex, 0, 0, outer) }
            return IPv4Range(UInt32(bigEndian: inner))
        }
        throw SystemError(operation: "find an address for the gateway", errno: EADDRINUSE)
    }

    private static func makePair(
        _ host: OwnedDescriptor,
        _ network: OwnedDescriptor,
        uplink: String
    ) throws(SystemError) -> CInt {
        try checked("make the interface \(uplink)") {
            uplink.withCString { uplink in
                innerUplink.withCString { inner in
                    sb_network_pair(
                        host.rawValue,
                        sb_interface(name: uplink, index: 0),
                        sb_interface(name: inner, index: innerUplinkIndex),
                        network.rawValue
                    )
                }
            }
        }
        return try checked("find the interface \(uplink)") { sb_network_index(uplink) }
    }

    // MARK: Rules

    private func currentRules() -> FirewallRules {
        let given = configuration.resolvers
        return FirewallRules(
            resolvers: given.isEmpty ? HostResolvers.current().addresses : given,
            allowed: configuration.allowed
        )
    }

    private func apply(_ next: FirewallRules) throws(SystemError) {
        try load(next.gatewayTable(uplink: Self.innerUplink), into: network)
        try load(next.hostTable(table, uplink: uplink, address: address), into: nil)
        rules.withLock { $0 = next }
        if next.resolvers.isEmpty {
            logger.warning(
                "functions that have a network cannot resolve names: the host names no resolver that they could reach",
                metadata: ["key": "network-resolvers"]
            )
        }
    }

    private func followResolvers() {
        watch.withLock { watch in
            let timer = DispatchSource.makeTimerSource(queue: changing)
            timer.setEventHandler { [weak self] in self?.lookAtResolvers() }
            timer.schedule(
                deadline: .now() + Self.resolversInterval,
                repeating: Self.resolversInterval,
                leeway: Self.resolversInterval
            )
            timer.activate()
            watch = timer
        }
    }

    private func lookAtResolvers() {
        let next = currentRules()
        guard rules.withLock({ $0 != next }) else { return }
        do throws(SystemError) {
            try apply(next)
            logger.notice("resolvers changed", metadata: ["resolvers": "\(next.resolvers)"])
        } catch {
            logger.error("failed to follow the host's resolvers", metadata: ["error": "\(error)"])
        }
    }

    private func removeFromHost() {
        do throws(SystemError) {
            let host = OwnedDescriptor(try checked("open the host's network") { sb_network_control() })
            sb_network_delete(host.rawValue, uplink)
            try load(FirewallRules.removal(of: table), into: nil)
        } catch {
            logger.error("failed to remove the gateway from the host", metadata: ["error": "\(error)"])
        }
    }

    /// Has nft replace a table, in one step.
    private func load(_ rules: String, into network: OwnedDescriptor?) throws(SystemError) {
        guard let nft = Self.program("nft") else { throw SystemError(operation: "find nft", errno: ENOENT) }
        let file = OwnedDescriptor(try checked("make a file in \(directory)") { sb_nameless_file(directory) })
        try writeText(rules, to: file, naming: "the firewall's rules")
        var command = [nft, "-f", "/dev/fd/3"]
        if let network {
            guard let nsenter = Self.program("nsenter") else {
                throw SystemError(operation: "find nsenter", errno: ENOENT)
            }
            command = [nsenter, "--net=/proc/\(getpid())/fd/\(network.rawValue)"] + command
        }
        let process = try ChildProgram.start(command[0], command, descriptor: file)
        let status = ChildProgram.wait(for: process)
        guard status == 0 else {
            throw SystemError(operation: "set firewall rules: \(command[0]) ended with status \(status)", errno: EIO)
        }
    }

    private static func program(_ name: String) -> String? {
        ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
