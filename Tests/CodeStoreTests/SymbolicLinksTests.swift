import TestSupport
import Testing

@testable import CodeStore

struct SymbolicLinksTests {
    private func areInside(_ links: [(path: String, target: String)]) -> Bool {
        do throws(CodeStoreError) {
            var all = SymbolicLinks()
            for link in links { try all.add(try EntryPath(link.path), to: link.target) }
            try all.checkThatAllStayInside()
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: ["b", "./b", "d/../b", "d/./../b", "missing/../b", "d//b"])
    func targetInsideIsFine(target: String) {
        #expect(areInside([("a", target)]))
    }

    @Test(arguments: ["", "/", "/etc/passwd", "..", "d/../..", "./.."])
    func targetOutsideIsRefused(target: String) {
        #expect(!areInside([("a", target)]))
    }

    @Test(arguments: ["/opt", "/opt/", "/opt/bin/tool", "//opt/./bin"])
    func absoluteTargetInOptIsFine(target: String) {
        #expect(areInside([("a/b/c", target)]))
    }

    @Test(arguments: ["/opt/..", "/opt/a/../b", "/optical", "/var/task/a", "/etc", "//"])
    func absoluteTargetElsewhereIsRefused(target: String) {
        #expect(!areInside([("a", target)]))
    }

    /// Where a link leads in a layer, it leads in `/opt`.
    @Test func absoluteTargetIsFollowedFromTheRoot() {
        #expect(areInside([("x/y/up", "/opt/x/y"), ("inside", "x/y/up/../../z")]))
        #expect(!areInside([("x/y/up", "/opt/z"), ("out", "x/y/up/../../z")]))
    }

    @Test func directoryOfTheLinkCounts() {
        #expect(areInside([("a/b/c", "../../d")]))
        #expect(!areInside([("a/b/c", "../../../d")]))
    }

    @Test func linkIsFollowedThroughOthersWhateverTheirOrder() {
        let links = [("x/y/up", ".."), ("out", "x/y/up/../../etc")]
        #expect(!areInside(links))
        #expect(!areInside(links.reversed()))
        #expect(areInside([("x/y/up", ".."), ("inside", "x/y/up/../etc")]))
    }

    @Test func circlesStayInside() {
        #expect(areInside([("a", "b"), ("b", "a")]))
        #expect(areInside([("a", "a/a")]))
    }

    /// Each of the links is long enough that all of them together are more than anybody can follow.
    @Test func linksThatAreTooEntangledAreRefused() {
        let target = String(repeating: "d/../", count: 800) + "end"
        #expect(areInside([("a", target)]))
        #expect(!areInside((0..<1500).map { ("a\($0)", target) }))
    }

    /// A second, slower way to follow a link, by names only, says the same of every tangle of links.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func randomLinksAreJudgedAsByFollowingTheirNames(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let names = ["a", "b", "c", "a/b", "a/c", "b/a", "b/c/a"]
        var links: [String: String] = [:]
        for name in names where Bool.random(using: &random) {
            let parts = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                ["a", "b", "c", "..", "..", "."].randomElement(using: &random) ?? "."
            }
            let isAbsolute = !parts.contains("..") && Bool.random(using: &random)
            links[name] = (isAbsolute ? "/opt/" : "") + parts.joined(separator: "/")
        }
        // No entry is below a link, as unpacking sees to.
        links = links.filter { link in !links.keys.contains { link.key.hasPrefix("\($0)/") } }
        let expected = links.allSatisfy { Self.staysInside($0.key, links) }
        #expect(areInside(links.map { (path: $0.key, target: $0.value) }) == expected, "\(links)")
    }

    private static func staysInside(_ link: String, _ links: [String: String]) -> Bool {
        var place = Array(link.split(separator: "/").map(String.init).dropLast())
        var ahead: [String] = []
        func enter(_ target: String) {
            if target.hasPrefix("/opt/") { place = [] }
            let names = target.split(separator: "/").map(String.init)
            ahead = (target.hasPrefix("/opt/") ? Array(names.dropFirst()) : names) + ahead
        }
        enter(links[link, default: ""])
        var depth = 0
        while !ahead.isEmpty {
            let name = ahead.removeFirst()
            if name == "." { continue }
            if name == ".." {
                if place.isEmpty { return false }
                place.removeLast()
            } else if let target = links[(place + [name]).joined(separator: "/")] {
                depth += 1
                if depth == 40 { return true }
                enter(target)
            } else {
                place.append(name)
            }
        }
        return true
    }
}
