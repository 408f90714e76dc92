import Testing

@testable import ServiceClients

struct ServiceErrorTests {
    @Test(
        arguments: [
            ("AWS.SimpleQueueService.NonExistentQueue", 400, false), ("NotFound", 404, false),
            ("ResourceNotFoundException", 400, false), ("NoSuchBucket", 404, false), ("AccessDenied", 403, false),
            ("InvalidClientTokenId", 403, false), ("MalformedDetail", 200, false), ("LimitExceeded", 413, false),
            ("InternalError", 500, true), ("ServiceUnavailable", 503, true), ("Anything", 429, true),
            ("Throttling", 400, true), ("ThrottlingException", 400, true), ("ThrottlingException", 200, true),
            ("RequestThrottled", 403, true), ("RequestLimitExceeded", 400, true), ("SlowDown", 503, true),
            ("KMS.ThrottlingException", 400, true), ("KMSThrottling", 400, true), ("RequestTimeout", 400, true),
            ("InternalFailure", 200, true),
        ]
    )
    func whatIsThrottledOrTheServicesFaultMayPass(code: String, status: Int, mayPass: Bool) {
        let error = ServiceError(ServiceError.Code(code), "why", status: status)
        #expect(error.code.rawValue == code)
        #expect(error.message == "why")
        #expect(error.status == status)
        #expect(error.mayPass == mayPass)
        #expect("\(error)" == "\(code): why")
    }

    @Test(arguments: [(301, false), (400, false), (403, false), (404, false), (429, true), (502, true), (503, true)])
    func statusSpeaksWhereNobodyElseDoes(status: Int, mayPass: Bool) {
        for body in ["", "<html>", "{}"] {
            let error = ServiceError(refusal: ServiceAnswer(status, body))
            #expect(error.code == .unreachable)
            #expect(error.message == "it answered with the status \(status)")
            #expect(error.status == status)
            #expect(error.mayPass == mayPass)
        }
    }

    @Test func noAnswerMayPass() {
        let error = ServiceError.unreachable("nobody is there")
        #expect(error.mayPass)
        #expect(error.status == nil)
        #expect("\(error)" == "Unreachable: nobody is there")
    }
}
