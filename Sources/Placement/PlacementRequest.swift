/// Asks for a worker for one new environment.
package struct PlacementRequest: Sendable, Hashable {
    package var function: FunctionVersion
    /// Nil for a function that brings its own, as an image does.
    package var runtime: RuntimeName?
    package var instructionSet: InstructionSet
    package var code: CodeHash
    /// All of which the worker must have.
    package var labels: Set<WorkerLabel>
    /// Zones that are used only when there is room nowhere else.
    package var avoidedZones: Set<ZoneName>

    /// A request.
    package init(
        function: FunctionVersion,
        runtime: RuntimeName?,
        instructionSet: InstructionSet = .x86,
        code: CodeHash,
        labels: Set<WorkerLabel> = [],
        avoidedZones: Set<ZoneName> = []
    ) {
        self.function = function
        self.runtime = runtime
        self.instructionSet = instructionSet
        self.code = code
        self.labels = labels
        self.avoidedZones = avoidedZones
    }
}

/// Where an environment goes.
package enum PlacementDecision: Sendable, Hashable {
    case place(on: WorkerID)
    /// No worker can have it.
    case refuse(RuledOut)

    /// The worker, if there is one.
    package var worker: WorkerID? {
        guard case .place(let worker) = self else { return nil }
        return worker
    }
}

/// How many workers each rule has ruled out. A worker that several rules speak against counts for the first of them, in
/// the order of ``Rule``.
package struct RuledOut: Sendable, Hashable, Codable {
    /// What a worker must fulfil.
    package enum Rule: String, Sendable, Hashable, Codable, CaseIterable {
        case silent, draining, cordoned, leaseEnding, instructionSet, runtime, labels, memory, cpu
    }

    /// How many workers there are.
    package var workers = 0
    private var counts: [Int] = Array(repeating: 0, count: Rule.allCases.count)

    /// None, of so many workers.
    package init(workers: Int = 0) {
        self.workers = workers
    }

    /// How many this rule has ruled out.
    package subscript(rule: Rule) -> Int {
        get { counts[rule.index] }
        set { counts[rule.index] = newValue }
    }

    /// How many no rule speaks against.
    package var eligible: Int { workers - counts.reduce(0, +) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        try self.init(workers: container.decode(Int.self, forKey: Key("workers")))
        for rule in Rule.allCases {
            self[rule] = try container.decodeIfPresent(Int.self, forKey: Key(rule.rawValue)) ?? 0
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(workers, forKey: Key("workers"))
        for rule in Rule.allCases where self[rule] > 0 {
            try container.encode(self[rule], forKey: Key(rule.rawValue))
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension RuledOut.Rule {
    fileprivate var index: Int {
        switch self {
        case .silent: 0
        case .draining: 1
        case .cordoned: 2
        case .leaseEnding: 3
        case .instructionSet: 4
        case .runtime: 5
        case .labels: 6
        case .memory: 7
        case .cpu: 8
        }
    }

    /// What is the matter with a worker that this rule rules out.
    fileprivate var complaint: String {
        switch self {
        case .silent: "not heard of"
        case .draining: "leaving"
        case .cordoned: "closed by an operator"
        case .leaseEnding: "near the end of its lease"
        case .instructionSet: "of another instruction set"
        case .runtime: "without the runtime"
        case .labels: "without a required label"
        case .memory: "short of memory"
        case .cpu: "short of CPU"
        }
    }
}

extension RuledOut: CustomStringConvertible {
    package var description: String {
        guard workers > 0 else { return "there are no workers" }
        let parts = Rule.allCases.filter { self[$0] > 0 }.map { "\(self[$0]) \($0.complaint)" }
        return "of \(workers) workers " + (parts + ["\(eligible) eligible"]).joined(separator: ", ")
    }
}
