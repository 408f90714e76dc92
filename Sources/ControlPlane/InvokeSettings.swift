import EventQueue
import LambdaAPI
import MetadataStore

/// What is set for invokes of a function beside code and configuration, for all of its versions.
struct InvokeSettings: Sendable {
    /// Whether it may invoke itself in a loop.
    let allowsLoop: Bool
    /// Whether its reserved concurrency is 0.
    let isStopped: Bool

    private let events: [String: EventInvokeRecord]
    /// That of the unpublished version, which goes for all versions.
    private let deadLetterTargetARN: String?

    init(_ record: FunctionRecord) {
        allowsLoop = record.attachments.recursiveLoop == .allow
        isStopped = record.concurrency.reserved == 0
        events = record.attachments.eventInvokeConfigs
        deadLetterTargetARN = record.definition.deadLetterTargetARN
    }

    /// How asynchronous invokes by that reference are tried: what is set for its very qualifier, and nothing else.
    func eventSettings(of reference: FunctionReference) -> EventSettings {
        let config = events[reference.attachmentKey]
        return EventSettings(
            retriesMax: config?.maximumRetryAttempts,
            ageSecondsMax: config?.maximumEventAgeInSeconds,
            onSuccess: config?.destinations?.onSuccess?.destination.flatMap { $0.isEmpty ? nil : $0 },
            onFailure: config?.destinations?.onFailure?.destination.flatMap { $0.isEmpty ? nil : $0 },
            deadLetterTarget: deadLetterTargetARN
        )
    }
}
