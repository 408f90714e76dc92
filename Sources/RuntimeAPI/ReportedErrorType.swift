/// The type of an error as the platform tells it in logs and telemetry, after what a runtime reports. What callers see is the
/// error's document, whatever its type. Source: `spec/runtime-api.md` section 1.
enum ReportedErrorType {
    /// What a runtime reports counts if it names an error of the runtime or the function.
    static func recorded(_ reported: String) -> String {
        if reported.contains(/(Runtime|Function)\.[A-Z][a-zA-Z]+/) { return reported }
        return reported.hasPrefix("Function.") ? "Function.Unknown" : "Runtime.Unknown"
    }
}
