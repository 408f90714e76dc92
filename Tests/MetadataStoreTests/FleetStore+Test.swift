import MetadataStore

extension FleetMember {
    /// A member as tests need it.
    static func test(_ role: FleetRole, _ name: String, details: String = "{}") -> FleetMember {
        FleetMember(
            id: FleetMemberID(role, name),
            address: "\(name):9000",
            leaseMilliseconds: 10_000,
            details: Array(details.utf8)
        )
    }
}

extension FleetStore {
    /// Has a new manager join.
    func joinManager(_ name: String) async throws -> FleetMemberID {
        let member = FleetMember.test(.manager, name)
        try await join(member)
        return member.id
    }

    /// All that there is, of one moment.
    func view() async throws -> FleetView {
        var view = FleetView(of: FleetTable.allCases)
        view.apply(try await changes(since: view.versions))
        return view
    }

    func renew(_ member: FleetMemberID) async throws -> FleetUpdate? {
        try await renew(member, details: nil, since: FleetVersions(of: []))
    }

    func leave(_ member: FleetMemberID) async throws {
        try await leave(member, releasing: [])
    }

    /// Ends a membership as one does who has seen no renewal for long.
    func evict(_ member: FleetMemberID) async throws -> Bool {
        guard let renewals = try await renewals()[member.incarnation] else { return false }
        return try await evict(member, at: renewals)
    }

    func share(of manager: FleetMemberID) async throws -> Int? {
        try await view().shares.first { $0.manager == manager }?.share
    }
}
