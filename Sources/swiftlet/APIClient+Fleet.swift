import Developer
import FleetStatus
import NIOHTTP1
import Placement

// What operators ask of a running service.
extension APIClient {
    private static let root = "/swiftlet/2026-11-01"

    /// The fleet at this moment, or the one host.
    ///
    /// - Throws: ``DeveloperError``.
    func fleet() async throws -> FleetReport {
        let body = try await send(.GET, "\(Self.root)/fleet").success()
        return try Self.read(FleetReport.self, body)
    }

    /// Has something ordered of a worker.
    ///
    /// - Throws: ``DeveloperError``, for instance when there is no such worker.
    func order(_ order: WorkerOrder, of worker: String) async throws {
        let path = "\(Self.root)/fleet/workers/\(Self.percentEncoded(worker))/\(order.rawValue)"
        _ = try await send(.POST, path).success()
    }

    /// Where the next environment of a function would be placed, and why; with the document that says so.
    ///
    /// - Throws: ``DeveloperError``, for instance when there is no such function.
    func placement(of function: String) async throws -> (PlacementExplanation, document: String) {
        let path = "\(Self.root)/functions/\(Self.percentEncoded(function))/placement"
        let body = try await send(.GET, path).success()
        return (try Self.read(PlacementExplanation.self, body), String(decoding: body, as: UTF8.self))
    }

    private static func read<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) throws -> Value {
        do {
            return try FleetDocument.value(type, from: body)
        } catch {
            throw DeveloperError("the server's answer is not understood: \(error)")
        }
    }
}
