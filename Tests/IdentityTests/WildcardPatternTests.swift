import Identity
import TestSupport
import Testing

@Suite struct WildcardPatternTests {
    @Test(arguments: [
        ("", "", true), ("", "a", false), ("*", "", true), ("*", "a:b/c", true), ("?", "", false), ("?", "a", true),
        ("?", "ab", false), ("a*", "a", true), ("a*", "ab", true), ("a*", "ba", false), ("*a", "ba", true),
        ("*a", "aab", false), ("a*b*c", "axxbyyc", true), ("a*b*c", "axxcyyb", false), ("**", "x", true),
        ("*??", "a", false), ("*??", "ab", true), ("?*?", "a", false), ("ab?*", "abc", true), ("a.c", "abc", false),
        ("*aab", "aaaab", true), ("*é?", "aé😀", true), ("é", "e\u{301}", false), ("K", "\u{212A}", false),
    ])
    func matches(_ pattern: String, _ text: String, _ expected: Bool) {
        #expect(WildcardPattern(pattern).matches(text) == expected)
    }

    @Test func foldsOnlyASCIIAndOnlyWhenAsked() {
        #expect(WildcardPattern("lambda:GET*", ignoringCase: true).matches("LAMBDA:getFunction"))
        #expect(!WildcardPattern("lambda:GET*").matches("lambda:getFunction"))
        #expect(!WildcardPattern("É", ignoringCase: true).matches("é"))
    }

    @Test func showsItself() {
        #expect("\(WildcardPattern("a**b?"))" == "a*b?")
    }

    /// The definition, word for word; exponential.
    private static func naive(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        if first == "*" { return naive(rest, text) || (!text.isEmpty && naive(pattern, text.dropFirst())) }
        guard let character = text.first, first == "?" || first == character else { return false }
        return naive(rest, text.dropFirst())
    }

    @Test func agreesWithTheDefinition() {
        let seed: UInt64 = 5
        var generator = SeededGenerator(seed: seed)
        var matchCount = 0
        for round in 0..<20_000 {
            func text(_ letters: [Character], _ lengthMax: Int) -> [Character] {
                (0..<Int.random(in: 0...lengthMax, using: &generator)).map { _ in
                    letters.randomElement(using: &generator)!
                }
            }
            let pattern = text(["a", "b", "*", "?"], 7)
            let subject = text(["a", "b"], 9)
            let expected = Self.naive(pattern[...], subject[...])
            matchCount += expected ? 1 : 0
            #expect(
                WildcardPattern(String(pattern)).matches(String(subject)) == expected,
                "seed \(seed), round \(round): \(String(pattern)) on \(String(subject))"
            )
        }
        #expect(matchCount > 2000)
    }

    /// What would take a matcher that tries every division longer than the universe has.
    @Test(.timeLimit(.minutes(10))) func doesNotBlowUp() {
        let pattern = WildcardPattern(String(repeating: "a*", count: 200) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 5000)))
    }
}
