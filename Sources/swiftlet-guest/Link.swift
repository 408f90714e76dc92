import CGuest
import Glibc

/// The name of the port by which the host is reached.
private let portName = "swiftlet.agent"

/// Opens the way to the host: the virtio-serial port of our name. The machine is made with it, so it is there, or will be
/// within moments.
func openLink() throws(SystemFailure) -> CInt {
    let directory = "/sys/class/virtio-ports"
    for _ in 0..<5000 {
        for port in entries(of: directory) {
            let name = try? readText(at: "\(directory)/\(port)/name")
            guard let name, name == "\(portName)\n" else { continue }
            return try checked("open /dev/\(port)") { open("/dev/\(port)", O_RDWR | O_CLOEXEC | O_NONBLOCK) }
        }
        usleep(1000)
    }
    throw SystemFailure(step: "find port \(portName)", errno: ENODEV)
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
