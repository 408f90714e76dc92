/// What a sandbox is made of; see ``SandboxEngine/createSandbox(_:)``.
package struct SandboxSpecification: Sendable {
    /// Its name; the caller sees to it that no two living sandboxes share one.
    package var id: SandboxID
    /// The most memory that its processes may use together, in bytes. Exceeding it kills them all.
    package var memoryBytesMax: Int
    /// The most processes and threads at a time.
    package var processesMax: Int
    /// How much CPU time its processes may use together.
    package var cpuLimit: CPULimit
    /// The size of its private `/tmp`, in bytes. Without effect on a sandbox that is to be adopted.
    package var temporaryStorageBytes: Int
    /// Host directories to show inside, read-only, in this order.
    package var mounts: [ReadOnlyMount]
    /// Which programs it has. Without effect where all sandboxes have the host's.
    package var userland: UserlandID?
    /// What it can reach. Without effect on a sandbox that is to be adopted.
    package var network: SandboxNetwork
    /// Whether the function is not known yet: ``Sandbox/adopt(_:)`` is called later, and until then there is no `/tmp`
    /// of the function's, and `/var/task` and `/opt` have nothing of interest.
    package var isAdoptable: Bool
    /// Whether a snapshot of it is to be taken; see ``SandboxCopier``.
    package var isTemplate: Bool
    /// Whether it has a tap device, the far end of the network interface of the virtual machine that it holds; see
    /// ``Sandbox/connectTap()``.
    package var hasTap: Bool

    package init(
        id: SandboxID,
        memoryBytesMax: Int,
        processesMax: Int,
        cpuLimit: CPULimit,
        temporaryStorageBytes: Int,
        mounts: [ReadOnlyMount],
        userland: UserlandID? = nil,
        network: SandboxNetwork = .isolated,
        isAdoptable: Bool = false,
        isTemplate: Bool = false,
        hasTap: Bool = false
    ) {
        self.id = id
        self.memoryBytesMax = memoryBytesMax
        self.processesMax = processesMax
        self.cpuLimit = cpuLimit
        self.temporaryStorageBytes = temporaryStorageBytes
        self.mounts = mounts
        self.userland = userland
        self.network = network
        self.isAdoptable = isAdoptable
        self.isTemplate = isTemplate
        self.hasTap = hasTap
    }
}

/// What names the programs and libraries that a sandbox has, where there are several to choose from: those of an image.
package struct UserlandID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }
}

/// What a sandbox that was made before its function was known gets of the function; see ``Sandbox/adopt(_:)``.
package struct SandboxAdoption: Sendable {
    /// The most memory that its processes may use together from here on, in bytes.
    package var memoryBytesMax: Int
    /// The most processes and threads at a time.
    package var processesMax: Int
    /// The size of its private `/tmp`, in bytes.
    package var temporaryStorageBytes: Int
    /// Host directories to show inside, read-only, in this order, over whatever is there.
    package var mounts: [ReadOnlyMount]
    /// What it can reach from here on.
    package var network: SandboxNetwork

    package init(
        memoryBytesMax: Int,
        processesMax: Int,
        temporaryStorageBytes: Int,
        mounts: [ReadOnlyMount],
        network: SandboxNetwork = .isolated
    ) {
        self.memoryBytesMax = memoryBytesMax
        self.processesMax = processesMax
        self.temporaryStorageBytes = temporaryStorageBytes
        self.mounts = mounts
        self.network = network
    }
}

/// What a sandbox's processes can reach beside their own loopback interface. Nothing reaches them.
package enum SandboxNetwork: Sendable, Hashable {
    /// Nothing.
    case isolated
    /// Public addresses, and what the engine was told to allow beside them; never the host, or another sandbox.
    case internet
}

/// A host directory that is shown read-only inside a sandbox.
package struct ReadOnlyMount: Sendable, Hashable {
    /// The directory on the host; absolute.
    package var source: String
    /// Where it appears inside; absolute, and one of the empty directories that the userland has for this
    /// (`/var/task`, `/var/runtime`, `/opt`).
    package var target: String

    package init(source: String, target: String) {
        self.source = source
        self.target = target
    }
}

/// How much CPU time a sandbox may use.
package enum CPULimit: Sendable, Hashable {
    /// As much as the host has.
    case unlimited
    /// So many thousandths of one CPU.
    case thousandths(Int)
}

/// A process to start inside a sandbox. It always runs as the sandbox's unprivileged user.
package struct ProcessSpecification: Sendable {
    /// The program's path inside the sandbox; no search is made.
    package var executable: String
    /// The arguments, the program's name first.
    package var arguments: [String]
    /// The whole environment, `KEY=value` each.
    package var environment: [String]
    /// The directory inside the sandbox to start in.
    package var workingDirectory: String
    /// The host's descriptor that becomes both standard output and standard error; standard input is `/dev/null`.
    package var output: CInt
    /// The host's socket that becomes descriptor 3, for a process that is told something later; most have none.
    package var channel: CInt?
    /// Further descriptors of the host's, which become descriptors 4 and up. Only beside a channel, and only for programs of the
    /// service's own: a function's process has none.
    package var furtherDescriptors: [CInt]

    package init(
        executable: String,
        arguments: [String],
        environment: [String],
        workingDirectory: String,
        output: CInt,
        channel: CInt? = nil,
        furtherDescriptors: [CInt] = []
    ) {
        precondition(channel != nil || furtherDescriptors.isEmpty, "descriptors from 4 on without one of number 3")
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.output = output
        self.channel = channel
        self.furtherDescriptors = furtherDescriptors
    }
}

/// How a process ended.
package enum ProcessExit: Sendable, Hashable {
    /// It called exit with this status, 0 to 255.
    case exited(Int)
    /// A signal of this number ended it.
    case signalled(Int)
    /// The sandbox went away with the process; its own end was not seen.
    case lost
}
