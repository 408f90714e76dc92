package import AsyncHTTPClient
package import Identity
package import LambdaAPI

/// Where the services are that Swiftlet sends to, and who it is to them.
///
/// Addresses are scheme, host and port, such as `https://sqs.us-east-1.amazonaws.com`, without a path, and nil for a
/// service that there is not.
package struct ServiceEndpoints: Hashable, Sendable {
    package var sqs: String?
    package var sns: String?
    package var eventBridge: String?
    package var s3: String?
    /// The region that signatures name; queues, topics, buses and buckets of another are not reached.
    package var region: String
    /// Nil where anybody may send.
    package var credentials: Credentials?
    /// Those for S3, if it has others.
    package var s3Credentials: Credentials?

    /// Endpoints by their addresses.
    package init(
        sqs: String? = nil,
        sns: String? = nil,
        eventBridge: String? = nil,
        s3: String? = nil,
        region: String,
        credentials: Credentials? = nil
    ) {
        self.sqs = sqs
        self.sns = sns
        self.eventBridge = eventBridge
        self.s3 = s3
        self.region = region
        self.credentials = credentials
    }
}

/// The clients of the services that there are.
package struct ServiceDirectory: Sendable {
    package let sqs: SQSClient?
    package let sns: SNSClient?
    package let eventBridge: EventBridgeClient?
    package let s3: S3Client?

    /// - Parameter client: What all of them send with; one that follows no redirects.
    package init(_ endpoints: ServiceEndpoints, client: HTTPClient, now: @escaping @Sendable () -> Timestamp) {
        func service(_ name: String, at url: String?, _ credentials: Credentials? = nil) -> ServiceClient? {
            url.map { url in
                let endpoint = ServiceEndpoint(
                    service: name,
                    url: url,
                    region: endpoints.region,
                    credentials: credentials ?? endpoints.credentials
                )
                return ServiceClient(endpoint: endpoint, client: client, now: now)
            }
        }
        sqs = service("sqs", at: endpoints.sqs).map { SQSClient($0) }
        sns = service("sns", at: endpoints.sns).map { SNSClient($0) }
        eventBridge = service("events", at: endpoints.eventBridge).map { EventBridgeClient($0) }
        s3 = service("s3", at: endpoints.s3, endpoints.s3Credentials).map { S3Client($0) }
    }
}
