/// A host that asks each program for its version once, however many runtimes want to know it.
///
/// Used by one caller at a time, while the runtimes of the host are found out.
final class RememberingHost<Host: RuntimeHost>: RuntimeHost {
    private struct Question: Hashable {
        let program: String
        let arguments: [String]
    }

    private let host: Host
    private var answers: [Question: String?] = [:]

    init(_ host: Host) {
        self.host = host
    }

    var architecture: String { host.architecture }

    func isExecutable(_ path: String) -> Bool { host.isExecutable(path) }

    func isFile(_ path: String) -> Bool { host.isFile(path) }

    func output(of program: String, arguments: [String]) -> String? {
        let question = Question(program: program, arguments: arguments)
        if let answer = answers[question] { return answer }
        let answer = host.output(of: program, arguments: arguments)
        answers[question] = .some(answer)
        return answer
    }
}
