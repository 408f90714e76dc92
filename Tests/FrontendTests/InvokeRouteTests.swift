import LambdaAPI
import NIOHTTP1
import Testing

@testable import Frontend

struct InvokeRouteTests {
    @Test(
        arguments: [
            ("/2015-03-31/functions/hello/invocations", "hello", nil),
            ("/2015-03-31/functions/hello/invocations?Qualifier=%24LATEST", "hello", "$LATEST"),
            ("/2015-03-31/functions/hello/invocations?a=b&Qualifier=prod", "hello", "prod"),
            (
                "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations",
                "arn:aws:lambda:us-east-1:000000000000:function:f", nil
            ),
            // The older operation knows no qualifier beside the name.
            ("/2014-11-13/functions/hello/invoke-async/?Qualifier=prod", "hello", nil),
        ] as [(String, String, String?)]
    )
    func invocationsAreRecognised(uri: String, name: String, qualifier: String?) throws {
        let route = try #require(InvokeRoute(method: .POST, uri: uri))
        #expect(route.functionName == name)
        #expect(route.qualifier == qualifier)
    }

    @Test(arguments: [
        "/2015-03-31/functions", "/2015-03-31/functions/", "/2015-03-31/functions//invocations",
        "/2015-03-31/functions/invocations", "/2015-03-31/functions/a/b/invocations", "/2015-03-31/functions/a/policy",
        "/2015-03-31/functions/%zz/invocations", "/2014-11-13/functions//invoke-async", "",
    ])
    func otherRequestsAreLeftToTheRouter(uri: String) {
        #expect(InvokeRoute(method: .POST, uri: uri) == nil)
    }

    @Test(arguments: [
        ("/2015-03-31/functions/a/invocations", InvokeRoute.Operation.invoke),
        ("/2021-11-15/functions/a/response-streaming-invocations", .invokeWithResponseStream),
        ("/2014-11-13/functions/a/invoke-async", .invokeAsync), ("/2014-11-13/functions/a/invoke-async/", .invokeAsync),
    ])
    func operationIsToldByThePath(uri: String, operation: InvokeRoute.Operation) {
        #expect(InvokeRoute(method: .POST, uri: uri)?.operation == operation)
    }

    @Test func onlyPostIsAnInvocation() {
        #expect(InvokeRoute(method: .GET, uri: "/2015-03-31/functions/hello/invocations") == nil)
    }
}

struct InvokeOptionsTests {
    private func failure(_ headers: HTTPHeaders, of operation: InvokeRoute.Operation = .invoke) -> LambdaError? {
        do throws(LambdaError) {
            _ = try InvokeOptions(headers, of: operation)
            return nil
        } catch {
            return error
        }
    }

    @Test func defaultsAreASynchronousInvokeWithoutLog() throws {
        let options = try InvokeOptions([:], of: .invoke)
        #expect(options.invocationType == .requestResponse)
        #expect(!options.wantsLogTail && options.clientContext == nil)
    }

    @Test func clientContextIsDecoded() throws {
        let options = try InvokeOptions(["X-Amz-Client-Context": "eyJjdXN0b20iOnsiYSI6MX19"], of: .invoke)
        #expect(options.clientContext == #"{"custom":{"a":1}}"#)
    }

    @Test(arguments: ["not base64!", "bm8ganNvbg==", "/w=="])
    func clientContextThatIsNoJSONIsRefused(header: String) {
        #expect(failure(["X-Amz-Client-Context": header])?.code == .invalidRequestContentException)
    }

    @Test func valuesOutsideOfTheModelAreReportedTogether() {
        let error = failure(["X-Amz-Invocation-Type": "Later", "X-Amz-Log-Type": "All"])
        #expect(error?.code == .validation)
        #expect(error?.message?.hasPrefix("2 validation errors detected: Value 'Later' at 'invocationType'") == true)
    }

    @Test func eventsHaveASmallerLimit() throws {
        #expect(try InvokeOptions([:], of: .invoke).payloadMax == Limits.requestPayloadMax)
        let event = try InvokeOptions(["X-Amz-Invocation-Type": "Event"], of: .invoke)
        #expect(event.invocationType == .event && event.payloadMax == Limits.asynchronousPayloadMax)
    }

    @Test func streamsHaveNoEvents() {
        #expect(failure(["X-Amz-Invocation-Type": "Event"], of: .invokeWithResponseStream)?.code == .validation)
    }

    @Test func olderOperationHasEventsOnlyAndNoHeaders() throws {
        let headers: HTTPHeaders = ["X-Amz-Invocation-Type": "DryRun", "X-Amz-Log-Type": "Tail"]
        let options = try InvokeOptions(headers, of: .invokeAsync)
        #expect(options.invocationType == .event && !options.wantsLogTail && options.clientContext == nil)
    }

    @Test func tenantsAndDurableExecutionsAreRefused() {
        #expect(failure(["X-Amz-Tenant-Id": "blue"])?.code == .invalidParameterValueException)
        #expect(failure(["X-Amz-Durable-Execution-Name": "own"])?.code == .notImplemented)
    }
}
