import Testing

@testable import Worker

@Suite struct CapturedProgramTests {
    private func output(
        _ program: String,
        _ arguments: String...,
        bytesMax: Int = 4096,
        deadline: Duration = .seconds(30)
    )
        -> String?
    {
        CapturedProgram(program, arguments: arguments).output(bytesMax: bytesMax, deadline: deadline)
    }

    @Test func whatAProgramPrintsIsReturned() {
        #expect(output("/bin/echo", "v20.1.0") == "v20.1.0\n")
    }

    @Test func aProgramThatFailsHasNoOutput() {
        #expect(output("/bin/sh", "-c", "echo partial; exit 3") == nil)
    }

    @Test func aMissingProgramHasNoOutput() {
        #expect(output("/nonexistent/program") == nil)
    }

    @Test func aProgramThatPrintsWithoutEndIsKilled() {
        #expect(output("/bin/sh", "-c", "while :; do echo much; done") == nil)
    }

    @Test func aProgramThatHangsIsKilled() {
        #expect(output("/usr/bin/tail", "-f", "/dev/null", deadline: .milliseconds(50)) == nil)
    }

    @Test func outputThatIsNotTextIsRefused() {
        #expect(output("/usr/bin/printf", "\\377") == nil)
    }
}
