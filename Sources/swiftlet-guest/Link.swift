import CGuest
import Glibc

/// The name of the port by which the host is reached.
private let portName = "swiftlet.agent"
/// The port at which the host is waited for, where it is reached by sockets: of those that only root may listen at.
private let socketPort: UInt32 = 1023
/// The number of such sockets' device among virtio's kinds, as the kernel writes it.
private let socketDevice = "0x0013"

/// The way to the host.
enum Link {
    /// A port that is always there, whoever holds the other end.
    case port(CInt)
    /// Where the host connects, and connects anew in each copy of the machine: its connections are not in snapshots.
    case listener(CInt)
}

/// Opens the way to the host that the machine has: the virtio-serial port of our name, or sockets. The machine is made with
/// either, so it is there, or will be within moments.
func openLink() throws(SystemFailure) -> Link {
    let ports = "/sys/class/virtio-ports"
    let devices = "/sys/bus/virtio/devices"
    for _ in 0..<5000 {
        for port in entries(of: ports) {
            let name = try? readText(at: "\(ports)/\(port)/name")
            guard let name, name == "\(portName)\n" else { continue }
            return .port(try checked("open /dev/\(port)") { open("/dev/\(port)", O_RDWR | O_CLOEXEC | O_NONBLOCK) })
        }
        for device in entries(of: devices)
        where (try? readText(at: "\(devices)/\(device)/device")) == "\(socketDevice)\n" {
            return .listener(try checked("listen for the host") { cguest_host_listener(socketPort) })
        }
        usleep(1000)
    }
    throw SystemFailure(step: "find port \(portName), or a device for sockets", errno: ENODEV)
}

/// Loads the kernel's modules, where it is not built as one piece: those that `/modules/order` names, in its order.
func loadModules() throws(SystemFailure) {
    guard let order = try? readText(at: "/modules/order") else { return }
    for name in order.split(separator: "\n") {
        let file = try checked("open module \(name)") { open("/modules/\(name)", O_RDONLY | O_CLOEXEC) }
        defer { close(file) }
        try checked("load module \(name)") { cguest_load_module(file) }
    }
}

private func entries(of path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if !name.hasPrefix(".") { names.append(name) }
    }
    return names
}
