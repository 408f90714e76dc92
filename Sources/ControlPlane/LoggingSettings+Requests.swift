import LambdaAPI
import MetadataStore

// The logging configuration of a function, in requests and for invokes. Source: `spec/invoke.md` section 7.
extension FunctionDefinition.LoggingSettings {
    /// What a function has that says nothing about it.
    static func standard(for name: String) -> Self {
        Self(
            format: LogFormat.text.rawValue,
            applicationLevel: nil,
            systemLevel: nil,
            group: FunctionLogging.standardGroup(of: name)
        )
    }

    /// These settings with what a request changes; what it does not name stays. Levels are for JSON only, where they
    /// are INFO unless said otherwise.
    func updated(by request: LoggingConfig?) throws(LambdaError) -> Self {
        guard let request else { return self }
        var next = self
        next.format = request.logFormat?.rawValue ?? format
        next.group = request.logGroup ?? group
        guard next.format == LogFormat.json.rawValue else {
            guard request.applicationLogLevel == nil, request.systemLogLevel == nil else {
                throw .invalidParameterValue(
                    "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or "
                        + "change the LogFormat to \"JSON\" and try again."
                )
            }
            next.applicationLevel = nil
            next.systemLevel = nil
            return next
        }
        next.applicationLevel =
            request.applicationLogLevel?.rawValue ?? applicationLevel ?? ApplicationLogLevel.info.rawValue
        next.systemLevel = request.systemLogLevel?.rawValue ?? systemLevel ?? SystemLogLevel.info.rawValue
        return next
    }
}

extension FunctionLogging {
    /// The settings as an invoke needs them.
    init(_ settings: FunctionDefinition.LoggingSettings) {
        self.init(
            format: LogFormat(rawValue: settings.format),
            applicationLevel: settings.applicationLevel.map { ApplicationLogLevel(rawValue: $0) },
            systemLevel: settings.systemLevel.map { SystemLogLevel(rawValue: $0) },
            group: settings.group
        )
    }
}
