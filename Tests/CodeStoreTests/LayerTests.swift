import Foundation
import Logging
import TestSupport
import Testing

@testable import CodeStore

/// Layers laid over each other.
struct LayerTests {
    private let directory: TemporaryDirectory
    private let store: CodeStore

    init() async throws {
        directory = try TemporaryDirectory()
        store = try await CodeStore(directory: "\(directory.path)/code", logger: Logger(label: "test"))
    }

    /// Stores layers, each made by statements of Python, and returns them as a function has them.
    private func stack(_ layers: [String]) async throws -> LayerStack {
        var hashes: [CodeHash] = []
        for layer in layers { hashes.append(try await store.put(try Python.zip(layer)).hash) }
        return try #require(LayerStack(hashes))
    }

    private func merged(_ layers: String...) async throws -> String {
        try await store.optTree(of: try await stack(layers)).directory
    }

    private func text(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }

    private func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    @Test func laterLayerOverridesEarlierAndDirectoriesAreMerged() async throws {
        let path = try await merged(
            "entry('lib/a', 0o644, b'1')\nentry('lib/b', 0o644, b'1')\nentry('one', 0o644, b'1')",
            "entry('lib/b', 0o755, b'2')\nentry('lib/c', 0o644, b'2')\nentry('two/', 0o755, b'', stat.S_IFDIR)",
            "entry('lib/c', 0o644, b'3')"
        )
        #expect(try names(path) == ["lib", "one", "two"])
        #expect(try names("\(path)/lib") == ["a", "b", "c"])
        #expect(["a", "b", "c"].map { text("\(path)/lib/\($0)") } == ["1", "2", "3"])
        let mode = try FileManager.default.attributesOfItem(atPath: "\(path)/lib/b")[.posixPermissions] as? Int
        #expect(mode == 0o755)
    }

    @Test func orderDecides() async throws {
        let (one, two) = ("entry('f', 0o644, b'1')", "entry('f', 0o644, b'2')")
        let (first, second) = (try await merged(one, two), try await merged(two, one))
        #expect(first != second)
        #expect(text("\(first)/f") == "2")
        #expect(text("\(second)/f") == "1")
    }

    /// What is replaced goes whole, and what replaces it is not mixed with it; a link is replaced, never followed.
    @Test(
        arguments: [
            ("entry('x/old', 0o644, b'1')", "entry('x', 0o644, b'2')", "2", nil),
            ("entry('x', 0o644, b'1')", "entry('x/new', 0o644, b'2')", nil, ["new"]),
            (
                "entry('d/old', 0o644, b'1')\nentry('x', 0o777, b'd', stat.S_IFLNK)", "entry('x/new', 0o644, b'2')",
                nil, ["new"]
            ),
            ("entry('d', 0o644, b'1')\nentry('x', 0o777, b'd', stat.S_IFLNK)", "entry('x', 0o644, b'2')", "2", nil),
            ("entry('x', 0o777, b'missing', stat.S_IFLNK)", "entry('x', 0o644, b'2')", "2", nil),
            ("entry('x/old', 0o644, b'1')", "entry('d', 0o644, b'2')\nentry('x', 0o777, b'd', stat.S_IFLNK)", "2", nil),
        ] as [(String, String, String?, [String]?)]
    )
    func fileDirectoryAndLinkReplaceEachOther(
        lower: String,
        upper: String,
        text expectedText: String?,
        names expectedNames: [String]?
    ) async throws {
        // The layer below is other functions', too.
        let below = try await store.optTree(of: try await stack([lower])).directory
        let before = try Self.tree(at: below)
        let path = try await merged(lower, upper)
        #expect(text("\(path)/x") == expectedText)
        #expect((try? names("\(path)/x")) == expectedNames)
        #expect(try Self.tree(at: below) == before)
    }

    @Test func directoryThatCameBackHoldsNothingOfTheFirst() async throws {
        let path = try await merged(
            "entry('x/old', 0o644, b'1')",
            "entry('x', 0o644, b'2')",
            "entry('x/new', 0o644, b'3')"
        )
        #expect(try names("\(path)/x") == ["new"])
    }

    /// Each layer's links stay inside; together they do not.
    @Test(arguments: [
        ["entry('x/y/up', 0o777, b'..', stat.S_IFLNK)", "entry('out', 0o777, b'x/y/up/../../etc', stat.S_IFLNK)"],
        ["entry('a/here', 0o777, b'/opt/b', stat.S_IFLNK)", "entry('out', 0o777, b'a/here/../..', stat.S_IFLNK)"],
    ])
    func linksThatTogetherLeadOutAreRefused(layers: [String]) async throws {
        let stack = try await stack(layers)
        for _ in 0..<2 {
            let error = await #expect(throws: CodeStoreError.self) { try await store.optTree(of: stack) }
            #expect(error?.code == .incompatibleLayers)
        }
        #expect(try names("\(directory.path)/code/temporary").isEmpty)
        for layer in stack.layers { _ = try await store.unpackedDirectory(of: layer) }
    }

    /// The target is a link in one layer, and a directory with the same name in the other: nothing is written through it.
    @Test func nothingIsWrittenThroughALinkOfAnotherLayer() async throws {
        let path = try await merged(
            "entry('real/keep', 0o644, b'1')\nentry('lib', 0o777, b'real', stat.S_IFLNK)",
            "entry('lib/keep', 0o644, b'2')"
        )
        #expect(text("\(path)/real/keep") == "1")
        #expect(text("\(path)/lib/keep") == "2")
    }

    @Test func singleLayerIsNotCopiedAndMergedFilesTakeNoSpace() async throws {
        let stack = try await stack(["entry('a', 0o644, b'1')", "entry('b', 0o644, b'2')"])
        let single = try #require(LayerStack([stack.layers[0]]))
        #expect(try await store.optTree(of: single).directory == store.unpackedDirectory(of: stack.layers[0]))
        #expect(single.identifier == stack.layers[0])
        let path = try await store.optTree(of: stack).directory
        let merged = try FileManager.default.attributesOfItem(atPath: "\(path)/a")[.systemFileNumber] as? Int
        let source = try await store.unpackedDirectory(of: stack.layers[0])
        #expect(try FileManager.default.attributesOfItem(atPath: "\(source)/a")[.systemFileNumber] as? Int == merged)
    }

    @Test func sameStackIsMergedOnceByEverybodyWhoWantsItAtOnce() async throws {
        let stack = try await stack(
            (0..<3).map { "for i in range(300): entry(f'd{i % 7}/f{i}', 0o644, b'\($0)')" }
        )
        let trees = try await withThrowingTaskGroup(of: OptTree.self) { group in
            for _ in 0..<16 { group.addTask { try await store.optTree(of: stack) } }
            return try await group.reduce(into: [OptTree]()) { $0.append($1) }
        }
        #expect(Set(trees.map(\.directory)).count == 1)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: trees[0].directory).count == 307)
        #expect(text("\(trees[0].directory)/d0/f0") == "2")
        #expect(try names("\(directory.path)/code/merged/\(names("\(directory.path)/code/merged")[0])").count == 1)
    }

    @Test func contentSizeIsThatOfFilesAndLinks() async throws {
        let hash = try await store.put(
            try Python.zip("entry('a/b', 0o644, bytes(1000))\nentry('a/l', 0o777, b'b', stat.S_IFLNK)")
        ).hash
        #expect(try await store.contentSize(of: hash) == 1001)
        #expect(try await store.contentSize(of: hash) == 1001)
        let unknown = CodeHash(of: [1])
        await #expect(throws: CodeStoreError.self) { try await store.contentSize(of: unknown) }
    }

    @Test func namesInADirectoryOfTheTreeAreReadWithoutFollowingLinks() async throws {
        let path = try await merged(
            "entry('extensions/b', 0o755, b'1')\nentry('extensions/a', 0o777, b'b', stat.S_IFLNK)",
            "entry('linked', 0o777, b'/opt/extensions', stat.S_IFLNK)\nentry('file', 0o644, b'1')"
        )
        let tree = OptTree(directory: path)
        #expect(try tree.names(in: "extensions") == ["a", "b"])
        for name in ["linked", "file", "missing"] { #expect(try tree.names(in: name).isEmpty) }
    }

    @Test func filesInADirectoryOfTheTreeAreThoseAndLinksButNoDirectories() async throws {
        let path = try await merged(
            "entry('extensions/b', 0o755, b'1')\nentry('extensions/a', 0o777, b'b', stat.S_IFLNK)",
            "entry('extensions/nested/c', 0o755, b'1')"
        )
        #expect(try OptTree(directory: path).files(in: "extensions") == ["a", "b"])
        #expect(try OptTree(directory: path).files(in: "missing").isEmpty)
    }

    @Test func entriesOfAllTreesTogetherHaveALimit() throws {
        let manager = FileManager.default
        for name in ["target", "one", "two"] {
            try manager.createDirectory(atPath: "\(directory.path)/\(name)/d", withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: "\(directory.path)/\(name)/d/f"))
        }
        var merge = TreeMerge(into: "\(directory.path)/target", entriesMax: 3)
        try merge.add("\(directory.path)/one")
        let error = #expect(throws: CodeStoreError.self) { try merge.add("\(directory.path)/two") }
        #expect(error?.code == .incompatibleLayers)
    }

    /// What takes the place of a hard link where there can be none.
    @Test func copyKeepsContentPermissionsAndLinks() throws {
        let (source, target) = ("\(directory.path)/source", "\(directory.path)/target")
        try Data("text".utf8).write(to: URL(filePath: source))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: source)
        try FileManager.default.createSymbolicLink(atPath: "\(source)-link", withDestinationPath: "missing/target")
        for suffix in ["", "-link"] { try StoreFiles.copy(source + suffix, to: target + suffix) }
        #expect(text(target) == "text")
        #expect(try FileManager.default.attributesOfItem(atPath: target)[.posixPermissions] as? Int == 0o755)
        #expect(try StoreFiles.targetOfLink("\(target)-link") == "missing/target")
    }

    // MARK: Removing

    @Test func mergedTreeIsRemovedOnceItHasBeenUnreferencedForTheRetention() async throws {
        let stack = try await stack(["entry('a', 0o644, b'1')", "entry('b', 0o644, b'2')"])
        let layers = Set(stack.layers)
        let path = try await store.optTree(of: stack).directory
        let start = ContinuousClock.now
        let inUse = layers.union([stack.identifier])
        try await store.removeUnreferenced(but: inUse, at: start)
        try await store.removeUnreferenced(but: inUse, at: start + CodeStore.retention)
        #expect(text("\(path)/a") == "1")
        // No function has the two together any more, but the layers are still published.
        try await store.removeUnreferenced(but: layers, at: start)
        #expect(try await store.removeUnreferenced(but: layers, at: start + CodeStore.retention) == 1)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try await store.optTree(of: stack).directory == path)
        #expect(text("\(path)/b") == "2")
    }

    /// A function still has the layers, whose versions are deleted: nothing of them may go.
    @Test func mergedTreeOutlivesItsLayersDirectories() async throws {
        let stack = try await stack(["entry('a', 0o644, b'1')", "entry('b', 0o644, b'2')"])
        let path = try await store.optTree(of: stack).directory
        let start = ContinuousClock.now
        try await store.removeUnreferenced(but: [stack.identifier], at: start)
        #expect(try await store.removeUnreferenced(but: [stack.identifier], at: start + CodeStore.retention) == 2)
        #expect(text("\(path)/a") == "1" && text("\(path)/b") == "2")
        #expect(try await store.optTree(of: stack).directory == path)
    }

    @Test func startKeepsWhatIsReferredToAndMakesAgainWhatIsMissing() async throws {
        let stack = try await stack(["entry('a', 0o644, b'1')", "entry('b', 0o644, b'2')"])
        let path = try await store.optTree(of: stack).directory
        let restarted = try await CodeStore(directory: "\(directory.path)/code", logger: Logger(label: "test"))
        try await restarted.recover(referenced: Set(stack.layers + [stack.identifier]))
        #expect(text("\(path)/a") == "1")
        try await restarted.recover(referenced: Set(stack.layers))
        #expect(!FileManager.default.fileExists(atPath: path))
        // As after a start of the host, when what was unpacked and merged is gone.
        for name in ["unpacked", "merged"] {
            let place = "\(directory.path)/code/\(name)/\(try names("\(directory.path)/code/\(name)")[0])"
            for content in try names(place) { try FileManager.default.removeItem(atPath: "\(place)/\(content)") }
        }
        #expect(try await restarted.optTree(of: stack).directory == path)
        #expect(text("\(path)/b") == "2")
    }

    /// Merging and removing all the time: whoever has asked for the tree finds it whole until it is removed again.
    @Test func mergingAndRemovingAtOnceLeavesTheTreeWhole() async throws {
        let stack = try await stack((0..<3).map { "for i in range(20): entry(f'{i}', 0o644, b'\($0)')" })
        let layers = Set(stack.layers)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for round in 0..<100 {
                    try await store.removeUnreferenced(but: layers, at: start + CodeStore.retention * round)
                }
            }
            for _ in 0..<3 {
                group.addTask { for _ in 0..<50 { _ = try await store.optTree(of: stack) } }
            }
            try await group.waitForAll()
        }
        let path = try await store.optTree(of: stack).directory
        #expect(try names(path).count == 20)
        #expect(text("\(path)/7") == "2")
        #expect(try names("\(directory.path)/code/temporary").isEmpty)
    }

    // MARK: Random trees

    /// A slower way to merge, over dictionaries, says the same of every pile of trees.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func randomTreesAreMergedAsTheirPathsSay(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let target = "\(directory.path)/target"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
        var merge = TreeMerge(into: target, entriesMax: 100)
        var expected: [String: String] = [:]
        for layer in 0..<4 {
            let source = "\(directory.path)/source\(layer)"
            let tree = try Self.makeRandomTree(source, layer: layer, &random)
            try merge.add(source)
            Self.lay(tree, over: &expected)
        }
        #expect(try Self.tree(at: target) == expected)
    }

    /// Paths to what is there: the text of a file, the target of a link behind `->`, or `/` for a directory.
    private static func makeRandomTree(
        _ root: String,
        layer: Int,
        _ random: inout SeededGenerator
    ) throws -> [String: String] {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
        var tree: [String: String] = [:]
        for path in ["a", "b", "a/a", "a/b", "b/a", "a/a/a", "b/a/b"] where Bool.random(using: &random) {
            let parents = path.indices.filter { path[$0] == "/" }.map { String(path[..<$0]) }
            guard parents.allSatisfy({ tree[$0] == nil || tree[$0] == "/" }) else { continue }
            for parent in parents {
                tree[parent] = "/"
                try FileManager.default.createDirectory(atPath: "\(root)/\(parent)", withIntermediateDirectories: true)
            }
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                tree[path] = "layer \(layer)"
                try Data("layer \(layer)".utf8).write(to: URL(filePath: "\(root)/\(path)"))
            case 1:
                tree[path] = "->b\(layer)"
                try FileManager.default.createSymbolicLink(atPath: "\(root)/\(path)", withDestinationPath: "b\(layer)")
            default:
                tree[path] = "/"
                try FileManager.default.createDirectory(atPath: "\(root)/\(path)", withIntermediateDirectories: true)
            }
        }
        return tree
    }

    private static func lay(_ tree: [String: String], over all: inout [String: String]) {
        for (path, content) in tree.sorted(by: { $0.key.count < $1.key.count }) {
            if content != "/" { all = all.filter { !$0.key.hasPrefix("\(path)/") } }
            all[path] = content
        }
    }

    private static func tree(at root: String) throws -> [String: String] {
        var tree: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
            switch StoreFiles.kind(of: "\(root)/\(path)") {
            case .directory: tree[path] = "/"
            case .link: tree[path] = "->" + (try StoreFiles.targetOfLink("\(root)/\(path)"))
            case .file, nil: tree[path] = try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
            }
        }
        return tree
    }
}
