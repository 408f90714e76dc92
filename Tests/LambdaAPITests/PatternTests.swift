import LambdaAPI
import Testing

@Suite struct PatternTests {
    @Test(arguments: [
        (#"[0-9A-Za-z\.\-_]*(?<!\.)"#, ["bucket", "", "a.b"], ["bucket.", "."]),
        (#"((?!^\d+$)^[0-9a-zA-Z-_]+$)"#, ["a1", "1a", "-"], ["123", "", "a b"]),
        (#"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)"#, ["systemx", "a.b"], ["system.x", "$a", ""]),
        (#"\d{12}"#, ["000000000000"], ["00000000000", "0000000000000", "０００００００００００００", "000000000000\n"]),
        (#"[a-zA-Z]([a-zA-Z0-9_])+"#, ["AB", "a_"], ["A", "_X", "A-", "Áb"]),
        (#"[^\s]+"#, ["handler.main"], ["a b", "a\n", ""]),
    ])
    func matchesTheWholeStringOrNothing(_ text: String, _ matching: [String], _ others: [String]) {
        let pattern = Pattern(text)
        for string in matching { #expect(pattern.matches(string), "\(string)") }
        for string in others { #expect(!pattern.matches(string), "\(string)") }
    }

    @Test func readsEveryPatternOfTheModel() {
        var patterns: Set<String> = []
        for operation in Operation.allCases {
            operation.requestShape.walk { shape in
                guard case .string(_, let pattern?, _) = shape.kind else { return }
                patterns.insert(pattern.text)
            }
        }
        #expect(patterns.count > 40)
        for pattern in patterns { #expect(Pattern(pattern).isReadable, "\(pattern)") }
    }

    @Test func doesNotTryWhatIsTooLong() {
        let pattern = Pattern(".*")
        #expect(pattern.matches(String(repeating: "a", count: Pattern.inputLengthMax)))
        #expect(!pattern.matches(String(repeating: "a", count: Pattern.inputLengthMax + 1)))
    }
}

extension Shape {
    /// Visits this shape and all that it holds.
    func walk(_ visit: (Shape) -> Void) {
        visit(self)
        switch kind {
        case .list(let element, _): element.walk(visit)
        case .map(let keys, let values, _):
            keys.walk(visit)
            values.walk(visit)
        case .structure(let members):
            for member in members { member.shape.walk(visit) }
        case .string, .blob, .boolean, .integer, .double, .timestamp: break
        }
    }
}
