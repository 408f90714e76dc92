import Foundation
import TestSupport
import Testing

@testable import VirtualMachine

/// The directories that a machine's process has as descriptors.
@Suite(.enabled(if: geteuid() == 0, "needs root, which makes directories that are mounted nowhere"))
struct MachineDirectoryTests {
    private static func listen(at path: String) throws -> CInt {
        let listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0 && Glibc.listen(listener, 4) == 0)
        return listener
    }

    private static func connects(_ directory: SocketDirectory, _ name: String) -> Bool {
        guard let connection = directory.connect(to: name) else { return false }
        close(connection)
        return true
    }

    @Test func socketsAreReachedByTheirNameAndByNoWayOut() throws {
        let directory = try SocketDirectory(entries: 8)
        let outside = try TemporaryDirectory()
        let own = "/proc/self/fd/\(directory.descriptor)"
        let listeners = [try Self.listen(at: "\(own)/api"), try Self.listen(at: "\(outside.path)/host")]
        defer { for listener in listeners { close(listener) } }
        #expect(Self.connects(directory, "api"))
        #expect(!Self.connects(directory, "none"))
        // What a process that was taken over could put in the place of its socket.
        #expect(symlink("\(outside.path)/host", "\(own)/link") == 0)
        #expect(!Self.connects(directory, "link"))
        #expect(symlink("api", "\(own)/own") == 0)
        #expect(!Self.connects(directory, "own"))
        #expect(!Self.connects(directory, "..\(outside.path)/host"))
        #expect(!Self.connects(directory, "\(outside.path)/host"))
        #expect(access("\(own)/..\(outside.path)", F_OK) == -1)
        #expect(access("\(own)/../api", F_OK) == 0)
    }

    @Test func whatCanBePutIntoADirectoryOfSocketsIsBounded() throws {
        let directory = try SocketDirectory(entries: 3)
        let own = "/proc/self/fd/\(directory.descriptor)"
        for name in 1...3 { #expect(mkdir("\(own)/\(name)", 0o700) == 0) }
        #expect(mkdir("\(own)/4", 0o700) == -1 && errno == ENOSPC)
        #expect(rmdir("\(own)/1") == 0)
        let file = open("\(own)/file", O_RDWR | O_CREAT, 0o600)
        defer { close(file) }
        let much = [UInt8](repeating: 1, count: 1 << 16)
        #expect(write(file, much, much.count) <= 4096)
    }

    private static func content(_ directory: DriveDirectory, _ name: String) -> String? {
        try? String(contentsOfFile: "/proc/self/fd/\(directory.descriptor)/\(name)", encoding: .utf8)
    }

    @Test(arguments: [true, false])
    func aFileHasItsNameForAsLongAsItIsAskedFor(isNamed: Bool) async throws {
        let parent = try TemporaryDirectory()
        let directory = try DriveDirectory(in: parent.path)
        let path = "\(parent.path)/code"
        try "code".write(toFile: path, atomically: false, encoding: .utf8)
        let file = isNamed ? open(path, O_RDONLY) : MachineFixture.file(Array("code".utf8))
        defer { close(file) }
        let drive = MachineDrive(descriptor: file, isReadOnly: true)
        let seen = try await directory.withName("name", for: drive) { Self.content(directory, "name") }
        #expect(seen == "code")
        #expect(Self.content(directory, "name") == nil)
        await #expect(throws: VirtualMachineError.self) {
            try await directory.withName("name", for: drive) { () throws(VirtualMachineError) in
                throw VirtualMachineError(.refused, "no")
            }
        }
        #expect(Self.content(directory, "name") == nil)
    }

    /// Its process may not put anything there itself: it could fill the disk.
    @Test func aDirectoryOfDrivesIsForReading() throws {
        let parent = try TemporaryDirectory()
        let directory = try DriveDirectory(in: parent.path)
        var status = stat()
        #expect(fstat(directory.descriptor, &status) == 0 && status.st_mode & 0o022 == 0 && status.st_uid == 0)
        #expect(access("/proc/self/fd/\(directory.descriptor)/..\(parent.path)", F_OK) == -1)
        directory.remove()
        directory.remove()
        #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path) == [])
    }
}
