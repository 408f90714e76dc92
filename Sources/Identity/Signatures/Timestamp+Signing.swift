import LambdaAPI

/// The forms in which signed requests have their time.
extension Timestamp {
    /// `20150830T123600Z`.
    var signingText: String {
        String(zuluText.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    /// Reads exactly what ``signingText`` writes.
    init?(signing text: String) {
        let digits = Array(text)
        guard digits.count == 16 else { return nil }
        func part(_ range: Range<Int>) -> String { String(digits[range]) }
        self.init(
            rfc3339: "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))\(part(8..<11)):\(part(11..<13)):\(part(13..<16))"
        )
        // A date such as 31 February is read as another one.
        guard signingText == text else { return nil }
    }

    /// Reads a `Date` header: `Sun, 30 Aug 2015 12:36:00 GMT`, or one of the forms that AWS takes besides it.
    init?(dateHeader text: String) {
        if let timestamp = Timestamp(signing: text) ?? Timestamp(rfc3339: text) {
            self = timestamp
            return
        }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let words = text.split(separator: " ")
        guard words.count == 6, words[0].hasSuffix(","), let month = months.firstIndex(of: String(words[2])),
            words[5] == "GMT" || words[5] == "UTC" || words[5] == "+0000" || words[5] == "-0000"
        else { return nil }
        let day = words[1].utf8.count == 1 ? "0\(words[1])" : String(words[1])
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        self.init(rfc3339: "\(words[3])-\(number)-\(day)T\(words[4])Z")
    }
}
