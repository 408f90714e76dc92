import CSandbox
import Dispatch
import Foundation
import Logging
import Sandbox
import SandboxNamespaces
import Testing

/// Suites that make real sandboxes. They count descriptors, processes and mounts of this process and host, so one runs
/// at a time, and `make test` runs them in a process of their own: other suites would open and start things meanwhile.
@Suite(
    "Real sandboxes",
    .serialized,
    .enabled(if: geteuid() == 0, "needs root, to make sandboxes with all their protections")
)
enum RealSandboxes {}

/// Runs a body with an engine of its own, in a directory of its own, and takes both away afterwards.
func withEngine<Value>(
    spareScratchDisksMax: Int = 0,
    network: NetworkConfiguration? = nil,
    patience: Duration = .seconds(10),
    _ body: (NamespacesEngine, _ directory: String) async throws -> Value
) async throws -> Value {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let engine = try await NamespacesEngine.start(
        NamespacesConfiguration(
            stateDirectory: directory,
            spareScratchDisksMax: spareScratchDisksMax,
            expectedScratchSizes: [],
            network: network,
            patience: patience
        ),
        logger: Logger(label: "tests")
    )
    do {
        let value = try await body(engine, directory)
        await engine.shutdown()
        return value
    } catch {
        await engine.shutdown()
        throw error
    }
}
