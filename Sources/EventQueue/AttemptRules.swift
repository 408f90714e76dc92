import LambdaAPI
import MetadataStore

/// What follows from an attempt at a function's event: nothing more, another attempt, or the end of it. Pure.
/// Source: `spec/async-esm.md` section 1.
struct AttemptRules: Sendable, Equatable {
    /// How often Lambda tries again what a function has failed at, unless it is configured.
    static let retriesDefault = 2
    /// How old an event may become, in seconds, unless it is configured.
    static let ageSecondsDefault = 21_600
    /// Between attempts that could not be made: at first and at most, in seconds.
    static let deferralSeconds = 1...300

    var retriesMax: Int
    /// In milliseconds.
    var ageMax: Int
    /// How long it is until the first retry, in milliseconds; twice as long until the second.
    var retryDelay: Int

    init(_ settings: EventSettings, retryDelay: Int) {
        retriesMax = settings.retriesMax ?? Self.retriesDefault
        ageMax = (settings.ageSecondsMax ?? Self.ageSecondsDefault) * 1000
        self.retryDelay = retryDelay
    }

    /// What came of an attempt, as far as it matters here.
    enum Outcome: Sendable, Equatable {
        case succeeded
        /// The function failed, or there is none any more.
        case failed
        /// Nobody could take the event now.
        case deferred
    }

    enum Verdict: Equatable {
        case settled(EventCondition)
        /// As it is in the store from now on.
        case again(QueuedEvent)
    }

    /// Whether the event has become too old to be tried.
    func isTooOld(_ event: QueuedEvent, at now: Timestamp) -> Bool {
        now.milliseconds > event.accepted.milliseconds + ageMax
    }

    /// What follows from an attempt that has just ended.
    func verdict(on event: QueuedEvent, after outcome: Outcome, at now: Timestamp) -> Verdict {
        var next = event
        let delay: Int
        switch outcome {
        case .succeeded:
            return .settled(.success)
        case .failed:
            next.attempts += 1
            next.deferrals = 0
            guard next.attempts <= retriesMax else { return .settled(.retriesExhausted) }
            delay = retryDelay * next.attempts
        case .deferred:
            next.deferrals += 1
            delay = Self.deferral(next.deferrals)
        }
        next.due = Timestamp(milliseconds: now.milliseconds + delay)
        guard next.due.milliseconds <= event.accepted.milliseconds + ageMax else { return .settled(.eventAgeExceeded) }
        return .again(next)
    }

    /// How long the so many-th deferral in a row takes, in milliseconds.
    static func deferral(_ count: Int, max secondsMax: Int = deferralSeconds.upperBound) -> Int {
        let seconds = deferralSeconds.lowerBound << min(count - 1, 20)
        return min(seconds, secondsMax) * 1000
    }
}

/// How an event ended, in the words of the record that destinations receive.
enum EventCondition: String, Sendable {
    case success = "Success"
    case retriesExhausted = "RetriesExhausted"
    case eventAgeExceeded = "EventAgeExceeded"
    case zeroReservedConcurrency = "ZeroReservedConcurrency"
    case recursiveInvocation = "RecursiveInvocation"
}
