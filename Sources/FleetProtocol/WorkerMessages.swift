import HostLink
package import LambdaAPI
package import NIOCore
package import Worker

/// A manager says that functions of some partitions are its own, each since an epoch. The worker reports the environments that it
/// has of them, and each partition's report ends with ``PartitionEpoch`` in a `reported`.
package struct OwnMessage: Sendable, Equatable, WireValue {
    package var partitions: [PartitionEpoch]

    /// Claims partitions.
    package init(partitions: [PartitionEpoch]) {
        self.partitions = partitions
    }

    package init(from buffer: inout ByteBuffer) throws {
        partitions = try buffer.readList { try PartitionEpoch(from: &$0) }
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeList(partitions) { $1.write(to: &$0) }
    }
}

/// A partition of functions under one of its owners.
package struct PartitionEpoch: Sendable, Hashable, WireValue {
    package var partition: Int
    /// Grows with each owner.
    package var epoch: Int

    /// A partition since an epoch.
    package init(partition: Int, epoch: Int) {
        self.partition = partition
        self.epoch = epoch
    }

    package init(from buffer: inout ByteBuffer) throws {
        partition = Int(try buffer.readNumber(UInt16.self))
        epoch = Int(try buffer.readNumber(Int64.self))
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(UInt16(partition), Int64(epoch))
    }
}

/// Has a worker make an environment.
package struct StartMessage: Sendable, WireValue {
    package var environmentID: EnvironmentID
    package var ownership: PartitionEpoch
    package var isProvisioned: Bool
    package var function: InvocableFunction

    /// Asks for an environment of a function.
    package init(
        _ environmentID: EnvironmentID,
        of function: InvocableFunction,
        _ ownership: PartitionEpoch,
        isProvisioned: Bool
    ) {
        self.environmentID = environmentID
        self.ownership = ownership
        self.isProvisioned = isProvisioned
        self.function = function
    }

    package init(from buffer: inout ByteBuffer) throws {
        environmentID = try EnvironmentID(from: &buffer)
        ownership = try PartitionEpoch(from: &buffer)
        isProvisioned = try buffer.readFlag()
        function = try FunctionDescription(from: &buffer).function
    }

    package func write(to buffer: inout ByteBuffer) {
        environmentID.write(to: &buffer)
        ownership.write(to: &buffer)
        buffer.writeFlag(isProvisioned)
        FunctionDescription(function: function).write(to: &buffer)
    }
}

/// What a worker tells of an environment that it has.
package struct EnvironmentReport: Sendable, WireValue {
    /// What an environment does.
    package enum Phase: Sendable, Equatable {
        /// It is being made.
        case starting
        /// Whoever shows the token may give it an invoke.
        case idle(ReservationToken)
        /// It has an invoke.
        case busy(RequestID)
        /// It ends.
        case leaving
    }

    package var environmentID: EnvironmentID
    package var isProvisioned: Bool
    package var phase: Phase
    package var function: InvocableFunction

    /// Tells of an environment.
    package init(_ environmentID: EnvironmentID, of function: InvocableFunction, isProvisioned: Bool, _ phase: Phase) {
        self.environmentID = environmentID
        self.isProvisioned = isProvisioned
        self.phase = phase
        self.function = function
    }

    package init(from buffer: inout ByteBuffer) throws {
        environmentID = try EnvironmentID(from: &buffer)
        isProvisioned = try buffer.readFlag()
        phase = try Phase(from: &buffer)
        function = try FunctionDescription(from: &buffer).function
    }

    package func write(to buffer: inout ByteBuffer) {
        environmentID.write(to: &buffer)
        buffer.writeFlag(isProvisioned)
        phase.write(to: &buffer)
        FunctionDescription(function: function).write(to: &buffer)
    }
}

extension EnvironmentReport.Phase: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        switch try buffer.readNumber(UInt8.self) {
        case 1: self = .starting
        case 2: self = .idle(try ReservationToken(from: &buffer))
        case 3: self = .busy(try RequestID(from: &buffer))
        case 4: self = .leaving
        default: throw LinkError(.malformed, "an environment is in an unknown phase")
        }
    }

    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .starting:
            buffer.writeInteger(UInt8(1))
        case .idle(let token):
            buffer.writeInteger(UInt8(2))
            token.write(to: &buffer)
        case .busy(let requestID):
            buffer.writeInteger(UInt8(3))
            requestID.write(to: &buffer)
        case .leaving:
            buffer.writeInteger(UInt8(4))
        }
    }
}

/// What has happened to an environment.
package struct EventMessage: Sendable, Equatable, WireValue {
    /// What happened.
    package enum Event: Sendable, Equatable {
        /// It has initialised for the first time, and may be given an invoke.
        case initialised(ReservationToken)
        /// It may be given an invoke again; so many have followed the one that the manager gave it out for.
        case idle(ReservationToken, followers: Int)
        /// It has an invoke: the answer to whoever wanted its token void.
        case running
        /// The caller of its invoke has the answer.
        case answered
        /// The host could not make it, or lost it; the reason is for the operator.
        case hostFailed(String)
        /// Its function could not initialise, and would fare no better in another.
        case functionFailedToInitialise
        /// It takes no more invokes.
        case ended
        /// Nothing of it is left, or there never was such an environment.
        case removed
        /// It was to be made, and there is no room for it on the worker.
        case noRoom
    }

    package var environmentID: EnvironmentID
    package var event: Event

    /// Tells of an event.
    package init(_ environmentID: EnvironmentID, _ event: Event) {
        self.environmentID = environmentID
        self.event = event
    }

    package init(from buffer: inout ByteBuffer) throws {
        environmentID = try EnvironmentID(from: &buffer)
        switch try buffer.readNumber(UInt8.self) {
        case 1: event = .initialised(try ReservationToken(from: &buffer))
        case 2:
            event = .idle(
                try ReservationToken(from: &buffer),
                followers: Int(try buffer.readNumber(UInt16.self))
            )
        case 3: event = .running
        case 4: event = .answered
        case 5: event = .hostFailed(try buffer.readText())
        case 6: event = .functionFailedToInitialise
        case 7: event = .ended
        case 8: event = .removed
        case 9: event = .noRoom
        default: throw LinkError(.malformed, "something unknown has happened to an environment")
        }
    }

    package func write(to buffer: inout ByteBuffer) {
        environmentID.write(to: &buffer)
        switch event {
        case .initialised(let token):
            buffer.writeInteger(UInt8(1))
            token.write(to: &buffer)
        case .idle(let token, let followers):
            buffer.writeInteger(UInt8(2))
            token.write(to: &buffer)
            buffer.writeInteger(UInt16(clamping: followers))
        case .running:
            buffer.writeInteger(UInt8(3))
        case .answered:
            buffer.writeInteger(UInt8(4))
        case .hostFailed(let reason):
            buffer.writeInteger(UInt8(5))
            buffer.writeText(reason)
        case .functionFailedToInitialise:
            buffer.writeInteger(UInt8(6))
        case .ended:
            buffer.writeInteger(UInt8(7))
        case .removed:
            buffer.writeInteger(UInt8(8))
        case .noRoom:
            buffer.writeInteger(UInt8(9))
        }
    }
}
