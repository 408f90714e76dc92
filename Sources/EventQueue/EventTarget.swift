package import LambdaAPI

/// How events of a function are tried, and where what comes of them goes.
package struct EventSettings: Codable, Sendable, Equatable {
    /// How often an attempt that failed is repeated; nil for Lambda's default.
    package var retriesMax: Int?
    /// How old an event may become, in seconds; nil for Lambda's default.
    package var ageSecondsMax: Int?
    /// The ARNs of the destinations; nil for none.
    package var onSuccess: String?
    package var onFailure: String?
    /// The ARN of the dead-letter queue or topic; nil for none.
    package var deadLetterTarget: String?

    package init(
        retriesMax: Int? = nil,
        ageSecondsMax: Int? = nil,
        onSuccess: String? = nil,
        onFailure: String? = nil,
        deadLetterTarget: String? = nil
    ) {
        self.retriesMax = retriesMax
        self.ageSecondsMax = ageSecondsMax
        self.onSuccess = onSuccess
        self.onFailure = onFailure
        self.deadLetterTarget = deadLetterTarget
    }
}

/// A function as an attempt at one of its events needs it.
package struct EventTarget: Sendable {
    package var function: InvocableFunction
    package var settings: EventSettings
    /// Whether the function's reserved concurrency is 0.
    package var isStopped: Bool
    /// Whether the function may invoke itself in a loop.
    package var allowsLoop: Bool

    package init(function: InvocableFunction, settings: EventSettings, isStopped: Bool, allowsLoop: Bool) {
        self.function = function
        self.settings = settings
        self.isStopped = isStopped
        self.allowsLoop = allowsLoop
    }
}

/// Who knows the functions. Each attempt asks anew, so that an event runs on the code that is current then.
package protocol EventTargets: Sendable {
    /// The function if it is known already, or nil if ``target(of:)`` has to be asked.
    func knownTarget(of reference: FunctionReference) -> EventTarget?

    /// The function, from the store if need be. Throws `ResourceNotFoundException` if there is no such function, version
    /// or alias.
    func target(of reference: FunctionReference) async throws(LambdaError) -> EventTarget
}
