package import LambdaAPI
import MetadataStore

// The management of event source mappings. Source: `spec/control-plane.md` section 1, `spec/async-esm.md` section 2.
extension ControlPlane {
    /// Why no mapping is enabled. What polls sources is to be built; until then a mapping says so.
    private static let obstacle =
        "Swiftlet does not poll event sources yet. The mapping is kept, and will be enabled once it does."

    package func createEventSourceMapping(
        _ request: CreateEventSourceMappingRequest
    ) async throws(LambdaError) -> EventSourceMappingConfiguration {
        try ConfigurationRules.checkTags(request.tags ?? [:])
        guard let source = EventSource(arn: request.eventSourceArn, selfManaged: request.selfManagedEventSource) else {
            throw .invalidParameterValue("Unrecognized event source.")
        }
        let reference = try await mappedFunction(request.functionName)
        let uuid = RequestID.random().rawValue
        let config = EventSourceMappingConfiguration(
            request,
            uuid: uuid,
            source: source,
            functionARN: reference.arn(in: dependencies.locality),
            mappingARN: dependencies.locality.eventSourceMappingARN(uuid),
            at: dependencies.now()
        )
        try EventSourceMappingRules(source: source, config: config).check()
        let record = EventSourceMappingRecord(
            config: config,
            isEnabled: request.enabled ?? true,
            tags: request.tags ?? [:]
        )
        do throws(MetadataStoreError) {
            try await dependencies.store.insert(record)
        } catch {
            guard error.code == .exists else { throw .service(cause: error) }
            throw try await duplicate(of: record, source: source, function: reference.name)
        }
        finishMappingLater(uuid)
        return config
    }

    package func getEventSourceMapping(
        _ request: GetEventSourceMappingRequest
    ) async throws(LambdaError) -> EventSourceMappingConfiguration {
        let record = try await inStore { store throws(MetadataStoreError) in
            try await store.resource(EventSourceMappingRecord.self, request.uuid)
        }
        guard let record else { throw .resourceDoesNotExist }
        return record.config
    }

    package func updateEventSourceMapping(
        _ request: UpdateEventSourceMappingRequest
    ) async throws(LambdaError) -> EventSourceMappingConfiguration {
        let reference: FunctionReference? =
            if let name = request.functionName { try await mappedFunction(name) } else { nil }
        let record = try await changeResource(
            EventSourceMappingRecord.self,
            request.uuid,
            missing: .resourceDoesNotExist,
            duplicate: .resourceConflict("The function has another mapping of the same event source.")
        ) { record throws(LambdaError) in
            let known = record.config
            guard let source = EventSource(arn: known.eventSourceArn, selfManaged: known.selfManagedEventSource) else {
                throw .invalidParameterValue("Unrecognized event source.")
            }
            var next = record
            next.config.apply(request, of: source, at: dependencies.now())
            if let reference { next.config.functionArn = reference.arn(in: dependencies.locality) }
            try EventSourceMappingRules(source: source, config: next.config).check()
            let isEnabled = request.enabled ?? record.isEnabled
            do throws(EventSourceMappingLifecycle.InUse) {
                record = try EventSourceMappingLifecycle(record).updated(next, isEnabled: isEnabled)
            } catch {
                throw .mappingInUse("update")
            }
        }
        finishMappingLater(request.uuid)
        return record.config
    }

    package func deleteEventSourceMapping(
        _ request: DeleteEventSourceMappingRequest
    ) async throws(LambdaError) -> EventSourceMappingConfiguration {
        let record = try await changeResource(
            EventSourceMappingRecord.self,
            request.uuid,
            missing: .resourceDoesNotExist
        ) { record throws(LambdaError) in
            do throws(EventSourceMappingLifecycle.InUse) {
                record = try EventSourceMappingLifecycle(record).deleted()
            } catch {
                throw .mappingInUse("delete")
            }
        }
        finishMappingLater(request.uuid)
        return record.config
    }

    package func listEventSourceMappings(
        _ request: ListEventSourceMappingsRequest
    ) async throws(LambdaError) -> ListEventSourceMappingsResponse {
        let functionARN = try request.functionName.map { name throws(LambdaError) in
            try reference(name).arn(in: dependencies.locality)
        }
        let isFiltered = functionARN != nil || request.eventSourceArn != nil
        let key = EventSourceMappingRecord.key(functionARN: functionARN, sourceARN: request.eventSourceArn)
        let page = try await resourcePage(
            EventSourceMappingRecord.self,
            key: isFiltered ? key : nil,
            after: request.marker,
            limit: request.maxItems
        )
        return ListEventSourceMappingsResponse(nextMarker: page.next, eventSourceMappings: page.items.map(\.config))
    }

    /// Finishes what a request has begun of a mapping.
    func finishMapping(_ uuid: String) async throws(MetadataStoreError) {
        while let record = try await dependencies.store.resource(EventSourceMappingRecord.self, uuid) {
            do throws(MetadataStoreError) {
                switch EventSourceMappingLifecycle(record).finished(obstacle: Self.obstacle) {
                case .write(let next): _ = try await dependencies.store.replace(next)
                case .remove: _ = try await dependencies.store.deleteResource(EventSourceMappingRecord.self, uuid)
                case .none: break
                }
                return
            } catch {
                guard error.code == .conflict else { throw error }
            }
        }
    }

    /// Takes up what was under way when the process ended.
    func recoverMappings() async throws(LambdaError) {
        var last: String?
        repeat {
            let page = try await inStore { store throws(MetadataStoreError) in
                try await store.resources(
                    EventSourceMappingRecord.self,
                    key: EventSourceMappingRecord.unfinishedKey,
                    after: last,
                    limit: Limits.resourcesPerPageMax
                )
            }
            for record in page { finishMappingLater(record.id) }
            last = page.last?.id
        } while last != nil
    }

    private func mappedFunction(_ name: String) async throws(LambdaError) -> FunctionReference {
        let reference = try reference(name)
        do throws(LambdaError) {
            _ = try await target(reference)
        } catch {
            guard error.code == .resourceNotFoundException else { throw error }
            throw .invalidParameterValue("Function does not exist")
        }
        return reference
    }

    /// The error for a mapping that the function has already.
    private func duplicate(
        of record: EventSourceMappingRecord,
        source: EventSource,
        function name: FunctionName
    ) async throws(LambdaError) -> LambdaError {
        let config = record.config
        let key = EventSourceMappingRecord.key(functionARN: config.functionArn, sourceARN: config.eventSourceArn)
        let same = try await inStore { store throws(MetadataStoreError) in
            try await store.resources(
                EventSourceMappingRecord.self,
                key: key,
                after: nil,
                limit: Limits.resourcesPerPageMax
            )
        }
        let other = same.first { $0.uniqueKey == record.uniqueKey && $0.id != record.id }
        let advice = "Please update or delete the existing mapping with UUID \(other?.id ?? "unknown")"
        switch source {
        case .standardQueue(let arn), .fifoQueue(let arn):
            return .resourceConflict(
                "An event source mapping with SQS arn (\" \(arn) \") and function (\" \(name) \") already exists. "
                    + advice
            )
        case .managedKafka, .selfManagedKafka:
            let brokers = config.selfManagedEventSource?.endpoints?.values.joined().joined(separator: ",")
            let topics = (config.topics ?? []).joined(separator: ",")
            return .resourceConflict(
                "An event source mapping with event source (\"\(brokers ?? config.eventSourceArn ?? "")\"), "
                    + "function (\"\(config.functionArn ?? "")\"), topics (\"\(topics)\") already exists. \(advice)"
            )
        case .kinesis(let arn), .dynamoDB(let arn), .messageBroker(let arn), .documentDB(let arn):
            return .resourceConflict(
                "The event source arn (\" \(arn) \") and function (\" \(name) \") provided mapping already exists. "
                    + advice
            )
        }
    }
}

extension Locality {
    fileprivate func eventSourceMappingARN(_ uuid: String) -> String {
        "arn:aws:lambda:\(region):\(accountID):event-source-mapping:\(uuid)"
    }
}

extension LambdaError {
    fileprivate static func mappingInUse(_ verb: String) -> LambdaError {
        LambdaError(.resourceInUseException, "Cannot \(verb) the event source mapping because it is in use.")
    }
}
