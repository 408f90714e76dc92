import ArgumentParser
import Developer
import Glibc
import UnixSignals
import Worker

/// `swiftlet dev`: a directory is a function, and stays one while its files change.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Deploy a directory as a function to a running server, and again whenever its files change.",
        discussion: """
            Everything in the directory is the package, but .git, .venv, __pycache__ and editors' own files. Ends with \
            Ctrl-C; the function stays.
            """
    )

    @Argument(help: "The directory with the function's code.")
    var directory: String

    @Option(help: "The function's name. (default: the directory's)")
    var name: String?

    @Option(help: "The runtime. (default: the newest one on this host that fits the files)")
    var runtime: String?

    @Option(help: "The handler. (default: what fits the files, such as app.handler for app.py)")
    var handler: String?

    @Option(help: "The timeout in seconds.")
    var timeout: Int?

    @Option(help: "The memory size in MB.")
    var memorySize: Int?

    @Option(help: "Directories with language runtimes, separated by colons.")
    var runtimes = ".runtimes:runtimes"

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let path = ServeConfiguration.absolutePath(directory)
        let session = DevSession(
            directory: path,
            deployment: Deployment(client: try server.client(), settings: try settings(of: path))
        )
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await session.run() }
            group.addTask { for await _ in signals { return } }
            try await group.next()
            group.cancelAll()
        }
    }

    private func settings(of path: String) throws -> Deployment.Settings {
        let paths = try DirectoryPackage(of: path).paths
        let guess = ProjectGuess(paths: paths)
        guard let handler = handler ?? guess?.handler else {
            throw DeveloperError("no file in \(path) says what the handler is; name it with --handler")
        }
        guard let runtime = try runtime ?? installedRuntime(for: guess) else {
            throw DeveloperError("no runtime on this host fits the files in \(path); name one with --runtime")
        }
        let folder = path.split(separator: "/").last { $0 != "." }.map { String($0) } ?? "function"
        return Deployment.Settings(
            name: name ?? folder,
            runtime: runtime,
            handler: handler,
            timeout: timeout,
            memorySize: memorySize
        )
    }

    private func installedRuntime(for guess: ProjectGuess?) throws -> String? {
        let directories = runtimes.split(separator: ":").map { ServeConfiguration.absolutePath(String($0)) }
        let available = try InstalledRuntimes.detect(in: directories).list.filter { listed in
            if case .available = listed.availability { true } else { false }
        }
        return guess?.runtime(among: available.map(\.runtime.identifier))
    }
}
