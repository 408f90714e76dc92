/// How sandboxes that may go out do so.
package struct NetworkConfiguration: Sendable, Equatable {
    /// Where names are resolved; empty for where the host resolves them.
    package var resolvers: [IPv4Range]
    /// What may be reached although it is no public address: parts of private networks.
    package var allowed: [IPv4Range]

    package init(resolvers: [IPv4Range] = [], allowed: [IPv4Range] = []) {
        self.resolvers = resolvers
        self.allowed = allowed
    }
}
