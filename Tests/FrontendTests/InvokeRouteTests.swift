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
        "/2015-03-31/functions/%zz/invocations", "/2014-11-13/functions/a/invoke-async", "",
    ])
    func otherRequestsAreLeftToTheRouter(uri: String) {
        #expect(InvokeRoute(method: .POST, uri: uri) == nil)
    }

    @Test func onlyPostIsAnInvocation() {
        #expect(InvokeRoute(method: .GET, uri: "/2015-03-31/functions/hello/invocations") == nil)
    }
}

struct InvokeOptionsTests {
    private func failure(_ headers: HTTPHeaders) -> LambdaError? {
        do throws(LambdaError) {
            _ = try InvokeOptions(headers, of: .invoke)
            return nil
        } catch {
            return error
        }
    }

    @Test func defaultsAreASynchronousInvokeWithoutLog() throws {
        let options = try InvokeOptions([:], of: .invoke)
        #expect(!options.isDryRun && !options.wantsLogTail && options.clientContext == nil)
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

    @Test func asynchronousInvokeIsRefusedAndNotPretended() {
        #expect(failure(["X-Amz-Invocation-Type": "Event"])?.code == .notImplemented)
    }

    @Test func tenantsAndDurableExecutionsAreRefused() {
        #expect(failure(["X-Amz-Tenant-Id": "blue"])?.code == .invalidParameterValueException)
        #expect(failure(["X-Amz-Durable-Execution-Name": "own"])?.code == .notImplemented)
    }
}
