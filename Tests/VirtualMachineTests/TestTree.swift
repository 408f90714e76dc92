import Foundation
import GuestImages
import TestSupport
import Testing
import VirtualMachine

/// A root directory for guests out of a few of this host's programs and their libraries, as an image.
final class TestTree: Sendable {
    private static let programs = [
        "/bin/sh", "/bin/cat", "/bin/date", "/usr/bin/head", "/usr/bin/od", "/bin/sleep", "/usr/bin/id", "/bin/ls",
        "/bin/dd",
        "/usr/bin/env", "/bin/df", "/bin/bash", "/bin/grep",
    ]
    private static let places = ["dev", "proc", "tmp", "opt", "var/task", "var/runtime", "etc"]

    let descriptor: CInt

    /// Made once; all tests look at the same.
    private static let shared = Result { () throws -> Data in
        let directory = try TemporaryDirectory()
        let root = "\(directory.path)/tree"
        for place in places { try makeDirectory("\(root)/\(place)") }
        for program in programs where FileManager.default.fileExists(atPath: program) {
            for file in [program] + libraries(of: program) {
                let target = root + file
                if FileManager.default.fileExists(atPath: target) { continue }
                try makeDirectory(URL(fileURLWithPath: target).deletingLastPathComponent().path)
                try Data(contentsOf: URL(fileURLWithPath: file)).write(to: URL(fileURLWithPath: target))
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: target)
            }
        }
        let image = "\(directory.path)/image"
        try ErofsImage.make(of: root, at: image)
        return try Data(contentsOf: URL(fileURLWithPath: image))
    }

    init() throws {
        descriptor = MachineFixture.file(Array(try Self.shared.get()))
    }

    deinit {
        close(descriptor)
    }

    var drive: MachineDrive { MachineDrive(descriptor: descriptor, isReadOnly: true) }

    /// An image of these files, as a file of this size.
    static func image(_ files: [String: String], sizeBytes: Int) throws -> CInt {
        let directory = try TemporaryDirectory()
        let root = "\(directory.path)/tree"
        try makeDirectory(root)
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(root)/\(name)")) }
        let image = "\(directory.path)/image"
        try ErofsImage.make(of: root, at: image)
        return MachineFixture.file(Array(try Data(contentsOf: URL(fileURLWithPath: image))), sizeBytes: sizeBytes)
    }

    private static func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// What `ldd` names, the dynamic linker included.
    private static func libraries(of program: String) -> [String] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/ldd")
        process.arguments = [program]
        process.standardOutput = output
        guard (try? process.run()) != nil else { return [] }
        let text = String(decoding: (try? output.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(whereSeparator: \.isWhitespace).map(String.init).filter { $0.hasPrefix("/") }
    }
}
