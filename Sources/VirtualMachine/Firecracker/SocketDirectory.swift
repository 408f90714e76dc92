import CSandbox
import Glibc
import NIOCore

/// A directory in which a process makes sockets, and in which they are found by whoever has its descriptor, from within a jail or
/// from outside: it is in memory, on a mount that is attached nowhere, and nobody else can name it.
final class SocketDirectory: Sendable {
    let descriptor: CInt

    /// - Parameter entries: How many sockets and files there may be in it.
    init(entries: UInt32) throws(VirtualMachineError) {
        descriptor = sb_detached_directory(Self.bytes, entries)
        guard descriptor >= 0 else { throw .noMount("make a directory for sockets") }
    }

    /// The process has no use for files in there; this much is the least there is.
    private static let bytes: UInt32 = 4096

    deinit {
        close(descriptor)
    }

    /// A connection with the socket of this name, or `nil` if there is none that takes any.
    func connect(to name: String) -> CInt? {
        let socket = sb_connect_within(descriptor, name)
        return socket < 0 ? nil : socket
    }

    /// Connects as soon as there is a socket of this name. Cancellation does not shorten the wait.
    func knock(
        at name: String,
        until deadline: ContinuousClock.Instant,
        unless process: ProcessEnd,
        on loop: any EventLoop
    ) async throws(VirtualMachineError) -> CInt {
        var backoff = Backoff()
        while true {
            if let socket = connect(to: name) { return socket }
            if process.hasOccurred {
                throw VirtualMachineError(.startFailed, "the process behind the machine ended at its start")
            }
            guard ContinuousClock.now < deadline else {
                throw VirtualMachineError(.timedOut, "Firecracker did not make its socket in time")
            }
            await backoff.wait(on: loop)
        }
    }
}

/// The pauses between attempts at something that becomes possible without a sign: each longer than the one before, up to a bound.
struct Backoff {
    private static let longest = TimeAmount.milliseconds(16)
    private var next = TimeAmount.milliseconds(1)

    mutating func wait(on loop: any EventLoop) async {
        let pause = next
        next = min(next * 2, Self.longest)
        try? await loop.scheduleTask(in: pause) {}.futureResult.get()
    }
}

extension VirtualMachineError {
    static func noMount(_ operation: String) -> VirtualMachineError {
        let error = errno
        let advice = error == EPERM ? "; Firecracker's machines need the service to run as root" : ""
        return VirtualMachineError(
            error == EPERM ? .unsupported : .startFailed,
            "failed to \(operation): \(String(cString: strerror(error))) (\(error))\(advice)"
        )
    }
}
