package import GuestImages
package import Sandbox

/// What a ``MicroVMEngine`` needs to know.
package struct MicroVMConfiguration: Sendable {
    /// A directory of this engine alone, on a disk with room for what functions write to `/tmp`. Made anew at each start.
    package var stateDirectory: String
    /// What guests boot from.
    package var bootFiles: BootFiles
    /// The images of guests' root file systems.
    package var rootImages: [UserlandID: GuestImage]
    /// Whether guests can be given a network. Their jailer must have been started with one then.
    package var hasNetwork: Bool
    /// How long a guest may take for anything before it is given up.
    package var patience: Duration

    package init(
        stateDirectory: String,
        bootFiles: BootFiles,
        rootImages: [UserlandID: GuestImage],
        hasNetwork: Bool = false,
        patience: Duration = .seconds(20)
    ) {
        self.stateDirectory = stateDirectory
        self.bootFiles = bootFiles
        self.rootImages = rootImages
        self.hasNetwork = hasNetwork
        self.patience = patience
    }

    /// What the jail of machines has to show beside programs and libraries: QEMU's firmware.
    package static let jailPaths = ["/usr/share/qemu", "/usr/share/seabios"]
}
