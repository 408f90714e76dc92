import Fleet
import FrontendRole
import HostIdentity
import HostLink
import LambdaAPI
import MetadataStore
import Synchronization
import Testing

struct FleetDirectoryTests {
    private let first = FleetMember(
        id: FleetMemberID(.manager, "m1"),
        address: "10.0.0.1:9000",
        leaseMilliseconds: 10_000
    )
    private let second = FleetMember(
        id: FleetMemberID(.manager, "m2"),
        address: "10.0.0.2:9000",
        leaseMilliseconds: 10_000
    )

    /// A fleet in which managers have the partitions that a function says.
    private func view(_ managers: [FleetMember], owner: (Int) -> FleetMember?) -> FleetView {
        var view = FleetView(of: FleetTable.allCases)
        var update = FleetUpdate(versions: view.versions)
        update.members[.manager] = managers
        update.partitions = (0..<Partition.count).map { Partition(number: $0, owner: owner($0)?.id, epoch: 1) }
        view.apply(update)
        return view
    }

    private func address(of member: FleetMember) throws -> HostAddress {
        try #require(HostAddress(try HostIdentity(role: .manager, name: member.id.name), member.address))
    }

    @Test func functionIsItsPartitionsManagers() throws {
        let directory = FleetDirectory()
        let function = FunctionName("f")
        #expect(directory.manager(of: function) == nil)
        directory.fleetChanged(view([first, second]) { $0 == Partition.of(function) ? second : first })
        #expect(try directory.manager(of: function) == address(of: second))
        directory.fleetChanged(view([first, second]) { $0 == Partition.of(function) ? nil : first })
        #expect(directory.manager(of: function) == nil)
    }

    @Test func ownerThatIsNoMemberIsNone() {
        let directory = FleetDirectory()
        directory.fleetChanged(view([first]) { _ in second })
        #expect(directory.manager(of: FunctionName("f")) == nil)
    }

    @Test func managerThatIsNoMemberAnyMoreIsToldOnce() throws {
        let gone = Mutex<[Set<HostAddress>]>([])
        let directory = FleetDirectory { addresses in gone.withLock { $0.append(addresses) } }
        directory.fleetChanged(view([first, second]) { $0 % 2 == 0 ? first : second })
        // One that has given its partitions up is there still.
        directory.fleetChanged(view([first, second]) { _ in first })
        #expect(gone.withLock { $0 }.isEmpty)
        directory.fleetChanged(view([second]) { _ in nil })
        directory.fleetChanged(view([second]) { _ in second })
        #expect(try gone.withLock { $0 } == [[address(of: first)]])
    }

    @Test func addressThatCannotBeUsedIsNone() {
        var odd = first
        odd.address = "nowhere"
        let directory = FleetDirectory()
        directory.fleetChanged(view([odd]) { _ in odd })
        #expect(directory.manager(of: FunctionName("f")) == nil)
    }
}
