import MetadataStore
import Testing

@testable import Fleet

struct EvictedWatchTests {
    private static let second = 1_000_000_000
    private static let fence = 11 * second
    private var watch = EvictedWatch()
    private let manager = FleetMember.test(.manager, "m")

    private func view(_ evicted: [FleetMember], managers: [FleetMember]? = nil) -> FleetView {
        var view = FleetView(of: FleetTable.allCases)
        var update = FleetUpdate(versions: view.versions)
        update.members = [.worker: evicted + [.test(.worker, "there")], .manager: managers ?? [manager]]
        view.apply(update)
        return view
    }

    private func evicted(_ name: String) -> FleetMember {
        var member = FleetMember.test(.worker, name)
        member.isEvicted = true
        return member
    }

    /// Others may have known of the eviction a lease later only, and answered the worker until then.
    @Test mutating func evictedWorkerIsForgottenALeaseAndAFenceAfterItWasSeen() {
        let worker = evicted("w")
        for moment in stride(from: 5, to: 26, by: 1) {
            #expect(watch.looked(at: view([worker]), fence: Self.fence, at: moment * Self.second) == [])
        }
        #expect(watch.looked(at: view([worker]), fence: Self.fence, at: 26 * Self.second) == [worker.id])
        // The store may not have been reached.
        #expect(watch.looked(at: view([worker]), fence: Self.fence, at: 27 * Self.second) == [worker.id])
        #expect(watch.looked(at: view([]), fence: Self.fence, at: 28 * Self.second) == [])
    }

    @Test mutating func eachIsCountedFromWhenItWasSeen() {
        let (first, second) = (evicted("a"), evicted("b"))
        _ = watch.looked(at: view([first]), fence: Self.fence, at: 0)
        _ = watch.looked(at: view([first, second]), fence: Self.fence, at: 20 * Self.second)
        #expect(watch.looked(at: view([first, second]), fence: Self.fence, at: 21 * Self.second) == [first.id])
        #expect(watch.looked(at: view([second]), fence: Self.fence, at: 41 * Self.second) == [second.id])
    }

    /// Another incarnation of the same name is another worker.
    @Test mutating func workerThatWasEvictedAgainIsCountedAnew() {
        _ = watch.looked(at: view([evicted("w")]), fence: Self.fence, at: 0)
        #expect(watch.looked(at: view([evicted("w")]), fence: Self.fence, at: 30 * Self.second) == [])
    }

    @Test mutating func longestLeaseOfAllManagersCounts() {
        let patient = FleetMember(id: FleetMemberID(.manager, "n"), address: "n:1", leaseMilliseconds: 60_000)
        let worker = evicted("w")
        let view = view([worker], managers: [manager, patient])
        _ = watch.looked(at: view, fence: Self.fence, at: 0)
        #expect(watch.looked(at: view, fence: Self.fence, at: 70 * Self.second) == [])
        #expect(watch.looked(at: view, fence: Self.fence, at: 71 * Self.second) == [worker.id])
    }
}
