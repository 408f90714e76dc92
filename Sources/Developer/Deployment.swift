import LambdaAPI
import NIOHTTP1

/// A function that is created from a directory and follows its changes.
package struct Deployment: Sendable {
    /// What the function is to be. Nil leaves what it is, or Lambda's default if it is new.
    package struct Settings: Sendable {
        package var name: String
        package var runtime: String
        package var handler: String
        package var timeout: Int?
        package var memorySize: Int?

        package init(name: String, runtime: String, handler: String, timeout: Int?, memorySize: Int?) {
            self.name = name
            self.runtime = runtime
            self.handler = handler
            self.timeout = timeout
            self.memorySize = memorySize
        }
    }

    /// What became of the function.
    package enum Outcome: Sendable, Equatable {
        case created
        case updated
    }

    private static let role = "arn:aws:iam::000000000000:role/swiftlet-dev"
    private static let functionsPath = "/2015-03-31/functions"
    /// How long between two looks at a function that is being created or updated.
    private static let pollInterval = Duration.milliseconds(50)

    private let client: APIClient
    private let settings: Settings

    package init(client: APIClient, settings: Settings) {
        self.client = client
        self.settings = settings
    }

    /// Where the function is invoked with a POST request.
    package var invokeURL: String { "\(client.url)\(path)/invocations" }

    private var path: String { "\(Self.functionsPath)/\(settings.name)" }

    /// Creates the function, or brings its code and configuration up to date, and waits until invokes run it.
    ///
    /// - Throws: ``DeveloperError`` with what the API says against it; the function stays as it was.
    package func deploy(_ package: DirectoryPackage) async throws -> Outcome {
        guard let current = try await configuration() else {
            try await create(package)
            return .created
        }
        if current.state == .pending || current.lastUpdateStatus == .inProgress { try await settled() }
        _ = try await client.send(
            .PUT,
            "\(path)/code",
            JSONWriter.document { $0.member("ZipFile", Blob(package.bytes)) }
        )
        .success()
        let updated = try await settled()
        if !isAsWanted(updated) {
            _ = try await client.send(.PUT, "\(path)/configuration", JSONWriter.document(addConfiguration)).success()
            try await settled()
        }
        return .updated
    }

    private func create(_ package: DirectoryPackage) async throws {
        let body = JSONWriter.document { writer in
            writer.member("FunctionName", settings.name)
            writer.member("Role", Self.role)
            addConfiguration(&writer)
            writer.member("Code", FunctionCode(zipFile: Blob(package.bytes)))
        }
        _ = try await client.send(.POST, Self.functionsPath, body).success()
        try await settled()
    }

    private func addConfiguration(_ writer: inout JSONWriter) {
        writer.member("Runtime", settings.runtime)
        writer.member("Handler", settings.handler)
        writer.member("Timeout", settings.timeout)
        writer.member("MemorySize", settings.memorySize)
    }

    private func isAsWanted(_ current: FunctionConfiguration) -> Bool {
        current.runtime?.rawValue == settings.runtime && current.handler == settings.handler
            && (settings.timeout == nil || current.timeout == settings.timeout)
            && (settings.memorySize == nil || current.memorySize == settings.memorySize)
    }

    /// The function's configuration, nil if there is no function.
    private func configuration() async throws -> FunctionConfiguration? {
        let answer = try await client.send(.GET, "\(path)/configuration")
        if answer.status == 404 { return nil }
        return try FunctionConfiguration(json: try JSONParser.parse(try answer.success()))
    }

    /// Waits until nothing is under way for the function.
    @discardableResult
    private func settled() async throws -> FunctionConfiguration {
        while let current = try await configuration() {
            if current.state == .failed {
                throw DeveloperError("the function cannot run: \(current.stateReason ?? "no reason is known")")
            }
            if current.lastUpdateStatus == .failed {
                throw DeveloperError(
                    "the function stays as it was: \(current.lastUpdateStatusReason ?? "no reason is known")"
                )
            }
            if current.state == .active, current.lastUpdateStatus != .inProgress { return current }
            try await Task.sleep(for: Self.pollInterval)
        }
        throw DeveloperError("the function \(settings.name) has been deleted")
    }
}
