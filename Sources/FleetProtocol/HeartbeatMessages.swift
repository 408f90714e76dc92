import HostLink
package import NIOCore

/// How a worker stands: what changes of it while it is a member.
package struct WorkerStandingMessage: Sendable, Equatable, WireValue {
    /// Whether it finishes what it has, and leaves.
    package var isDraining = false
    /// Whether its lease nears its end.
    package var leaseNearsEnd = false

    /// A worker that may have whatever it has room for.
    package init() {}

    package init(from buffer: inout ByteBuffer) throws {
        isDraining = try buffer.readFlag()
        leaseNearsEnd = try buffer.readFlag()
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeFlag(isDraining)
        buffer.writeFlag(leaseNearsEnd)
    }
}

/// What a worker tells a manager first, and again when it stands differently.
package struct WorkerRegistration: Sendable, Equatable, WireValue {
    package var standing: WorkerStandingMessage
    /// What the worker is, as a JSON document for placement.
    package var description: ByteBuffer

    /// Tells of a worker.
    package init(standing: WorkerStandingMessage, description: ByteBuffer) {
        self.standing = standing
        self.description = description
    }

    package init(from buffer: inout ByteBuffer) throws {
        var block = try buffer.readBlock()
        standing = try WorkerStandingMessage(from: &block)
        description = try buffer.readBlock()
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeBlock(standing.body)
        buffer.writeBlock(description)
    }
}

/// How many environments a worker has of one function version. Managers hear of those of other managers, too, since all of them
/// take room.
package struct CensusEntry: Sendable, Hashable, WireValue {
    /// What the entry is of.
    package struct Key: Sendable, Hashable {
        package var partition: Int
        /// The configuration of the function's version.
        package var configuration: String
        package var memoryMB: Int

        package init(partition: Int, configuration: String, memoryMB: Int) {
            self.partition = partition
            self.configuration = configuration
            self.memoryMB = memoryMB
        }
    }

    package var key: Key
    package var count: Int

    package init(_ key: Key, count: Int) {
        self.key = key
        self.count = count
    }

    package init(from buffer: inout ByteBuffer) throws {
        key = Key(
            partition: Int(try buffer.readNumber(UInt16.self)),
            configuration: try buffer.readText(),
            memoryMB: Int(try buffer.readNumber(Int32.self))
        )
        count = Int(try buffer.readNumber(Int32.self))
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt16(key.partition))
        buffer.writeText(key.configuration)
        buffer.writeMultipleIntegers(Int32(key.memoryMB), Int32(count))
    }
}

/// Says that a worker is alive, and what has changed of its environments since the last one over this link.
package struct HeartbeatMessage: Sendable, Equatable, WireValue {
    /// Counts the link's heartbeats.
    package var number: UInt64
    /// New counts in place of old ones.
    package var changes: [CensusEntry]
    /// What environments that work or are being made were promised, in MB; 0 if the worker's release does not tell.
    package var busyMB: Int

    /// A heartbeat.
    package init(number: UInt64, changes: [CensusEntry], busyMB: Int = 0) {
        self.number = number
        self.changes = changes
        self.busyMB = busyMB
    }

    package init(from buffer: inout ByteBuffer) throws {
        number = try buffer.readNumber(UInt64.self)
        changes = try buffer.readList { try CensusEntry(from: &$0) }
        busyMB = buffer.readableBytes > 0 ? Int(try buffer.readNumber(Int32.self)) : 0
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(number)
        buffer.writeList(changes) { $1.write(to: &$0) }
        buffer.writeInteger(Int32(clamping: busyMB))
    }
}
