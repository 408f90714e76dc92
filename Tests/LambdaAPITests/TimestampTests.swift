import LambdaAPI
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000"), (1_704_067_200_000, "2024-01-01T00:00:00.000"),
        (1_709_164_799_999, "2024-02-28T23:59:59.999"), (1_709_164_800_000, "2024-02-29T00:00:00.000"),
        (951_782_400_000, "2000-02-29T00:00:00.000"), (-1, "1969-12-31T23:59:59.999"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000"),
    ])
    func writesAndReadsTheCalendar(_ milliseconds: Int, _ text: String) {
        let timestamp = Timestamp(milliseconds: milliseconds)
        #expect(timestamp.functionText == text + "+0000")
        #expect(timestamp.zuluText == text + "Z")
        #expect(Timestamp(rfc3339: text + "Z") == timestamp)
    }

    @Test func readsZonesAndFractions() {
        #expect(Timestamp(rfc3339: "1970-01-01T01:00:00+01:00") == Timestamp(milliseconds: 0))
        #expect(Timestamp(rfc3339: "1969-12-31T23:30:00.5-00:30") == Timestamp(milliseconds: 500))
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:00.123456789Z") == Timestamp(milliseconds: 123))
    }

    @Test(arguments: [
        "", "2024", "2024-13-01T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
    ])
    func refusesOtherTexts(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func daysOfEightCenturiesRoundTrip() {
        for day in stride(from: -146_097, through: 146_097, by: 11) {
            let timestamp = Timestamp(milliseconds: day * 86_400_000)
            if Timestamp(rfc3339: timestamp.zuluText) != timestamp {
                Issue.record("day \(day) is written as \(timestamp.zuluText)")
            }
        }
    }

    @Test func logTimesRoundTrip() {
        for milliseconds in stride(from: 0, through: 4_102_444_800_000, by: 12_345_678_901) {
            let timestamp = Timestamp(milliseconds: milliseconds)
            #expect(Array(timestamp.zuluText.utf8).withUnsafeBytes { Timestamp(zulu: $0) } == timestamp)
        }
    }

    @Test(arguments: [
        "", "2024-01-01T00:00:00.000", "2024-01-01T00:00:00.000+", "2024-01-01 00:00:00.000Z",
        "2024-01-01T00:00:00.0a0Z",
        "2024-01-01T00:00:00.0000Z", "x024-01-01T00:00:00.000Z",
    ])
    func otherLogTimesAreRefused(text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { Timestamp(zulu: $0) } == nil)
    }

    @Test func travelsAsSecondsSinceTheEpoch() throws {
        for (milliseconds, json) in [
            (1_704_067_200_000, "1704067200"), (1_704_067_200_123, "1704067200.123"), (-500, "-0.5"),
        ] {
            let timestamp = Timestamp(milliseconds: milliseconds)
            #expect(String(decoding: JSONWriter.bytes(of: timestamp), as: UTF8.self) == json)
            #expect(try Timestamp(json: JSONParser.parse(Array(json.utf8))) == timestamp)
        }
    }
}
