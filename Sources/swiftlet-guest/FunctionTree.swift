import CGuest
import Glibc
import GuestProtocol

/// The root directory that the function's processes see. The agent's own is another, in memory, which holds nothing but the
/// agent.
struct FunctionTree {
    static let root = "/tree"

    init() throws(SystemFailure) {
        try Self.makeDirectory(Self.root)
    }

    /// Attaches a block device.
    func mount(_ mount: GuestMount) throws(SystemFailure) {
        let device = "/dev/vd" + String(UnicodeScalar(UInt8(ascii: "a") + mount.drive))
        let target = mount.target == "/" ? Self.root : Self.root + mount.target
        switch mount.fileSystem {
        case .image:
            let flags = UInt(MS_RDONLY) | UInt(MS_NOSUID) | UInt(MS_NODEV)
            try checked("mount \(mount.target)") { Glibc.mount(device, target, "erofs", flags, nil) }
        case .scratch:
            let flags = UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOATIME)
            try checked("mount \(mount.target)") {
                Glibc.mount(device, target, "ext4", flags, "nobarrier,noinit_itable,nodelalloc")
            }
            try checked("set the mode of \(mount.target)") { chmod(target, 0o1777) }
            try checked("empty \(mount.target)") { rmdir(target + "/lost+found") }
        }
        if mount.target == "/" { try addKernelFiles() }
    }

    func unmount(_ target: String) throws(SystemFailure) {
        try checked("unmount \(target)") { umount2(Self.root + target, 0) }
    }

    /// What programs expect beside files: `/proc`, in which they see their own processes only, and a few devices.
    private func addKernelFiles() throws(SystemFailure) {
        let flags = UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOEXEC)
        try checked("mount /proc") { Glibc.mount("proc", "\(Self.root)/proc", "proc", flags, "hidepid=invisible") }
        let dev = "\(Self.root)/dev"
        try checked("mount /dev") {
            Glibc.mount("dev", dev, "tmpfs", UInt(MS_NOSUID) | UInt(MS_NOEXEC), "size=64k,mode=755")
        }
        let devices: [(String, UInt32, UInt32)] = [
            ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ]
        for (name, major, minor) in devices {
            try checked("make /dev/\(name)") { cguest_make_device("\(dev)/\(name)", major, minor) }
        }
        for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
            try checked("make /dev/\(name)") { symlink("/proc/self/fd\(target)", "\(dev)/\(name)") }
        }
        try checked("make /dev read-only") {
            Glibc.mount(nil, dev, nil, UInt(MS_REMOUNT) | UInt(MS_RDONLY) | UInt(MS_NOSUID) | UInt(MS_NOEXEC), nil)
        }
    }

    static func makeDirectory(_ path: String) throws(SystemFailure) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        throw SystemFailure(step: "make directory \(path)", errno: errno)
    }
}
