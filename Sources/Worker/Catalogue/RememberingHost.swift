import Synchronization

/// A host that asks each program for its version once, however many runtimes want to know it.
final class RememberingHost: RuntimeHost {
    private struct Question: Hashable {
        let program: String
        let arguments: [String]
    }

    private let host: any RuntimeHost
    private let answers = Mutex<[Question: String?]>([:])

    init(_ host: any RuntimeHost) {
        self.host = host
    }

    var architecture: String { host.architecture }

    func isExecutable(_ path: String) -> Bool { host.isExecutable(path) }

    func isFile(_ path: String) -> Bool { host.isFile(path) }

    func output(of program: String, arguments: [String]) -> String? {
        let question = Question(program: program, arguments: arguments)
        if let answer = answers.withLock({ $0[question] }) { return answer }
        let answer = host.output(of: program, arguments: arguments)
        answers.withLock { $0[question] = .some(answer) }
        return answer
    }
}
