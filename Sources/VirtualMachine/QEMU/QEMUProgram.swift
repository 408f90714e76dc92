/// The command line of a QEMU process that is a virtual machine. Pure.
///
/// QEMU's `microvm` machine has no PCI, no ACPI and no firmware to speak of: an interrupt controller, a clock, a serial
/// line, and virtio devices over MMIO. All files come as descriptors, so the process needs no path to any of them. Facts:
/// QEMU's `docs/system/i386/microvm.rst`, and what was measured (decision record 22).
package struct QEMUProgram: Hashable, Sendable {
    /// What runs the processors.
    package enum Accelerator: String, Sendable, CaseIterable {
        case kvm
        /// Software emulation: works everywhere, and is several times slower.
        case tcg
    }

    package enum Start: Hashable, Sendable {
        case boot
        /// Wait for the state of another machine, whose memory it has, or only reads.
        case incoming(isWritingMemory: Bool)

        var isWritingMemory: Bool {
            switch self {
            case .boot: true
            case .incoming(let isWritingMemory): isWritingMemory
            }
        }
    }

    /// The descriptors of a machine in the order in which its process gets them.
    struct Descriptors {
        let control: CInt
        let channel: CInt
        let memory: CInt
    }

    package var executable: String
    package var accelerator: Accelerator
    /// How fast the host's time stamp counter counts, in kHz; 0 where that is not known. A guest that measures this for itself
    /// may hang for ever while its host is busy.
    package var counterKHz: Int

    package init(executable: String, accelerator: Accelerator, counterKHz: Int) {
        self.executable = executable
        self.accelerator = accelerator
        self.counterKHz = counterKHz
    }

    /// The processor that guests see.
    package var processorModel: String { accelerator == .kvm ? "host" : "max" }

    /// Everything of the machine's make that a snapshot depends on.
    func shape(of machine: MachineSpecification) -> String {
        var machine = machine
        machine.network = .nothing
        let arguments = arguments(for: machine, .boot).joined(separator: " ")
        return "\(arguments) kernel=\(machine.kernel.contentID) files=\(machine.initialFiles.contentID)"
    }

    func program(for machine: MachineSpecification, _ start: Start, _ descriptors: Descriptors) -> MachineProgram {
        MachineProgram(
            executable: executable,
            arguments: arguments(for: machine, start),
            descriptors: [descriptors.control, descriptors.channel, descriptors.memory]
                + [machine.kernel.descriptor, machine.initialFiles.descriptor] + machine.drives.map(\.descriptor),
            hasTap: machine.network == .tap
        )
    }

    /// The process's own numbers of its descriptors.
    private enum Place {
        static let control = MachineProgram.firstDescriptor
        static let channel = control + 1
        static let memory = control + 2
        static let kernel = control + 3
        static let initialFiles = control + 4
        static let drives = control + 5
    }

    private func arguments(for machine: MachineSpecification, _ start: Start) -> [String] {
        var arguments = [executable, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]
        arguments += ["-name", "guest", "-msg", "timestamp=off"]
        // The clock in hardware stays: without it the kernel waits for seconds.
        let acpi = machine.hasACPI ? "on" : "off"
        arguments += [
            "-machine", "microvm,acpi=\(acpi),pcie=off,usb=off,x-option-roms=off,rtc=on,memory-backend=memory",
        ]
        // Room for translated code, in MB. With 16 what an invoke needs is translated over and over; more is never given back.
        arguments += ["-accel", accelerator == .kvm ? "kvm" : "tcg,tb-size=24"]
        arguments += ["-cpu", processorModel, "-smp", "\(machine.processors)", "-m", "\(machine.memoryMiB)M"]
        // A copy writes to pages of its own.
        let isShared = start.isWritingMemory ? "on" : "off"
        arguments += [
            "-object",
            "memory-backend-file,id=memory,size=\(machine.memoryMiB)M,mem-path=\(path(Place.memory)),share=\(isShared)",
        ]
        arguments += ["-chardev", "socket,id=control,fd=\(Place.control)", "-mon", "chardev=control,mode=control"]
        arguments += ["-chardev", "socket,id=agent,fd=\(Place.channel)"]
        arguments += ["-device", "virtio-serial-device,max_ports=2"]
        arguments += ["-device", "virtserialport,chardev=agent,name=swiftlet.agent"]
        for (index, drive) in machine.drives.enumerated() {
            let set = Self.fileSet(ofDrive: index, generation: 0)
            let block = QEMUBlock(
                name: Self.block(ofDrive: index, generation: 0),
                fileSet: set,
                isReadOnly: drive.isReadOnly
            )
            arguments += ["-add-fd", "fd=\(Place.drives + CInt(index)),set=\(set)", "-blockdev", block.json]
            arguments += ["-device", "virtio-blk-device,id=\(Self.device(ofDrive: index)),drive=\(block.name)"]
        }
        // The same address in every guest, since copies have that of their template: each is alone on its link.
        // It is in no network that would have to be told of a copy's move.
        let interface = "virtio-net-device,guest_announce=off,mac=02:00:00:00:00:01"
        switch machine.network {
        case .nothing:
            arguments += ["-device", interface]
        case .tap:
            let tap = Place.drives + CInt(machine.drives.count)
            arguments += ["-netdev", "tap,id=network,fd=\(tap)", "-device", "\(interface),netdev=network"]
        }
        arguments += ["-serial", machine.hasConsole ? "stdio" : "none"]
        arguments += ["-kernel", path(Place.kernel), "-initrd", path(Place.initialFiles)]
        arguments += ["-append", commandLine(hasConsole: machine.hasConsole)]
        if start != .boot { arguments += ["-incoming", "defer", "-S"] }
        // No more programs, no more rights, and no system calls that only old programs need.
        arguments += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
        return arguments
    }

    /// What the kernel is told. A guest that panics ends at once, instead of standing still.
    private func commandLine(hasConsole: Bool) -> String {
        var words = counterKHz > 0 ? ["tsc_early_khz=\(counterKHz)", "tsc=reliable"] : []
        words += ["no_timer_check", "nokaslr", "reboot=t", "panic=-1"]
        words += hasConsole ? ["console=ttyS0"] : ["quiet"]
        return words.joined(separator: " ")
    }

    /// Opens the descriptor's file anew, with rights of its own.
    private func path(_ descriptor: CInt) -> String { "/proc/self/fd/\(descriptor)" }

    static func device(ofDrive index: Int) -> String { "drive\(index)" }
    static func block(ofDrive index: Int, generation: Int) -> String { "file\(index)-\(generation)" }
    /// From 1 on, another for each file that a drive ever has.
    static func fileSet(ofDrive index: Int, generation: Int) -> Int {
        generation * MachineSpecification.drivesMax + index + 1
    }
}
