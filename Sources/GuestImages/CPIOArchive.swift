/// A file system in memory for a kernel to start from: the "newc" form of cpio archives, as the kernel's
/// `Documentation/driver-api/early-userspace/buffer-format.rst` has it. Owners are root and times are 0, so the same files
/// make the same bytes.
package struct CPIOArchive {
    private static let trailer = "TRAILER!!!"

    private var bytes: [UInt8] = []
    private var entries: UInt32 = 0

    package init() {}

    /// Adds a directory, whose parent must have been added before.
    package mutating func addDirectory(_ path: String) {
        add(path, mode: 0o040755, content: [])
    }

    package mutating func addFile(_ path: String, _ content: some Collection<UInt8>, isExecutable: Bool = false) {
        add(path, mode: isExecutable ? 0o100755 : 0o100644, content: content)
    }

    /// The archive, with its end.
    package func finished() -> [UInt8] {
        var archive = self
        archive.add(Self.trailer, mode: 0, content: [])
        return archive.bytes
    }

    private mutating func add(_ path: String, mode: UInt32, content: some Collection<UInt8>) {
        entries += 1
        let name = Array(path.utf8) + [0]
        // inode, mode, user, group, links, time, size, device (4), length of the name, checksum.
        let fields: [UInt32] = [
            entries, mode, 0, 0, 1, 0, UInt32(content.count), 0, 0, 0, 0, UInt32(name.count), 0,
        ]
        bytes.append(contentsOf: "070701".utf8)
        for field in fields {
            let digits = String(field, radix: 16, uppercase: true)
            bytes.append(contentsOf: (String(repeating: "0", count: 8 - digits.count) + digits).utf8)
        }
        bytes.append(contentsOf: name)
        pad()
        bytes.append(contentsOf: content)
        pad()
    }

    private mutating func pad() {
        while !bytes.count.isMultiple(of: 4) { bytes.append(0) }
    }
}
