import Glibc
import LambdaAPI
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import RuntimeAPI

/// The Runtime API over real sockets, with a client that sends exactly the bytes that a test wants.
struct RuntimeAPIServerTests {
    private static let id = "8f5c1f2a-1e1b-4c54-9d43-6d2f7a9b0c11"
    private static let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"

    private static func post(_ path: String, _ body: String) -> String {
        "POST /2018-06-01/runtime/\(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static func event(payload: String = "{\"a\":1}", acceptsStream: Bool = false) -> InvocationEvent {
        InvocationEvent(
            requestID: RequestID(id),
            deadlineMilliseconds: 1_795_473_723_123,
            invokedFunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:f",
            traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            clientContext: nil,
            payload: ByteBuffer(string: payload),
            invocationID: "nonce",
            acceptsStream: acceptsStream
        )
    }

    private static func chunked(_ headers: String = "", mode: String = "streaming") -> String {
        """
        POST /2018-06-01/runtime/invocation/\(id)/response HTTP/1.1\r
        Host: x\r
        Lambda-Runtime-Function-Response-Mode: \(mode)\r
        Transfer-Encoding: chunked\r
        \(headers)\r

        """
    }

    private func running(_ server: RunningServer, _ client: RawClient, acceptsStream: Bool = true) async throws {
        client.send(Self.next)
        #expect(await server.nextCall() == .ready)
        #expect(await server.deliver(Self.event(acceptsStream: acceptsStream)))
        _ = try client.receive()
    }

    // MARK: Streams

    @Test func streamIsPassedOnAsItComes() async throws {
        try await withServer { server, client in
            try await running(server, client)
            client.send(Self.chunked("Content-Type: text/plain\r\n"))
            #expect(await server.nextCall() == .streamBegan("text/plain"))
            client.send("3\r\none\r\n")
            #expect(await server.nextCall() == .streamReceived("one"))
            client.send("3\r\ntwo\r\n0\r\n\r\n")
            #expect(await server.nextCall() == .streamReceived("two"))
            #expect(await server.nextCall() == .streamEnded(nil))
            try client.expectStatus(202)
        }
    }

    @Test func streamThatIsHeldUpGoesOnWhenResumed() async throws {
        try await withServer { server, client in
            try await running(server, client)
            client.send(Self.chunked() + "4\r\nhold\r\n")
            #expect(await server.nextCall() == .streamBegan(nil))
            #expect(await server.nextCall() == .streamReceived("hold"))
            client.send("4\r\nmore\r\n0\r\n\r\n")
            await server.perform { $0.resumeResponseStream() }
            #expect(await server.nextCall() == .streamReceived("more"))
            #expect(await server.nextCall() == .streamEnded(nil))
        }
    }

    @Test func errorBehindAStreamIsDecoded() async throws {
        try await withServer { server, client in
            try await running(server, client)
            client.send(Self.chunked("Trailer: Lambda-Runtime-Function-Error-Type\r\n") + "1\r\nx\r\n")
            #expect(await server.nextCall() == .streamBegan(nil))
            #expect(await server.nextCall() == .streamReceived("x"))
            client.send(
                "0\r\nLambda-Runtime-Function-Error-Type: MyError\r\n"
                    + "Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n\r\n"
            )
            #expect(await server.nextCall() == .streamEnded("MyError {\"a\":1}"))
        }
    }

    @Test func connectionThatClosesInAStreamBreaksIt() async throws {
        try await withServer { server, client in
            let runtime = try server.connect()
            try await running(server, runtime)
            runtime.send(Self.chunked() + "1\r\nx\r\n")
            #expect(await server.nextCall() == .streamBegan(nil))
            #expect(await server.nextCall() == .streamReceived("x"))
            runtime.hangUp()
            #expect(await server.nextCall() == .streamBroke)
        }
    }

    @Test func streamForACallerWhoWantsItWholeIsGathered() async throws {
        try await withServer { server, client in
            try await running(server, client, acceptsStream: false)
            client.send(Self.chunked() + "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
            #expect(await server.nextCall() == .responded("onetwo"))
            try client.expectStatus(202)
        }
    }

    @Test func unknownResponseModeFailsTheInvoke() async throws {
        try await withServer { server, client in
            try await running(server, client)
            client.send(Self.chunked(mode: "telepathy") + "0\r\n\r\n")
            #expect(await server.nextCall() == .invalidResponseMode)
            let reply = try client.receive()
            #expect(reply.status == 400)
            #expect(reply.body.contains("InvalidFunctionResponseMode"))
        }
    }

    @Test func answerToAnEarlierDeliveryIsGone() async throws {
        try await withServer { server, client in
            try await running(server, client)
            let late =
                "POST /2018-06-01/runtime/invocation/\(Self.id)/response HTTP/1.1\r\nHost: x\r\n"
                + "Lambda-Runtime-Invocation-Id: other\r\nContent-Length: 1\r\n\r\n1"
            client.send(late)
            let reply = try client.receive()
            #expect(reply.status == 410)
            #expect(reply.body == "{\"errorMessage\":\"Invoke timeout\",\"errorType\":\"InvokeTimeout\"}\n")
            client.send(late.replacing("other", with: "nonce"))
            #expect(await server.nextCall() == .responded("1"))
        }
    }

    @Test func eventIsDeliveredWithItsContextAndAnswered() async throws {
        try await withServer { server, client in
            client.send(Self.next)
            #expect(await server.nextCall() == .ready)
            #expect(await server.deliver(Self.event()))
            let event = try client.receive()
            #expect(event.status == 200)
            #expect(event.headers["lambda-runtime-aws-request-id"] == Self.id)
            #expect(event.headers["lambda-runtime-deadline-ms"] == "1795473723123")
            #expect(event.headers["lambda-runtime-client-context"] == nil)
            #expect(event.body == "{\"a\":1}")
            client.send(Self.post("invocation/\(Self.id)/response", "\"done\""))
            #expect(await server.nextCall() == .responded("\"done\""))
            let accepted = try client.receive()
            #expect(accepted.status == 202)
            #expect(accepted.body == "{\"status\":\"OK\"}\n")
        }
    }

    @Test func secondAnswerAndAnswerToAnotherEventAreRefused() async throws {
        try await withServer { server, client in
            client.send(Self.next)
            #expect(await server.nextCall() == .ready)
            #expect(await server.deliver(Self.event()))
            _ = try client.receive()
            client.send(Self.post("invocation/00000000-0000-4000-8000-000000000000/response", "1"))
            let wrong = try client.receive()
            #expect(wrong.status == 400)
            #expect(wrong.body.contains("InvalidRequestID"))
            client.send(Self.post("invocation/\(Self.id)/error", "{}"))
            #expect(await server.nextCall() == .failed("{}"))
            try client.expectStatus(202)
            client.send(Self.post("invocation/\(Self.id)/response", "2"))
            let second = try client.receive()
            #expect(second.status == 403)
            #expect(second.body.contains("InvalidStateTransition"))
        }
    }

    @Test func responseOverTheLimitIsCutOffAndReported() async throws {
        try await withServer(responseBytesMax: 1000) { server, client in
            client.send(Self.next)
            #expect(await server.nextCall() == .ready)
            #expect(await server.deliver(Self.event()))
            _ = try client.receive()
            client.send(Self.post("invocation/\(Self.id)/response", String(repeating: "x", count: 1001)))
            #expect(await server.nextCall() == .exceeded)
            try client.expectStatus(413)
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await withServer { server, client in
            client.send(Self.next + Self.post("invocation/\(Self.id)/response", "1") + Self.next)
            #expect(await server.nextCall() == .ready)
            #expect(await server.deliver(Self.event()))
            try client.expectStatus(200)
            #expect(await server.nextCall() == .responded("1"))
            try client.expectStatus(202)
            #expect(await server.nextCall() == .ready)
        }
    }

    @Test func garbageClosesTheConnectionAndNothingElse() async throws {
        try await withServer { server, client in
            let garbage = try server.connect()
            garbage.send("\u{0}\u{1}\u{2} no HTTP at all\r\n\r\n")
            #expect(garbage.isClosedByPeer())
            client.send(Self.next)
            #expect(await server.nextCall() == .ready)
        }
    }

    @Test func whoWaitsForLeaveToSendABodyGetsIt() async throws {
        try await withServer { server, client in
            client.send(
                "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    + "Content-Length: 2\r\n\r\n"
            )
            try client.expectStatus(100)
            client.send("{}")
            #expect(await server.nextCall() == .initialisationFailed("{}"))
            try client.expectStatus(202)
        }
    }

    @Test func initialisationErrorIsPassedOn() async throws {
        try await withServer { server, client in
            client.send(Self.post("init/error", "{\"errorType\":\"Runtime.ImportModuleError\"}"))
            #expect(await server.nextCall() == .initialisationFailed("{\"errorType\":\"Runtime.ImportModuleError\"}"))
            try client.expectStatus(202)
        }
    }

    @Test(arguments: [
        ("GET /2018-06-01/ping", 200), ("GET /2026-01-15/metadata/execution-environment", 401),
        ("GET /2020-01-01/extension/register", 405), ("POST /2020-01-01/extension/register", 403),
        ("GET /nowhere", 404), ("POST /2018-06-01/runtime/invocation/next", 405),
        ("GET /2018-06-01/runtime/invocation/x/response", 405), ("POST /2018-06-01/runtime/invocation/x/other", 404),
    ])
    func otherPathsHaveTheirStatus(request: String, status: Int) async throws {
        try await withServer { _, client in
            client.send("\(request) HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            try client.expectStatus(status)
        }
    }

    private func withServer(
        responseBytesMax: Int = 6_291_556,
        _ body: (RunningServer, RawClient) async throws -> Void
    ) async throws {
        let server = try await RunningServer(responseBytesMax: responseBytesMax)
        do {
            try await body(server, try server.connect())
        } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }
}
