import Identity
import LambdaAPI
import Testing

/// The example of Amazon S3's guide, "Transferring payload in multiple chunks".
@Suite struct SignedChunkDecoderTests {
    static let credentials = Credentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    )
    /// 2013-05-24 00:00:00 UTC.
    static let moment = Timestamp(milliseconds: 1_369_353_600_000)

    static let body =
        chunk(65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")
        + chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497")
        + chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")

    static func chunk(_ size: Int, _ signature: String) -> [UInt8] {
        Array("\(String(size, radix: 16));chunk-signature=\(signature)\r\n".utf8)
            + [UInt8](repeating: UInt8(ascii: "a"), count: size) + [0x0D, 0x0A]
    }

    static func decoder(decodedLength: Int? = 66560) throws -> SignedChunkDecoder {
        var request = SigningRequest(
            method: "PUT",
            target: "/examplebucket/chunkObject.txt",
            headers: [
                ("Host", "s3.amazonaws.com"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "66560"),
                ("Content-Length", "66824"),
            ]
        )
        request.headers += SigV4Signer(credentials: credentials, region: "us-east-1", service: "s3")
            .headers(signing: request, payload: .signedChunks, at: moment)
        let authorization = try #require(request.headers.last?.value)
        #expect(
            authorization.hasSuffix("Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
        )
        let claim = try SigV4Verifier(region: "us-east-1", services: ["s3"]).claim(of: request, at: moment)
        #expect(claim.payload == .signedChunks)
        let verified = try claim.verify(secretAccessKey: credentials.secretAccessKey, bodyHash: .empty)
        return SignedChunkDecoder(after: verified, decodedLength: decodedLength)
    }

    static func decode(_ body: [UInt8], by step: Int = .max, decodedLength: Int? = 66560) throws -> [UInt8] {
        var decoder = try decoder(decodedLength: decodedLength)
        var decoded: [UInt8] = []
        var rest = body[...]
        while !rest.isEmpty {
            decoded += try decoder.append(rest.prefix(step))
            rest = rest.dropFirst(step)
        }
        try decoder.finish()
        return decoded
    }

    @Test(arguments: [1021, 1 << 16, Int.max])
    func readsTheExampleHoweverItIsCut(_ step: Int) throws {
        #expect(try Self.decode(Self.body, by: step) == [UInt8](repeating: UInt8(ascii: "a"), count: 66560))
    }

    /// The head and the tail are where all that is not data stands; in between one byte is like the other.
    @Test func refusesAnyOtherByte() throws {
        let ends = [0..<90, 65620..<65720, 66640..<Self.body.count]
        for index in ends.joined() {
            var body = Self.body
            body[index] ^= 1
            #expect(throws: AuthenticationError.self, "\(index)") { try Self.decode(body) }
        }
    }

    @Test func refusesABodyThatIsCutOffOrGoesOn() throws {
        for length in [0, 1, 65624, Self.body.count - 88, Self.body.count - 1] {
            #expect(throws: AuthenticationError.self) { try Self.decode(Array(Self.body.prefix(length))) }
        }
        #expect(throws: AuthenticationError.self) { try Self.decode(Self.body + [0x0A]) }
        #expect(throws: AuthenticationError.self) { try Self.decode(Self.body, decodedLength: 66559) }
        #expect(try Self.decode(Self.body, decodedLength: nil).count == 66560)
    }

    @Test(arguments: ["-1", "+1", "", "g", "1000001", "ffffffffffffffffffff"])
    func refusesSizesThatAreNone(_ size: String) throws {
        let signature = String(repeating: "0", count: 64)
        let line = Array("\(size);chunk-signature=\(signature)\r\n".utf8)
        #expect(throws: AuthenticationError.self) { try Self.decode(line) }
    }

    @Test func waitsForNoLineWithoutEnd() throws {
        var decoder = try Self.decoder()
        #expect(throws: AuthenticationError.self) { try decoder.append([UInt8](repeating: 0x30, count: 300)) }
    }
}
