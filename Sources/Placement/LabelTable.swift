/// Which workers have which label.
///
/// Labels are no part of a worker's kind, since many fleets have one for each host, and each host would be a kind. Few
/// requests ask for any; those are served from the workers that have the rarest of theirs.
struct LabelTable: Sendable {
    private var numbers: [WorkerLabel: Int32] = [:]
    private var names: [WorkerLabel] = []
    /// The workers that have a label.
    private var holders: [[Int32]] = []
    private var free: [Int32] = []
    /// The labels that a worker has.
    private var labels: [[Int32]] = []

    /// A worker has joined, with these labels.
    mutating func add(_ worker: Int32, _ added: Set<WorkerLabel>) {
        while labels.count <= Int(worker) { labels.append([]) }
        labels[Int(worker)] = added.sorted().map { number(of: $0) }
        for label in labels[Int(worker)] { holders[Int(label)].append(worker) }
    }

    /// A worker is gone.
    mutating func remove(_ worker: Int32) {
        for label in labels[Int(worker)] {
            if let place = holders[Int(label)].firstIndex(of: worker) {
                holders[Int(label)].swapAt(place, holders[Int(label)].count - 1)
                holders[Int(label)].removeLast()
            }
            guard holders[Int(label)].isEmpty else { continue }
            numbers[names[Int(label)]] = nil
            free.append(label)
        }
        labels[Int(worker)] = []
    }

    /// Whether a worker has all of these.
    @inline(__always)
    func has(_ worker: Int32, _ wanted: [Int32]) -> Bool {
        wanted.allSatisfy { labels[Int(worker)].contains($0) }
    }

    /// Labels by their numbers, that of which the fewest workers have it first; nil if no worker has one of them.
    func find(_ wanted: Set<WorkerLabel>) -> [Int32]? {
        var found: [Int32] = []
        for name in wanted {
            guard let label = numbers[name] else { return nil }
            found.append(label)
        }
        return found.sorted { (holders[Int($0)].count, $0) < (holders[Int($1)].count, $1) }
    }

    /// The workers that have a label.
    func workers(with label: Int32) -> [Int32] { holders[Int(label)] }

    private mutating func number(of name: WorkerLabel) -> Int32 {
        if let known = numbers[name] { return known }
        let number: Int32
        if let last = free.popLast() {
            number = last
            names[Int(number)] = name
        } else {
            number = Int32(holders.count)
            holders.append([])
            names.append(name)
        }
        numbers[name] = number
        return number
    }
}
