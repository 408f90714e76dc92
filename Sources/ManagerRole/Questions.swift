import FleetProtocol
import HostLink
import NIOCore

/// What can be asked of a manager, by the name of the question.
package final class Questions: Sendable {
    /// Answers a question with a JSON document. Throws what the asker is told.
    package typealias Answerer = @Sendable (_ arguments: [String]) async throws -> [UInt8]

    private let answerers: [String: Answerer]

    /// - Parameter answerers: Who answers which question.
    package init(_ answerers: [String: Answerer]) {
        self.answerers = answerers
    }

    func answer(_ body: ByteBuffer, call: UInt32, over link: Link) {
        // A question is its name and its arguments, one a line.
        let lines = String(buffer: body).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let name = lines.first, let answerer = answerers[name] else {
            return link.send(.complaint, call: call, ByteBuffer(string: "this manager knows no such question"))
        }
        link.eventLoop.makeFutureWithTask { try await answerer(Array(lines.dropFirst())) }
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let answer): link.send(.answer, call: call, ByteBuffer(bytes: answer))
                case .failure(let error): link.send(.complaint, call: call, ByteBuffer(string: "\(error)"))
                }
            }
    }
}
