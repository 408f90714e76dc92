/// What the detection of runtimes asks the host; a test answers from a table.
package protocol RuntimeHost: Sendable {
    /// The host's architecture in Lambda's words: `x86_64` or `arm64`; another word on any other machine.
    var architecture: String { get }

    /// Whether a path is a regular file, links followed, that may be executed.
    func isExecutable(_ path: String) -> Bool

    /// Whether a path is a regular file, links followed.
    func isFile(_ path: String) -> Bool

    /// What a program prints on its standard output; `nil` when it fails, prints too much or takes too long.
    func output(of program: String, arguments: [String]) -> String?
}
