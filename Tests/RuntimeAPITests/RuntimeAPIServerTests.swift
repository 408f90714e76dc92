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

    private static func event(payload: String = "{\"a\":1}") -> InvocationEvent {
        InvocationEvent(
            requestID: RequestID(id),
            deadlineMilliseconds: 1_795_473_723_123,
            invokedFunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:f",
            traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            clientContext: nil,
            payload: ByteBuffer(string: payload)
        )
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

    @Test func initialisationErrorIsPassedOn() async throws {
        try await withServer { server, client in
            client.send(Self.post("init/error", "{\"errorType\":\"Runtime.ImportModuleError\"}"))
            #expect(await server.nextCall() == .initialisationFailed("{\"errorType\":\"Runtime.ImportModuleError\"}"))
            try client.expectStatus(202)
        }
    }

    @Test(arguments: [
        ("GET /2018-06-01/ping", 200), ("GET /nowhere", 404), ("POST /2018-06-01/runtime/invocation/next", 405),
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
