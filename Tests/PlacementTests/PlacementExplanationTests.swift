import FoundationEssentials
import Testing

@testable import Placement

struct PlacementExplanationTests {
    private static var fleet: Fleet {
        var fleet = Fleet([
            .test("a1", zone: "a"), .test("a2", zone: "a"), .test("b1", zone: "b"), .test("arm", zone: "b", .arm),
        ])
        fleet.placed(.test(1), on: "a1")
        fleet.placed(.test(2, memoryMB: 5000), on: "a2")
        fleet.cached(.test(1), on: "a1")
        return fleet
    }

    @Test func explainsWhatIsDecided() {
        for seed in UInt64(0)..<50 {
            let explanation = Self.fleet.explain(.test(1), seed: seed)
            #expect(explanation.worker == Self.fleet.decide(.test(1), seed: seed).worker)
            #expect(explanation.worker == "b1")
            #expect(explanation.environments == 1)
            #expect(explanation.ruledOut[.instructionSet] == 1 && explanation.ruledOut.eligible == 3)
            for candidate in explanation.candidates {
                #expect(candidate.score == Self.fleet.score(.test(1), on: candidate.worker))
            }
        }
    }

    @Test func survivesJSON() throws {
        let explanation = Self.fleet.explain(.test(1, avoiding: ["a"]), seed: 1)
        let data = try JSONEncoder().encode(explanation)
        #expect(try JSONDecoder().decode(PlacementExplanation.self, from: data) == explanation)
        let text = String(decoding: data, as: UTF8.self)
        #expect(text.contains(#""worker":"b1""#) && text.contains(#""instructionSet":1"#))
    }

    @Test func readsAsATable() {
        let lines = Self.fleet.explain(.test(1), seed: 1).description.split(separator: "\n")
        #expect(lines[0] == "placed on b1; the function has 1 environment")
        #expect(lines[1] == "of 4 workers 1 of another instruction set, 3 eligible")
        #expect(lines[2].hasPrefix("worker  zone  room MB  on host  in zone   zone"))
        #expect(lines[3].hasPrefix("b1      b       10000        0        0   0.00"))
        #expect(lines[3].hasSuffix("3.00"))
    }

    @Test func saysThatThereIsNone() {
        let explanation = Self.fleet.explain(.test(1, memoryMB: 20_000), seed: 1)
        #expect(explanation.worker == nil && explanation.candidates.isEmpty)
        #expect(explanation.description.hasPrefix("no worker"))
        #expect(explanation.ruledOut.eligible == 0)
    }
}
