/// What a worker says of itself when it joins.
package struct WorkerDescription: Sendable, Hashable, Codable {
    package var id: WorkerID
    package var zone: ZoneName
    package var labels: Set<WorkerLabel>
    package var instructionSet: InstructionSet
    /// The runtimes that it has.
    package var runtimes: Set<RuntimeName>
    /// The memory that environments may have together, in MB.
    package var memoryMB: Int
    /// Its processors, in thousandths of a vCPU.
    package var cpuMilli: Int

    /// A worker.
    package init(
        id: WorkerID,
        zone: ZoneName,
        labels: Set<WorkerLabel> = [],
        instructionSet: InstructionSet = .x86,
        runtimes: Set<RuntimeName>,
        memoryMB: Int,
        cpuMilli: Int
    ) {
        self.id = id
        self.zone = zone
        self.labels = labels
        self.instructionSet = instructionSet
        self.runtimes = runtimes
        self.memoryMB = memoryMB
        self.cpuMilli = cpuMilli
    }
}

/// Whether a worker may have new environments.
package enum WorkerStanding: UInt8, Sendable, Hashable, CaseIterable {
    /// It may.
    case open
    /// An operator has closed it; what it has stays.
    case cordoned
    /// It finishes what runs, and leaves.
    case draining
    /// Nothing was heard of it for too long; its environments are not used.
    case silent
}
