import Foundation
import Glibc
import TestSupport
import Testing

@testable import ManagerRole

/// One after the other: a program cannot be started as long as a process that another test is just starting has a descriptor
/// that the program's file was written by.
@Suite(.serialized)
struct HookProgramTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A hook with these lines of shell.
    private func hook(_ lines: String) throws -> HookProgram {
        let path = "\(directory.path)/hook-\(UInt64.random(in: .min ... .max))"
        try "#!/bin/sh\n\(lines)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        return HookProgram(path: path)
    }

    @Test func itReadsWhatItIsToldAndWhatItPrintsIsKept() async throws {
        let result = try await hook("cat; echo again >&2").run(Array("told\n".utf8), timeout: .seconds(60))
        #expect(result.outcome == .exited(0))
        #expect(result.output == "told\nagain\n")
    }

    @Test func itsStatusAndSignalAreTold() async throws {
        #expect(try await hook("exit 7").run([1, 2, 3], timeout: .seconds(60)).outcome == .exited(7))
        #expect(try await hook("kill -TERM $$").run([], timeout: .seconds(60)).outcome == .killed(signal: SIGTERM))
    }

    @Test func whatIsNoProgramIsNotStarted() async {
        let result = await HookProgram(path: "/nowhere/hook").run([], timeout: .seconds(60))
        #expect(result.outcome == .notStarted("No such file or directory"))
    }

    @Test func onlyTheBeginningOfMuchOutputIsKept() async throws {
        let result = try await hook("yes | head -c 1000000").run([], timeout: .seconds(60))
        #expect(result.outcome == .exited(0))
        #expect(result.output.utf8.count == 4096)
    }

    @Test func itsEnvironmentAndDescriptorsAreItsOwn() async throws {
        let result = try await hook("env | sort; ls /proc/self/fd").run([], timeout: .seconds(60))
        #expect(result.outcome == .exited(0))
        let lines = result.output.split(separator: "\n")
        let names = lines.filter { $0.contains("=") }.map { $0.prefix { $0 != "=" } }
        // The shell adds where it is.
        #expect(Set(names).subtracting(["PWD", "OLDPWD", "SHLVL", "_"]) == ["LANG", "PATH"])
        // Its three, and the one by which they are listed.
        #expect(lines.filter { Int($0) != nil } == ["0", "1", "2", "3"])
    }

    @Test func onesThatRunForTooLongAreKilledWithAllTheyHaveStarted() async throws {
        // The second sleeps with the output of the first, which would keep it open.
        let result = try await hook("echo $$; sleep 1000 & sleep 1000").run([], timeout: .milliseconds(500))
        #expect(result.outcome == .timedOut)
        let group = try #require(pid_t(result.output.split(separator: "\n").first ?? ""))
        // Those that were killed may take a moment to go.
        while kill(-group, 0) == 0 { await Task.yield() }
    }

    @Test func oneThatClosesItsOutputAndGoesOnIsKilledToo() async throws {
        let result = try await hook("exec >/dev/null 2>&1 </dev/null; sleep 1000").run([], timeout: .milliseconds(500))
        #expect(result.outcome == .timedOut)
    }

    @Test func cancellationKillsIt() async throws {
        let hook = try hook("echo started > \(directory.path)/started; sleep 1000")
        let path = "\(directory.path)/started"
        let run = Task { await hook.run([], timeout: .seconds(1000)) }
        while !FileManager.default.fileExists(atPath: path) { await Task.yield() }
        run.cancel()
        let result = await run.value
        #expect(result.outcome == .killed(signal: SIGKILL) || result.outcome == .timedOut)
    }
}
