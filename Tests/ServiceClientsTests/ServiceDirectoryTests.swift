import AsyncHTTPClient
import LambdaAPI
import Testing

@testable import ServiceClients

struct ServiceDirectoryTests {
    private func directory(_ endpoints: ServiceEndpoints) -> ServiceDirectory {
        ServiceDirectory(endpoints, client: .shared, now: { Timestamp(milliseconds: 0) })
    }

    @Test func serviceWithoutAnAddressHasNoClient() {
        let none = directory(ServiceEndpoints(region: "us-east-1"))
        #expect(none.sqs == nil && none.sns == nil && none.eventBridge == nil && none.s3 == nil)
        let queues = directory(ServiceEndpoints(sqs: "http://localhost:9324", region: "us-east-1"))
        #expect(queues.sqs != nil && queues.sns == nil && queues.eventBridge == nil && queues.s3 == nil)
        let rest = directory(ServiceEndpoints(sns: "http://a", eventBridge: "http://b", s3: "http://c", region: "r"))
        #expect(rest.sqs == nil && rest.sns != nil && rest.eventBridge != nil && rest.s3 != nil)
    }
}
