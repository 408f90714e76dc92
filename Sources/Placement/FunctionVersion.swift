/// What environments are alike in: a function's version in one configuration.
///
/// A function whose memory has changed is another one to placement, since its environments take other room. Those of
/// its old configuration are about to end anyway.
package struct FunctionVersion: Hashable, Sendable, Codable {
    /// The most memory that a function, or a worker, is taken to have, in MB.
    package static let memoryMBMax = (1 << 24) - 1

    /// Tells the version from all others: a digest of its ARN and revision.
    package let identity: ShortDigest
    private let memory: Int32

    /// A version whose environments have this much memory.
    package init(_ identity: ShortDigest, memoryMB: Int) {
        self.identity = identity
        memory = Int32(min(max(1, memoryMB), Self.memoryMBMax))
    }

    /// The memory of each environment, in MB.
    package var memoryMB: Int { Int(memory) }

    /// What each environment may use of the CPU, in thousandths of a vCPU.
    package var cpuMilli: Int { CPUShare.milli(memoryMB: memoryMB) }
}

/// Lambda's rule of how much CPU comes with memory: 1769 MB have one vCPU. Source: the developer guide, "Configure
/// Lambda function memory".
package enum CPUShare {
    /// The memory that has one vCPU.
    package static let memoryMBPerCPU = 1769

    /// The share of this much memory, in thousandths of a vCPU.
    package static func milli(memoryMB: Int) -> Int {
        (memoryMB * 1000 + memoryMBPerCPU - 1) / memoryMBPerCPU
    }

    /// The most memory whose share is not above this. So whether a share fits can be asked of memory, which is what
    /// lets one number tell a worker's room.
    package static func memoryMB(milli: Int) -> Int {
        milli <= 0 ? 0 : milli * memoryMBPerCPU / 1000
    }
}
