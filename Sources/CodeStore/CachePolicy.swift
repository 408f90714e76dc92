/// Which of the trees on a host's disk are kept: those that are in use, and of the others those that were used last, as far
/// as there is room.
///
/// A use is counted from before the tree is made, so that nothing that somebody waits for is ever evicted. Does no input or
/// output: it answers each event with what is to be done.
struct CachePolicy {
    private struct Entry {
        /// In bytes; nil while the tree is not there.
        var size: Int?
        var uses = 0
        /// Larger for what was used later.
        var lastUse = 0
    }

    /// What whoever wants to use a tree does.
    enum AcquireAction: Hashable {
        /// It is there.
        case use
        /// It is not: make it, or wait for somebody who does.
        case make
    }

    /// How much all trees may take together, in bytes; nil for as much as they like.
    let sizeMax: Int?
    /// How much all trees take that are there, in bytes.
    private(set) var size = 0
    /// How often a tree has come or gone.
    private(set) var changes = 0
    private var entries: [CodeHash: Entry] = [:]
    private var useCount = 0

    init(sizeMax: Int?) {
        self.sizeMax = sizeMax
    }

    /// Whether the tree is there, as far as the policy has been told.
    func isPresent(_ tree: CodeHash) -> Bool { entries[tree]?.size != nil }

    /// Whether somebody uses the tree, or waits for it.
    func isInUse(_ tree: CodeHash) -> Bool { (entries[tree]?.uses ?? 0) > 0 }

    /// The trees that are there.
    var present: [CodeHash] { entries.filter { $0.value.size != nil }.map(\.key) }

    /// Those of the trees that are there that were used last, the latest first.
    func latest(_ countMax: Int) -> [CodeHash] {
        let present = entries.filter { $0.value.size != nil }
        return present.sorted { $0.value.lastUse > $1.value.lastUse }.prefix(countMax).map(\.key)
    }

    /// A use has begun; each is ended by ``released(_:)``, whatever becomes of it.
    mutating func acquired(_ tree: CodeHash) -> AcquireAction {
        touch(tree) { $0.uses += 1 }
        return isPresent(tree) ? .use : .make
    }

    /// A use has ended. Returns what is to be evicted.
    mutating func released(_ tree: CodeHash) -> [CodeHash] {
        guard isInUse(tree) else { return [] }
        touch(tree) { $0.uses -= 1 }
        forgetIfEmpty(tree)
        return evictDownToTheBound()
    }

    /// A tree is there, whole. Returns what is to be evicted, which may be the tree itself if nobody uses it.
    mutating func made(_ tree: CodeHash, size: Int) -> [CodeHash] {
        if !isPresent(tree) { changes += 1 }
        self.size += size - (entries[tree]?.size ?? 0)
        touch(tree) { $0.size = size }
        return evictDownToTheBound()
    }

    /// A tree is not there any more, whoever has removed it.
    mutating func lost(_ tree: CodeHash) {
        if isPresent(tree) { changes += 1 }
        size -= entries[tree]?.size ?? 0
        entries[tree]?.size = nil
        forgetIfEmpty(tree)
    }

    /// There is no space left on the disk. Returns what is to be evicted so that there is room for `needed` bytes, or all
    /// that can be.
    mutating func diskFilled(needing needed: Int) -> [CodeHash] {
        let goal = size - needed
        return evict { $0.size > goal }
    }

    private mutating func evictDownToTheBound() -> [CodeHash] {
        guard let sizeMax else { return [] }
        return evict { $0.size > sizeMax }
    }

    /// Takes out trees that nobody uses, those used longest ago first, as long as there is a need.
    private mutating func evict(while isNeeded: (CachePolicy) -> Bool) -> [CodeHash] {
        guard isNeeded(self) else { return [] }
        let idle = entries.filter { $0.value.uses == 0 && $0.value.size != nil }
        var evicted: [CodeHash] = []
        for (tree, _) in idle.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
            guard isNeeded(self) else { break }
            lost(tree)
            evicted.append(tree)
        }
        return evicted
    }

    private mutating func touch(_ tree: CodeHash, _ change: (inout Entry) -> Void) {
        useCount += 1
        change(&entries[tree, default: Entry()])
        entries[tree]?.lastUse = useCount
    }

    private mutating func forgetIfEmpty(_ tree: CodeHash) {
        guard let entry = entries[tree], entry.uses == 0, entry.size == nil else { return }
        entries[tree] = nil
    }
}
