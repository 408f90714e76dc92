import LambdaAPI
import Testing

/// Echoes what a function's creator asked for.
private struct EchoService: LambdaOperations {
    static let implementedOperations: Set<Operation> = [.createFunction, .deleteFunction, .deleteAlias, .tagResource]

    func createFunction(_ request: CreateFunctionRequest) async throws(LambdaError) -> FunctionConfiguration {
        guard request.functionName != "taken" else { throw .functionExists(FunctionName("taken")) }
        return FunctionConfiguration(
            functionName: request.functionName,
            runtime: request.runtime,
            role: request.role,
            codeSize: request.code.zipFile?.bytes.count,
            timeout: request.timeout,
            environment: EnvironmentResponse(variables: request.environment?.variables),
            state: .pending,
            ephemeralStorage: request.ephemeralStorage
        )
    }

    func deleteFunction(_ request: DeleteFunctionRequest) async throws(LambdaError) -> DeleteFunctionResponse {
        DeleteFunctionResponse(statusCode: request.qualifier == "1" ? 202 : nil)
    }

    func deleteAlias(_ request: DeleteAliasRequest) async throws(LambdaError) {}
}

@Suite struct DispatchTests {
    private func text(_ output: OperationOutput) -> String { String(decoding: output.body, as: UTF8.self) }

    @Test func createFunctionGoesInAndItsConfigurationComesOut() async throws {
        let body = #"""
            {"FunctionName":"hello","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/r","Handler":"a.b",
             "Code":{"ZipFile":"UEsDBA=="},"Timeout":5,"Environment":{"Variables":{"BB":"2","AA":"1"}},
             "EphemeralStorage":{"Size":512}}
            """#
        let output = try await dispatch(.createFunction, OperationInput(body: Array(body.utf8)), to: EchoService())
        #expect(output.status == 201)
        let expected =
            #"{"FunctionName":"hello","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/r","CodeSize":4,"#
            + #""Timeout":5,"Environment":{"Variables":{"AA":"1","BB":"2"}},"State":"Pending","EphemeralStorage":{"Size":512}}"#
        #expect(text(output) == expected)
    }

    @Test func anAnswerWithoutContentHasNoBody() async throws {
        let path = ["FunctionName": "f", "Name": "a"]
        let alias = try await dispatch(.deleteAlias, OperationInput(pathParameters: path), to: EchoService())
        #expect(alias.status == 204)
        #expect(alias.body.isEmpty)
        let function = try await dispatch(.deleteFunction, OperationInput(pathParameters: path), to: EchoService())
        #expect(function.status == 204)
        #expect(function.body.isEmpty)
    }

    @Test func aResponseMayHaveItsOwnStatus() async throws {
        let input = OperationInput(pathParameters: ["FunctionName": "f"], query: [("Qualifier", "1")])
        let output = try await dispatch(.deleteFunction, input, to: EchoService())
        #expect(output.status == 202)
        #expect(text(output) == "{}")
    }

    @Test func anErrorOfTheServicePassesThrough() async {
        let body = #"{"FunctionName":"taken","Role":"arn:aws:iam::000000000000:role/r","Code":{}}"#
        await #expect(throws: LambdaError.functionExists(FunctionName("taken"))) {
            try await dispatch(.createFunction, OperationInput(body: Array(body.utf8)), to: EchoService())
        }
    }

    @Test(arguments: Set(Operation.allCases).subtracting(EchoService.implementedOperations))
    func whatHasNoBehaviourSaysSo(_ operation: Operation) async {
        await #expect(throws: LambdaError.notImplemented(operation)) {
            try await dispatch(operation, OperationInput(body: Array("not JSON".utf8)), to: EchoService())
        }
    }

    @Test func whatIsDeclaredButNotWrittenSaysSo() async {
        let input = OperationInput(
            pathParameters: ["Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"],
            body: Array(#"{"Tags":{}}"#.utf8)
        )
        await #expect(throws: LambdaError.notImplemented(.tagResource)) {
            try await dispatch(.tagResource, input, to: EchoService())
        }
    }
}

@Suite struct FunctionConfigurationTests {
    @Test func roundTripsThroughJSON() throws {
        let configuration = FunctionConfiguration(
            functionName: "f",
            functionArn: "arn:aws:lambda:us-east-1:000000000000:function:f",
            runtime: .python3_12,
            role: "arn:aws:iam::000000000000:role/r",
            handler: "a.b",
            codeSize: 4,
            description: "",
            timeout: 3,
            memorySize: 128,
            lastModified: Timestamp(milliseconds: 0).functionText,
            codeSha256: "c2hh",
            version: "$LATEST",
            vpcConfig: VpcConfigResponse(subnetIds: [], securityGroupIds: ["sg-1"]),
            environment: EnvironmentResponse(
                variables: ["A": "1"],
                error: EnvironmentError(errorCode: "e", message: "m")
            ),
            tracingConfig: TracingConfigResponse(mode: .passThrough),
            revisionId: "r",
            layers: [Layer(arn: "arn:aws:lambda:us-east-1:000000000000:layer:l:1", codeSize: 9)],
            state: .active,
            lastUpdateStatus: .successful,
            packageType: .zip,
            architectures: [.x86_64],
            ephemeralStorage: EphemeralStorage(size: 512),
            snapStart: SnapStartResponse(applyOn: SnapStartApplyOn.none),
            loggingConfig: LoggingConfig(logFormat: .text, logGroup: "/aws/lambda/f")
        )
        let value = try JSONParser.parse(JSONWriter.bytes(of: configuration))
        #expect(try FunctionConfiguration(json: value) == configuration)
    }
}
