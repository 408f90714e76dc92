import Testing

@testable import Worker

@Suite struct PlaceholderTextTests {
    private let values = PlaceholderText.Values(
        runtime: "nodejs20.x",
        version: "20",
        handler: "index.handler",
        memoryMebibytes: 128
    )

    @Test(arguments: [
        ("", ""), ("plain", "plain"), ("{runtime}", "nodejs20.x"), ("v{version}.", "v20."),
        ("{handler}{handler}", "index.handlerindex.handler"), ("--old={memory:90%}", "--old=115"),
        ("{memory:5%}", "6"), ("{memory:85%-32}m", "76m"), ("{memory:5%-32}", "1"),
    ])
    func placeholdersAreReplaced(text: String, expected: String) throws {
        #expect(try #require(PlaceholderText(text)).expanded(values) == expected)
    }

    @Test(arguments: [
        "{", "}", "{}", "a{version", "{unknown}", "{memory:0%}", "{memory:101%}", "{memory:x%}",
        "{memory:5}", "{memory:5%-}", "{memory:5%-0}", "{memory:5%--1}", "{memory:5%+1}", "{memory:5%-1%}", "a}b{",
    ])
    func badPlaceholdersAreRefused(text: String) {
        #expect(PlaceholderText(text) == nil)
    }

    @Test func valuesAreNotExpandedAgain() throws {
        var values = values
        values.handler = "{version}"
        #expect(try #require(PlaceholderText("{handler}")).expanded(values) == "{version}")
    }

    @Test func aShareOfMemoryIsAtLeastOne() throws {
        var values = values
        values.memoryMebibytes = 1
        #expect(try #require(PlaceholderText("{memory:5%}")).expanded(values) == "1")
    }
}
