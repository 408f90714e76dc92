import CSandbox
import Glibc
import Sandbox

/// The running launcher process.
final class Launcher: Sendable {
    let socket: MessageSocket
    /// Shows files of the host's root as files of the sandbox's root; `nil` where the host has no such mounts.
    let ownerNamespace: OwnedDescriptor?
    let processID: pid_t

    private static let startMillisecondsMax: CInt = 10_000

    /// Starts the program and waits until it has assembled the userland. Blocks; for a work queue's thread.
    init(
        program: String,
        monitor: Monitor,
        userland: Userland,
        gateway: NetworkGateway?,
        isPrivileged: Bool
    ) throws(SandboxError) {
        do throws(SystemError) {
            let (ours, theirs) = try MessageSocket.makePair()
            socket = ours
            processID = try Self.start(program, on: monitor, socket: theirs)
            theirs.close()
        } catch {
            throw SandboxError(.engineFailed, "failed to start the launcher: \(error)", errno: error.errno)
        }
        do throws(SandboxError) {
            ownerNamespace = try Self.assemble(
                userland,
                socket: socket,
                start: sb_start(
                    unprivileged: isPrivileged ? 0 : 1,
                    root_id: GuestUsers.rootID,
                    has_gateway: gateway == nil ? 0 : 1
                ),
                descriptors: gateway.map { [$0.network.rawValue, $0.control.rawValue] } ?? []
            )
        } catch {
            socket.descriptor.close()
            kill(processID, SIGKILL)
            ChildProgram.wait(for: processID)
            throw error
        }
    }

    /// Ends the launcher and every sandbox with it, and waits for it.
    func stop() {
        socket.descriptor.close()
        kill(processID, SIGKILL)
        ChildProgram.wait(for: processID)
    }

    private static func start(
        _ program: String,
        on monitor: Monitor,
        socket: OwnedDescriptor
    ) throws(SystemError) -> pid_t {
        let outcome = Outcome<Result<pid_t, SystemError>>()
        monitor.perform {
            // Every sandbox's process 1 shows this name, so it does not say where the program is.
            let arguments = ["swiftlet-launcher"]
            outcome.set(
                Result { () throws(SystemError) in try ChildProgram.start(program, arguments, descriptor: socket) }
            )
        }
        return try outcome.wait().get()
    }

    private static func assemble(
        _ userland: Userland,
        socket: MessageSocket,
        start: sb_start,
        descriptors: [CInt]
    ) throws(SandboxError) -> OwnedDescriptor? {
        let answer: IncomingMessage?
        do throws(SystemError) {
            let paths = userland.mounts.flatMap { [$0.source, $0.target] }
            let strings = [userland.skeleton] + paths
            try socket.send(SB_START, body: start, strings: strings, descriptors: descriptors)
            var readable = pollfd(fd: socket.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            guard try checked("poll", { poll(&readable, 1, startMillisecondsMax) }) > 0 else {
                throw SystemError(operation: "wait for the launcher", errno: ETIMEDOUT)
            }
            answer = try socket.receive()
        } catch {
            throw SandboxError(.engineFailed, "failed to start the launcher: \(error)", errno: error.errno)
        }
        switch answer {
        case let answer? where answer.kind == SB_STARTED:
            return answer.descriptors.first
        case let answer? where answer.kind == SB_START_FAILED:
            let reason = "\(answer.text): \(errorText(answer.number))"
            guard start.unprivileged == 1 else {
                throw SandboxError(.engineFailed, "failed to assemble userland: \(reason)", errno: answer.number)
            }
            throw SandboxError(
                .unsupported,
                """
                sandboxes cannot be made without root on this host: \(reason); run as root, or allow unprivileged \
                user namespaces (sysctl kernel.unprivileged_userns_clone=1, \
                kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0)
                """,
                errno: answer.number
            )
        default:
            throw SandboxError(.engineFailed, "failed to start the launcher: it ended without an answer")
        }
    }
}
