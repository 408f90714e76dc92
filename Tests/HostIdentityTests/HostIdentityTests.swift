import Testing

@testable import HostIdentity

@Suite("Host identity")
struct HostIdentityTests {
    @Test(arguments: HostRole.allCases)
    func uriIsReadAsItWasWritten(role: HostRole) throws {
        let identity = try HostIdentity(role: role, name: "host-1.example")
        let fleet = try FleetName("blue")
        let uri = identity.uri(in: fleet)
        #expect(uri == "swiftlet://blue/\(role)/host-1.example")
        let read = try HostIdentity.parse(uri: uri)
        #expect(read.fleet == fleet)
        #expect(read.identity == identity)
    }

    @Test(arguments: [
        "", "swiftlet://", "swiftlet://blue", "swiftlet://blue/worker", "swiftlet://blue/worker/",
        "swiftlet:///worker/a",
        "swiftlet://blue/worker/a/b", "swiftlet://blue//worker/a", "swiftlet://blue/root/a", "SWIFTLET://blue/worker/a",
        "swiftlet://Blue/worker/a", "swiftlet://blue/worker/A", "spiffe://blue/worker/a", "swiftlet://blue/worker/a?b",
        "swiftlet://blue/worker/%61", "swiftlet://blue/worker/a ", "swiftlet://user@blue/worker/a",
        "swiftlet://blue:1/worker/a", "swiftlet://blue/worker/a\0",
    ])
    func nothingElseIsAnIdentity(uri: String) {
        #expect(throws: HostIdentityError.self) { try HostIdentity.parse(uri: uri) }
    }

    @Test(arguments: ["a", "0", "a.b-c", String(repeating: "x", count: 63)])
    func goodNames(name: String) throws {
        #expect(try HostIdentity(role: .worker, name: name).name == name)
        #expect(try FleetName(name).text == name)
    }

    @Test(arguments: ["", ".a", "-a", "A", "a_b", "a/b", "ä", "a\n", String(repeating: "x", count: 64)])
    func badNames(name: String) {
        #expect(throws: HostIdentityError.self) { try HostIdentity(role: .worker, name: name) }
        #expect(throws: HostIdentityError.self) { try FleetName(name) }
    }

    @Test(arguments: [("0A:0b", "a0b"), ("00", "0"), ("abc", "abc"), ("000F", "f")])
    func serialsOfAllToolsAreOne(text: String, expected: String) throws {
        #expect(try CertificateSerial(text).text == expected)
    }

    @Test(arguments: ["", "xyz", "1 2", "-1", "٣", String(repeating: "1", count: 43)])
    func nothingElseIsASerial(text: String) {
        #expect(throws: HostIdentityError.self) { try CertificateSerial(text) }
    }
}
