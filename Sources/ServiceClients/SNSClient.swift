/// Publishes messages to topics of SNS.
package struct SNSClient: Sendable {
    private static let query = QueryProtocol(version: "2010-03-31")

    private let client: ServiceClient

    /// - Parameter client: One whose service is `sns`.
    package init(_ client: ServiceClient) {
        self.client = client
    }

    /// Publishes a message to a standard topic.
    ///
    /// - Throws: ``ServiceError`` as SNS has it, or one that says that SNS could not be reached.
    package func publish(
        to topicARN: String,
        message: String,
        attributes: [MessageAttribute] = []
    ) async throws(ServiceError) {
        let request = Self.request(topicARN: topicARN, message: message, attributes: attributes)
        try Self.check(try await client.send(request))
    }

    static func request(topicARN: String, message: String, attributes: [MessageAttribute]) -> ServiceRequest {
        var parameters = [(name: "TopicArn", value: topicARN), (name: "Message", value: message)]
        for (index, attribute) in attributes.enumerated() {
            let entry = "MessageAttributes.entry.\(index + 1)"
            parameters.append(("\(entry).Name", attribute.name))
            parameters.append(("\(entry).Value.DataType", attribute.type.rawValue))
            parameters.append(("\(entry).Value.StringValue", attribute.value))
        }
        return query.request("Publish", parameters)
    }

    static func check(_ answer: ServiceAnswer) throws(ServiceError) {
        // Without one, something else than SNS has answered, and there is no message.
        guard try QueryProtocol.result(of: "Publish", in: answer)["MessageId"] != nil else {
            throw .unreachable("its answer has no MessageId", status: answer.status)
        }
    }
}
