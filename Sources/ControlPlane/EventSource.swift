import LambdaAPI

/// Where a mapping's events come from. Source: `spec/async-esm.md` section 3.
enum EventSource: Equatable {
    case standardQueue(arn: String)
    case fifoQueue(arn: String)
    case kinesis(arn: String)
    case dynamoDB(arn: String)
    case managedKafka(arn: String)
    case selfManagedKafka(brokers: [String])
    case messageBroker(arn: String)
    case documentDB(arn: String)

    /// Nil if nothing is recognised.
    init?(arn: String?, selfManaged: SelfManagedEventSource?) {
        if let brokers = selfManaged?.endpoints?[EndPointType.kafkaBootstrapServers.rawValue], arn == nil {
            self = .selfManagedKafka(brokers: brokers)
            return
        }
        guard let arn else { return nil }
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6 else { return nil }
        switch parts[2] {
        case "sqs": self = parts[5].hasSuffix(".fifo") ? .fifoQueue(arn: arn) : .standardQueue(arn: arn)
        case "kinesis": self = .kinesis(arn: arn)
        case "dynamodb" where parts[5].contains("/stream/"): self = .dynamoDB(arn: arn)
        case "kafka": self = .managedKafka(arn: arn)
        case "mq": self = .messageBroker(arn: arn)
        case "rds": self = .documentDB(arn: arn)
        default: return nil
        }
    }

    var isQueue: Bool {
        switch self {
        case .standardQueue, .fifoQueue: true
        default: false
        }
    }

    /// Records in shards, each kept for a time and read in its order.
    var isStream: Bool {
        switch self {
        case .kinesis, .dynamoDB: true
        default: false
        }
    }

    var isKafka: Bool {
        switch self {
        case .managedKafka, .selfManagedKafka: true
        default: false
        }
    }

    var isDocumentDB: Bool {
        if case .documentDB = self { true } else { false }
    }

    /// Whether the user has to say where to begin.
    var needsStartingPosition: Bool { isStream || isKafka || isDocumentDB }

    var batchSizeDefault: Int { isQueue ? 10 : 100 }
}
