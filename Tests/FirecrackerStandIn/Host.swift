import FirecrackerAPI
import Foundation
import Glibc

/// The files of a machine, as this process has them.
struct Host: Model.Host {
    let guest: Guest

    func problem(opening path: String, writable: Bool) -> String? {
        let file = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC)
        guard file >= 0 else { return "failed to open \(path): \(String(cString: strerror(errno)))" }
        close(file)
        return nil
    }

    func listen(at path: String) -> String? {
        guard let listener = listeningSocket(at: path) else { return "failed to listen at \(path)" }
        guest.serve(listener)
        return nil
    }

    func save(_ machine: Model.Machine, state: String, memory: String) -> String? {
        guest.reset()
        let file = open(memory, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0, ftruncate(file, off_t(machine.memoryMiB) << 20) == 0 else { return "failed to open \(memory)" }
        defer { close(file) }
        // All of it, as Firecracker does.
        let piece = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<machine.memoryMiB where write(file, piece, piece.count) != piece.count { return "failed to write" }
        let mark = Array(Script.memory.utf8)
        for place in [0, off_t(machine.memoryMiB) << 20 - 4096]
        where pwrite(file, mark, mark.count, place) != mark.count {
            return "failed to write \(memory)"
        }
        let description = try? JSONEncoder().encode(machine)
        let kept = open(state, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard kept >= 0, let description else { return "failed to open \(state)" }
        defer { close(kept) }
        let bytes = Array(description)
        return write(kept, bytes, bytes.count) == bytes.count ? nil : "failed to write \(state)"
    }

    func load(state: String, memory: String) -> Result<Model.Machine, Model.Failure> {
        guard let description = try? Data(contentsOf: URL(fileURLWithPath: state)),
            let machine = try? JSONDecoder().decode(Model.Machine.self, from: description)
        else { return .failure(Model.Failure("the state is damaged")) }
        let file = open(memory, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return .failure(Model.Failure("failed to open \(memory)")) }
        defer { close(file) }
        let bytes = machine.memoryMiB << 20
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size == bytes else {
            return .failure(Model.Failure("the memory is of another size"))
        }
        let mapping = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0)
        guard let mapping, mapping != MAP_FAILED else { return .failure(Model.Failure("failed to map \(memory)")) }
        for place in [0, bytes - 4096] {
            let text = UnsafeRawBufferPointer(start: mapping + place, count: Script.memory.utf8.count)
            guard text.elementsEqual(Script.memory.utf8) else {
                return .failure(Model.Failure("the memory is another machine's"))
            }
            // As a guest does, to pages of its own.
            (mapping + place).storeBytes(of: 0, as: UInt8.self)
        }
        return .success(machine)
    }
}

/// A socket of this process at a path.
func listeningSocket(at path: String) -> CInt? {
    let listener = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let isTooLong = path.utf8.count >= MemoryLayout.size(ofValue: address.sun_path)
    guard !isTooLong else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let isBound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
    }
    return isBound && listen(listener, 16) == 0 ? listener : nil
}
