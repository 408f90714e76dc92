import ArgumentParser
import Foundation
import GuestImages

/// `swiftlet image`: what guests of the microVM engine start from.
struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image",
        abstract: "Make the images that virtual machines start from.",
        subcommands: [BuildRuntime.self, BuildKernel.self]
    )

    struct BuildRuntime: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "build-runtime",
            abstract: "Make the file system of a runtime's guests, out of Debian's packages.",
            discussion: """
                Needs root, and Debian's apt, dpkg, tar and mkfs.erofs (package erofs-utils). Uses the network for packages that
                were not downloaded before. The same packages make the same image, and only once.
                """
        )

        @Argument(help: "The runtime: \(RuntimeRecipe.all.map(\.runtime).joined(separator: ", ")).")
        var runtime: String

        @Option(help: "The service's data directory; images are kept in guests below it.")
        var data = ".swiftlet"

        func validate() throws {
            guard RuntimeRecipe.recipe(for: runtime) != nil else {
                let known = RuntimeRecipe.all.map(\.runtime).joined(separator: ", ")
                throw ValidationError("no image can be made of \(runtime); of these it can: \(known)")
            }
        }

        func run() throws {
            guard let recipe = RuntimeRecipe.recipe(for: runtime) else { return }
            let directory = ServeConfiguration.absolutePath(data) + "/guests"
            let image = try RuntimeImageBuilder(directory: directory).image(of: recipe) { print($0) }
            print("\(image.id)  \(image.path)")
        }
    }

    struct BuildKernel: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "build-kernel",
            abstract: "Make what all guests boot from: a kernel, and the agent.",
            discussion: """
                Of Debian's kernel for clouds and its modules, which needs apt, dpkg and depmod (package kmod); or of one that is a
                single file, like that of 'make kernel', which boots faster.
                """
        )

        @Option(help: "A kernel in one piece (.guest/vmlinux, once 'make kernel' has run) instead of Debian's.")
        var kernel: String?

        @Option(help: "The service's data directory; images are kept in guests below it.")
        var data = ".swiftlet"

        func run() throws {
            let builder = try BootFilesBuilder(directory: ServeConfiguration.absolutePath(data) + "/guests")
            let agent = try GuestFilesOnDisk.agent()
            let files =
                try kernel.map { try builder.files(ofKernelAt: ServeConfiguration.absolutePath($0), agent: agent) }
                ?? builder.filesOfDebianKernel(agent: agent)
            print("kernel \(files.kernel.path)")
            print("files  \(files.initialFiles.path)")
        }
    }
}
