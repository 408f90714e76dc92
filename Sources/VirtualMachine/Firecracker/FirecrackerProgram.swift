/// The command line of a Firecracker process that is a virtual machine, and what the process is asked to be. Pure.
///
/// Firecracker takes paths where QEMU takes descriptors. All paths here are of the process's own descriptors, so that it needs
/// none of its jail's and finds what is its own whichever root it has: files as `/proc/self/fd/N`, and what is made or put in
/// place later as names in two directories that it has as descriptors. A descriptor has the same number in each life of a
/// machine, because Firecracker keeps the paths of drives and of the socket of the guest in its snapshots.
package struct FirecrackerProgram: Hashable, Sendable {
    package enum Start: Hashable, Sendable {
        case boot
        /// Go on from a snapshot.
        case restore
    }

    /// The descriptors of a machine.
    struct Descriptors {
        /// Where the process makes its sockets.
        let sockets: CInt
        /// Where files appear that replace those of drives.
        let files: CInt
        /// Where memory and state go if a snapshot is taken: files in memory.
        let savedMemory: CInt
        let savedState: CInt
        let drives: [CInt]
        /// What it starts from: the kernel and its files, or a snapshot's memory and state.
        let origin: (CInt, CInt)
    }

    package var executable: String

    package init(executable: String) {
        self.executable = executable
    }

    /// What a jail of such machines has to show beside what all do. Released programs need no libraries.
    package var jailPaths: [String] { [executable, "/dev/kvm"] }

    /// The name of the API's socket, and of the one by which the guest's can be reached, in the directory of sockets.
    static let apiSocket = "api"
    static let guestSocket = "guest"
    /// How many names there may be in it, with a few to spare.
    static let socketsMax: UInt32 = 8
    /// The guest's number among all who have such sockets; each Firecracker has one guest only.
    private static let guestNumber = 3

    /// The process's own numbers of its descriptors.
    private enum Place {
        static let sockets = MachineProgram.firstDescriptor
        static let files = sockets + 1
        static let savedMemory = sockets + 2
        static let savedState = sockets + 3
        static let drives = sockets + 4
        static let origin = drives + CInt(MachineSpecification.drivesMax)
    }

    func program(_ descriptors: Descriptors) -> MachineProgram {
        var all = [descriptors.sockets, descriptors.files, descriptors.savedMemory, descriptors.savedState]
        all += descriptors.drives
        // Numbers without a drive have something harmless, so that what follows is where it always is.
        all += Array(
            repeating: descriptors.savedState,
            count: MachineSpecification.drivesMax - descriptors.drives.count
        )
        all += [descriptors.origin.0, descriptors.origin.1]
        return MachineProgram(
            executable: executable,
            arguments: [executable, "--api-sock", "\(path(Place.sockets))/\(Self.apiSocket)"],
            descriptors: all
        )
    }

    /// What makes the fresh process this machine.
    func requests(for machine: MachineSpecification, _ start: Start) -> [FirecrackerRequest] {
        switch start {
        case .boot:
            [
                .machine(processors: machine.processors, memoryMiB: machine.memoryMiB),
                .bootSource(
                    kernel: path(Place.origin),
                    initialFiles: path(Place.origin + 1),
                    commandLine: commandLine(hasConsole: machine.hasConsole)
                ),
            ]
                + machine.drives.indices.map { index in
                    .drive(
                        id: drive(index),
                        path: originalPath(ofDrive: index),
                        isReadOnly: machine.drives[index].isReadOnly
                    )
                }
                + [
                    .vsock(guest: Self.guestNumber, path: "\(path(Place.sockets))/\(Self.guestSocket)"), .start,
                ]
        case .restore: [.loadSnapshot(state: path(Place.origin + 1), memory: path(Place.origin))]
        }
    }

    var createSnapshot: FirecrackerRequest {
        .createSnapshot(state: path(Place.savedState), memory: path(Place.savedMemory))
    }

    /// Puts a file behind a drive that has this name in the directory of files.
    func replaceDrive(_ index: Int, withFile name: String) -> FirecrackerRequest {
        .replaceDrive(id: drive(index), path: "\(path(Place.files))/\(name)")
    }

    /// Puts the file behind a drive that it had at the start.
    func resetDrive(_ index: Int) -> FirecrackerRequest {
        .replaceDrive(id: drive(index), path: originalPath(ofDrive: index))
    }

    static func fileName(ofDrive index: Int, generation: Int) -> String { "drive\(index)-\(generation)" }

    /// Everything of the machine's make that a snapshot depends on.
    func shape(of machine: MachineSpecification) -> String {
        let requests = requests(for: machine, .boot).map { request in
            "\(request.path) \(String(decoding: request.body, as: UTF8.self))"
        }
        return requests.joined(separator: " ")
            + " kernel=\(machine.kernel.contentID) files=\(machine.initialFiles.contentID)"
    }

    private func drive(_ index: Int) -> String { "drive\(index)" }

    private func originalPath(ofDrive index: Int) -> String { path(Place.drives + CInt(index)) }

    /// What the kernel is told, beside where its devices are, which Firecracker adds. A guest that panics, or is switched off,
    /// resets the machine, with which the process ends. There is no keyboard to look for, and no bus.
    private func commandLine(hasConsole: Bool) -> String {
        let words = ["reboot=k", "panic=-1", "pci=off", "nokaslr", "i8042.noaux", "i8042.nomux", "i8042.dumbkbd"]
        return (words + (hasConsole ? ["console=ttyS0"] : ["quiet", "8250.nr_uarts=0"])).joined(separator: " ")
    }

    private func path(_ descriptor: CInt) -> String { "/proc/self/fd/\(descriptor)" }
}
