package import FleetProtocol
import LogStore
import LogsAPI
package import LogsService
package import NIOCore

/// Answers what frontends ask about the logs on this worker's disk.
package struct LogDesk: Sendable {
    private let archive: HostLogArchive
    private let groupsChanged: @Sendable () async throws -> Void

    /// - Parameter groupsChanged: Brings this worker's groups up to date with the fleet's.
    package init(archive: HostLogArchive, groupsChanged: @escaping @Sendable () async throws -> Void) {
        self.archive = archive
        self.groupsChanged = groupsChanged
    }

    /// The answer's content. It never fails to answer.
    package func answer(_ question: LogQuestion) async -> Result<ByteBuffer, LogRefusalError> {
        do {
            return .success(try await content(question))
        } catch {
            return .failure(LogRefusalError(refusal: Self.refusal(error)))
        }
    }

    private func content(_ question: LogQuestion) async throws -> ByteBuffer {
        switch question {
        case .events(let group, let query):
            return try await archive.events(of: group, query).fitting(isForward: query.isForward).body
        case .streams(let group, let query):
            return try await archive.streams(of: group, query).body
        case .storedBytes(let groups):
            return LogSizes(try await archive.storedBytes(of: groups)).body
        case .createStream(let name, let group, let now):
            try await archive.createStream(name, in: group, now: now)
        case .deleteStream(let name, let group):
            try await archive.deleteStream(name, in: group)
        case .put(let entries, let stream, let group, let now):
            try await archive.put(entries.events, stream: stream, in: group, now: now)
        case .groupsChanged:
            try await groupsChanged()
        }
        return ByteBuffer()
    }

    private static func refusal(_ error: any Error) -> LogRefusal {
        switch error {
        case let error as LogsError where error == .groupNotFound: .noGroup
        case let error as LogsError where error == .streamNotFound: .noStream
        case let error as LogsError where error == .streamExists: .streamExists
        default: .failed("\(error)")
        }
    }
}

/// A refusal, as what is thrown.
package struct LogRefusalError: Error, CustomStringConvertible {
    package let refusal: LogRefusal

    package var description: String { "\(refusal)" }
}
