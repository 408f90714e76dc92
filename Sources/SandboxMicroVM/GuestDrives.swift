import CSandbox
import Dispatch
import Foundation
import Glibc
import GuestImages
import Sandbox
import Synchronization
import VirtualMachine

/// The drives of every guest, in the order in which it has them. A copy of a machine has the devices of its template, so their
/// number and sizes are the same for all functions: each has room for the largest, and files are as sparse as they can be.
enum GuestDrive: Int, CaseIterable {
    case root
    case scratch
    case task
    case layers
    case runtime

    /// The directory at which a drive of a function's files appears.
    static func drive(for target: String) -> GuestDrive? {
        switch target {
        case "/var/task": .task
        case "/opt": .layers
        case "/var/runtime": .runtime
        default: nil
        }
    }

    var isReadOnly: Bool { self != .scratch }

    /// As many bytes as the largest that a function may bring or ask for, and more: 10 GB of `/tmp`, and of an image.
    static let sizeBytes = 16 << 30
}

/// Files for the drives of guests: of directories, as images that are made once, and of nothing, as disks for `/tmp`.
final class GuestDriveFiles: Sendable {
    /// How much all images of directories may take on the disk.
    private static let imageBytesMax = 8 << 30

    private let directory: String
    private let images = Mutex<[String: Task<String, any Error>]>([:])
    private let shelf = Mutex(ImageShelf(bytesMax: imageBytesMax))
    private let disks = Mutex<[Int: Task<String, any Error>]>([:])
    private let queue = DispatchQueue(label: "swiftlet.guest-drives")

    init(directory: String) throws(SandboxError) {
        self.directory = directory
        // What an earlier engine made is of no use: its names are not known any more.
        try? FileManager.default.removeItem(atPath: directory)
        guard mkdir(directory, 0o700) == 0 else {
            throw SandboxError(.engineFailed, "failed to make \(directory)", errno: errno)
        }
    }

    /// A descriptor of an image of this directory, which must not change any more.
    func image(of source: String) async throws(SandboxError) -> CInt {
        let path = try await value(of: source, in: images) { path throws(GuestImageError) in
            try ErofsImage.make(of: source, at: path)
        }
        let file: CInt
        do throws(SandboxError) {
            file = try openFile(path, O_RDONLY)
        } catch {
            guard error.errno == ENOENT else { throw error }
            // It went in this moment, for another.
            images.withLock { $0[source] = nil }
            shelf.withLock { $0.forget(source) }
            return try await image(of: source)
        }
        await makeRoom(for: source, file)
        return file
    }

    /// Removes images that have not been used for long, if all of them take too much.
    private func makeRoom(for source: String, _ file: CInt) async {
        var status = stat()
        fstat(file, &status)
        let leaving = shelf.withLock { $0.used(source, bytes: Int(status.st_blocks) * 512) }
        for directory in leaving {
            if let task = images.withLock({ $0.removeValue(forKey: directory) }), let path = try? await task.value {
                unlink(path)
            }
        }
    }

    /// A descriptor of an empty disk of this size, of nobody else.
    func disk(bytes: Int) async throws(SandboxError) -> CInt {
        let path = try await value(of: bytes, in: disks) { path throws(GuestImageError) in
            try ScratchImage.make(bytes: bytes, at: path)
        }
        let original = try openFile(path, O_RDONLY)
        defer { close(original) }
        return try self.copy(of: original)
    }

    /// A descriptor of a disk of nobody else with what is on this one.
    func copy(of disk: CInt) throws(SandboxError) -> CInt {
        let copy = sb_nameless_file(directory)
        guard copy >= 0 else { throw SandboxError(.setUpFailed, "failed to make a disk", errno: errno) }
        guard sb_copy_sparse(disk, copy) == 0, ftruncate(copy, off_t(GuestDrive.sizeBytes)) == 0 else {
            let error = errno
            close(copy)
            throw SandboxError(.setUpFailed, "failed to copy a disk", errno: error)
        }
        return copy
    }

    /// What is behind the drive of a guest that has no function yet.
    static func placeholder() throws(SandboxError) -> CInt {
        let file = sb_memory_file("placeholder", off_t(GuestDrive.sizeBytes))
        guard file >= 0 else { throw SandboxError(.setUpFailed, "failed to make a placeholder", errno: errno) }
        return file
    }

    /// The path of the file of this key; made by whoever asks first.
    private func value<Key: Hashable & Sendable>(
        of key: Key,
        in known: borrowing Mutex<[Key: Task<String, any Error>]>,
        make: @escaping @Sendable (String) throws(GuestImageError) -> Void
    ) async throws(SandboxError) -> String {
        let task = known.withLock { known in
            if let task = known[key] { return task }
            let path = "\(directory)/\(UInt64.random(in: 0 ... .max))"
            let task = Task { [queue] in
                try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<String, any Error>) in
                    queue.async {
                        continuation.resume(
                            with: Result {
                                try make(path)
                                // Not by the tool, which would write it all.
                                truncate(path, off_t(GuestDrive.sizeBytes))
                                return path
                            }
                        )
                    }
                }
            }
            known[key] = task
            return task
        }
        do {
            return try await task.value
        } catch {
            known.withLock { $0[key] = nil }
            throw SandboxError(.setUpFailed, "failed to make a drive of a guest: \(error)")
        }
    }

    private func openFile(_ path: String, _ flags: CInt) throws(SandboxError) -> CInt {
        let file = open(path, flags | O_CLOEXEC)
        guard file >= 0 else { throw SandboxError(.setUpFailed, "failed to open \(path)", errno: errno) }
        return file
    }
}
