import MetadataStore
import TestSupport
import Testing

@testable import Fleet

struct RendezvousTests {
    private let names = (0..<7).map { "manager-\($0)" }

    /// The partitions of each name.
    private func owners(of names: [String]) -> [Int: String] {
        (0..<Partition.count).reduce(into: [:]) { $0[$1] = Rendezvous.owner(of: $1, among: names) }
    }

    @Test func nobodyOwnsAnythingWhereNobodyIs() {
        #expect(Rendezvous.owner(of: 0, among: []) == nil)
    }

    /// All processes must come to the same: other numbers would be other owners.
    @Test func ownersAreTheSameInEveryProcessAndRelease() {
        #expect(
            (0..<8).map { Rendezvous.owner(of: $0, among: ["a", "b", "c"]) } == [
                "b", "b", "a", "a", "a", "b", "c", "c",
            ]
        )
        #expect(["f", "my-function", "ünïcode", ""].map { Partition.of($0) } == [149, 51, 65, 48])
    }

    @Test func orderOfNamesDoesNotMatter() {
        #expect(owners(of: names) == owners(of: names.reversed()))
    }

    @Test(arguments: 1...20)
    func partitionsAreSpreadEvenly(count: Int) {
        let names = (0..<count).map { "10.0.0.\($0):9000" }
        let counts = Dictionary(grouping: owners(of: names).values) { $0 }.mapValues(\.count)
        // Of as many draws at random, four standard deviations.
        let share = Double(Partition.count) / Double(count)
        let spread = 4 * (share * (1 - 1 / Double(count))).squareRoot()
        for name in names {
            #expect(abs(Double(counts[name] ?? 0) - share) <= spread, "\(name): \(counts[name] ?? 0) of \(share)")
        }
    }

    @Test func onlyPartitionsOfTheOneThatGoesMove() {
        let all = owners(of: names)
        for gone in names {
            let rest = owners(of: names.filter { $0 != gone })
            for (partition, owner) in all where owner != gone { #expect(rest[partition] == owner) }
            let heirs = Set(all.filter { $0.value == gone }.keys.compactMap { rest[$0] })
            #expect(heirs.count == names.count - 1)
        }
    }

    @Test func functionsAreSpreadOverAllPartitions() {
        let counts = Dictionary(grouping: (0..<25_600).map { Partition.of("function-\($0)") }) { $0 }.mapValues(\.count)
        #expect(counts.count == Partition.count)
        #expect(counts.keys.allSatisfy { (0..<Partition.count).contains($0) })
        #expect(counts.values.allSatisfy { (50...150).contains($0) })
    }
}
