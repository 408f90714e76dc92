import LambdaAPI
import TestSupport
import Testing

@Suite struct JSONParserTests {
    @Test(arguments: [
        "", " ", "{", "[", "[1,]", #"{"a":1,}"#, #"{"a" 1}"#, #"{a:1}"#, "01", "-", "1.", ".5", "1e", "+1", "0x1",
        "1e999",
        "tru", "nul", "truee", "'a'", #""a"#, "\"a\u{01}b\"", #""\x""#, #""\u12""#, #""\u12G4""#, #""\ud800""#,
        #""\ud800\u0041""#, #""\udc00""#, "1 2", "{} {}", "[1 2]", #"{"a":1 "b":2}"#, "NaN", "Infinity", "\u{FEFF}{}",
    ])
    func refusesWhatIsNotJSON(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test func refusesWhatIsNotUTF8() {
        for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] {
            #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(bytes) }
        }
    }

    @Test(arguments: [
        (#""""#, ""), (#""plain text""#, "plain text"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{08}\u{0C}\n\r\t"),
        (#""\u00e9\ud83d\ude00""#, "é😀"), (#""é and 😀 as they are""#, "é and 😀 as they are"),
        (
            #""a long plain beginning, then \u0041 and a long plain end""#,
            "a long plain beginning, then A and a long plain end"
        ),
        (#""\u0000""#, "\0"),
    ])
    func readsStrings(_ json: String, _ text: String) throws {
        #expect(try String(json: JSONParser.parse(Array(json.utf8))) == text)
    }

    /// The plain run is found eight bytes at a time, so the special byte stands at every place of such a group once.
    @Test func findsTheEndOfAPlainRunAtEveryOffset() throws {
        for length in 0..<24 {
            let run = String(repeating: "a", count: length)
            for special in [#"\n"#, "é", ""] {
                let json = "[\"\(run)\(special)!\"]"
                let expected = run + (special == #"\n"# ? "\n" : special) + "!"
                #expect(try [String](json: JSONParser.parse(Array(json.utf8))) == [expected])
            }
        }
    }

    @Test func tellsIntegersFromOtherNumbers() throws {
        func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }
        for (text, integer) in [("0", 0), ("-0", 0), ("-12", -12), ("9223372036854775807", Int.max)] {
            guard case .integer(integer) = try parse(text) else {
                Issue.record("\(text) is no integer")
                continue
            }
        }
        for (text, double) in [("1.0", 1.0), ("1e2", 100), ("-2.5E-1", -0.25), ("9223372036854775808", 0x1p63)] {
            guard case .double(double) = try parse(text) else {
                Issue.record("\(text) is no double")
                continue
            }
        }
    }

    @Test func boundsNesting() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        _ = try JSONParser.parse(nested(JSONParser.depthMax))
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(nested(JSONParser.depthMax + 1)) }
        #expect(throws: JSONSyntaxError.self) {
            try JSONParser.parse(Array(String(repeating: #"{"a":"#, count: 100_000).utf8))
        }
    }

    /// What the writer writes the parser reads; what a flipped byte makes of it the parser survives.
    @Test func survivesRandomTextsAndReadsWhatIsWritten() throws {
        let seed: UInt64 = 7
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("abc\"\\/\n\u{0}\u{1F}é😀{}[],:0 ")
        for _ in 0..<500 {
            let count = Int.random(in: 0...6, using: &generator)
            var map: [String: [String]] = [:]
            for _ in 0..<count {
                let texts = (0..<3).map { _ in
                    String(
                        (0..<Int.random(in: 0...20, using: &generator)).compactMap { _ in
                            alphabet.randomElement(using: &generator)
                        }
                    )
                }
                map[texts[0]] = texts
            }
            var bytes = JSONWriter.bytes(of: map)
            #expect(try [String: [String]](json: JSONParser.parse(bytes)) == map, "seed \(seed)")
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            _ = try? JSONParser.parse(bytes)
        }
    }

    @Test func readsALargePackageWithoutCopyingItsText() throws {
        let package = [UInt8](repeating: 0x5A, count: 3_000_000)
        let request = try UpdateFunctionCodeRequest(
            OperationInput(
                pathParameters: ["FunctionName": "f"],
                body: JSONWriter.bytes(of: ["ZipFile": Blob(package)])
            )
        )
        #expect(request.zipFile == Blob(package))
    }
}

@Suite struct JSONWriterTests {
    @Test func writesWhatWasParsed() throws {
        let json = #"{"b":[null,true,-1,1.5,"a\"\u0001é"],"a":{},"b":[]}"#
        let spaced = json.replacing(",", with: " , \n").replacing("{}", with: "{ }")
        #expect(JSONWriter.bytes(of: try JSONParser.parse(Array(spaced.utf8))) == Array(json.utf8))
    }

    @Test func writesCompactJSONInTheGivenOrder() {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("B", 1)
            writer.member("A", "x\u{01}\u{1F}é")
            writer.member("Absent", String?.none)
            writer.member("List", [true, false])
            writer.member("Map", ["b": 2.5, "a": 1.0])
            writer.nullMember("Null")
            writer.member("Empty", [String]())
        }
        let expected =
            #"{"B":1,"A":"x\u0001\u001fé","List":[true,false],"Map":{"a":1.0,"b":2.5},"Null":null,"Empty":[]}"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }
}

@Suite struct BlobTests {
    @Test func roundTripsThroughBase64() throws {
        for length in 0..<10 {
            let blob = Blob((0..<length).map { UInt8($0 * 37 & 0xFF) })
            #expect(try Blob(json: JSONParser.parse(JSONWriter.bytes(of: blob))) == blob)
        }
    }

    @Test(arguments: ["=", "A", "AA", "AAA", "AA=A", "A===", "AA==AA==", "AA-_", "AA\nAA==", "é==="])
    func refusesWhatIsNotBase64(_ text: String) {
        #expect(Blob(base64: JSONText(text)) == nil)
    }
}

@Suite struct JSONCodingTests {
    @Test(arguments: [
        (#"{"VpcConfig":{"SubnetIds":[1]}}"#, "failed to read JSON: expected a string at VpcConfig.SubnetIds"),
        (#"{"EphemeralStorage":{}}"#, "failed to read JSON: expected a value at EphemeralStorage.Size"),
        (#"{"Timeout":"3"}"#, "failed to read JSON: expected an integer at Timeout"),
        ("[]", "failed to read JSON: expected an object at the top"),
    ])
    func saysWhereTheShapeIsWrong(_ json: String, _ text: String) {
        let error = #expect(throws: JSONShapeError.self) {
            try FunctionConfiguration(json: JSONParser.parse(Array(json.utf8)))
        }
        #expect(error?.description == text)
    }
}
