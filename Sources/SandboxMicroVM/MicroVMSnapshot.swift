import Glibc
import Sandbox

/// A sandbox with processes in it that copies are made of.
final class MicroVMSnapshot: SandboxSnapshot {
    let template: MachineTemplates.Template
    /// What the machine was made of.
    let make: MachineTemplates.Make
    /// The host's directories that its guest has mounted. Copies need the same files behind the same drives.
    let mounts: [ReadOnlyMount]

    init(template: MachineTemplates.Template, make: MachineTemplates.Make, mounts: [ReadOnlyMount]) {
        self.template = template
        self.make = make
        self.mounts = mounts
    }
}
