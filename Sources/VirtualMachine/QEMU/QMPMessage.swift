import Foundation

/// What QEMU is told over its control socket: one JSON object in a line. The protocol is described in QEMU's
/// `docs/interop/qmp-spec.txt`, the commands in `qapi/*.json`.
package struct QMPCommand: Sendable, Equatable {
    let name: String
    /// The arguments, as JSON; empty where there are none.
    let arguments: String
    /// A descriptor to go beside it; stays the caller's.
    let descriptor: CInt?

    init(_ name: String, _ arguments: String = "", descriptor: CInt? = nil) {
        self.name = name
        self.arguments = arguments
        self.descriptor = descriptor
    }

    /// The line of the command.
    func line(id: UInt64) -> String {
        let rest = arguments.isEmpty ? "" : #","arguments":\#(arguments)"#
        return #"{"execute":"\#(name)","id":\#(id)\#(rest)}"# + "\n"
    }

    static let negotiate = QMPCommand("qmp_capabilities")
    static let stop = QMPCommand("stop")
    static let resume = QMPCommand("cont")
    /// Memory that is a file of the host's is not part of the state; and the course of a migration is reported.
    static let shareMemory = QMPCommand(
        "migrate-set-capabilities",
        #"{"capabilities":[{"capability":"x-ignore-shared","state":true},{"capability":"events","state":true}]}"#
    )

    /// Writes the state to a descriptor that was sent before under this name.
    static func save(to name: String) -> QMPCommand { QMPCommand("migrate", #"{"uri":"fd:\#(name)"}"#) }

    /// Reads the state from a descriptor that was sent before under this name.
    static func load(from name: String) -> QMPCommand { QMPCommand("migrate-incoming", #"{"uri":"fd:\#(name)"}"#) }

    static func give(_ descriptor: CInt, as name: String) -> QMPCommand {
        QMPCommand("getfd", #"{"fdname":"\#(name)"}"#, descriptor: descriptor)
    }

    static func addFile(_ descriptor: CInt, toSet set: Int) -> QMPCommand {
        QMPCommand("add-fd", #"{"fdset-id":\#(set)}"#, descriptor: descriptor)
    }

    static func removeFileSet(_ set: Int) -> QMPCommand { QMPCommand("remove-fd", #"{"fdset-id":\#(set)}"#) }

    static func addBlock(_ node: QEMUBlock) -> QMPCommand { QMPCommand("blockdev-add", node.json) }

    static func removeBlock(_ name: String) -> QMPCommand { QMPCommand("blockdev-del", #"{"node-name":"\#(name)"}"#) }

    static func connect(device: String, to node: String) -> QMPCommand {
        QMPCommand("qom-set", #"{"path":"/machine/peripheral/\#(device)","property":"drive","value":"\#(node)"}"#)
    }
}

/// A line of QEMU's. What is not known of it is not looked at.
struct QMPMessage: Decodable, Equatable {
    struct Empty: Decodable, Equatable {}

    struct Failure: Decodable, Equatable {
        let desc: String
    }

    struct Details: Decodable, Equatable {
        /// Of MIGRATION.
        let status: String?
    }

    /// In the greeting.
    let QMP: Empty?
    let id: UInt64?
    /// In an answer to a command that failed; an answer without it is that it was done.
    let error: Failure?
    let event: String?
    let data: Details?

    init(line: some Collection<UInt8>) throws(VirtualMachineError) {
        do {
            self = try JSONDecoder().decode(QMPMessage.self, from: Data(line))
        } catch {
            throw VirtualMachineError(.refused, "QEMU sent what is not of its protocol")
        }
    }
}
