/// What a virtual machine is made of.
package struct MachineSpecification: Sendable {
    /// How much memory it has, in MiB.
    package var memoryMiB: Int
    package var processors: Int
    /// The kernel, an ELF or bzImage file, and the file system in memory that it starts from. Descriptors of plain files.
    package var kernel: MachineFile
    package var initialFiles: MachineFile
    /// Whether the kernel finds its devices by ACPI, as Debian's does, instead of by its command line.
    package var hasACPI: Bool
    /// What the guest finds as `/dev/vda`, `/dev/vdb` and so on.
    package var drives: [MachineDrive]
    /// What its network interface is connected with.
    package var network: MachineNetwork
    /// Whether what the kernel says goes to the process's output; slows down the start.
    package var hasConsole: Bool

    package init(
        memoryMiB: Int,
        processors: Int = 1,
        kernel: MachineFile,
        initialFiles: MachineFile,
        hasACPI: Bool = false,
        drives: [MachineDrive] = [],
        network: MachineNetwork = .nothing,
        hasConsole: Bool = false
    ) {
        self.memoryMiB = memoryMiB
        self.processors = processors
        self.kernel = kernel
        self.initialFiles = initialFiles
        self.hasACPI = hasACPI
        self.drives = drives
        self.network = network
        self.hasConsole = hasConsole
    }

    package static let drivesMax = 5
}

/// What the network interface of a machine is connected with. Every machine has the interface, and is to its guest the same
/// whatever is behind it.
package enum MachineNetwork: Sendable, Hashable {
    /// What is sent is gone, and nothing comes.
    case nothing
    /// A tap device of the housing's; see ``MachineProgram/hasTap``.
    case tap
}

/// A file that a machine gets by its descriptor, so that the process behind it needs no path to it.
package struct MachineFile: Sendable, Hashable {
    /// Stays the owner's to close, but not before the machine has started.
    package var descriptor: CInt
    /// What names its content in the key of snapshots: a hash.
    package var contentID: String

    package init(descriptor: CInt, contentID: String) {
        self.descriptor = descriptor
        self.contentID = contentID
    }
}

/// A block device. The process behind the machine gets a descriptor that can do no more than the guest may, whatever this one
/// can. It could open the file anew by it, though: the file of a drive that others share must not be writable for the user
/// that the process runs as.
package struct MachineDrive: Sendable, Hashable {
    package var descriptor: CInt
    package var isReadOnly: Bool

    package init(descriptor: CInt, isReadOnly: Bool) {
        self.descriptor = descriptor
        self.isReadOnly = isReadOnly
    }
}

/// How long the process behind a machine may take for what it is asked.
package struct MachinePatience: Sendable {
    /// To start and say so; milliseconds are usual, more on a busy host.
    package var start: Duration
    /// To answer anything else.
    package var answer: Duration

    package init(start: Duration = .seconds(20), answer: Duration = .seconds(10)) {
        self.start = start
        self.answer = answer
    }
}
