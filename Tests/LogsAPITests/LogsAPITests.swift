import LambdaAPI
import LogsAPI
import Testing

@Suite struct LogsAPITests {
    private func read<Request: OperationRequest>(_ type: Request.Type, _ body: String) throws(LogsError) -> Request {
        try readRequest(type, from: Array(body.utf8))
    }

    @Test func headerNamesTheOperation() throws {
        #expect(try LogsTarget.operation("Logs_20140328.GetLogEvents") == .getLogEvents)
    }

    @Test func operationWithoutBehaviourIsNamed() {
        let error = #expect(throws: LogsError.self) { try LogsTarget.operation("Logs_20140328.StartLiveTail") }
        #expect(error?.code == .notImplemented)
        #expect(error?.message.contains("StartLiveTail") == true)
        #expect(error?.message.contains("FilterLogEvents") == true)
    }

    @Test(arguments: ["Logs_20140328.Nonsense", "Logs_20140328.", "DynamoDB_20120810.PutItem", ""])
    func unknownOperationsAreRefused(target: String) {
        let error = #expect(throws: LogsError.self) { try LogsTarget.operation(target) }
        #expect(error?.code == .unknownOperation)
    }

    @Test func everyOperationIsEitherDoneOrNot() {
        for operation in LogsOperation.allCases {
            #expect(!LogsOperation.others.contains(operation.rawValue))
        }
        #expect(LogsOperation.others.count > 50)
    }

    @Test func brokenConstraintIsAnInvalidParameter() {
        let error = #expect(throws: LogsError.self) { try read(CreateLogGroupRequest.self, #"{"logGroupName":"a b"}"#) }
        #expect(
            error
                == .invalidParameter(
                    violation: "Value 'a b' at 'logGroupName' failed to satisfy constraint: "
                        + #"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"#
                )
        )
    }

    @Test func missingMemberIsNamed() {
        let error = #expect(throws: LogsError.self) { try read(PutRetentionPolicyRequest.self, "{}") }
        #expect(error?.code == .invalidParameterException)
        #expect(error?.message.hasPrefix("2 validation errors detected: Value null at 'logGroupName'") == true)
    }

    @Test(arguments: ["[]", "nonsense", #"{"logGroupName":1}"#, #"{"logGroupName":"g","tags":[]}"#])
    func otherJSONIsASerializationException(body: String) {
        let error = #expect(throws: LogsError.self) { try read(CreateLogGroupRequest.self, body) }
        #expect(error?.code == .serialization)
    }

    @Test func errorsBodyHasTypeAndMessage() {
        #expect(
            String(decoding: JSONWriter.bytes(of: LogsError.groupNotFound), as: UTF8.self)
                == #"{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}"#
        )
    }
}
