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
