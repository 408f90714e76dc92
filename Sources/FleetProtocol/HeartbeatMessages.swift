import HostLink
package import NIOCore
package import Placement

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
    /// How long after an answered heartbeat the worker goes on with what it runs, in milliseconds; nil if its release does not
    /// tell.
    package var leashMilliseconds: Int?

    /// Tells of a worker.
    package init(standing: WorkerStandingMessage, description: ByteBuffer, leashMilliseconds: Int?) {
        self.standing = standing
        self.description = description
        self.leashMilliseconds = leashMilliseconds
    }

    package init(from buffer: inout ByteBuffer) throws {
        var block = try buffer.readBlock()
        standing = try WorkerStandingMessage(from: &block)
        description = try buffer.readBlock()
        leashMilliseconds = buffer.readableBytes > 0 ? Int(try buffer.readNumber(Int64.self)) : nil
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeBlock(standing.body)
        buffer.writeBlock(description)
        if let leashMilliseconds { buffer.writeInteger(Int64(leashMilliseconds)) }
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
        key = try Key(from: &buffer)
        count = Int(try buffer.readNumber(Int32.self))
    }

    package func write(to buffer: inout ByteBuffer) {
        key.write(to: &buffer)
        buffer.writeInteger(Int32(count))
    }
}

extension CensusEntry.Key: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        partition = Int(try buffer.readNumber(UInt16.self))
        configuration = try buffer.readText()
        memoryMB = Int(try buffer.readNumber(Int32.self))
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt16(partition))
        buffer.writeText(configuration)
        buffer.writeInteger(Int32(memoryMB))
    }
}

/// What a function version's environments on a worker use of the CPU.
package struct LoadEntry: Sendable, Hashable, WireValue {
    package var key: CensusEntry.Key
    /// Of each on the average, running and frozen ones alike, in thousandths of a vCPU.
    package var cpuMilli: Int

    package init(_ key: CensusEntry.Key, cpuMilli: Int) {
        self.key = key
        self.cpuMilli = cpuMilli
    }

    package init(from buffer: inout ByteBuffer) throws {
        key = try CensusEntry.Key(from: &buffer)
        cpuMilli = Int(try buffer.readNumber(Int32.self))
    }

    package func write(to buffer: inout ByteBuffer) {
        key.write(to: &buffer)
        buffer.writeInteger(Int32(clamping: cpuMilli))
    }
}

/// Packages of code that have come to a worker, and that have gone.
package struct CodeChanges: Sendable, Equatable, WireValue {
    package var fetched: [ShortDigest] = []
    package var removed: [ShortDigest] = []

    /// None.
    package init() {}

    /// What makes one set of packages of another.
    package init(from before: Set<ShortDigest>, to now: Set<ShortDigest>) {
        fetched = Array(now.subtracting(before))
        removed = Array(before.subtracting(now))
    }

    package init(from buffer: inout ByteBuffer) throws {
        fetched = try buffer.readList { try ShortDigest(from: &$0) }
        removed = try buffer.readList { try ShortDigest(from: &$0) }
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeList(fetched) { $1.write(to: &$0) }
        buffer.writeList(removed) { $1.write(to: &$0) }
    }
}

extension ShortDigest: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(high: try buffer.readNumber(UInt64.self), low: try buffer.readNumber(UInt64.self))
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(high, low)
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
    /// What function versions use of the CPU, as far as it was measured since the last heartbeat.
    package var loads: [LoadEntry] = []
    /// What has changed of the code that the worker has since the last heartbeat over this link.
    package var code = CodeChanges()

    /// A heartbeat.
    package init(number: UInt64, changes: [CensusEntry], busyMB: Int = 0) {
        self.number = number
        self.changes = changes
        self.busyMB = busyMB
    }

    package init(from buffer: inout ByteBuffer) throws {
        number = try buffer.readNumber(UInt64.self)
        changes = try buffer.readList { try CensusEntry(from: &$0) }
        // What later releases tell, each in its turn.
        busyMB = buffer.readableBytes > 0 ? Int(try buffer.readNumber(Int32.self)) : 0
        guard buffer.readableBytes > 0 else { return }
        loads = try buffer.readList { try LoadEntry(from: &$0) }
        code = try CodeChanges(from: &buffer)
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(number)
        buffer.writeList(changes) { $1.write(to: &$0) }
        buffer.writeInteger(Int32(clamping: busyMB))
        buffer.writeList(loads) { $1.write(to: &$0) }
        code.write(to: &buffer)
    }
}
