import CSandbox
import Glibc

/// The smallest guest there is: firmware whose first three instructions tell the monitor to exit with a status that nothing
/// else exits with. So a host on which `/dev/kvm` is there, and can be opened, and even makes machines, but never gets as far
/// as to run one, is told from one that works: in some nested virtual machines all but the last is so.
enum TrialGuest {
    /// What QEMU's `isa-debug-exit` makes of the value that the guest writes, 42.
    static let exitStatus = 42 << 1 | 1
    static let port = 0x501

    private static let firmwareBytes = 64 << 10
    /// Where a processor of the x86 kind begins, counted from the end of the firmware.
    private static let resetVectorFromEnd = 16

    static var firmware: [UInt8] {
        var bytes = [UInt8](repeating: 0xf4, count: firmwareBytes)
        let code: [UInt8] = [
            0xba, UInt8(port & 0xff), UInt8(port >> 8),  // mov dx, port
            0xb0, 42,  // mov al, 42
            0xee,  // out dx, al
            0xf4,  // hlt
        ]
        bytes.replaceSubrange(
            (firmwareBytes - resetVectorFromEnd)..<(firmwareBytes - resetVectorFromEnd + code.count),
            with: code
        )
        return bytes
    }

    static func arguments(_ executable: String, _ accelerator: QEMUProgram.Accelerator) -> [String] {
        [
            executable, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-machine", "microvm,acpi=off,pcie=off,usb=off,x-option-roms=off", "-accel", accelerator.rawValue,
            "-cpu", accelerator == .kvm ? "host" : "max", "-m", "16M",
            "-device", "isa-debug-exit,iobase=\(port),iosize=1",
            "-bios", "/proc/self/fd/\(MachineProgram.firstDescriptor)",
        ]
    }

    /// What the end of the trial says; `nil` for a guest that ran.
    static func failure(_ exit: MachineExit?, deadline: Duration) -> String? {
        switch exit {
        case .exited(exitStatus)?: nil
        case .exited(let status)?: "a trial machine did not run: QEMU exited with status \(status)"
        case .signalled(let signal)?: "a trial machine did not run: QEMU was ended by signal \(signal)"
        case .lost?: "a trial machine was lost"
        case nil: "a trial machine did not run its first instructions within \(deadline)"
        }
    }
}
