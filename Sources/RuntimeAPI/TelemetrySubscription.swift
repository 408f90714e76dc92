import LambdaAPI
import NIOCore

/// A subscription to telemetry, as an extension asks for it. Source: `spec/runtime-api.md` section 3.
package struct TelemetrySubscription: Sendable, Codable, Equatable {
    /// Why a body is refused.
    package struct FormatError: Error {
        package let message: String
    }

    /// Where events go: a server that the extension runs.
    package enum Destination: Sendable, Codable, Equatable {
        /// A POST of a JSON array.
        case http(port: Int, path: String)
        /// A line of JSON for each event.
        case tcp(port: Int)

        package var port: Int {
            switch self {
            case .http(let port, _), .tcp(let port): port
            }
        }
    }

    /// How events gather before they are sent.
    package struct Buffering: Sendable, Codable, Equatable {
        package var itemsMax = 10_000
        package var bytesMax = 262_144
        package var timeoutMilliseconds = 1000
    }

    package let api: TelemetryAPI
    /// The extension's name.
    package let subscriber: String
    package let schemaVersion: String
    package let kinds: [TelemetryKind]
    package let buffering: Buffering
    package let destination: Destination

    init(api: TelemetryAPI, subscriber: String, body: ByteBuffer) throws(FormatError) {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(Array(buffer: body))
        } catch {
            throw FormatError(message: "Invalid JSON: \(error)")
        }
        guard case .object(let object) = value else { throw FormatError(message: "The body must be a JSON object") }
        self.api = api
        self.subscriber = subscriber
        schemaVersion = try Self.schemaVersion(object["schemaVersion"], of: api)
        kinds = try Self.kinds(object["types"])
        buffering = try Self.buffering(object["buffering"])
        destination = try Self.destination(object["destination"])
    }

    private static func schemaVersion(_ value: JSONValue?, of api: TelemetryAPI) throws(FormatError) -> String {
        guard let value else { return api.schemaVersions[0] }
        guard case .string(let text) = value, api.schemaVersions.contains(text.string) else {
            throw FormatError(message: "schemaVersion must be one of: \(api.schemaVersions.joined(separator: ", "))")
        }
        return text.string
    }

    private static func kinds(_ value: JSONValue?) throws(FormatError) -> [TelemetryKind] {
        let names = TelemetryKind.allCases.map(\.rawValue).joined(separator: ", ")
        guard case .array(let values) = value, !values.isEmpty else {
            throw FormatError(message: "types must be an array of: \(names)")
        }
        var kinds: [TelemetryKind] = []
        for value in values {
            guard case .string(let text) = value, let kind = TelemetryKind(rawValue: text.string) else {
                throw FormatError(message: "types must be of: \(names)")
            }
            if !kinds.contains(kind) { kinds.append(kind) }
        }
        return kinds
    }

    private static func buffering(_ value: JSONValue?) throws(FormatError) -> Buffering {
        guard let value else { return Buffering() }
        guard case .object(let object) = value else { throw FormatError(message: "buffering must be an object") }
        var buffering = Buffering()
        if let items = object["maxItems"] {
            buffering.itemsMax = try integer(items, "buffering.maxItems", 1000...10_000)
        }
        if let bytes = object["maxBytes"] {
            buffering.bytesMax = try integer(bytes, "buffering.maxBytes", 262_144...1_048_576)
        }
        if let timeout = object["timeoutMs"] {
            buffering.timeoutMilliseconds = try integer(timeout, "buffering.timeoutMs", 25...30_000)
        }
        return buffering
    }

    private static func integer(
        _ value: JSONValue,
        _ name: String,
        _ range: ClosedRange<Int>
    ) throws(FormatError) -> Int {
        guard case .integer(let integer) = value, range.contains(integer) else {
            throw FormatError(message: "\(name) must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    private static func destination(_ value: JSONValue?) throws(FormatError) -> Destination {
        guard case .object(let object) = value, case .string(let name) = object["protocol"] else {
            throw FormatError(message: "destination.protocol must be HTTP or TCP")
        }
        switch name.string {
        case "HTTP":
            guard case .string(let uri) = object["URI"] ?? object["uri"] else {
                throw FormatError(message: "destination.URI is missing")
            }
            return try http(uri.string)
        case "TCP":
            guard case .integer(let port) = object["port"] else {
                throw FormatError(message: "destination.port is missing")
            }
            return .tcp(port: try checked(port))
        default:
            throw FormatError(message: "destination.protocol must be HTTP or TCP")
        }
    }

    /// The two names that an extension knows its own sandbox by.
    private static let hosts = ["sandbox.localdomain", "sandbox"]

    private static func http(_ uri: String) throws(FormatError) -> Destination {
        let refusal = FormatError(
            message: "destination.URI must be of the form http://sandbox.localdomain:PORT/PATH, not \(uri)"
        )
        guard uri.hasPrefix("http://") else { throw refusal }
        let rest = uri.dropFirst("http://".count)
        let authority = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(authority.count)
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard let host = parts.first, hosts.contains(String(host)), parts.count <= 2 else { throw refusal }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { throw refusal }
        guard let port = parts.count == 2 ? Int(parts[1]) : 80 else { throw refusal }
        return .http(port: try checked(port), path: path.isEmpty ? "/" : String(path))
    }

    private static func checked(_ port: Int) throws(FormatError) -> Int {
        guard (1...65_535).contains(port), port != RuntimeAPIServer.port else {
            throw FormatError(message: "the port \(port) cannot be a destination")
        }
        return port
    }
}
