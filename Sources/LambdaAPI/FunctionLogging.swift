/// How a function's log is written. Source: `spec/invoke.md` section 7.
package struct FunctionLogging: Sendable, Hashable {
    /// Text or JSON.
    package var format: LogFormat
    /// The least severe of the function's own lines that is kept, in JSON; nil in text.
    package var applicationLevel: ApplicationLogLevel?
    /// The least severe of the platform's lines that is shown, in JSON; nil in text.
    package var systemLevel: SystemLogLevel?
    /// The log group.
    package var group: String

    package init(
        format: LogFormat,
        applicationLevel: ApplicationLogLevel?,
        systemLevel: SystemLogLevel?,
        group: String
    ) {
        self.format = format
        self.applicationLevel = applicationLevel
        self.systemLevel = systemLevel
        self.group = group
    }

    /// What a function has that says nothing about it.
    package static func standard(for function: FunctionName) -> FunctionLogging {
        FunctionLogging(
            format: .text,
            applicationLevel: nil,
            systemLevel: nil,
            group: standardGroup(of: function.rawValue)
        )
    }

    /// The log group of a function that names none.
    package static func standardGroup(of function: String) -> String {
        "/aws/lambda/\(function)"
    }
}
