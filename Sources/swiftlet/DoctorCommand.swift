import ArgumentParser
import VirtualMachine

/// `swiftlet doctor`: what this host can do, found out by trying.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say which engines for virtual machines work on this host, and why the others do not."
    )

    @Option(help: "How many seconds a trial may take before it counts as failed.")
    var patience = 5

    @Option(help: "Where Firecracker is, if it is not in PATH.")
    var firecracker: String?

    func validate() throws {
        guard (1...600).contains(patience) else { throw ValidationError("--patience is from 1 to 600") }
    }

    func run() async throws {
        let search = EngineSearch(firecracker: firecracker, deadline: .seconds(patience))
        for finding in await search.findings() { print(finding) }
    }
}
