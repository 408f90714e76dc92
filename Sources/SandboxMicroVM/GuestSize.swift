/// A size that machines come in. A copy has the memory and the processors of its template, so functions of many sizes share a
/// few templates: what a function may use of its machine is for the agent to limit, and what it does not use costs nothing.
struct GuestSize: Hashable, Sendable {
    /// The memory of the largest function that it has room for, in MiB.
    let functionMiB: Int
    let processors: Int

    /// What a machine has beside what its function may use: its kernel with a note of each page (a 64th of all memory), its agent,
    /// and what the kernel keeps free. With too little, the guest is out of memory before its function's limit is met.
    private var overheadMiB: Int { 112 + functionMiB / 32 }

    /// Lambda gives a processor for each 1,769 MB.
    static let all = [
        GuestSize(functionMiB: 512, processors: 1), GuestSize(functionMiB: 1769, processors: 1),
        GuestSize(functionMiB: 3538, processors: 2), GuestSize(functionMiB: 7076, processors: 4),
        GuestSize(functionMiB: 10_240, processors: 6),
    ]

    /// The smallest with room for a function of this much memory; the largest, if there is none.
    static func smallest(forFunctionOf bytes: Int) -> GuestSize {
        all.first { bytes <= $0.functionMiB << 20 } ?? all[all.count - 1]
    }

    /// The memory of the machine, in MiB.
    var memoryMiB: Int { functionMiB + overheadMiB }
}
