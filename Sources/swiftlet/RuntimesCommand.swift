import ArgumentParser
import Worker

/// `swiftlet runtimes`: which of Lambda's runtimes this host can run, and how to get the others.
struct RuntimesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runtimes",
        abstract: "List Lambda's runtimes: what runs on this host, and how to get the rest."
    )

    @Option(help: "Directories with language runtimes, separated by colons.")
    var runtimes = ".runtimes:runtimes"

    func run() throws {
        let directories = runtimes.split(separator: ":").map { ServeConfiguration.absolutePath(String($0)) }
        let installed = try InstalledRuntimes.detect(in: directories)
        let width = installed.list.map(\.runtime.identifier.count).max() ?? 0
        for listed in installed.list {
            let name = listed.runtime.identifier
            let padding = String(repeating: " ", count: width - name.count)
            switch listed.availability {
            case .available:
                let notice = listed.standInNotice.map { ", BY A STAND-IN: \($0)" } ?? ""
                print("\(name)\(padding)  available\(notice)")
            case .unavailable(let reason):
                print("\(name)\(padding)  not available: \(reason)")
            }
        }
    }
}
