import Glibc
import Sandbox
import SandboxNamespaces
import Testing

#if DEBUG
/// Has each step of something fail in turn, until all of it succeeds. Each failure is to be told as it was, and to leave nothing.
///
/// - Parameters:
///   - first: The number of the first step.
///   - before: What there was on the host.
///   - directory: The engine's.
///   - code: The code of all failures, if they have one in common.
///   - body: Does it with a fault; when it succeeds it removes what it has made.
///   - look: Looks at what else may be left after a step.
/// - Returns: What the failures said, in the order of the steps.
func failEachStep(
    from first: Int = 1,
    leaving before: HostTraces,
    engine directory: String,
    code: SandboxError.Code? = nil,
    _ body: (SetUpFault) async throws(SandboxError) -> Void,
    look: (_ step: Int) async throws -> Void = { _ in }
) async throws -> [String] {
    var names: [String] = []
    for step in first..<(first + 1000) {
        do throws(SandboxError) {
            // No step of ours fails with this error by itself.
            try await body(SetUpFault(step: step, errno: EDOM))
            return names
        } catch {
            if let code { #expect(error.code == code) }
            #expect(error.errno == EDOM, "step \(step): \(error)")
            names.append(error.message)
        }
        try before.expectNothingNew(engine: directory, "after step \(step)")
        try await look(step)
    }
    return names
}
#endif
