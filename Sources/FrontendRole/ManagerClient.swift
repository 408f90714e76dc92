import FleetProtocol
package import HostLink
package import NIOCore

/// Asks managers what they know; see `Questions` of the managers.
package struct ManagerClient: Sendable {
    private let links: LinkPool
    private let eventLoops: any EventLoopGroup
    private let timeout: TimeAmount

    /// - Parameters:
    ///   - links: Has the links to managers.
    ///   - timeout: How long an answer may take, with the connection if there is none.
    package init(links: LinkPool, eventLoops: any EventLoopGroup, timeout: TimeAmount = .seconds(3)) {
        self.links = links
        self.eventLoops = eventLoops
        self.timeout = timeout
    }

    /// Asks one manager.
    ///
    /// - Parameter arguments: Texts without line breaks.
    /// - Returns: The answer, a JSON document.
    /// - Throws: ``QuestionError``.
    package func ask(
        _ manager: HostAddress,
        _ question: String,
        _ arguments: [String] = []
    ) async throws(QuestionError) -> [UInt8] {
        let body = ByteBuffer(string: ([question] + arguments).joined(separator: "\n"))
        let answer: LinkFrame
        do throws(LinkError) {
            answer = try await links.call(
                MessageKind.ask.rawValue,
                body,
                to: manager,
                timeout: timeout,
                on: eventLoops.next()
            )
        } catch {
            throw QuestionError(error.code == .silent ? .unanswered : .unreachable, error.message, cause: error.cause)
        }
        switch MessageKind(rawValue: answer.kind) {
        case .answer: return Array(buffer: answer.body)
        case .complaint: throw QuestionError(.refused, String(buffer: answer.body))
        default: throw QuestionError(.refused, "its answer is of another release")
        }
    }

    /// Asks several managers at the same time.
    package func ask(
        all managers: [HostAddress],
        _ question: String
    ) async -> [HostAddress: Result<[UInt8], QuestionError>] {
        await withTaskGroup(of: Answer.self) { group in
            for manager in managers {
                group.addTask { Answer(manager: manager, result: await self.result(of: manager, question)) }
            }
            var answers: [HostAddress: Result<[UInt8], QuestionError>] = [:]
            for await answer in group { answers[answer.manager] = answer.result }
            return answers
        }
    }

    /// What one manager has answered.
    private struct Answer {
        let manager: HostAddress
        let result: Result<[UInt8], QuestionError>
    }

    private func result(of manager: HostAddress, _ question: String) async -> Result<[UInt8], QuestionError> {
        do throws(QuestionError) {
            return .success(try await ask(manager, question))
        } catch {
            return .failure(error)
        }
    }
}

/// Why a question has no answer.
package struct QuestionError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package struct Code: Hashable, Sendable {
        private enum Value: Hashable {
            case unreachable, unanswered, refused
        }
        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// There was no connection, or it has ended.
        package static let unreachable = Code(.unreachable)
        /// Nothing came in time.
        package static let unanswered = Code(.unanswered)
        /// The manager does not answer the question, and says why.
        package static let refused = Code(.refused)
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
