import LambdaAPI
import TestSupport
import Testing

@Suite struct RequestIDTests {
    @Test func randomOnesAreVersion4InCanonicalForm() {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<1000 {
            let id = RequestID.random(using: &generator)
            let groups = id.rawValue.split(separator: "-", omittingEmptySubsequences: false)
            #expect(groups.map(\.count) == [8, 4, 4, 4, 12])
            #expect(groups[2].first == "4")
            #expect("89ab".contains(groups[3].prefix(1)))
            #expect(id.rawValue.allSatisfy { "0123456789abcdef-".contains($0) })
            #expect(RequestID(parsing: id.rawValue) == id)
        }
        #expect(RequestID.random() != RequestID.random())
    }

    @Test func readsEitherCase() {
        #expect(
            RequestID(parsing: "8F6B2A0C-0D5B-4F61-9C59-4F9E6C2A7B11")?.rawValue
                == "8f6b2a0c-0d5b-4f61-9c59-4f9e6c2a7b11"
        )
    }

    @Test(arguments: [
        "", "8f6b2a0c0d5b4f619c594f9e6c2a7b11", "8f6b2a0c-0d5b-4f61-9c59-4f9e6c2a7b1",
        "8f6b2a0c-0d5b-4f61-9c59-4f9e6c2a7b1g",
        "8f6b2a0c-0d5b-4f61-9c59-4f9e6c2a7b11 ", "8f6b2a0c_0d5b_4f61_9c59_4f9e6c2a7b11",
    ])
    func refusesEverythingElse(_ text: String) {
        #expect(RequestID(parsing: text) == nil)
    }
}
