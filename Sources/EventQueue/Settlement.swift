import LambdaAPI
import MetadataStore

/// What an attempt's result makes of an event. Pure: what is to be written, and what is to be told.
struct Settlement: Sendable {
    /// Nil for an event that is tried again.
    var condition: EventCondition?
    /// The event as it is from now on, if it is tried again.
    var next: QueuedEvent?
    /// What is queued in its place.
    var followers: [Follower] = []
    /// Whether the lane should run fewer at once.
    var wasThrottled = false

    /// An event that follows from another's end; its shard is not chosen yet.
    struct Follower: Sendable, Equatable {
        var lane: EventLane
        var content: QueuedEvent.Content
    }

    /// - Parameter functionARN: The ARN that the function was invoked by, with a qualifier.
    init(
        of event: QueuedEvent,
        _ result: AttemptResult,
        functionARN: String,
        functionName: FunctionName,
        retryDelay: Int,
        at now: Timestamp
    ) {
        let rules = AttemptRules(result.settings, retryDelay: retryDelay)
        let verdict: AttemptRules.Verdict
        switch result.ending {
        case .answered(_, let isError):
            verdict = rules.verdict(on: event, after: isError ? .failed : .succeeded, at: now)
        case .missing: verdict = rules.verdict(on: event, after: .failed, at: now)
        case .throttled, .serviceFailed:
            verdict = rules.verdict(on: event, after: .deferred, at: now)
            wasThrottled = true
        case .stopped: verdict = .settled(.zeroReservedConcurrency)
        case .looping: verdict = .settled(.recursiveInvocation)
        case .tooOld, .shutDown: verdict = .settled(.eventAgeExceeded)
        }
        switch verdict {
        case .again(let next):
            self.next = next
        case .settled(let condition):
            self.condition = condition
            let record = OutcomeRecord(
                event: event,
                functionARN: functionARN,
                condition: condition,
                invokeCount: event.attempts + (result.ending.isAttempt ? 1 : 0),
                ending: result.ending,
                time: now
            )
            followers = Self.followers(of: record, result, functionName)
        }
    }

    private static func followers(
        of record: OutcomeRecord,
        _ result: AttemptResult,
        _ functionName: FunctionName
    ) -> [Follower] {
        let wasSuccess = record.condition == .success
        var followers: [Follower] = []
        if let destination = wasSuccess ? result.settings.onSuccess : result.settings.onFailure {
            let delivery = Delivery(
                form: .record(wasSuccess: wasSuccess),
                functionARN: record.functionARN,
                functionName: functionName.rawValue,
                time: record.time
            )
            followers.append(
                follower(to: destination, delivery, JSONWriter.bytes(of: record), record, result.traceHeader)
            )
        }
        if !wasSuccess, let target = result.settings.deadLetterTarget {
            let delivery = Delivery(
                form: .deadLetter(status: result.ending.status, message: result.ending.errorMessage),
                functionARN: record.functionARN,
                functionName: functionName.rawValue,
                time: record.time
            )
            followers.append(follower(to: target, delivery, record.event.content.payload, record, result.traceHeader))
        }
        return followers
    }

    private static func follower(
        to destination: String,
        _ delivery: Delivery,
        _ payload: [UInt8],
        _ record: OutcomeRecord,
        _ traceHeader: String
    ) -> Follower {
        if let reference = FunctionReference(destination: destination) {
            // A function is a destination by being invoked; whether it is there shows when it is its turn.
            let details = InvocationDetails(isRecord: true)
            let content = QueuedEvent.Content(
                requestID: .random(),
                qualifier: reference.qualifier,
                traceHeader: traceHeader,
                details: details.document,
                payload: payload
            )
            return Follower(lane: .function(reference.name), content: content)
        }
        let content = QueuedEvent.Content(
            requestID: record.event.content.requestID,
            traceHeader: traceHeader,
            details: delivery.details,
            payload: payload
        )
        return Follower(lane: .destination(destination), content: content)
    }
}

extension FunctionReference {
    /// The function that an ARN of a destination names; nil for other services' ARNs.
    fileprivate init?(destination arn: String) {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 7, parts[2] == "lambda", parts[5] == "function" else { return nil }
        self.init(
            FunctionName(String(parts[6])),
            qualifier: parts.count > 7 ? Qualifier(String(parts[7])) : nil
        )
    }
}

extension AttemptResult.Ending {
    /// Whether it counts among the attempts at the function.
    fileprivate var isAttempt: Bool {
        switch self {
        case .answered, .missing: true
        case .throttled, .serviceFailed, .stopped, .looping, .tooOld, .shutDown: false
        }
    }

    /// What a dead letter says went wrong.
    var errorMessage: String {
        switch self {
        case .answered(let answer, _): answer.errorMessage
        case .missing(let message): message
        case .throttled: "Rate Exceeded."
        case .serviceFailed: "An error occurred and the request cannot be processed."
        // As AWS writes it.
        case .stopped: "Function not invoked. Function isconfigured with zero reserved concurrent executions"
        case .looping: "The function was invoked in a recursive loop and the event was dropped."
        case .tooOld, .shutDown: "The event reached its maximum age."
        }
    }
}

extension AttemptResult.Answer {
    /// The `errorMessage` of an error document, cut to what a message's attribute may have.
    fileprivate var errorMessage: String {
        var message: String?
        if let value = try? JSONParser.parse(payload), case .object(let object) = value {
            message = try? object.optional("errorMessage")
        }
        let text = message ?? String(decoding: payload, as: UTF8.self)
        return String(decoding: text.utf8.prefix(Delivery.errorMessageSizeMax), as: UTF8.self).cutAtCharacter(of: text)
    }
}

extension String {
    /// This without a last character that is none of the text's, since the cut fell into it.
    fileprivate func cutAtCharacter(of text: String) -> String {
        text.hasPrefix(self) ? self : String(dropLast())
    }
}
