import LambdaAPI

/// Sends messages to queues of SQS.
package struct SQSClient: Sendable {
    private static let json = JSONProtocol(version: "1.0", target: "AmazonSQS")

    private let client: ServiceClient

    /// - Parameter client: One whose service is `sqs`.
    package init(_ client: ServiceClient) {
        self.client = client
    }

    /// Sends a message to a standard queue.
    ///
    /// - Parameters:
    ///   - attributes: Of different names, ten at most.
    ///   - traceHeader: X-Ray's header, for the message's `AWSTraceHeader`.
    /// - Throws: ``ServiceError`` as SQS has it, or one that says that SQS could not be reached.
    package func sendMessage(
        to queueARN: String,
        body: String,
        attributes: [MessageAttribute] = [],
        traceHeader: String? = nil
    ) async throws(ServiceError) {
        let queueURL = try Self.queueURL(queueARN, at: client.endpoint.url)
        let request = Self.request(
            queueURL: queueURL,
            body: body,
            attributes: attributes,
            traceHeader: traceHeader
        )
        try Self.check(try await client.send(request))
    }

    /// The address of a queue, which SQS makes of the account and the name.
    static func queueURL(_ arn: String, at url: String) throws(ServiceError) -> String {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "sqs", !parts[4].isEmpty, !parts[5].isEmpty else {
            throw .invalidAddress("'\(arn)' is not the ARN of a queue")
        }
        return "\(url)/\(parts[4])/\(parts[5])"
    }

    static func request(
        queueURL: String,
        body: String,
        attributes: [MessageAttribute],
        traceHeader: String?
    ) -> ServiceRequest {
        // The header asks for errors' names as they were before SQS spoke JSON, which everybody still knows them by.
        json.request("SendMessage", headers: [("x-amzn-query-mode", "true")]) { writer in
            writer.member("QueueUrl", queueURL)
            writer.member("MessageBody", body)
            if !attributes.isEmpty {
                writer.member("MessageAttributes") { writer in
                    for attribute in attributes { writer.member(attribute.name, attribute) }
                }
            }
            if let traceHeader {
                writer.member("MessageSystemAttributes") { writer in
                    writer.member(
                        "AWSTraceHeader",
                        MessageAttribute("AWSTraceHeader", type: .string, value: traceHeader)
                    )
                }
            }
        }
    }

    static func check(_ answer: ServiceAnswer) throws(ServiceError) {
        // Without one, something else than SQS has answered, and there is no message.
        guard try JSONProtocol.result(of: answer)["MessageId"] != nil else {
            throw .unreachable("its answer has no MessageId", status: answer.status)
        }
    }
}
