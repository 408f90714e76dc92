/// What a guest's kernel starts from: the agent as process 1, and where the kernel is not built as one piece its modules.
package enum InitialFiles {
    /// What an agent needs of a kernel: the link to the host, block devices, file systems, the network.
    package static let moduleNames = [
        "virtio_mmio", "virtio_console", "virtio_blk", "erofs", "ext4", "overlay", "virtio_net", "virtio_balloon",
        "rtc_cmos",
    ]

    /// - Parameters:
    ///   - agent: The program.
    ///   - modules: The content of modules, in the order in which they are to be loaded.
    package static func archive(agent: [UInt8], modules: [(name: String, content: [UInt8])] = []) -> [UInt8] {
        var archive = CPIOArchive()
        for directory in ["dev", "proc", "sys"] { archive.addDirectory(directory) }
        if !modules.isEmpty {
            archive.addDirectory("modules")
            archive.addFile("modules/order", Array(modules.map { $0.name + "\n" }.joined().utf8))
            for module in modules { archive.addFile("modules/\(module.name)", module.content) }
        }
        archive.addFile("init", agent, isExecutable: true)
        return archive.finished()
    }
}
