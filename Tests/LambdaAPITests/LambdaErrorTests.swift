import LambdaAPI
import Testing

@Suite struct LambdaErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let error: LambdaError
        let status: Int
        let body: String

        var testDescription: String { error.code.name }
    }

    @Test(arguments: [
        Case(
            error: .functionNotFound(arn: "arn:aws:lambda:us-east-1:000000000000:function:x"),
            status: 404,
            body: #"{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:x"}"#
        ),
        Case(
            error: .functionExists(FunctionName("x")),
            status: 409,
            body: #"{"Type":"User","message":"Function already exist: x"}"#
        ),
        Case(
            error: .tooManyRequests(.reservedFunctionConcurrentInvocationLimitExceeded),
            status: 429,
            body:
                #"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#
        ),
        Case(
            error: .requestEntityTooLarge(limit: Limits.requestPayloadMax, operation: "InvokeFunction"),
            status: 413,
            body: #"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#
        ),
        Case(error: .accessDenied(nil), status: 403, body: #"{"Message":null}"#),
        Case(error: .validation(["a"]), status: 400, body: #"{"message":"1 validation error detected: a"}"#),
        Case(error: .validation(["a", "b"]), status: 400, body: #"{"message":"2 validation errors detected: a; b"}"#),
        Case(
            error: .service(cause: LambdaError.invalidZip),
            status: 500,
            body: #"{"Type":"Service","Message":"An error occurred and the request cannot be processed."}"#
        ),
        Case(
            error: .notImplemented(.createAlias),
            status: 501,
            body: #"{"Message":"Swiftlet has no behaviour for CreateAlias yet; nothing was changed."}"#
        ),
        Case(
            error: .invalidParameterValue("say \"no\"\n"),
            status: 400,
            body: #"{"Type":"User","message":"say \"no\"\n"}"#
        ),
    ])
    func hasTheBodyOfAWS(_ expected: Case) {
        #expect(expected.error.httpStatus == expected.status)
        #expect(String(decoding: expected.error.body, as: UTF8.self) == expected.body)
        #expect(expected.error.headers.first?.value == expected.error.code.name)
    }

    @Test func saysWhenToTryAgain() {
        let error = LambdaError.tooManyRequests(.callerRateLimitExceeded, retryAfterSeconds: 2)
        #expect(error.headers.map(\.name) == ["x-amzn-ErrorType", "Retry-After"])
        #expect(error.headers.map(\.value) == ["TooManyRequestsException", "2"])
        #expect(error.message == "Rate exceeded")
        #expect(error.isRetryable)
    }

    @Test func onlyThrottlesAndFailuresAreRetryable() {
        #expect(LambdaError(.resourceNotReadyException, "later").isRetryable)
        #expect(!LambdaError.notImplemented(.createAlias).isRetryable)
        #expect(!LambdaError.validation(["a"]).isRetryable)
        #expect(!LambdaError.preconditionFailed.isRetryable)
    }

    @Test func tellsItsCauseToTheLogOnly() {
        let error = LambdaError.service(cause: LambdaError.invalidParameterValue("secret path"))
        #expect(error.description.contains("secret path"))
        #expect(!String(decoding: error.body, as: UTF8.self).contains("secret path"))
    }
}
