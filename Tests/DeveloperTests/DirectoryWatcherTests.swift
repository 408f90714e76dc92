import Foundation
import TestSupport
import Testing

@testable import Developer

struct DirectoryWatcherTests {
    @Test(.timeLimit(.minutes(10)))
    func changesAreToldInDirectoriesOldAndNew() async throws {
        let directory = try TemporaryDirectory()
        let told = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await DirectoryWatcher(directory: directory.path).run { told.continuation.yield() }
            }
            var changes = told.stream.makeAsyncIterator()
            await changes.next()
            try Data("1".utf8).write(to: URL(filePath: "\(directory.path)/file"))
            await changes.next()
            try FileManager.default.createDirectory(
                atPath: "\(directory.path)/new/deep",
                withIntermediateDirectories: true
            )
            await changes.next()
            try Data("1".utf8).write(to: URL(filePath: "\(directory.path)/new/deep/file"))
            await changes.next()
            try FileManager.default.removeItem(atPath: "\(directory.path)/file")
            await changes.next()
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    @Test func directoryThatIsNotThereIsAnError() async {
        await #expect(throws: DeveloperError.self) {
            try await DirectoryWatcher(directory: "/nonexistent").run {}
        }
    }
}

struct ProjectGuessTests {
    @Test(arguments: [
        (["app.py", "lib/x.py"], "python", "app.handler"),
        (["lambda_function.py"], "python", "lambda_function.lambda_handler"),
        (["index.mjs", "package.json"], "nodejs", "index.handler"),
        (["bootstrap"], "provided.", "bootstrap"),
    ])
    func filesTellTheRuntimeAndTheHandler(paths: [String], family: String, handler: String) {
        #expect(ProjectGuess(paths: paths)?.family == family)
        #expect(ProjectGuess(paths: paths)?.handler == handler)
    }

    @Test func otherFilesTellNothing() {
        #expect(ProjectGuess(paths: ["notes.txt", "lib/app.py"]) == nil)
    }

    @Test func newestRuntimeIsTaken() {
        let guess = ProjectGuess(paths: ["app.py"])
        #expect(guess?.runtime(among: ["python3.9", "python3.11", "nodejs22.x"]) == "python3.11")
        #expect(guess?.runtime(among: ["nodejs22.x"]) == nil)
    }
}

struct APIClientTests {
    @Test(arguments: ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:80"])
    func plainAddressesAreTaken(endpoint: String) throws {
        #expect(try APIClient(endpoint: endpoint).url == endpoint)
    }

    @Test(arguments: [
        "ftp://127.0.0.1:9000", "127.0.0.1:9000", "http://", "http://h:0", "http://h:99999", "http://h/x",
    ])
    func otherAddressesAreRefused(endpoint: String) {
        #expect(throws: DeveloperError.self) { try APIClient(endpoint: endpoint) }
    }
}
