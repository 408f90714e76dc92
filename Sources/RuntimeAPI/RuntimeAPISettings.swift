package import LambdaAPI

/// What the APIs of an environment tell and allow.
package struct RuntimeAPISettings: Sendable {
    /// The largest response that is not streamed, in bytes.
    package var responseBytesMax: Int
    /// The function's name, version and handler, and its account: what extensions are told of it.
    package var functionName: String
    package var functionVersion: String
    package var handler: String
    package var accountID: String
    /// What a request to the metadata endpoint must bear.
    package var metadataToken: String
    /// The availability zone that the metadata endpoint tells, such as `use1-az1`.
    package var availabilityZoneID: String

    /// Whether the function starts from a snapshot, so that its runtime asks when it has been restored.
    package var startsFromSnapshot = false
    /// Whether this environment initialises to be that snapshot.
    package var isTemplate = false
    /// What functions get access keys for that are in no variable; nil if theirs are.
    package var credentials: Credentials?

    /// Access keys, and what a request for them must bear.
    package struct Credentials: Sendable {
        package var authorizationToken: String
        package var accessKeyID: String
        package var secretAccessKey: String
        package var sessionToken: String
        /// Until when a client may use them, that asks now.
        package var expiration: @Sendable () -> Timestamp

        package init(
            authorizationToken: String,
            accessKeyID: String,
            secretAccessKey: String,
            sessionToken: String,
            expiration: @escaping @Sendable () -> Timestamp
        ) {
            self.authorizationToken = authorizationToken
            self.accessKeyID = accessKeyID
            self.secretAccessKey = secretAccessKey
            self.sessionToken = sessionToken
            self.expiration = expiration
        }
    }

    package init(
        responseBytesMax: Int,
        functionName: String,
        functionVersion: String,
        handler: String,
        accountID: String,
        metadataToken: String,
        availabilityZoneID: String
    ) {
        self.responseBytesMax = responseBytesMax
        self.functionName = functionName
        self.functionVersion = functionVersion
        self.handler = handler
        self.accountID = accountID
        self.metadataToken = metadataToken
        self.availabilityZoneID = availabilityZoneID
    }
}
