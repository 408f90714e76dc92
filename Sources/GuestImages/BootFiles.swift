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

    /// What was built last, with this agent; `nil` if nothing was, or if some of it is gone or has been altered since.
    ///
    /// - Parameter agent: The path of the agent's program, which comes with the service.
    package func lastFiles(agent: String) throws(GuestImageError) -> BootFiles? {
        guard let image = store.image(named: Self.lastBuilt), store.isIntact(image) else { return nil }
        let kernel: BuiltKernel
        do {
            kernel = try JSONDecoder().decode(BuiltKernel.self, from: Data(try read(image.path)))
        } catch {
            throw GuestImageError("failed to read what guests boot from: \(error); build the kernel anew")
        }
        let kept = ([kernel.kernel] + kernel.modules.map(\.image)).map(store.image(ofID:))
        return kept.allSatisfy(store.isIntact) ? try files(of: kernel, agent: agent) : nil
    }

    /// Of a kernel that is one file and needs no modules.
    package func files(ofKernelAt path: String, agent: String) throws(GuestImageError) -> BootFiles {
        let kernel = try read(path)
        return try build(
            BuiltKernel(kernel: try keep(kernel, as: "kernel \(path)").id, hasACPI: false, modules: []),
            agent: agent
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
        var kept: [BuiltKernel.Module] = []
        for path in order {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            kept.append(.init(name: name, image: try keep(try read("\(modules)/\(path)"), as: "module").id))
        }
        let kernel = try keep(
            try read("\(tree)/boot/vmlinuz-\(release)"),
            as: "kernel \(package.name) \(package.version)"
        )
        return try build(BuiltKernel(kernel: kernel.id, hasACPI: true, modules: kept), agent: agent)
    }

    /// A kernel and its modules in the store.
    private struct BuiltKernel: Codable {
        struct Module: Codable {
            let name: String
            let image: String
        }

        let kernel: String
        let hasACPI: Bool
        /// In the order in which they are to be loaded.
        let modules: [Module]
    }

    private static let lastBuilt = "boot"

    /// Has the kernel be the one that was built last.
    private func build(_ kernel: BuiltKernel, agent: String) throws(GuestImageError) -> BootFiles {
        let files = try files(of: kernel, agent: agent)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let text = try? encoder.encode(kernel) else { throw GuestImageError("failed to describe a kernel") }
        try store.name(try keep(Array(text), as: "boot"), Self.lastBuilt)
        return files
    }

    private func files(of kernel: BuiltKernel, agent: String) throws(GuestImageError) -> BootFiles {
        var modules: [(name: String, content: [UInt8])] = []
        for module in kernel.modules { modules.append((module.name, try read(store.image(ofID: module.image).path))) }
        return BootFiles(
            kernel: store.image(ofID: kernel.kernel),
            initialFiles: try keep(InitialFiles.archive(agent: try read(agent), modules: modules), as: "files"),
            hasACPI: kernel.hasACPI
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
