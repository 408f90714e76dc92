import LambdaAPI

/// What Lambda checks of an event source mapping beyond the service model. Source: `spec/async-esm.md` sections 2 and 3.
struct EventSourceMappingRules {
    private static let filtersMax = 10

    let source: EventSource
    /// As it would be stored, with all defaults.
    let config: EventSourceMappingConfiguration

    /// Throws `InvalidParameterValueException` for the first thing that is wrong.
    func check() throws(LambdaError) {
        try checkStart()
        try checkBatches()
        try checkSettingsOfOtherSources()
        try checkFilters()
        if case .selfManagedKafka = source, config.sourceAccessConfigurations?.isEmpty ?? true {
            throw .invalidParameterValue("Required 'sourceAccessConfigurations' parameter is missing.")
        }
        if source.isKafka, config.topics?.isEmpty ?? true {
            throw .invalidParameterValue("Required 'topics' parameter is missing.")
        }
        if case .messageBroker = source, config.queues?.isEmpty ?? true {
            throw .invalidParameterValue("Required 'queues' parameter is missing.")
        }
        if let pollers = config.provisionedPollerConfig, let minimum = pollers.minimumPollers,
            let maximum = pollers.maximumPollers, minimum > maximum
        {
            throw .invalidParameterValue("MinimumPollers must be less than or equal to MaximumPollers")
        }
    }

    private func checkStart() throws(LambdaError) {
        guard source.needsStartingPosition else {
            return try refuse("StartingPosition", config.startingPosition != nil)
        }
        guard let position = config.startingPosition else {
            throw .invalidParameterValue(
                violation: "Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."
            )
        }
        if case .dynamoDB(let arn) = source, position == .atTimestamp {
            throw .invalidParameterValue("Unsupported starting position for arn type: \(arn)")
        }
        guard (position == .atTimestamp) == (config.startingPositionTimestamp != nil) else {
            throw .invalidParameterValue(
                "StartingPositionTimestamp is required when StartingPosition is AT_TIMESTAMP, and only then."
            )
        }
    }

    private func checkBatches() throws(LambdaError) {
        let size = config.batchSize ?? source.batchSizeDefault
        let window = config.maximumBatchingWindowInSeconds ?? 0
        if case .fifoQueue = source {
            guard size <= 10 else {
                throw .invalidParameterValue("Maximum batch size for a FIFO queue is 10; the given one is \(size).")
            }
            try refuse("MaximumBatchingWindowInSeconds", window > 0)
        } else if source.isQueue, size > 10, window == 0 {
            throw .invalidParameterValue(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
            )
        }
        if let age = config.maximumRecordAgeInSeconds, age != -1, age < 60 {
            throw .invalidParameterValue(
                violation: "Value '\(age)' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: "
                    + "Member must have value greater than or equal to 60"
            )
        }
    }

    /// Settings that another kind of source has.
    private func checkSettingsOfOtherSources() throws(LambdaError) {
        let hasDestination = config.destinationConfig?.onFailure?.destination?.isEmpty == false
        try refuse("DestinationConfig", hasDestination && !source.isStream && !source.isKafka)
        try refuse("DestinationConfig", config.destinationConfig?.onSuccess?.destination?.isEmpty == false)
        if !source.isStream {
            try refuse("ParallelizationFactor", config.parallelizationFactor != nil)
            try refuse("TumblingWindowInSeconds", config.tumblingWindowInSeconds != nil)
            // Kafka has them in its provisioned mode only.
            let isProvisioned = source.isKafka && config.provisionedPollerConfig != nil
            try refuse("MaximumRecordAgeInSeconds", config.maximumRecordAgeInSeconds != nil && !isProvisioned)
            try refuse("BisectBatchOnFunctionError", config.bisectBatchOnFunctionError != nil && !isProvisioned)
            try refuse("MaximumRetryAttempts", config.maximumRetryAttempts != nil && !isProvisioned)
        }
        try refuse("ScalingConfig", config.scalingConfig?.maximumConcurrency != nil && !source.isQueue)
        try refuse("Topics", config.topics != nil && !source.isKafka)
        if case .messageBroker = source {
            try refuse("FunctionResponseTypes", config.functionResponseTypes?.isEmpty == false)
        } else {
            try refuse("Queues", config.queues != nil)
        }
        try refuse(
            "ProvisionedPollerConfig",
            config.provisionedPollerConfig != nil && !source.isKafka && !source.isQueue
        )
        try refuse("DocumentDBEventSourceConfig", config.documentDBEventSourceConfig != nil && !source.isDocumentDB)
        if case .managedKafka = source {
        } else {
            try refuse("AmazonManagedKafkaEventSourceConfig", config.amazonManagedKafkaEventSourceConfig != nil)
        }
        if case .selfManagedKafka = source {
        } else {
            try refuse("SelfManagedKafkaEventSourceConfig", config.selfManagedKafkaEventSourceConfig != nil)
            try refuse("SelfManagedEventSource", config.selfManagedEventSource != nil)
        }
    }

    private func refuse(_ name: String, _ isSet: Bool) throws(LambdaError) {
        guard isSet else { return }
        throw .invalidParameterValue("Unsupported \(name) parameter for given event source mapping type.")
    }

    private func checkFilters() throws(LambdaError) {
        let filters = config.filterCriteria?.filters ?? []
        guard filters.count <= Self.filtersMax else {
            throw .invalidParameterValue("At most \(Self.filtersMax) filters are allowed; there are \(filters.count).")
        }
        for filter in filters {
            guard EventFilterPattern.isValid(filter.pattern ?? "") else {
                throw .invalidParameterValue("Invalid filter pattern definition.")
            }
        }
    }
}

/// The form of a filter's pattern: an object whose leaves are lists of values and operators. Source: `spec/async-esm.md`
/// section 5.
enum EventFilterPattern {
    private static let operators: Set = [
        "exists", "prefix", "suffix", "equals-ignore-case", "anything-but", "numeric",
    ]

    static func isValid(_ pattern: String) -> Bool {
        guard let json = try? JSONParser.parse(Array(pattern.utf8)), case .object(let object) = json else {
            return false
        }
        return isValid(object)
    }

    private static func isValid(_ object: JSONObject) -> Bool {
        guard !object.members.isEmpty else { return false }
        return object.members.allSatisfy { member in
            switch member.value {
            case .object(let inner): isValid(inner)
            case .array(let alternatives) where member.name == "$or":
                !alternatives.isEmpty
                    && alternatives.allSatisfy { if case .object(let inner) = $0 { isValid(inner) } else { false } }
            case .array(let values): !values.isEmpty && values.allSatisfy(isValue)
            default: false
            }
        }
    }

    private static func isValue(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool, .integer, .double, .string: true
        case .object(let object): object.members.count == 1 && operators.contains(object.members[0].name)
        case .array, .bytes: false
        }
    }
}
