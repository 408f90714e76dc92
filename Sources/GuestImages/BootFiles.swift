import Foundation

/// What a guest boots from.
package struct BootFiles: Hashable, Sendable {
    package let kernel: GuestImage
    package let initialFiles: GuestImage
    /// Whether the kernel finds its devices by ACPI.
    package let hasACPI: Bool
}

/// Makes what guests boot from: of Debian's kernel for clouds and its modules, or of one that `make kernel` has built.
package struct BootFilesBuilder: Sendable {
    private let directory: String
    private let store: ImageStore

    /// - Parameter directory: Where packages and images are kept.
    package init(directory: String) throws(GuestImageError) {
        self.directory = directory
        store = try ImageStore(directory: directory)
    }

    /// Of a kernel that is one file and needs no modules.
    ///
    /// - Parameter agent: The path of the agent's program.
    package func files(ofKernelAt path: String, agent: String) throws(GuestImageError) -> BootFiles {
        let kernel = try read(path)
        return BootFiles(
            kernel: try keep(kernel, as: "kernel \(path)"),
            initialFiles: try keep(InitialFiles.archive(agent: try read(agent)), as: "files"),
            hasACPI: false
        )
    }

    /// Of Debian's kernel. Uses the network, if the package was not downloaded before.
    package func filesOfDebianKernel(agent: String) throws(GuestImageError) -> BootFiles {
        let archive = try DebianArchive(directory: "\(directory)/debian")
        guard
            let package = try archive.packages(["linux-image-cloud-amd64"], where: { $0.hasPrefix("linux-image-6") })
                .first
        else { throw GuestImageError("apt knows of no kernel that linux-image-cloud-amd64 stands for") }
        let tree = "\(directory)/work/\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: tree) }
        try makeDirectory(tree)
        try Tool("dpkg-deb").run(["--extract", package.file, tree])
        let release = String(package.name.dropFirst("linux-image-".count))
        let modules = "\(tree)/lib/modules/\(release)"
        // The package has no modules.dep; its script makes it.
        try Tool("depmod").run(["--basedir", tree, release])
        let order = KernelModules(dependencies: String(decoding: try read("\(modules)/modules.dep"), as: UTF8.self))
            .loadOrder(InitialFiles.moduleNames)
        var contents: [(name: String, content: [UInt8])] = []
        for path in order {
            contents.append((path.split(separator: "/").last.map(String.init) ?? path, try read("\(modules)/\(path)")))
        }
        return BootFiles(
            kernel: try keep(
                try read("\(tree)/boot/vmlinuz-\(release)"),
                as: "kernel \(package.name) \(package.version)"
            ),
            initialFiles: try keep(InitialFiles.archive(agent: try read(agent), modules: contents), as: "files"),
            hasACPI: true
        )
    }

    private func keep(_ content: [UInt8], as kind: String) throws(GuestImageError) -> GuestImage {
        let key = "1 \(kind) \(ImageStore.hash(content))"
        return try store.image(for: key) { path throws(GuestImageError) in
            guard FileManager.default.createFile(atPath: path, contents: Data(content)) else {
                throw GuestImageError("failed to write \(path)")
            }
        }
    }

    private func read(_ path: String) throws(GuestImageError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw GuestImageError("failed to read \(path)")
        }
        return Array(data)
    }
}
