import LambdaAPI

extension EventSourceMappingConfiguration {
    /// The configuration that a request asks for, with the defaults of its source. Source: `spec/async-esm.md` section 2.
    init(
        _ request: CreateEventSourceMappingRequest,
        uuid: String,
        source: EventSource,
        functionARN: String,
        mappingARN: String,
        at time: Timestamp
    ) {
        self.init()
        self.uuid = uuid
        startingPosition = request.startingPosition
        startingPositionTimestamp = request.startingPositionTimestamp
        batchSize = request.batchSize ?? source.batchSizeDefault
        maximumBatchingWindowInSeconds = request.maximumBatchingWindowInSeconds ?? 0
        eventSourceArn = request.eventSourceArn
        filterCriteria = request.filterCriteria
        functionArn = functionARN
        lastModified = time
        state = EventSourceMappingLifecycle.State.creating.rawValue
        stateTransitionReason = source.isQueue ? "USER_INITIATED" : "User action"
        topics = request.topics
        queues = request.queues
        sourceAccessConfigurations = request.sourceAccessConfigurations
        selfManagedEventSource = request.selfManagedEventSource
        functionResponseTypes = request.functionResponseTypes ?? (source.isQueue || source.isStream ? [] : nil)
        scalingConfig = request.scalingConfig
        documentDBEventSourceConfig = request.documentDBEventSourceConfig
        kmsKeyArn = request.kmsKeyArn
        eventSourceMappingArn = mappingARN
        metricsConfig = request.metricsConfig
        loggingConfig = request.loggingConfig
        provisionedPollerConfig = request.provisionedPollerConfig
        if !source.isQueue { lastProcessingResult = "No records processed" }
        maximumRecordAgeInSeconds = request.maximumRecordAgeInSeconds
        maximumRetryAttempts = request.maximumRetryAttempts
        bisectBatchOnFunctionError = request.bisectBatchOnFunctionError
        parallelizationFactor = request.parallelizationFactor
        tumblingWindowInSeconds = request.tumblingWindowInSeconds
        destinationConfig = request.destinationConfig
        amazonManagedKafkaEventSourceConfig = request.amazonManagedKafkaEventSourceConfig
        selfManagedKafkaEventSourceConfig = request.selfManagedKafkaEventSourceConfig
        addDefaults(of: source)
    }

    /// What Lambda shows of a source's settings that were not given.
    private mutating func addDefaults(of source: EventSource) {
        if source.isStream || source.isKafka {
            destinationConfig = destinationConfig ?? DestinationConfig(onFailure: OnFailure())
        }
        if source.isStream {
            parallelizationFactor = parallelizationFactor ?? 1
            maximumRecordAgeInSeconds = maximumRecordAgeInSeconds ?? -1
            bisectBatchOnFunctionError = bisectBatchOnFunctionError ?? false
            maximumRetryAttempts = maximumRetryAttempts ?? -1
            tumblingWindowInSeconds = tumblingWindowInSeconds ?? 0
        }
        switch source {
        case .managedKafka:
            amazonManagedKafkaEventSourceConfig =
                amazonManagedKafkaEventSourceConfig ?? AmazonManagedKafkaEventSourceConfig(consumerGroupId: uuid)
        case .selfManagedKafka:
            selfManagedKafkaEventSourceConfig =
                selfManagedKafkaEventSourceConfig ?? SelfManagedKafkaEventSourceConfig(consumerGroupId: uuid)
        default: break
        }
    }

    /// Changes what a request names; what it does not name stays.
    mutating func apply(_ request: UpdateEventSourceMappingRequest, of source: EventSource, at time: Timestamp) {
        lastModified = time
        stateTransitionReason = source.isQueue ? "USER_INITIATED" : "User action"
        batchSize = request.batchSize ?? batchSize
        maximumBatchingWindowInSeconds = request.maximumBatchingWindowInSeconds ?? maximumBatchingWindowInSeconds
        parallelizationFactor = request.parallelizationFactor ?? parallelizationFactor
        maximumRecordAgeInSeconds = request.maximumRecordAgeInSeconds ?? maximumRecordAgeInSeconds
        maximumRetryAttempts = request.maximumRetryAttempts ?? maximumRetryAttempts
        bisectBatchOnFunctionError = request.bisectBatchOnFunctionError ?? bisectBatchOnFunctionError
        tumblingWindowInSeconds = request.tumblingWindowInSeconds ?? tumblingWindowInSeconds
        destinationConfig = request.destinationConfig ?? destinationConfig
        sourceAccessConfigurations = request.sourceAccessConfigurations ?? sourceAccessConfigurations
        functionResponseTypes = request.functionResponseTypes ?? functionResponseTypes
        documentDBEventSourceConfig = request.documentDBEventSourceConfig ?? documentDBEventSourceConfig
        kmsKeyArn = request.kmsKeyArn ?? kmsKeyArn
        metricsConfig = request.metricsConfig ?? metricsConfig
        loggingConfig = request.loggingConfig ?? loggingConfig
        // Empty settings take these away.
        if let criteria = request.filterCriteria {
            filterCriteria = criteria.filters?.isEmpty ?? true ? nil : criteria
        }
        if let scaling = request.scalingConfig { scalingConfig = scaling.maximumConcurrency == nil ? nil : scaling }
        if let pollers = request.provisionedPollerConfig {
            provisionedPollerConfig = pollers == ProvisionedPollerConfig() ? nil : pollers
        }
    }
}
