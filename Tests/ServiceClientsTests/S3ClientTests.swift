import NIOHTTP1
import Testing

@testable import ServiceClients

struct S3ClientTests {
    @Test func objectIsPutAtItsPath() {
        let request = S3Client.request(bucket: "b", key: "aws/lambda/a b//é?#.json", body: [1, 2])
        #expect(request.method == .PUT)
        #expect(request.path == "/b/aws/lambda/a%20b//%C3%A9%3F%23.json")
        #expect(request.query.isEmpty)
        #expect(request.headers.isEmpty)
        #expect(request.body == [1, 2])
    }

    @Test(
        arguments: [
            (200, "", nil),
            (
                404, "<Error><Code>NoSuchBucket</Code><Message>why</Message></Error>",
                ServiceError(ServiceError.Code("NoSuchBucket"), "why", status: 404)
            ),
            (
                503, "<Error><Code>SlowDown</Code><Message>why</Message></Error>",
                ServiceError(ServiceError.Code("SlowDown"), "why", status: 503)
            ),
            (403, "", ServiceError(.unreachable, "it answered with the status 403", status: 403)),
        ] as [(Int, String, ServiceError?)]
    )
    func answerTellsWhetherThereIsAnObject(status: Int, body: String, error: ServiceError?) {
        #expect(failure { () throws(ServiceError) in try S3Client.check(ServiceAnswer(status, body)) } == error)
    }
}
