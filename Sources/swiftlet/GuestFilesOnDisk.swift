import FoundationEssentials
import GuestImages
import Logging
import Sandbox
import Telemetry
import Worker

/// What `swiftlet image` has made for virtual machines: what they boot from, and the programs that they run functions by.
struct GuestFilesOnDisk {
    let bootFiles: BootFiles
    let rootImages: [UserlandID: GuestImage]
    /// The same images, as runtimes are looked for in them.
    let userlands: [RuntimeUserland]

    /// Throws if there is no kernel, or no image of any runtime. Warns of images that cannot be used.
    init(_ configuration: ServeConfiguration, logger: Logger) throws {
        let directory = configuration.guestImages
        let data = configuration.dataDirectory
        guard let files = try BootFilesBuilder(directory: directory).lastFiles(agent: Self.agent()) else {
            throw ConfigurationError(
                key: "guest-images",
                "there is no kernel for virtual machines in \(directory), or it was altered; "
                    + "run: swiftlet image build-kernel --data \(data)"
            )
        }
        bootFiles = files
        let builder = try RuntimeImageBuilder(directory: directory)
        for runtime in builder.runtimesOfDamagedImages {
            logger.warning(
                "the image of a runtime is gone or incomplete, and is not used; make it again",
                metadata: [LogKey.item: "swiftlet image build-runtime \(runtime) --data \(data)"]
            )
        }
        let images = builder.images
        guard !images.isEmpty else {
            throw ConfigurationError(
                key: "guest-images",
                "there is no image of a runtime in \(directory); run, for Python: "
                    + "swiftlet image build-runtime python3.11 --data \(data)"
            )
        }
        rootImages = Dictionary(
            uniqueKeysWithValues: images.map { (UserlandID($0.recipe.runtime), $0.image) }
        )
        userlands = images.map { recipe, _ in
            RuntimeUserland(
                id: UserlandID(recipe.runtime),
                runtime: recipe.runtime,
                host: ImageRuntimeHost(interpreter: recipe.interpreter)
            )
        }
    }

    /// The agent's program, which comes with this one.
    static func agent() throws -> String {
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: executable).deletingLastPathComponent().appending(path: "swiftlet-guest").path
    }
}

/// The programs of an image, as the detection of runtimes sees them: the one that was found in it when it was made. The files of
/// runtime clients are this host's, which are shown inside.
private struct ImageRuntimeHost: RuntimeHost {
    let interpreter: RuntimeRecipe.Interpreter?
    private let local = LocalRuntimeHost()

    init(interpreter: RuntimeRecipe.Interpreter?) {
        self.interpreter = interpreter
    }

    var architecture: String { local.architecture }

    func isExecutable(_ path: String) -> Bool { path == interpreter?.path }

    func isFile(_ path: String) -> Bool { local.isFile(path) }

    func output(of program: String, arguments: [String]) -> String? {
        guard let interpreter, program == interpreter.path, arguments == interpreter.versionArguments else {
            return nil
        }
        return interpreter.version
    }
}
