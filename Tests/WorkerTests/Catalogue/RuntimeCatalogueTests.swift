import FoundationEssentials
import Testing

@testable import Worker

@Suite struct RuntimeCatalogueTests {
    private static func catalogue(
        version: Int = 1,
        families: String,
        runtimes: String
    ) throws -> RuntimeCatalogue {
        try RuntimeCatalogue(
            json: Data(
                """
                {"schemaVersion": \(version), "environment": {"A": "common", "R": "{runtime}"},
                 "families": \(families), "runtimes": \(runtimes)}
                """.utf8
            )
        )
    }

    private static let python = #"""
        {"python": {"launch": {"executables": ["/usr/bin/python{version}"], "arguments": ["{handler}"],
        "environment": {"A": null, "B": "family"}}, "install": "get {version}"}}
        """#

    private static func entry(_ identifier: String, _ more: String = "") -> String {
        #"{"identifier": "\#(identifier)", "family": "python", "version": "3.11", "status": "supported"\#(more)}"#
    }

    @Test func aRuntimeTakesItsFamilysTexts() throws {
        let catalogue = try Self.catalogue(families: Self.python, runtimes: "[\(Self.entry("python3.11"))]")
        let runtime = try #require(catalogue["python3.11"])
        #expect(runtime.installHint == "get 3.11")
        #expect(runtime.launch?.interpreters.map(\.executables) == [["/usr/bin/python3.11"]])
        #expect(runtime.launch?.environment == ["R": "python3.11", "B": "family"])
    }

    @Test func aRuntimesOwnHintAndVariablesWin() throws {
        let own = #", "install": "own", "environment": {"B": null, "C": "own"}"#
        let catalogue = try Self.catalogue(families: Self.python, runtimes: "[\(Self.entry("python3.11", own))]")
        let runtime = try #require(catalogue["python3.11"])
        #expect(runtime.installHint == "own")
        #expect(runtime.launch?.environment == ["R": "python3.11", "C": "own"])
    }

    @Test func standInsHaveTheirOwnVersionInExecutablesOnly() throws {
        let families = #"""
            {"python": {"launch": {"executables": ["/usr/bin/python{version}"], "arguments": ["{version}"],
            "versionCheck": {"arguments": [], "prefix": "Python {version}."}, "directory": "python{version}"}}}
            """#
        let entry = Self.entry("python3.11", #", "standIns": ["3.12", "3.10"]"#)
        let catalogue = try Self.catalogue(families: families, runtimes: "[\(entry)]")
        let launch = try #require(catalogue["python3.11"]?.launch)
        #expect(launch.interpreters.map(\.version) == ["3.11", "3.12", "3.10"])
        #expect(
            launch.interpreters.map(\.executables[0]) == (11...12).map { "/usr/bin/python3.\($0)" } + [
                "/usr/bin/python3.10"
            ]
        )
        #expect(launch.interpreters.map(\.versionCheck?.prefix) == ["Python 3.11.", "Python 3.12.", "Python 3.10."])
        #expect(launch.directory == "python3.11")
        #expect(launch.arguments.map { $0.expanded(.init(runtime: "", version: "3.11")) } == ["3.11"])
    }

    @Test(arguments: [#"["3.11"]"#, #"["3.10", "3.10"]"#])
    func aStandInThatStandsTwiceIsRefused(standIns: String) {
        let error = #expect(throws: RuntimeCatalogueError.self) {
            let entry = Self.entry("python3.11", #", "standIns": \#(standIns)"#)
            return try Self.catalogue(families: Self.python, runtimes: "[\(entry)]")
        }
        #expect(error?.code == .malformed)
    }

    @Test func anIdentifierThatStandsTwiceIsRefused() {
        #expect(throws: RuntimeCatalogueError.self) {
            try Self.catalogue(families: Self.python, runtimes: "[\(Self.entry("a")), \(Self.entry("a"))]")
        }
    }

    @Test func anUnknownFamilyIsRefused() {
        #expect(throws: RuntimeCatalogueError.self) {
            try Self.catalogue(families: "{}", runtimes: "[\(Self.entry("a"))]")
        }
    }

    @Test(arguments: [
        #"{"python": {"launch": {"executables": ["python3"], "arguments": []}}}"#,
        #"{"python": {"launch": {"executables": [], "arguments": []}}}"#,
        #"{"python": {"launch": {"executables": ["/x{y}"], "arguments": []}}}"#,
        #"{"python": {"launch": {"executables": ["/x"], "arguments": ["{"]}}}"#,
        #"{"python": {"launch": {"executables": ["/x"]}}}"#,
    ])
    func aFamilyThatCannotBeStartedIsRefused(families: String) throws {
        let error = #expect(throws: RuntimeCatalogueError.self) {
            try Self.catalogue(families: families, runtimes: "[\(Self.entry("a"))]")
        }
        #expect(error?.code == .malformed)
    }

    @Test func anotherSchemaVersionIsRefused() {
        let error = #expect(throws: RuntimeCatalogueError.self) {
            try Self.catalogue(version: 2, families: "{}", runtimes: "[]")
        }
        #expect(error?.code == .unsupportedVersion)
    }
}
