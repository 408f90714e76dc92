/// A moment, to the millisecond, in the forms in which the API writes moments.
package struct Timestamp: Hashable, Sendable, Comparable {
    /// Milliseconds since the Unix epoch.
    package let milliseconds: Int

    /// A moment by its distance from the Unix epoch.
    package init(milliseconds: Int) {
        self.milliseconds = milliseconds
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// `2024-01-01T00:00:00.000+0000`, as functions' `LastModified` has it.
    package var functionText: String { text(zone: "+0000") }

    /// `2024-01-01T00:00:00+0000`, as configurations of provisioned concurrency have it.
    package var provisionText: String { functionText.prefix(19) + "+0000" }

    /// `2024-01-01T00:00:00.000Z`, as log lines and function URLs have it.
    package var zuluText: String { text(zone: "Z") }

    private func text(zone: StaticString) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(28)
        append(to: &bytes, zone: zone)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the moment in UTC with milliseconds, as `2024-01-01T00:00:00.000` and a zone. Log lines are made of it, so
    /// it allocates nothing of its own.
    package func append(to bytes: inout [UInt8], zone: StaticString = "Z") {
        let day = Self.floorDivide(milliseconds, Self.millisecondsPerDay)
        let time = milliseconds - day * Self.millisecondsPerDay
        let date = Self.date(daysSinceEpoch: day)
        bytes.appendDecimal(date.year, digits: 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(date.month, digits: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDecimal(date.day, digits: 2)
        bytes.append(UInt8(ascii: "T"))
        bytes.appendDecimal(time / 3_600_000, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(time / 60_000 % 60, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(time / 1000 % 60, digits: 2)
        bytes.append(UInt8(ascii: "."))
        bytes.appendDecimal(time % 1000, digits: 3)
        zone.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// How many bytes ``append(to:zone:)`` writes for a year of four digits and the zone `Z`.
    package static let zuluLength = 24

    /// Reads exactly what ``append(to:zone:)`` writes with the zone `Z`; nil when the bytes are anything else. Logs are
    /// searched with it, so it allocates nothing.
    package init?(zulu bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.zuluLength else { return nil }
        var isValid =
            bytes[4] == UInt8(ascii: "-") && bytes[7] == UInt8(ascii: "-") && bytes[10] == UInt8(ascii: "T")
            && bytes[13] == UInt8(ascii: ":") && bytes[16] == UInt8(ascii: ":") && bytes[19] == UInt8(ascii: ".")
            && bytes[23] == UInt8(ascii: "Z")
        func number(_ range: Range<Int>) -> Int {
            range.reduce(0) { value, index in
                let digit = Int(bytes[index]) - 0x30
                isValid = isValid && (0...9).contains(digit)
                return value * 10 + digit
            }
        }
        let days = Self.daysSinceEpoch(year: number(0..<4), month: number(5..<7), day: number(8..<10))
        let seconds = (days * 24 + number(11..<13)) * 3600 + number(14..<16) * 60 + number(17..<19)
        let milliseconds = number(20..<23)
        guard isValid else { return nil }
        self.milliseconds = seconds * 1000 + milliseconds
    }

    /// Year, month and day in UTC.
    package var date: (year: Int, month: Int, day: Int) {
        Self.date(daysSinceEpoch: Self.floorDivide(milliseconds, Self.millisecondsPerDay))
    }

    /// Reads RFC 3339, such as `2024-01-01T00:00:00Z` or `2024-01-01T01:00:00.5+01:00`; nil when it is anything else.
    package init?(rfc3339 text: String) {
        var scanner = DigitScanner(text)
        guard let year = scanner.digits(4), scanner.skip("-"), let month = scanner.digits(2), scanner.skip("-"),
            let day = scanner.digits(2), scanner.skip("T"), let hour = scanner.digits(2), scanner.skip(":"),
            let minute = scanner.digits(2), scanner.skip(":"), let second = scanner.digits(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        let fraction = scanner.skip(".") ? scanner.fractionMilliseconds() : 0
        guard let fraction, let offsetMinutes = scanner.zoneOffsetMinutes(), scanner.isAtEnd else { return nil }
        let days = Self.daysSinceEpoch(year: year, month: month, day: day)
        let minutes = (days * 24 + hour) * 60 + minute - offsetMinutes
        milliseconds = (minutes * 60 + second) * 1000 + fraction
    }
}

extension Timestamp: Codable {
    /// One number, the milliseconds.
    package init(from decoder: any Decoder) throws {
        self.init(milliseconds: try decoder.singleValueContainer().decode(Int.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }
}

extension Timestamp: JSONCodable {
    /// Seconds since the epoch; from a query also RFC 3339.
    package init(json: JSONValue) throws(JSONShapeError) {
        if case .string(let text) = json, let timestamp = Timestamp(rfc3339: text.string) {
            self = timestamp
        } else if let seconds = try? Double(json: json), let milliseconds = Int(exactly: (seconds * 1000).rounded()) {
            self.init(milliseconds: milliseconds)
        } else {
            throw JSONShapeError(expected: "a timestamp")
        }
    }

    package func encode(to writer: inout JSONWriter) {
        let seconds = Self.floorDivide(milliseconds, 1000)
        let fraction = milliseconds - seconds * 1000
        if fraction == 0 {
            writer.verbatim(String(seconds))
        } else {
            writer.verbatim(String(Double(milliseconds) / 1000))
        }
    }
}

// MARK: - The proleptic Gregorian calendar

extension Timestamp {
    private static let millisecondsPerDay = 86_400_000
    /// Days from 0000-03-01 to 1970-01-01; years counted from March end with the leap day.
    private static let epochDay = 719_468
    private static let daysPerEra = 146_097

    private static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }

    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let marchYear = month > 2 ? year : year - 1
        let era = floorDivide(marchYear, 400)
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * daysPerEra + dayOfEra - epochDay
    }

    private static func date(daysSinceEpoch: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = daysSinceEpoch + epochDay
        let era = floorDivide(shifted, daysPerEra)
        let dayOfEra = shifted - era * daysPerEra
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}

extension [UInt8] {
    /// Appends a non-negative number in decimal, padded with zeros to at least `digits`.
    fileprivate mutating func appendDecimal(_ value: Int, digits: Int) {
        var divisor = 1
        var width = 1
        while width < digits || value / divisor >= 10 {
            divisor *= 10
            width += 1
        }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}

/// Reads the fixed-width digits of a date.
private struct DigitScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = text[...].utf8
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func digit() -> Int? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest.removeFirst()
        return Int(byte - UInt8(ascii: "0"))
    }

    mutating func digits(_ count: Int) -> Int? {
        var value = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// Reads the digits after the point; those beyond milliseconds are dropped.
    mutating func fractionMilliseconds() -> Int? {
        guard var value = digit() else { return nil }
        var count = 1
        while let digit = digit() {
            if count < 3 { value = value * 10 + digit }
            count += 1
        }
        for _ in 0..<max(0, 3 - count) { value *= 10 }
        return value
    }

    mutating func zoneOffsetMinutes() -> Int? {
        if skip("Z") { return 0 }
        let isEast = skip("+")
        guard isEast || skip("-"), let hours = digits(2), skip(":"), let minutes = digits(2) else { return nil }
        return (isEast ? 1 : -1) * (hours * 60 + minutes)
    }
}
