import LambdaAPI
import Testing

@Suite struct TypeResolverTests {
    private func refusal(_ body: String) -> String? {
        let error = #expect(throws: LambdaError.self) {
            try CreateFunctionRequest(OperationInput(body: Array(body.utf8)))
        }
        #expect(error?.code == .serialization)
        #expect(error?.httpStatus == 400)
        return error?.message
    }

    @Test(arguments: [
        (#"{"MemorySize":"128"}"#, "STRING_VALUE can not be converted to an Integer"),
        (#"{"MemorySize":true}"#, "TRUE_VALUE can not be converted to an Integer"),
        (#"{"MemorySize":1e300}"#, "NUMBER_VALUE can not be converted to an Integer"),
        (#"{"FunctionName":5}"#, "NUMBER_VALUE can not be converted to a String"),
        (#"{"FunctionName":false}"#, "FALSE_VALUE can not be converted to a String"),
        (#"{"FunctionName":["f"]}"#, "Start of list found where not expected"),
        (#"{"FunctionName":{}}"#, "Start of structure or map found where not expected."),
        (#"{"Publish":"yes"}"#, "STRING_VALUE can not be converted to a Boolean"),
        (#"{"Layers":"l"}"#, "Expected list or null"),
        (#"{"Layers":{}}"#, "Start of structure or map found where not expected."),
        (#"{"Layers":[1]}"#, "NUMBER_VALUE can not be converted to a String"),
        (#"{"Tags":1}"#, "Expected map or null"),
        (#"{"Tags":{"a":1}}"#, "NUMBER_VALUE can not be converted to a String"),
        (#"{"Code":"zip"}"#, "Expected null"),
        (#"{"Code":[]}"#, "Start of list found where not expected"),
        (#"{"Code":{"ZipFile":1}}"#, "NUMBER_VALUE can not be converted to a Blob"),
        (#"{"Code":{"ZipFile":"UEs"}}"#, "STRING_VALUE can not be converted to a Blob"),
        (#"{"Code":{"ZipFile":"UE s"}}"#, "STRING_VALUE can not be converted to a Blob"),
        ("[]", "Start of list found where not expected"),
        ("7", "Expected null"),
        ("{", "failed to parse the request body as JSON: expected the name of a member at byte 1"),
    ])
    func refusesWrongTypesBeforeItLooksAtConstraints(_ body: String, _ text: String) {
        #expect(refusal(body) == text)
    }

    @Test func dropsUnknownMembersAndCutsFractions() throws {
        let body =
            #"{"Nobody":{"knows":[1]},"FunctionName":"f","Role":"arn:aws:iam::000000000000:role/r","Code":{},"Timeout":3.9}"#
        let request = try CreateFunctionRequest(OperationInput(body: Array(body.utf8)))
        #expect(request.timeout == 3)
    }

    @Test func theLastOfTwoMembersCounts() throws {
        let body = #"{"Tags":{"a":"1","b":"2","a":"3"},"Resource":"ignored","Tags":{"a":"1","a":"2"}}"#
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
        let request = try TagResourceRequest(OperationInput(pathParameters: ["Resource": arn], body: Array(body.utf8)))
        #expect(request.tags == ["a": "2"])
        #expect(request.resource == arn)
    }

    @Test func readsTextOfPathsAndQueries() throws {
        let request = try GetLayerVersionRequest(
            OperationInput(pathParameters: ["LayerName": "l", "VersionNumber": "12"])
        )
        #expect(request.versionNumber == 12)
        let error = #expect(throws: LambdaError.self) {
            try GetLayerVersionRequest(OperationInput(pathParameters: ["LayerName": "l", "VersionNumber": "x"]))
        }
        #expect(error == .serialization("STRING_VALUE can not be converted to a Long"))
        let untag = try UntagResourceRequest(
            OperationInput(
                pathParameters: ["Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"],
                query: [("tagKeys", "a"), ("tagKeys", "b")]
            )
        )
        #expect(untag.tagKeys == ["a", "b"])
        let executions = try ListDurableExecutionsByFunctionRequest(
            OperationInput(
                pathParameters: ["FunctionName": "f"],
                query: [("StartedAfter", "1970-01-01T00:00:01Z"), ("ReverseOrder", "true")]
            )
        )
        #expect(executions.startedAfter == Timestamp(milliseconds: 1000))
        #expect(executions.reverseOrder == true)
    }

    @Test func readsWholeBodies() throws {
        let success = try SendDurableExecutionCallbackSuccessRequest(
            OperationInput(pathParameters: ["CallbackId": "aGk="], body: [0, 0xFF, 1])
        )
        #expect(success.result == Blob([0, 0xFF, 1]))
        let failure = try SendDurableExecutionCallbackFailureRequest(
            OperationInput(pathParameters: ["CallbackId": "aGk="], body: Array(#"{"ErrorMessage":"no"}"#.utf8))
        )
        #expect(failure.error?.errorMessage == "no")
    }

    @Test func readsHeadersWithoutRegardToCase() throws {
        let request = try InvocationRequest(
            OperationInput(
                pathParameters: ["FunctionName": "f"],
                headers: [("x-amz-invocation-type", "Event")],
                body: [1]
            )
        )
        #expect(request.invocationType == .event)
        #expect(request.payload == Blob([1]))
    }
}
