import Sandbox
import TestSupport
import Testing

@testable import SandboxNamespaces

@Suite("Addresses, resolvers and users")
struct NetworkConfigurationTests {
    @Test(arguments: ["192.0.2.1", "10.0.0.0/8", "0.0.0.0/0", "255.255.255.255", "198.18.0.0/15"])
    func readsAndShowsRanges(text: String) throws {
        #expect(try #require(IPv4Range(text)).description == text)
    }

    @Test(arguments: [
        "", "10", "10.0.0", "10.0.0.0.0", "256.0.0.1", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "::1", "10.0.0.0/",
    ])
    func refusesWhatIsNoRange(text: String) {
        #expect(IPv4Range(text) == nil)
    }

    /// One is in the rules of the network, the other in a file of sandboxes of all kinds.
    @Test func namesAreResolvedAtTheGateway() {
        #expect(SandboxFiles.nameServer == FirewallRules.gateway.description)
    }

    @Test func knowsWhatARangeContains() throws {
        let range = try #require(IPv4Range("198.18.0.0/15"))
        #expect(range.contains(try #require(IPv4Range("198.19.255.255"))))
        #expect(range.contains(try #require(IPv4Range("198.19.0.0/16"))))
        #expect(!range.contains(try #require(IPv4Range("198.20.0.0"))))
        #expect(!range.contains(try #require(IPv4Range("198.0.0.0/8"))))
        #expect(try #require(IPv4Range("0.0.0.0/0")).contains(range))
    }

    @Test(arguments: [
        ("nameserver 192.0.2.1\n", "", ["192.0.2.1"]),
        ("# comment\nsearch example\nnameserver\t192.0.2.1 \nnameserver 192.0.2.2", "", ["192.0.2.1", "192.0.2.2"]),
        // One that only the host can ask stands for those of the other file.
        ("nameserver 127.0.0.53\n", "nameserver 192.0.2.9\n", ["192.0.2.9"]),
        ("nameserver 127.0.0.53\nnameserver 192.0.2.1\n", "nameserver 192.0.2.9\n", ["192.0.2.1"]),
        ("nameserver ::1\nnameserver nonsense\nnameserver\n", "", []),
        (
            "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4", "",
            ["1.1.1.1", "2.2.2.2", "3.3.3.3"]
        ),
    ])
    func findsTheHostsResolvers(first: String, second: String, expected: [String]) {
        #expect(HostResolvers(files: [first, second]).addresses.map(\.description) == expected)
    }

    /// No two sandboxes have a user in common, and one that was given back is not used again soon.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func givesEachSandboxAUserOfItsOwn(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var users = GuestUsers()
        var inUse: [UInt32] = []
        var last: UInt32?
        for _ in 0..<20_000 {
            if Bool.random(using: &generator), let index = inUse.indices.randomElement(using: &generator) {
                let user = inUse.remove(at: index)
                users.release(user)
                last = user
            } else {
                let reserved = users.reserve()
                let user = try #require(reserved)
                #expect(user > GuestUsers.rootID && user != last && !inUse.contains(user))
                inUse.append(user)
            }
        }
    }

    @Test func hasNoUserWhenAllAreInUse() {
        var users = GuestUsers()
        var last: UInt32 = 0
        for _ in 0..<0xffff { last = users.reserve() ?? 0 }
        #expect(last == GuestUsers.rootID + 0xffff)
        let none = users.reserve()
        users.release(last)
        let again = users.reserve()
        #expect(none == nil)
        #expect(again == last)
    }
}
