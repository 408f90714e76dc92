import Testing

@testable import RuntimeAPI

struct ReportedErrorTypeTests {
    @Test(arguments: [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.Own", "Function.Own"),
        ("Function<Runtime.Own>", "Function<Runtime.Own>"),
        ("Function.own", "Function.Unknown"),
        ("Function.X", "Function.Unknown"),
        ("Function.X1", "Function.Unknown"),
        ("Runtime.own", "Runtime.Unknown"),
        ("ValueError", "Runtime.Unknown"),
        ("My.Function.", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
    ])
    func onlyNamesOfAKnownFormAreKept(reported: String, recorded: String) {
        #expect(ReportedErrorType.recorded(reported) == recorded)
    }
}
