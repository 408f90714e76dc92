import TestSupport
import Testing

@testable import CodeStore

struct CachePolicyTests {
    private static func tree(_ number: Int) -> CodeHash { CodeHash(of: Array("\(number)".utf8)) }

    private let trees = (0..<5).map { CachePolicyTests.tree($0) }

    /// A policy with trees of these sizes, used in their order, which nobody uses any more.
    private func policy(sizeMax: Int?, _ sizes: Int...) -> CachePolicy {
        var policy = CachePolicy(sizeMax: sizeMax)
        for (tree, size) in zip(trees, sizes) {
            #expect(policy.acquired(tree) == .make)
            #expect(policy.made(tree, size: size) == [])
            #expect(policy.released(tree) == [])
        }
        return policy
    }

    @Test func treeUsedLongestAgoGoesFirst() {
        var policy = policy(sizeMax: 10, 4, 4, 2)
        #expect(policy.acquired(trees[0]) == .use)
        #expect(policy.released(trees[0]) == [])
        #expect(policy.made(trees[3], size: 3) == [trees[1]])
        #expect(policy.made(trees[4], size: 3) == [trees[2]])
        #expect(policy.size == 10)
    }

    @Test func tellsWhenTreesComeAndGo() {
        var policy = policy(sizeMax: 10, 4, 4, 2)
        #expect(policy.latest(2) == [trees[2], trees[1]])
        let before = policy.changes
        _ = policy.acquired(trees[0])
        _ = policy.released(trees[0])
        _ = policy.made(trees[0], size: 4)
        #expect(policy.changes == before)
        #expect(policy.latest(9) == [trees[0], trees[2], trees[1]])
        _ = policy.made(trees[3], size: 3)
        // One has come, and one has gone for it.
        #expect(policy.changes == before + 2)
        policy.lost(trees[4])
        #expect(policy.changes == before + 2)
        policy.lost(trees[3])
        #expect(policy.changes == before + 3)
    }

    @Test func treeInUseStaysAndGoesWhenItIsReleased() {
        var policy = CachePolicy(sizeMax: 10)
        _ = policy.acquired(trees[0])
        _ = policy.acquired(trees[0])
        #expect(policy.made(trees[0], size: 11) == [])
        #expect(policy.released(trees[0]) == [])
        #expect(policy.released(trees[0]) == [trees[0]])
        #expect(policy.size == 0)
        #expect(policy.acquired(trees[0]) == .make)
    }

    @Test func useBeginsBeforeTheTreeIsThere() {
        var policy = policy(sizeMax: 10, 5, 5)
        _ = policy.acquired(trees[2])
        #expect(policy.isInUse(trees[2]) && !policy.isPresent(trees[2]))
        #expect(policy.made(trees[2], size: 6) == [trees[0], trees[1]])
        #expect(policy.isPresent(trees[2]))
    }

    @Test func treeThatNobodyWaitsForMayBeTooLargeForTheBound() {
        var policy = CachePolicy(sizeMax: 10)
        #expect(policy.made(trees[0], size: 11) == [trees[0]])
    }

    @Test func withoutABoundOnlyAFullDiskEvicts() {
        var policy = policy(sizeMax: nil, 4, 4, 4)
        _ = policy.acquired(trees[0])
        #expect(policy.diskFilled(needing: 1) == [trees[1]])
        #expect(policy.diskFilled(needing: 100) == [trees[2]])
        #expect(policy.diskFilled(needing: 100) == [])
    }

    @Test func whatIsLostIsMadeAgain() {
        var policy = policy(sizeMax: 10, 4)
        #expect(policy.acquired(trees[0]) == .use)
        policy.lost(trees[0])
        policy.lost(trees[1])
        #expect(policy.size == 0)
        #expect(policy.isInUse(trees[0]))
        #expect(policy.made(trees[0], size: 5) == [])
        #expect(policy.made(trees[0], size: 6) == [])
        #expect(policy.size == 6)
    }

    @Test func lateReleaseDoesNothing() {
        var policy = policy(sizeMax: 10, 4)
        #expect(policy.released(trees[0]) == [])
        #expect(policy.released(trees[1]) == [])
        #expect(!policy.isInUse(trees[0]))
    }

    /// Beside a model that is told of the same: what is in use is never evicted, what is not never exceeds the bound, and
    /// what is evicted was used before all that could have been and was not.
    @Test(arguments: 0..<20)
    func randomWalkKeepsTheBound(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sizeMax = Int.random(in: 1...200, using: &random)
        var policy = CachePolicy(sizeMax: seed % 5 == 4 ? nil : sizeMax)
        let trees = (0..<12).map { CachePolicyTests.tree($0) }
        var sizes: [CodeHash: Int] = [:]
        var uses: [CodeHash: Int] = [:]
        var order: [CodeHash] = []

        func use(_ tree: CodeHash) {
            order.removeAll { $0 == tree }
            order.append(tree)
        }
        func isIdle(_ tree: CodeHash) -> Bool { sizes[tree] != nil && uses[tree, default: 0] == 0 }
        func evict(_ evicted: [CodeHash]) {
            let idle = order.filter { isIdle($0) }
            #expect(evicted == Array(idle.prefix(evicted.count)))
            for tree in evicted { sizes[tree] = nil }
        }

        for _ in 0..<2000 {
            let tree = trees[Int.random(in: trees.indices, using: &random)]
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                #expect(policy.acquired(tree) == (sizes[tree] == nil ? .make : .use))
                uses[tree, default: 0] += 1
                use(tree)
            case 4..<7:
                let evicted = policy.released(tree)
                if uses[tree, default: 0] > 0 {
                    uses[tree, default: 0] -= 1
                    use(tree)
                } else {
                    #expect(evicted.isEmpty)
                }
                evict(evicted)
            case 7..<9:
                let size = Int.random(in: 0...80, using: &random)
                let evicted = policy.made(tree, size: size)
                sizes[tree] = size
                use(tree)
                evict(evicted)
            default:
                if Bool.random(using: &random) {
                    policy.lost(tree)
                    sizes[tree] = nil
                } else {
                    let needed = Int.random(in: 0...80, using: &random)
                    let before = policy.size
                    evict(policy.diskFilled(needing: needed))
                    #expect(before - policy.size >= needed || !order.contains { isIdle($0) })
                }
            }
            #expect(policy.size == sizes.values.reduce(0, +))
            #expect(Set(policy.present) == Set(sizes.keys))
            if let bound = policy.sizeMax {
                #expect(policy.size <= bound || !order.contains { isIdle($0) })
            }
        }
    }
}
