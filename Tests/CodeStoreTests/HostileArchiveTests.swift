import Foundation
import LambdaAPI
import Logging
import TestSupport
import Testing

@testable import CodeStore

/// Archives that are made to mislead an unpacker, beyond those of ``CodeStoreTests``.
struct HostileArchiveTests {
    private let directory: TemporaryDirectory
    private let store: CodeStore

    init() async throws {
        directory = try TemporaryDirectory()
        store = try await CodeStore(directory: "\(directory.path)/code", logger: Logger(label: "test"))
    }

    private func failure(_ archive: [UInt8]) async -> CodeStoreError.Code? {
        do throws(CodeStoreError) {
            _ = try await store.put(archive)
            return nil
        } catch {
            return error.code
        }
    }

    private func unpacked(_ archive: [UInt8]) async throws -> String {
        try await store.unpackedDirectory(of: try await store.put(archive).hash)
    }

    @Test(arguments: ["é.py", "日本語/模块.py", "emoji-🦄.js"])
    func nameInUnicodeIsKept(name: String) async throws {
        let path = try await unpacked(try Python.zip("entry('\(name)', 0o644, b'x')"))
        #expect(try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) == "x")
    }

    @Test func nameWithAccentsApartIsComposed() async throws {
        let path = try await unpacked(try Python.zip("entry('n\u{0303}', 0o644, b'x')"))
        #expect(try String(contentsOfFile: "\(path)/\u{00F1}", encoding: .utf8) == "x")
    }

    @Test func linkToANameInUnicodeIsKept() async throws {
        let path = try await unpacked(
            Python.zip("entry('é', 0o644, b'x')\nentry('l', 0o777, 'é'.encode(), stat.S_IFLNK)")
        )
        #expect(try String(contentsOfFile: "\(path)/l", encoding: .utf8) == "x")
    }

    @Test func nameThatIsNotUnicodeIsRefused() async throws {
        var archive = try Python.zip("entry('aXb', 0o644, b'x')")
        for index in archive.indices.dropLast(2) where archive[index...].starts(with: Array("aXb".utf8)) {
            archive[index + 1] = 0xFF
        }
        #expect(await failure(archive) == .invalidArchive)
    }

    /// Every entry's name is declared to be Unicode, but is none.
    @Test func nameThatLiesAboutBeingUnicodeIsRefused() async throws {
        var archive = try Python.zip("entry('aéb', 0o644, b'x')")
        for index in archive.indices.dropLast(4) where archive[index...].starts(with: Array("aéb".utf8)) {
            archive[index + 1] = 0xFF
        }
        #expect(await failure(archive) == .invalidArchive)
    }

    /// At every length: no part of an archive passes for an archive.
    @Test func truncatedArchiveIsRefusedWhereverItEnds() async throws {
        let archive = try Python.zip("entry('a', 0o644, b'one')\nentry('b/c', 0o644, b'two')")
        for length in 0..<archive.count {
            #expect(await failure(Array(archive.prefix(length))) != nil, "cut after \(length) bytes")
        }
        #expect(await failure(archive) == nil)
    }

    @Test(arguments: [
        "entry('a', 0o644, b'one')\nentry('a', 0o755, b'two')",
        "entry('a', 0o644, b'one')\nentry('./a', 0o755, b'two')",
        "entry('a', 0o777, b'b', stat.S_IFLNK)\nentry('a', 0o644, b'two')",
        "entry('a', 0o644, b'one')\nentry('a', 0o777, b'b', stat.S_IFLNK)",
        "entry('a/', 0o755, b'', stat.S_IFDIR)\nentry('a', 0o644, b'two')",
    ])
    func twoEntriesOfOneNameAreRefused(statements: String) async throws {
        #expect(await failure(try Python.zip(statements)) == .invalidArchive)
    }

    @Test func directoryMayBeNamedTwice() async throws {
        let path = try await unpacked(
            Python.zip(
                """
                entry('a/', 0o755, b'', stat.S_IFDIR)
                entry('a/b', 0o644, b'x')
                entry('a/', 0o755, b'', stat.S_IFDIR)
                """
            )
        )
        #expect(FileManager.default.fileExists(atPath: "\(path)/a/b"))
    }

    /// Read name by name each of these stays inside; followed, they lead out.
    @Test(arguments: [
        """
        entry('x/y/up', 0o777, b'..', stat.S_IFLNK)
        entry('out', 0o777, b'x/y/up/../../etc', stat.S_IFLNK)
        """,
        """
        entry('out', 0o777, b'x/y/up/../..', stat.S_IFLNK)
        entry('x/y/up', 0o777, b'..', stat.S_IFLNK)
        """,
        """
        entry('a/here', 0o777, b'../b', stat.S_IFLNK)
        entry('out', 0o777, b'a/here/../..', stat.S_IFLNK)
        """,
    ])
    func linkThatLeadsOutThroughAnotherLinkIsRefused(statements: String) async throws {
        #expect(await failure(try Python.zip(statements)) == .invalidArchive)
    }

    @Test func linksInsideThatLeadNowhereOrInCirclesAreKept() async throws {
        let path = try await unpacked(
            Python.zip(
                """
                entry('missing', 0o777, b'not/there', stat.S_IFLNK)
                entry('a', 0o777, b'b', stat.S_IFLNK)
                entry('b', 0o777, b'a', stat.S_IFLNK)
                entry('d/root', 0o777, b'..', stat.S_IFLNK)
                """
            )
        )
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(path)/a") == "b")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(path)/d/root") == "..")
    }

    /// Few entries, but each with many directories on the way: an attack on the disk's inodes.
    @Test func directoriesOnTheWayCountAsEntries() throws {
        let archive = try Python.zip("for i in range(10): entry(f'{i}/' + 'd/' * 500 + 'f', 0o644, b'')")
        for (entriesMax, expected) in [(5100, nil), (5000, CodeStoreError.Code.invalidArchive)] {
            let target = "\(directory.path)/\(entriesMax)"
            try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
            let code = archive.withUnsafeBytes { bytes -> CodeStoreError.Code? in
                do throws(CodeStoreError) {
                    var unpacking = try Unpacking(into: target, contentSizeMax: 1000, entriesMax: entriesMax)
                    try unpacking.unpack(bytes)
                    return nil
                } catch {
                    return error.code
                }
            }
            #expect(code == expected)
        }
    }

    @Test func namedPipeIsAnOrdinaryFile() async throws {
        let path = try await unpacked(try Python.zip("entry('pipe', 0o644, b'', stat.S_IFIFO)"))
        let kind = try FileManager.default.attributesOfItem(atPath: "\(path)/pipe")[.type] as? FileAttributeType
        #expect(kind == .typeRegular)
    }

    /// The longest path that is taken, all of it directories: it must be possible to remove it again.
    @Test func pathThatIsTooLongIsRefusedAndTheLongestCanBeRemoved() async throws {
        let package = try await store.put(try Python.zip("entry('abc/' * 511 + 'file', 0o644, b'')"))
        #expect(await failure(try Python.zip("entry('abc/' * 512 + 'file', 0o644, b'')")) == .invalidArchive)
        try await store.recover(referenced: [])
        #expect(!FileManager.default.fileExists(atPath: "\(directory.path)/code/archives/\(package.hash).zip"))
    }

    @Test func encryptedEntryIsRefused() async throws {
        // Bit 0 of the general purpose flags, in the local header at 6 and in the central one at 8 (APPNOTE 4.3).
        var archive = try Python.zip("entry('a', 0o644, b'x')")
        for index in archive.indices.dropLast(10) {
            if archive[index...].starts(with: [0x50, 0x4B, 3, 4]) { archive[index + 6] |= 1 }
            if archive[index...].starts(with: [0x50, 0x4B, 1, 2]) { archive[index + 8] |= 1 }
        }
        #expect(await failure(archive) == .invalidArchive)
    }

    @Test func nobodyButTheServiceMayWriteAndNoFileIsPrivileged() async throws {
        let path = try await unpacked(Python.zip("entry('a', 0o7777, b'x')\nentry('b', 0o600, b'x')"))
        let manager = FileManager.default
        #expect(try manager.attributesOfItem(atPath: "\(path)/a")[.posixPermissions] as? Int == 0o755)
        #expect(try manager.attributesOfItem(atPath: "\(path)/b")[.posixPermissions] as? Int == 0o644)
    }

    /// Windows tools give no modes of Unix, and streams have their sizes behind the data.
    @Test(arguments: ["windows", "streamed", "prefixed"])
    func archiveOfAnotherMakerIsRead(maker: String) async throws {
        let statements = """
            class Stream(io.RawIOBase):
                def __init__(self): self.bytes = bytearray()
                def writable(self): return True
                def write(self, data): self.bytes += bytes(data); return len(data)
            if '\(maker)' == 'streamed':
                stream = Stream()
                with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED) as s: s.writestr('dir/a', b'x')
                buffer.seek(0); made = bytes(stream.bytes)
            else:
                other = io.BytesIO()
                with zipfile.ZipFile(other, 'w', zipfile.ZIP_DEFLATED) as s:
                    info = zipfile.ZipInfo('dir/a'); info.create_system = 0; info.external_attr = 0x20
                    s.writestr(info, b'x')
                made = other.getvalue()
            if '\(maker)' == 'prefixed': made = b'#!/bin/sh\\n' * 10 + made
            sys.stdout.buffer.write(made); sys.stdout.buffer.flush()
            import os; os._exit(0)
            """
        let path = try await unpacked(try Python.zip(statements))
        #expect(try String(contentsOfFile: "\(path)/dir/a", encoding: .utf8) == "x")
        #expect(
            try FileManager.default.attributesOfItem(atPath: "\(path)/dir/a")[.posixPermissions] as? Int == 0o644
        )
    }

    /// Both headers say 100 bytes; the data go on far beyond the limit.
    @Test func bombThatLiesAboutItsSizeIsRefused() async throws {
        let archive = try Python.zip(
            """
            with z.open('zeros', 'w', force_zip64=True) as f:
                for _ in range(251): f.write(bytes(1 << 20))
            """
        )
        var lying = archive
        let size = withUnsafeBytes(of: UInt64(251 << 20).littleEndian) { Array($0) }
        for index in lying.indices.dropLast(8) where lying[index...].starts(with: size.prefix(4)) {
            lying.replaceSubrange(index..<index + 4, with: [100, 0, 0, 0])
        }
        #expect(lying != archive)
        let code = await failure(lying)
        #expect(code == .invalidArchive || code == .contentTooLarge)
    }

    /// Whatever is broken in an archive: it is refused or unpacked, and nothing else happens.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func brokenArchiveNeverWritesOutside(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let original = Self.victim
        for _ in 0..<25 {
            var archive = original
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                archive[Int.random(in: archive.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = await failure(archive)
        }
        let around = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(around == ["code"])
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/code/temporary")
        #expect(left.isEmpty)
    }

    private static let victim: [UInt8] = {
        let statements = """
            entry('d/', 0o755, b'', stat.S_IFDIR)
            entry('d/file', 0o644, b'content' * 40)
            entry('l', 0o777, b'd/../d/file', stat.S_IFLNK)
            entry('e/f/g', 0o755, b'x')
            """
        do {
            return try Python.zip(statements)
        } catch {
            fatalError("failed to make an archive: \(error)")
        }
    }()
}
