import CodeStore
import LambdaAPI
import Logging
import MetadataStore
import MetadataStoreSQL
import MetadataStoreSQLite
import Synchronization
import TestSupport

@testable import ControlPlane

/// A control plane over a real database and a real code store in a directory of its own. Nothing happens in the
/// background unless a test runs the plane.
final class ControlPlaneFixture: Sendable {
    static let role = "arn:aws:iam::000000000000:role/r"
    static let locality = Locality(accountID: "000000000000", region: "us-east-1")

    let directory: TemporaryDirectory
    let store: any MetadataStore
    let codeStore: CodeStore
    let plane: ControlPlane
    /// The configurations that are no longer in force, in the order in which they were retired.
    let retired = Recorder<String>()
    /// What was told of reserved and provisioned concurrency.
    let concurrency = Recorder<String>()
    let environments = CountedEnvironments()
    let snapshots = ToldSnapshots()
    let clock = TestClock()
    private let activation: FunctionActivation

    /// - Parameter directory: That of an earlier fixture, to start again with what it has left.
    init(in directory: TemporaryDirectory? = nil) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.directory = try directory ?? TemporaryDirectory()
        store = try SQLMetadataStore(sqliteFile: "\(self.directory.path)/metadata.sqlite")
        codeStore = try await CodeStore(directory: "\(self.directory.path)/code", logger: logger)
        let (retired, concurrency, clock) = (retired, concurrency, clock)
        var dependencies = ControlPlane.Dependencies(
            store: store,
            codeStore: codeStore,
            runtimes: TableRuntimes(),
            locality: Self.locality,
            logger: logger
        )
        dependencies.now = { clock.now }
        dependencies.onRetired = { retired.append($0.rawValue) }
        dependencies.environments = environments
        dependencies.snapshots = snapshots
        dependencies.onConcurrencyChanged = { change in
            switch change {
            case .deleted(let name):
                concurrency.append("\(name) deleted")
            case .changed(let name, let reserved, let provisioned):
                let versions = provisioned.map { " \($0.key)=\($0.value)" }.sorted().joined()
                concurrency.append("\(name) \(reserved.map { "\($0)" } ?? "-")\(versions)")
            }
        }
        plane = ControlPlane(dependencies)
        activation = FunctionActivation(
            store: store,
            codeStore: codeStore,
            runtimes: TableRuntimes(),
            snapshots: snapshots,
            locality: Self.locality,
            logger: logger
        )
    }

    /// Finishes what is under way for a function.
    func settle(_ name: String) async throws {
        _ = try await activation.finish(FunctionName(name))
    }

    /// Finishes what is under way for a version.
    func settle(_ version: Int, of name: String) async throws -> VersionRecord? {
        try await activation.finish(version, of: FunctionName(name))
    }

    /// A package whose only file holds this text. Made once, because every one takes a process.
    static func package(_ text: String = "one") throws -> Blob {
        if let made = packages.withLock({ $0[text] }) { return made }
        let package = Blob(try Python.zip("entry('app.py', 0o644, b'\(text)')"))
        packages.withLock { $0[text] = package }
        return package
    }

    private static let packages = Mutex<[String: Blob]>([:])

    /// A request for a function of one file.
    static func request(_ name: String, _ text: String = "one") throws -> CreateFunctionRequest {
        CreateFunctionRequest(
            functionName: name,
            runtime: Runtime(rawValue: "python3.11"),
            role: role,
            handler: "app.handler",
            code: FunctionCode(zipFile: try package(text))
        )
    }

    /// Creates a function that is active when this returns.
    @discardableResult
    func active(_ name: String, _ text: String = "one") async throws -> FunctionConfiguration {
        let created = try await plane.createFunction(try Self.request(name, text))
        try await settle(name)
        return created
    }

    func configuration(of name: String) async throws -> FunctionConfiguration {
        try await plane.getFunctionConfiguration(GetFunctionConfigurationRequest(functionName: name))
    }

    /// What an invoke of the function would run now.
    func resolve(_ name: String, qualifier: Qualifier? = nil) async throws(LambdaError) -> InvocableFunction {
        try await plane.functions.resolve(FunctionReference(FunctionName(name), qualifier: qualifier))
    }
}

/// A host with Python 3.11 for one architecture.
struct TableRuntimes: RuntimeSupport {
    let architecture = "x86_64"

    func obstacle(runtime: String, architecture: String, in sandbox: SandboxKind?) -> String? {
        if architecture != self.architecture { return "This host is not of the architecture \(architecture)." }
        return runtime == "python3.11" ? nil : "The runtime \(runtime) is not installed."
    }
}

/// A clock that stands still until a test moves it.
final class TestClock: Sendable {
    private let time = Mutex(Timestamp(milliseconds: 1_704_067_200_000))

    var now: Timestamp { time.withLock { $0 } }

    func advance(seconds: Int) {
        time.withLock { $0 = Timestamp(milliseconds: $0.milliseconds + seconds * 1000) }
    }
}

/// Keeps what it is given, from any thread.
final class Recorder<Element: Sendable>: Sendable {
    private let storage = Mutex<[Element]>([])

    var elements: [Element] { storage.withLock { $0 } }

    func append(_ element: Element) {
        storage.withLock { $0.append(element) }
    }
}
