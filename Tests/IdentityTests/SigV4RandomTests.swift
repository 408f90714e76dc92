import Identity
import LambdaAPI
import TestSupport
import Testing

/// Random requests: what is signed is taken, and what differs from it in one byte is not.
@Suite struct SigV4RandomTests {
    private struct Sample {
        var request: SigningRequest
        var body: [UInt8]

        /// No dots, empty segments and escapes of what need not be escaped, for AWS itself takes those for the same.
        init(using generator: inout SeededGenerator) {
            func word(_ extra: [String]) -> String {
                let pieces = ["a", "b", "Z", "0", "9", "-", "_", "~"] + extra
                return (0..<Int.random(in: 1...6, using: &generator))
                    .map { _ in pieces.randomElement(using: &generator)! }.joined()
            }
            let path = (0..<Int.random(in: 1...4, using: &generator)).map { _ in "/" + word(["%20", ":", "%C3%A9"]) }
            let query = (0..<Int.random(in: 0...4, using: &generator))
                .map { _ in "\(word(["%20"]))=\(word(["%2F", "%3D"]))" }
            let headers = (0..<Int.random(in: 0...4, using: &generator)).map { index in
                (name: "x-amz-\(index)", value: word([" ", ",", "é"]))
            }
            request = SigningRequest(
                method: ["GET", "PUT", "POST", "DELETE"].randomElement(using: &generator)!,
                path: path.joined(),
                query: query.joined(separator: "&"),
                headers: [("Host", word(["."]))] + headers
            )
            body = (0..<Int.random(in: 0...20, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
        }
    }

    /// The same text with another letter in the place of one that is a letter or a digit; nil when it has none.
    private static func altered(_ text: String, using generator: inout SeededGenerator) -> String? {
        var bytes = Array(text.utf8)
        let places = bytes.indices.filter { bytes[$0] < 0x80 && (bytes[$0] & 0x40 != 0 || bytes[$0] & 0x30 == 0x30) }
            // Digits of escapes have no case.
            .filter { index in !bytes[max(0, index - 2)..<index].contains(UInt8(ascii: "%")) }
        guard let place = places.randomElement(using: &generator) else { return nil }
        let letters = Array("abcdefghijklmnopqrstuvwxyz".utf8).filter { $0 != bytes[place] | 0x20 }
        bytes[place] = letters.randomElement(using: &generator)!
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func alter(_ sample: inout Sample, using generator: inout SeededGenerator) -> Bool {
        func alter(_ text: inout String) -> Bool {
            guard let other = altered(text, using: &generator) else { return false }
            text = other
            return true
        }
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: return alter(&sample.request.method)
        case 1: return alter(&sample.request.path)
        case 2: return alter(&sample.request.query)
        case 3:
            let index = Int.random(in: 0..<sample.request.headers.count, using: &generator)
            return alter(&sample.request.headers[index].value)
        default:
            guard let index = sample.body.indices.randomElement(using: &generator) else { return false }
            sample.body[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            return true
        }
    }

    private static func isGood(_ sample: Sample, service: String) -> Bool {
        let verifier = SigV4Verifier(region: "eu-central-1", services: [service])
        let claim = try? verifier.claim(of: sample.request, at: suiteMoment)
        let verified = try? claim?.verify(
            secretAccessKey: suiteCredentials.secretAccessKey,
            bodyHash: PayloadHash(of: sample.body)
        )
        // The key's name is not signed: it says whose secret to take.
        return verified != nil && claim?.accessKeyID == suiteCredentials.accessKeyID
    }

    @Test(arguments: ["lambda", "s3"], [false, true])
    func takesOnlyWhatWasSigned(_ service: String, _ asLink: Bool) {
        let seed: UInt64 = 11
        var generator = SeededGenerator(seed: seed)
        let signer = SigV4Signer(credentials: suiteCredentials, region: "eu-central-1", service: service)
        var alteredCount = 0
        for round in 0..<400 {
            var sample = Sample(using: &generator)
            if asLink && service == "s3" { sample.body = [] }
            let payload = PayloadHash(of: sample.body)
            if asLink {
                sample.request.query = signer.presignedQuery(
                    of: sample.request,
                    payload: service == "s3" ? .unsigned : payload,
                    expiresSeconds: 60,
                    at: suiteMoment
                )
            } else {
                sample.request.headers += signer.headers(signing: sample.request, payload: payload, at: suiteMoment)
            }
            #expect(Self.isGood(sample, service: service), "seed \(seed), round \(round)")
            for _ in 0..<5 where Self.alter(&sample, using: &generator) {
                alteredCount += 1
                #expect(!Self.isGood(sample, service: service), "seed \(seed), round \(round): \(sample.request)")
            }
        }
        #expect(alteredCount > 1000)
    }

    /// Every bit of the `Authorization` header but those that do not count: its spaces and the case of headers' names.
    @Test func refusesEveryOtherBitOfTheHeader() throws {
        var generator = SeededGenerator(seed: 3)
        let signer = SigV4Signer(credentials: suiteCredentials, region: "eu-central-1", service: "lambda")
        var sample = Sample(using: &generator)
        sample.request.headers += signer.headers(
            signing: sample.request,
            payload: PayloadHash(of: sample.body),
            at: suiteMoment
        )
        let last = sample.request.headers.count - 1
        let header = sample.request.headers[last].value
        let bytes = Array(header.utf8)
        let names = try #require(header.firstRange(of: "host"))
        let namesStart = header.utf8.distance(from: header.startIndex, to: names.lowerBound)
        let namesEnd = try #require(bytes[namesStart...].firstIndex(of: UInt8(ascii: ",")))
        for index in bytes.indices where bytes[index] != UInt8(ascii: " ") {
            for bit in 0..<8 where bit != 5 || !(namesStart..<namesEnd).contains(index) {
                var other = bytes
                other[index] ^= 1 << bit
                sample.request.headers[last].value = String(decoding: other, as: UTF8.self)
                #expect(!Self.isGood(sample, service: "lambda"), "\(sample.request.headers[last].value)")
            }
        }
    }
}
