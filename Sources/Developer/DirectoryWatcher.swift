import Glibc
import NIOCore
import NIOPosix

/// Tells when something in a directory, or in one below it, may have changed, by the kernel's inotify.
package struct DirectoryWatcher: Sendable {
    private static let events =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_CREATE) | UInt32(IN_DELETE) | UInt32(IN_MOVED_FROM)
        | UInt32(IN_MOVED_TO) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)

    private let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    /// Calls `changed` once at the start, when everything is being watched, and then whenever something has changed; never
    /// twice at a time, and once for all that changes meanwhile. Returns when the task is cancelled.
    ///
    /// - Throws: ``DeveloperError`` when the directory cannot be watched or is gone.
    package func run(_ changed: () async -> Void) async throws {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard descriptor >= 0 else {
            throw DeveloperError("files cannot be watched: \(String(cString: strerror(errno)))")
        }
        let channel = try await NIOPipeBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .takingOwnershipOfDescriptor(input: descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, Never>(wrappingChannelSynchronously: channel)
                }
            }
        try await channel.executeThenClose { inbound, _ in
            try watch(descriptor)
            await changed()
            for try await _ in inbound {
                // Directories may have come, and watching one again changes nothing.
                try watch(descriptor)
                await changed()
            }
        }
    }

    private func watch(_ descriptor: CInt) throws {
        guard inotify_add_watch(descriptor, directory, Self.events) >= 0 else {
            throw DeveloperError("\(directory) cannot be watched: \(String(cString: strerror(errno)))")
        }
        try DirectoryPackage.walk(directory, "") { path, isDirectory in
            guard isDirectory else { return }
            let watch = inotify_add_watch(descriptor, "\(directory)/\(path)", Self.events)
            guard watch >= 0 || errno == ENOENT else {
                throw DeveloperError("\(directory)/\(path) cannot be watched: \(String(cString: strerror(errno)))")
            }
        }
    }
}
