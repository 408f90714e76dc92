import LambdaAPI
import MetadataStore
import Testing

@testable import EventQueue

struct AttemptRulesTests {
    /// An event accepted at 0 with its history.
    private func event(attempts: Int = 0, deferrals: Int = 0) -> QueuedEvent {
        var event = QueuedEvent.test(1)
        event.attempts = attempts
        event.deferrals = deferrals
        return event
    }

    private func rules(retries: Int? = nil, age: Int? = nil, retryDelay: Int = 60_000) -> AttemptRules {
        AttemptRules(EventSettings(retriesMax: retries, ageSecondsMax: age), retryDelay: retryDelay)
    }

    /// The event that is tried again, or nil if it is settled.
    private func next(_ verdict: AttemptRules.Verdict) -> QueuedEvent? {
        guard case .again(let next) = verdict else { return nil }
        return next
    }

    @Test func settingsThatAreNotConfiguredAreLambdas() {
        #expect(rules().retriesMax == 2)
        #expect(rules().ageMax == 21_600_000)
        #expect(rules(retries: 0, age: 60).retriesMax == 0)
        #expect(rules(retries: 0, age: 60).ageMax == 60_000)
    }

    @Test func successSettlesWhateverTheAge() {
        let late = Timestamp.test(seconds: 100_000)
        #expect(rules(age: 60).verdict(on: event(attempts: 2), after: .succeeded, at: late) == .settled(.success))
    }

    /// How long it is until the next attempt, in minutes; nil for none.
    @Test(
        arguments: [
            (nil, 0, 1), (nil, 1, 2), (nil, 2, nil), (2, 1, 2), (2, 2, nil), (1, 0, 1), (1, 1, nil), (0, 0, nil),
            // The function was configured for fewer in the meantime.
            (0, 1, nil), (1, 2, nil),
        ] as [(Int?, Int, Int?)]
    )
    func failureIsTriedAgainAfterOneAndTwoMinutes(retries: Int?, attempts: Int, minutes: Int?) {
        let verdict = rules(retries: retries).verdict(on: event(attempts: attempts), after: .failed, at: .test(500))
        guard let minutes else {
            #expect(verdict == .settled(.retriesExhausted))
            return
        }
        var expected = event(attempts: attempts + 1)
        expected.due = .test(500 + 60_000 * minutes)
        #expect(verdict == .again(expected))
    }

    @Test func delayIsAsConfigured() {
        let rules = rules(retryDelay: 1000)
        #expect(next(rules.verdict(on: event(), after: .failed, at: .test(0)))?.due == .test(1000))
        #expect(next(rules.verdict(on: event(attempts: 1), after: .failed, at: .test(0)))?.due == .test(2000))
    }

    /// Age 60 permits no retry, since that would come after 60 s and what the attempt took.
    @Test(arguments: [
        (60, 0, 0, true), (60, 0, 1, false), (61, 0, 1000, true), (61, 0, 1001, false), (180, 1, 60_000, true),
        (180, 1, 60_001, false), (21_600, 0, 21_540_000, true), (21_600, 0, 21_540_001, false),
    ])
    func retryThatWouldComeTooLateIsNotWaitedFor(age: Int, attempts: Int, now: Int, isTried: Bool) {
        let verdict = rules(age: age).verdict(on: event(attempts: attempts), after: .failed, at: .test(now))
        #expect((next(verdict) != nil) == isTried)
        if !isTried { #expect(verdict == .settled(.eventAgeExceeded)) }
    }

    @Test func retriesAreExhaustedBeforeTheAgeIs() {
        let verdict = rules(retries: 0, age: 60).verdict(on: event(), after: .failed, at: .test(seconds: 59))
        #expect(verdict == .settled(.retriesExhausted))
    }

    @Test(arguments: zip(1...12, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]))
    func deferralsDoubleUpToFiveMinutes(count: Int, seconds: Int) {
        #expect(AttemptRules.deferral(count) == seconds * 1000)
        let verdict = rules().verdict(on: event(attempts: 1, deferrals: count - 1), after: .deferred, at: .test(7))
        var expected = event(attempts: 1, deferrals: count)
        expected.due = .test(7 + seconds * 1000)
        #expect(verdict == .again(expected), "a deferral uses up no attempt")
    }

    @Test(arguments: zip([1, 6, 7, 1000, .max], [1, 32, 60, 60, 60]))
    func deferralsStopGrowingWhereTheyShall(count: Int, seconds: Int) {
        #expect(AttemptRules.deferral(count, max: 60) == seconds * 1000)
    }

    @Test func deferralsBeginAnewAfterAnAttempt() throws {
        let failed = try #require(next(rules().verdict(on: event(deferrals: 8), after: .failed, at: .test(0))))
        #expect(failed.deferrals == 0)
        #expect(next(rules().verdict(on: failed, after: .deferred, at: .test(0)))?.due == .test(1000))
    }

    @Test func deferralBeyondTheAgeEndsTheEvent() {
        let rules = rules(age: 60)
        let event = event(deferrals: 3)
        #expect(next(rules.verdict(on: event, after: .deferred, at: .test(52_000)))?.due == .test(60_000))
        #expect(rules.verdict(on: event, after: .deferred, at: .test(52_001)) == .settled(.eventAgeExceeded))
    }

    @Test(arguments: [(60_000, false), (60_001, true)])
    func eventIsTooOldAfterItsAge(now: Int, isTooOld: Bool) {
        #expect(rules(age: 60).isTooOld(event(), at: .test(now)) == isTooOld)
    }
}
