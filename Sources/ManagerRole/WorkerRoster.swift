import Crypto
import FleetProtocol
import FleetStatus
import Foundation
import LambdaAPI
import MetadataStore
import Placement

/// A function version as placement knows it, which is another type than the version in an ARN.
typealias PlacedVersion = Placement.FunctionVersion

/// The workers that a manager knows, and what placement needs to know of them: of functions that are this manager's it counts
/// environments as it makes and loses them, of all others as the workers tell.
struct WorkerRoster {
    private var fleet: Fleet
    private var peersByName: [String: WorkerPeer] = [:]
    private var descriptions: [String: WorkerDescription] = [:]
    private var orders: [String: WorkerOrders] = [:]
    private var standings: [String: WorkerStandingMessage] = [:]
    /// What workers have said last, of whatever partition.
    private var census: [String: [CensusEntry.Key: Int]] = [:]
    /// What environments that work were promised, as workers have said last, in MB.
    private var busyMB: [String: Int] = [:]
    /// What was placed by this manager: by worker, how many of each function version.
    private var placed: [String: [PlacedVersion: Int]] = [:]
    /// Workers that have said they have no room, whatever they end, until their next heartbeat.
    private var full: Set<String> = []
    /// Workers that may be given environments.
    private var open: Set<String> = []
    /// Workers that are members of the fleet.
    private var members: Set<String> = []
    /// The partitions whose environments this manager counts itself.
    private(set) var held: Set<Int> = []

    init(policy: PlacementPolicy) {
        fleet = Fleet(policy: policy)
    }

    // MARK: Workers

    var peers: [WorkerPeer] { Array(peersByName.values) }

    /// The workers that may have environments that the manager does not know of.
    var awaitedNames: Set<String> { Set(peersByName.keys) }

    func peer(_ name: String) -> WorkerPeer? { peersByName[name] }

    /// Whether a worker is a member of the fleet. One that is not is not answered, whoever talks with it.
    func isMember(_ name: String) -> Bool { members.contains(name) }

    /// These workers are members of the fleet, and no others.
    mutating func membersAre(_ names: Set<String>) { members = names }

    /// A worker is listed, as a member or as evicted.
    mutating func add(_ peer: WorkerPeer) {
        peersByName[peer.name] = peer
    }

    /// Nothing of a worker is left.
    mutating func remove(_ name: String) {
        fleet.left(WorkerID(name))
        peersByName[name] = nil
        descriptions[name] = nil
        orders[name] = nil
        standings[name] = nil
        census[name] = nil
        busyMB[name] = nil
        placed[name] = nil
        full.remove(name)
        open.remove(name)
    }

    /// A worker has said what it is.
    mutating func registered(_ name: String, _ description: WorkerDescription, _ standing: WorkerStandingMessage) {
        standings[name] = standing
        let id = WorkerID(name)
        if descriptions[name] != description {
            fleet.left(id)
            descriptions[name] = description
            fleet.joined(description)
            for (function, count) in placed[name] ?? [:] { for _ in 0..<count { fleet.placed(function, on: id) } }
            for (key, count) in census[name] ?? [:] where !held.contains(key.partition) {
                for _ in 0..<count { fleet.placed(key.function, on: id) }
            }
        }
        update(name, isPresent: true)
    }

    /// What operators want of a worker.
    mutating func ordered(_ name: String, _ orders: WorkerOrders, isPresent: Bool) {
        self.orders[name] = orders
        update(name, isPresent: isPresent)
    }

    /// A worker cannot be reached, or can again.
    mutating func update(_ name: String, isPresent: Bool) {
        let id = WorkerID(name)
        let standing = standings[name] ?? WorkerStandingMessage()
        let orders = orders[name] ?? WorkerOrders()
        let isLeaving = standing.isDraining || orders.isDraining
        fleet.changed(id, leaseNearsEnd: standing.leaseNearsEnd)
        let isOpen = isPresent && !isLeaving && !orders.isCordoned && !standing.leaseNearsEnd
        if isOpen { open.insert(name) } else { open.remove(name) }
        if !isPresent { full.remove(name) }
        // Who is full is as good as cordoned until it says more.
        let isClosed = orders.isCordoned || full.contains(name)
        fleet.changed(id, to: !isPresent ? .silent : isLeaving ? .draining : isClosed ? .cordoned : .open)
    }

    /// A worker has no room for an environment that was placed on it. It is asked for none until it is heard of again.
    mutating func hadNoRoom(_ name: String, isPresent: Bool) {
        guard descriptions[name] != nil, full.insert(name).inserted else { return }
        update(name, isPresent: isPresent)
    }

    /// A worker is heard of: it may have room again.
    mutating func heardOf(_ name: String, isPresent: Bool) {
        guard full.remove(name) != nil else { return }
        update(name, isPresent: isPresent)
    }

    // MARK: Environments

    /// Chooses a worker for a new environment; nil if none can have it.
    ///
    /// Placement counts idle environments like others. When it finds no room, some worker is chosen that may end idle ones
    /// for it: each knows itself which, of whatever manager.
    func place(_ function: InvocableFunction, seed: UInt64) -> String? {
        if let worker = fleet.decide(PlacementRequest(function), seed: seed).worker { return worker.text }
        let runtime = RuntimeName(function.runtime)
        let candidates = open.subtracting(full).filter { descriptions[$0]?.runtimes.contains(runtime) == true }.sorted()
        return candidates.isEmpty ? nil : candidates[Int(seed % UInt64(candidates.count))]
    }

    /// How a worker would be chosen, and why.
    func explain(_ question: PlacementQuestion, seed: UInt64) -> PlacementExplanation {
        let request = PlacementRequest(
            function: PlacedVersion(configuration: question.configuration, memoryMB: question.memoryMB),
            runtime: RuntimeName(question.runtime),
            code: ShortDigest(ofCode: question.codeHash)
        )
        return fleet.explain(request, seed: seed)
    }

    /// An environment of this manager's is on a worker, or about to be.
    mutating func added(_ function: InvocableFunction, on worker: String) {
        let version = PlacedVersion(function)
        placed[worker, default: [:]][version, default: 0] += 1
        fleet.placed(version, on: WorkerID(worker))
    }

    /// An environment of this manager's is gone, or another manager's.
    mutating func removed(_ function: InvocableFunction, from worker: String) {
        let version = PlacedVersion(function)
        guard let count = placed[worker]?[version] else { return }
        placed[worker]?[version] = count > 1 ? count - 1 : nil
        fleet.removed(version, from: WorkerID(worker))
    }

    /// A worker tells what has changed of its environments.
    mutating func counted(_ changes: [CensusEntry], on worker: String) {
        for entry in changes {
            let before = census[worker]?[entry.key] ?? 0
            census[worker, default: [:]][entry.key] = entry.count > 0 ? entry.count : nil
            guard !held.contains(entry.key.partition) else { continue }
            adjust(entry.key.function, on: worker, by: entry.count - before)
        }
    }

    /// A worker tells what its environments that work were promised.
    mutating func isBusy(_ worker: String, withMB megabytes: Int) {
        busyMB[worker] = megabytes
    }

    /// A worker tells of what function versions use of its CPU.
    mutating func measured(_ loads: [LoadEntry]) {
        for load in loads { fleet.measured(load.key.function, cpuMilli: load.cpuMilli) }
    }

    /// A worker tells what has changed of the code that it has.
    mutating func codeChanged(_ changes: CodeChanges, on worker: String) {
        let id = WorkerID(worker)
        for code in changes.removed { fleet.evicted(code, from: id) }
        for code in changes.fetched { fleet.cached(code, on: id) }
    }

    /// A worker's lists of environments and of code begin anew.
    mutating func listsBegin(on worker: String) {
        fleet.forgotCode(of: WorkerID(worker))
        for (key, count) in census[worker] ?? [:] where !held.contains(key.partition) {
            adjust(key.function, on: worker, by: -count)
        }
        census[worker] = nil
    }

    /// This manager counts a partition's environments itself from now on.
    mutating func hold(_ partition: Int) {
        guard held.insert(partition).inserted else { return }
        for (worker, entries) in census {
            for (key, count) in entries where key.partition == partition {
                adjust(key.function, on: worker, by: -count)
            }
        }
    }

    /// A partition's environments are another manager's.
    mutating func letGo(_ partition: Int) {
        guard held.remove(partition) != nil else { return }
        for (worker, entries) in census {
            for (key, count) in entries where key.partition == partition { adjust(key.function, on: worker, by: count) }
        }
    }

    private mutating func adjust(_ function: PlacedVersion, on worker: String, by difference: Int) {
        let id = WorkerID(worker)
        for _ in 0..<max(0, difference) { fleet.placed(function, on: id) }
        for _ in 0..<max(0, -difference) { fleet.removed(function, from: id) }
    }

    // MARK: Figures

    /// Adds what workers have told to what is known of the connection to one.
    func complete(_ report: inout ManagerReport.Worker) {
        report.isDraining = standings[report.name]?.isDraining ?? false
        report.environmentsOfAll = census[report.name]?.values.reduce(0, +) ?? 0
        report.promisedMB = promisedMB(on: report.name)
        report.busyMB = busyMB[report.name] ?? 0
    }

    /// How many environments of a function placement counts on a worker.
    func environmentCount(of function: PlacedVersion, on worker: String) -> Int {
        fleet.environments(of: function, on: WorkerID(worker))
    }

    /// What the fleet has to do.
    ///
    /// - Parameter isPresent: Whether a worker can be reached.
    func load(_ isPresent: (String) -> Bool) -> [CapacityLoad.Worker] {
        descriptions.compactMap { name, description in
            guard isPresent(name) else { return nil }
            let standing = standings[name] ?? WorkerStandingMessage()
            let orders = orders[name] ?? WorkerOrders()
            let busy = busyMB[name] ?? 0
            return CapacityLoad.Worker(
                name: description.id,
                zone: description.zone,
                memoryMB: description.memoryMB,
                busyMB: busy,
                idleMB: max(0, promisedMB(on: name) - busy),
                isLeaving: standing.isDraining || standing.leaseNearsEnd || orders.isDraining || orders.isCordoned
            )
        }
    }

    private func promisedMB(on worker: String) -> Int {
        census[worker]?.reduce(0) { $0 + $1.key.memoryMB * $1.value } ?? 0
    }
}

extension PlacedVersion {
    /// A function version in one configuration, as placement knows it.
    init(_ function: InvocableFunction) {
        self.init(configuration: function.configurationID.rawValue, memoryMB: function.memoryMegabytes)
    }

    init(configuration: String, memoryMB: Int) {
        self.init(ShortDigest(of: configuration), memoryMB: memoryMB)
    }
}

extension ShortDigest {
    /// Of a package by its hash. One that nobody has if it is none.
    fileprivate init(ofCode hash: String) {
        self = ShortDigest(hexadecimal: hash) ?? ShortDigest(high: 0, low: 0)
    }

    /// Of the SHA-256 of a text.
    fileprivate init(of text: String) {
        let (high, low) = SHA256.hash(data: Data(text.utf8)).withUnsafeBytes {
            ($0.loadUnaligned(fromByteOffset: 0, as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
    }
}

extension CensusEntry.Key {
    fileprivate var function: PlacedVersion { PlacedVersion(configuration: configuration, memoryMB: memoryMB) }
}

extension PlacementRequest {
    /// Asks for a worker for an environment of a function.
    init(_ function: InvocableFunction) {
        self.init(
            function: PlacedVersion(function),
            runtime: RuntimeName(function.runtime),
            code: ShortDigest(ofCode: function.codeHash)
        )
    }
}
