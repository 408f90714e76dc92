import FleetProtocol
import LambdaAPI
import LogStore
import NIOCore
import TestSupport
import Worker

/// A message of any kind, with what is tested of all of them.
struct WireSample {
    let name: String
    /// The message's own bytes.
    let body: ByteBuffer
    /// All that it says, as text.
    let content: String
    /// Reads a message of this kind, and returns what it says.
    let read: @Sendable (ByteBuffer) throws -> String

    init<Value: WireValue & SendableMetatype>(_ value: Value) {
        name = "\(Value.self)"
        body = value.body
        content = Self.text(of: value)
        read = { Self.text(of: try Value(body: $0)) }
    }

    /// One of each kind.
    static func all(seed: UInt64) -> [WireSample] {
        var random = SeededGenerator(seed: seed)
        return [
            WireSample(random.token()),
            WireSample(random.environmentID()),
            WireSample(random.requestID()),
            WireSample(FunctionDescription(function: random.function())),
            WireSample(ReserveMessage(random.requestID(), random.function(), describingIt: random.flag())),
            WireSample(random.reservation()),
            WireSample(random.refusal()),
            WireSample(random.failureCode()),
            WireSample(RunMessage(random.reservation(), random.request(), wantsStream: random.flag())),
            WireSample(random.result()),
            WireSample(BeganMessage(contentType: random.optionalText())),
            WireSample(OwnMessage(partitions: random.list { $0.ownership() })),
            WireSample(random.ownership()),
            WireSample(
                StartMessage(
                    random.environmentID(),
                    of: random.function(),
                    random.ownership(),
                    isProvisioned: random.flag()
                )
            ),
            WireSample(random.phase()),
            WireSample(
                EnvironmentReport(
                    random.environmentID(),
                    of: random.function(),
                    isProvisioned: random.flag(),
                    random.phase()
                )
            ),
            WireSample(EventMessage(random.environmentID(), random.event())),
            WireSample(random.standing()),
            WireSample(
                WorkerRegistration(
                    standing: random.standing(),
                    description: random.buffer(),
                    leashMilliseconds: random.flag() ? 10_000 : nil
                )
            ),
            WireSample(random.censusEntry()),
            WireSample(random.heartbeat()),
            WireSample(UnusedMessage(random.reservation())),
            WireSample(random.logQuestion()),
            WireSample(random.logPage()),
            WireSample(random.streamPage()),
            WireSample(LogSizes(Dictionary(random.list { ($0.logGroup(), $0.number()) }) { first, _ in first })),
            WireSample(random.logRefusal()),
        ]
    }

    /// Every field of a value and of what it consists of.
    private static func text(of value: Any) -> String {
        if let buffer = value as? ByteBuffer { return "\(Array(buffer.readableBytesView))" }
        if let names = value as? Set<String> { return "\(names.sorted())" }
        if let sizes = value as? [LogGroupKey: Int] { return "\(sizes.map { "\($0)" }.sorted())" }
        if let table = value as? [String: String] { return "\(table.sorted { $0.key < $1.key })" }
        let mirror = Mirror(reflecting: value)
        guard !mirror.children.isEmpty else { return "\(value)" }
        return "(" + mirror.children.map { "\($0.label ?? ""): \(text(of: $0.value))" }.joined(separator: ", ") + ")"
    }
}
