package import Placement

/// A fleet that is drawn: several zones, hosts of several sizes.
package enum SimulatedFleet {
    /// What all workers can run.
    static let runtimes: [RuntimeName] = [
        "python3.13", "nodejs22.x", "java21", "ruby3.4", "provided.al2023", "dotnet8",
    ]

    /// Memory in MB and vCPUs of the hosts, as general-purpose servers have them: 4 GB for each vCPU.
    private static let sizes = [(131_072, 32), (262_144, 64), (393_216, 96), (786_432, 192)]

    /// The workers of a fleet. A fifth are ARM; a tenth have no Java, a tenth a label, or each a label of its own.
    package static func workers(
        _ count: Int,
        zones: Int,
        scale: Double = 1,
        ownLabels: Bool = false,
        using random: inout SimulatedRandomness
    ) -> [WorkerDescription] {
        (0..<count).map { number in
            let (memory, processors) = sizes[Int(random.next() % UInt64(sizes.count))]
            let isARM = number % 5 == 4
            let hasJava = !random.chance(0.1)
            let hasLabel = random.chance(0.1)
            return WorkerDescription(
                id: WorkerID("w-\(number)"),
                zone: ZoneName("zone-\(Int(random.next() % UInt64(max(1, zones))))"),
                labels: ownLabels ? [WorkerLabel("host=\(number)")] : hasLabel ? ["team=one"] : [],
                instructionSet: isARM ? .arm : .x86,
                runtimes: Set(runtimes.filter { hasJava || $0 != "java21" }),
                memoryMB: Int(Double(memory) * scale),
                cpuMilli: Int(Double(processors) * 1000 * scale)
            )
        }
    }
}
