/// A block device of the guest's to attach in the function's tree.
package struct GuestMount: Hashable, Sendable {
    package enum FileSystem: UInt8, Sendable, CaseIterable {
        /// EROFS, read-only: code, layers, a runtime.
        case image = 1
        /// ext4, writable by the function: its `/tmp`.
        case scratch = 2
    }

    /// The number of the device, in the order in which the machine has them: 0 is `/dev/vda`.
    package var drive: UInt8
    package var fileSystem: FileSystem
    /// Where it appears in the function's tree; absolute, of plain components, and a directory of it.
    package var target: String

    package init(drive: UInt8, fileSystem: FileSystem, target: String) {
        self.drive = drive
        self.fileSystem = fileSystem
        self.target = target
    }

    func write(to writer: inout WireWriter) {
        writer.write(drive)
        writer.write(fileSystem.rawValue)
        writer.write(target)
    }

    init(from reader: inout WireReader) throws(ProtocolViolation) {
        drive = try reader.integer()
        guard drive < 26 else { throw ProtocolViolation("a drive of number \(drive)") }
        let kind = try reader.integer(UInt8.self)
        guard let known = FileSystem(rawValue: kind) else { throw ProtocolViolation("a file system of kind \(kind)") }
        fileSystem = known
        target = try Self.target(from: &reader)
    }

    static func target(from reader: inout WireReader) throws(ProtocolViolation) -> String {
        let target = try reader.text(max: 256)
        let components = target.split(separator: "/", omittingEmptySubsequences: false)
        guard target.hasPrefix("/"), !components.dropFirst().contains(where: { [".", ".."].contains($0) }) else {
            throw ProtocolViolation("a mount at a place that is not plain")
        }
        return target
    }
}
