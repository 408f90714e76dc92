import CSandbox
import Glibc
import Synchronization

/// The memory of a virtual machine, as a file in memory of the host's.
///
/// A machine that boots writes to it. When a snapshot has been taken it is sealed: from then on not even a process that has
/// the descriptor can alter it, so a copy of the machine can map it, and write to pages of its own only.
package final class MachineMemory: Sendable {
    package let descriptor: CInt
    package let sizeMiB: Int

    package init(sizeMiB: Int) throws(VirtualMachineError) {
        self.sizeMiB = sizeMiB
        descriptor = sb_memory_file("machine", off_t(sizeMiB) << 20)
        guard descriptor >= 0 else {
            throw VirtualMachineError(.startFailed, "failed to make \(sizeMiB) MiB of memory: errno \(errno)")
        }
    }

    deinit {
        close(descriptor)
    }

    /// The same content, not sealed.
    func copy() throws(VirtualMachineError) -> MachineMemory {
        try MachineMemory(copying: descriptor, sizeMiB: sizeMiB)
    }

    /// What a file holds, not sealed.
    convenience init(copying file: CInt, sizeMiB: Int) throws(VirtualMachineError) {
        try self.init(sizeMiB: sizeMiB)
        guard sb_copy_sparse(file, descriptor) == 0 else {
            throw VirtualMachineError(.startFailed, "failed to copy a machine's memory: errno \(errno)")
        }
    }

    /// Forbids every change from here on. Nobody may have it mapped for writing any more.
    func seal() throws(VirtualMachineError) {
        guard sb_seal(descriptor) == 0 else {
            throw VirtualMachineError(.refused, "failed to seal a machine's memory: errno \(errno)")
        }
    }

    /// How much of it is in use on the host, in bytes.
    package func bytesUsed() -> Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : 0
    }
}
