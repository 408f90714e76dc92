import LambdaAPI

extension InvocableFunction {
    /// A version of a function in one configuration.
    static func test(
        _ name: String,
        _ version: String = "$LATEST",
        configuration: String = "c",
        memoryMB: Int = 128
    ) -> InvocableFunction {
        InvocableFunction(
            configurationID: .init(configuration),
            locality: Locality(accountID: "000000000000", region: "us-east-1"),
            name: FunctionName(name),
            version: FunctionVersion(version),
            runtime: "python3.11",
            handler: "app.handler",
            timeoutSeconds: 3,
            memoryMegabytes: memoryMB,
            ephemeralStorageMegabytes: 512,
            environment: [:],
            codeHash: String(repeating: "c0de", count: 16)
        )
    }
}
