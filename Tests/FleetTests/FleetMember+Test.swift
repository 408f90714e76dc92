import MetadataStore

extension FleetMember {
    /// A member with a lease of ten seconds.
    static func test(_ role: FleetRole, _ name: String) -> FleetMember {
        FleetMember(id: FleetMemberID(role, name), address: "\(name):9000", leaseMilliseconds: 10_000)
    }
}
