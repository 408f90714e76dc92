import NIOCore
import NIOHTTP1
import Testing

@testable import FunctionURL

struct EdgeAnswerTests {
    @Test(
        arguments: [
            (
                .forbidden, 403, "AccessDeniedException",
                "{\"Message\":\"Forbidden. For troubleshooting Function URL authorization issues, see: "
                    + "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html\"}"
            ),
            (.unknownURL, 403, "AccessDeniedException", "{\"Message\":null}"),
            (.throttled, 429, "TooManyRequestsException", "{\"Message\":\"Rate Exceeded.\"}"),
            (
                .payloadTooLarge, 413, "RequestEntityTooLargeException",
                "{\"Message\":\"Request must be smaller than 6291456 bytes for the InvokeFunction operation\"}"
            ),
            (.functionFailed, 502, nil, "Internal Server Error"),
        ] as [(EdgeAnswer, UInt, String?, String)]
    )
    func answersAreThoseOfAWS(answer: EdgeAnswer, status: UInt, errorType: String?, body: String) {
        let response = answer.response
        #expect(response.head.status.code == status)
        #expect(response.head.headers.first(name: "Content-Type") == "application/json")
        #expect(response.head.headers.first(name: "x-amzn-ErrorType") == errorType)
        #expect(String(buffer: response.body) == body)
    }
}
