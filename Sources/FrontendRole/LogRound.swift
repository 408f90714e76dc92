import FleetProtocol
import LogsAPI
import NIOCore

/// What all workers have answered to one question about logs.
struct LogRound<Answer: WireValue & Sendable>: Sendable {
    /// The answers, by host.
    private(set) var answers: [(host: String, answer: Answer)] = []
    /// Hosts that have nothing of what was asked for.
    private(set) var strangers: [String] = []
    /// Hosts that cannot be connected to. Their leases will end, and then nobody asks them any more.
    private(set) var gone: [LogHostError] = []
    /// What hosts that are there have failed with.
    private(set) var failures: [LogHostError] = []

    mutating func add(_ result: Result<Answer, LogHostError>, of host: String) {
        switch result {
        case .success(let answer): answers.append((host, answer))
        case .failure(let error):
            switch error.kind {
            case .gone: gone.append(error)
            case .refused(.noGroup), .refused(.noStream): strangers.append(host)
            case .refused, .silent: failures.append(error)
            }
        }
    }

    /// Whether there is anything that was asked for and not heard of.
    var isPartial: Bool { !gone.isEmpty || !failures.isEmpty }

    /// What a client is told of that, who can only try again. The hosts' names are for the frontend's own log.
    var failure: LogsError { .unavailable(cause: LogHostsFailure(errors: failures + gone)) }
}

/// Workers that have not answered.
private struct LogHostsFailure: Error, CustomStringConvertible {
    let errors: [LogHostError]

    var description: String { errors.map(\.description).joined(separator: "; ") }
}

extension LogHosts {
    /// How many hosts are asked at the same time.
    private var askedMax: Int { 64 }

    /// Asks hosts. Each has its deadline, so this ends.
    ///
    /// - Parameter isEnough: Whether nobody else need be waited for.
    func ask<Answer: WireValue & Sendable & SendableMetatype>(
        _ names: [String],
        _ type: Answer.Type = Answer.self,
        until isEnough: (LogRound<Answer>) -> Bool = { _ in false },
        _ question: @escaping @Sendable (String) -> LogQuestion
    ) async -> LogRound<Answer> {
        await withTaskGroup(of: HostAnswer<Answer>.self) { group in
            var round = LogRound<Answer>()
            var waiting = names[...]
            for name in waiting.prefix(askedMax) {
                group.addTask { await self.answer(of: name, to: question(name)) }
            }
            waiting = waiting.dropFirst(askedMax)
            while let answer = await group.next() {
                round.add(answer.result, of: answer.host)
                if isEnough(round) {
                    group.cancelAll()
                    break
                }
                guard let name = waiting.popFirst() else { continue }
                group.addTask { await self.answer(of: name, to: question(name)) }
            }
            return round
        }
    }

    private func answer<Answer: WireValue & Sendable>(
        of host: String,
        to question: LogQuestion
    ) async -> HostAnswer<Answer> {
        do throws(LogHostError) {
            return HostAnswer(host: host, result: .success(try await read(host, question)))
        } catch {
            return HostAnswer(host: host, result: .failure(error))
        }
    }

    private func read<Answer: WireValue>(
        _ host: String,
        _ question: LogQuestion
    ) async throws(LogHostError) -> Answer {
        let content = try await ask(host, question)
        do {
            return try Answer(body: content)
        } catch {
            throw LogHostError(.refused(.failed("its answer cannot be read")), host: host, cause: error)
        }
    }
}

/// What one worker has answered.
private struct HostAnswer<Answer: Sendable>: Sendable {
    let host: String
    let result: Result<Answer, LogHostError>
}

/// The answer to a question that asks for nothing but that something be done.
struct LogDone: WireValue, Sendable {
    init(from buffer: inout ByteBuffer) {}

    func write(to buffer: inout ByteBuffer) {}
}
