import FleetProtocol
import LogStore
import LogsAPI
import NIOCore

/// What all workers have answered to one question about logs.
struct LogRound: Sendable {
    /// The contents of answers, by host.
    private(set) var contents: [(host: String, content: ByteBuffer)] = []
    /// Hosts that have nothing of what was asked for.
    private(set) var strangers: [String] = []
    /// Hosts that cannot be connected to. Their leases will end, and then nobody asks them any more.
    private(set) var gone: [LogHostError] = []
    /// What hosts that are there have failed with.
    private(set) var failures: [LogHostError] = []

    mutating func add(_ answer: Result<ByteBuffer, LogHostError>, of host: String) {
        switch answer {
        case .success(let content): contents.append((host, content))
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

    /// Asks all workers. Each has its deadline, so this ends.
    func askAll(_ question: @escaping @Sendable (String) -> LogQuestion) async throws(LogsError) -> LogRound {
        let names = try await names()
        return await withTaskGroup(of: HostAnswer.self) { group in
            var round = LogRound()
            for (index, name) in names.enumerated() {
                if index >= askedMax, let answer = await group.next() { round.add(answer.result, of: answer.host) }
                group.addTask { await self.answer(of: name, to: question(name)) }
            }
            for await answer in group { round.add(answer.result, of: answer.host) }
            return round
        }
    }

    private func answer(of host: String, to question: LogQuestion) async -> HostAnswer {
        do throws(LogHostError) {
            return HostAnswer(host: host, result: .success(try await ask(host, question)))
        } catch {
            return HostAnswer(host: host, result: .failure(error))
        }
    }
}

/// What one worker has answered.
private struct HostAnswer: Sendable {
    let host: String
    let result: Result<ByteBuffer, LogHostError>
}
