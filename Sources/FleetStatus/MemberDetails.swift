package import Foundation
package import Placement

/// What a member of a fleet says of itself to all others: the document that is kept with its membership.
package struct MemberDetails: Sendable, Equatable, Codable {
    /// The release that it runs.
    package var version: String
    /// Until when its certificate is good.
    package var certificateEnds: Date?
    /// From when on its certificate should have been renewed.
    package var certificateIsLateFrom: Date?
    /// When a worker's lease ends, so that it leaves.
    package var leaseEnds: Date?
    /// Whether a worker finishes what it has, and leaves or is drained.
    package var isDraining: Bool?
    /// How many environments a manager has found no worker for since its start.
    package var refusedStarts: Int?
    /// What a worker is.
    package var worker: WorkerDescription?

    /// - Parameter version: The release that the member runs.
    package init(version: String) {
        self.version = version
    }

    /// Reads a document; nil if it is none, such as that of a release which has none.
    package init?(document: [UInt8]) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let details = try? decoder.decode(MemberDetails.self, from: Data(document)) else { return nil }
        self = details
    }

    /// The document.
    package var document: [UInt8] {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys]
        // It has nothing that JSON has no form for.
        return (try? encoder.encode(self)).map(Array.init) ?? []
    }
}
