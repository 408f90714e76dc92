/// The symbolic links of one archive, to tell whether any of them leads out of the directory that it is unpacked into.
///
/// A link is followed as the kernel does it, through all the others: read by itself, `a/b/up/../..` stays inside, but
/// not if `a/b/up` is a link to `..`. Unpacking never follows a link, so nothing depends on this but whoever walks the
/// directory on the host later.
///
/// A target may be absolute if it is in `/opt`, where the content of layers stands, or `/opt` itself. It is followed as
/// if the directory stood there; in a package that is mounted elsewhere it leads to the layers, whose links are checked
/// with them.
struct SymbolicLinks {
    /// How many links the kernel follows in one path before it gives up; see path_resolution(7).
    private static let depthMax = 40
    /// How many names are looked at for all links together: far more than any package needs, and no more than a second's
    /// work. Links to links to links could need billions.
    private static let stepsMax = 2_000_000

    /// A name on the way to a link, or the link itself.
    private struct Node {
        var children: [String: Int] = [:]
        /// Where the link leads; nil for what is no link.
        var target: Target?
    }

    private struct Target {
        /// Whether the names are read from the root, instead of from the link's directory.
        let isAbsolute: Bool
        let names: [String]

        /// Throws for a target that is empty or absolute outside `/opt`.
        init(_ text: String, of path: EntryPath) throws(CodeStoreError) {
            let names = text.split(separator: "/").map(String.init).filter { $0 != "." }
            isAbsolute = text.hasPrefix("/")
            guard isAbsolute else {
                guard !text.isEmpty else {
                    throw CodeStoreError(.invalidArchive, "failed to unpack link \(path): its target is empty")
                }
                self.names = names
                return
            }
            // In a package nobody can tell here what `..` would lead through.
            guard names.first == "opt", !names.contains("..") else {
                throw CodeStoreError(
                    .invalidArchive,
                    "failed to unpack link \(path): its target \(text) is absolute and not in /opt"
                )
            }
            self.names = Array(names.dropFirst())
        }
    }

    private struct Link {
        /// The nodes from the root to the link's directory.
        let directory: [Int?]
        let target: Target
        let path: EntryPath
    }

    /// The directory that is unpacked into comes first.
    private var nodes = [Node()]
    private var links: [Link] = []

    /// Takes a link in. Throws if its target is empty, or absolute and not in `/opt`.
    mutating func add(_ path: EntryPath, to target: String) throws(CodeStoreError) {
        let target = try Target(target, of: path)
        var way = [0]
        for name in path.components {
            let parent = way[way.count - 1]
            if let node = nodes[parent].children[name] {
                way.append(node)
            } else {
                nodes.append(Node())
                nodes[parent].children[name] = nodes.count - 1
                way.append(nodes.count - 1)
            }
        }
        nodes[way[way.count - 1]].target = target
        links.append(Link(directory: Array(way.dropLast()), target: target, path: path))
    }

    /// Throws if one of the links leads out, or if they are too entangled to tell.
    func checkThatAllStayInside() throws(CodeStoreError) {
        var steps = 0
        for link in links {
            guard staysInside(link, &steps) else {
                throw CodeStoreError(.invalidArchive, "failed to unpack link \(link.path): it leads outside")
            }
            guard steps < Self.stepsMax else {
                throw CodeStoreError(.invalidArchive, "failed to unpack: its links are too entangled")
            }
        }
    }

    /// Follows a link, until the end or until there are no more steps. A circle stays inside: whoever follows it gets
    /// nowhere.
    private func staysInside(_ link: Link, _ steps: inout Int) -> Bool {
        // The nodes from the root to where the link has led so far; nil for a place on no way to a link.
        var place = link.target.isAbsolute ? [0] : link.directory
        // The names still to follow, the next one last.
        var ahead = Array(link.target.names.reversed())
        var depth = 0
        while steps < Self.stepsMax, let name = ahead.popLast() {
            steps += 1
            if name == ".." {
                // The root has no parent inside.
                guard place.count > 1 else { return false }
                place.removeLast()
                continue
            }
            let node = place.last.flatMap { $0 }.flatMap { nodes[$0].children[name] }
            guard let node, let target = nodes[node].target else {
                place.append(node)
                continue
            }
            depth += 1
            guard depth < Self.depthMax else { return true }
            if target.isAbsolute { place = [0] }
            ahead.append(contentsOf: target.names.reversed())
        }
        return true
    }
}
