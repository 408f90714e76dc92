package import LambdaAPI

/// Puts events on buses of EventBridge.
package struct EventBridgeClient: Sendable {
    /// One event.
    package struct Event: Hashable, Sendable {
        package var busARN: String
        package var source: String
        package var detailType: String
        /// JSON, and an object.
        package var detail: String
        /// The ARNs of what the event is about.
        package var resources: [String]
        package var time: Timestamp

        /// An event by its parts.
        package init(
            busARN: String,
            source: String,
            detailType: String,
            detail: String,
            resources: [String],
            time: Timestamp
        ) {
            self.busARN = busARN
            self.source = source
            self.detailType = detailType
            self.detail = detail
            self.resources = resources
            self.time = time
        }
    }

    private static let json = JSONProtocol(version: "1.1", target: "AWSEvents")

    private let client: ServiceClient

    /// - Parameter client: One whose service is `events`.
    package init(_ client: ServiceClient) {
        self.client = client
    }

    /// Puts one event on its bus.
    ///
    /// - Throws: ``ServiceError`` as EventBridge has it, of the request or of the event in it, or one that says that
    ///   EventBridge could not be reached.
    package func putEvents(_ event: Event) async throws(ServiceError) {
        try Self.check(try await client.send(Self.request(event)))
    }

    static func request(_ event: Event) -> ServiceRequest {
        json.request("PutEvents") { writer in
            writer.member("Entries", [event])
        }
    }

    static func check(_ answer: ServiceAnswer) throws(ServiceError) {
        let result = try JSONProtocol.result(of: answer)
        let entries: [JSONObject]? = try? result.optional("Entries")
        let entry = entries?.first ?? JSONObject()
        if let code: String = try? entry.optional("ErrorCode") {
            let message: String? = try? entry.optional("ErrorMessage")
            throw ServiceError(ServiceError.Code(code), message ?? "the event failed", status: answer.status)
        }
        // Without one, something else than EventBridge has answered, and there is no event.
        guard entry["EventId"] != nil else {
            throw .unreachable("its answer has no EventId", status: answer.status)
        }
    }
}

extension EventBridgeClient.Event: JSONEncodable {
    /// The entry of a request.
    package func encode(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Time", time)
            writer.member("Source", source)
            writer.member("Resources", resources)
            writer.member("DetailType", detailType)
            writer.member("Detail", detail)
            writer.member("EventBusName", busARN)
        }
    }
}
