import CodeStore
import Foundation
import Logging
import TestSupport
import Testing

@testable import Developer

struct DirectoryPackageTests {
    private let directory: TemporaryDirectory
    private var root: String { "\(directory.path)/code" }

    init() throws {
        directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
    }

    private func write(_ text: String, to path: String, mode: Int = 0o644) throws {
        let url = URL(filePath: "\(root)/\(path)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: url.path)
    }

    /// What the service itself finds in a package.
    private func unpacked(_ package: DirectoryPackage) async throws -> String {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try await CodeStore(directory: "\(directory.path)/store", logger: logger)
        return try await store.withContent(of: try await store.put(package.bytes).hash) { $0.directory }
    }

    @Test func packageHoldsTheFilesWithTheirModes() async throws {
        try write("print(1)", to: "app.py")
        try write("#!/bin/sh", to: "bin/tool", mode: 0o755)
        try write("ünïcode", to: "daten/größe.txt")
        try write("", to: "empty")
        try write(String(repeating: "long ", count: 100_000), to: "long.txt")
        try FileManager.default.createSymbolicLink(atPath: "\(root)/link.py", withDestinationPath: "app.py")
        let package = try DirectoryPackage(of: root)
        #expect(package.paths == ["app.py", "bin/tool", "daten/größe.txt", "empty", "link.py", "long.txt"])
        let result = try await unpacked(package)
        for path in package.paths {
            let expected = try Data(contentsOf: URL(filePath: "\(root)/\(path)"))
            #expect(try Data(contentsOf: URL(filePath: "\(result)/\(path)")) == expected)
        }
        #expect(FileManager.default.isExecutableFile(atPath: "\(result)/bin/tool"))
    }

    @Test func incompressibleFilesFit() async throws {
        var random = SeededGenerator(seed: 1)
        for index in 0..<20 {
            let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
            try Data(noise).write(to: URL(filePath: "\(root)/noise\(index)"))
        }
        _ = try await unpacked(try DirectoryPackage(of: root))
    }

    @Test func sameFilesMakeTheSameBytes() throws {
        try write("one", to: "b.py")
        try write("two", to: "a/a.py")
        let first = try DirectoryPackage(of: root)
        try write("one", to: "b.py")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)],
            ofItemAtPath: "\(root)/b.py"
        )
        #expect(try DirectoryPackage(of: root) == first)
        try write("three", to: "b.py")
        #expect(try DirectoryPackage(of: root) != first)
    }

    @Test func toolsFilesAreLeftOut() throws {
        try write("x", to: "app.py")
        for path in [".git/config", "__pycache__/app.pyc", "lib/__pycache__/x.pyc", "app.py~", ".app.py.swp"] {
            try write("x", to: path)
        }
        #expect(try DirectoryPackage(of: root).paths == ["app.py"])
    }

    @Test func nothingToPackIsAnError() throws {
        #expect(throws: DeveloperError.self) { try DirectoryPackage(of: root) }
        #expect(throws: DeveloperError.self) { try DirectoryPackage(of: "\(root)/nowhere") }
    }
}
