import Foundation
import LambdaAPI
import NIOCore
import TestSupport
import Testing

@testable import RuntimeAPI

/// What runtimes and extensions of functions that start from snapshots ask, over real sockets.
struct RestorationTests {
    private static func get(_ path: String, _ headers: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n"
    }

    private static let restore = get("/2018-06-01/runtime/restore/next")
    private static let next = get("/2018-06-01/runtime/invocation/next")

    private static func register(_ name: String) -> String {
        let body = #"{"events":["INVOKE"]}"#
        return "POST /2020-01-01/extension/register HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: \(name)\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let event = InvocationEvent(
        requestID: RequestID("8f5c1f2a-1e1b-4c54-9d43-6d2f7a9b0c11"),
        deadlineMilliseconds: 0,
        invokedFunctionARN: "arn",
        traceHeader: "Root=1",
        clientContext: nil,
        payload: ByteBuffer(string: "{}"),
        invocationID: "nonce",
        acceptsStream: false
    )

    private func run(_ server: RunningServer, _ body: (RunningServer) async throws -> Void) async throws {
        do {
            try await body(server)
        } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }

    @Test func extensionsOfATemplateAreKnownInItsCopies() async throws {
        var standing: RuntimeAPIStanding?
        var identifier = ""
        try await run(try await RunningServer(isTemplate: true)) { server in
            let (runtime, member) = (try server.connect(), try server.connect())
            member.send(Self.register("inner"))
            let registered = try member.receive()
            identifier = try #require(registered.headers["lambda-extension-identifier"])
            runtime.send(Self.restore)
            #expect(await server.nextCall(includingReadiness: true) == .ready)
            member.send(Self.get("/2020-01-01/extension/event/next", "Lambda-Extension-Identifier: \(identifier)\r\n"))
            #expect(await server.nextCall(includingReadiness: true) == .everybodyReady)
            standing = await server.standing
        }
        let kept = try JSONDecoder().decode(RuntimeAPIStanding.self, from: try JSONEncoder().encode(standing))
        #expect(kept == standing)
        try await run(try await RunningServer(isTemplate: false, restoring: kept)) { server in
            let (runtime, member) = (try server.connect(), try server.connect())
            // Both ask again what they asked.
            member.send(Self.get("/2020-01-01/extension/event/next", "Lambda-Extension-Identifier: \(identifier)\r\n"))
            runtime.send(Self.restore)
            let restored = try runtime.receive()
            #expect(restored.status == 200 && restored.body.isEmpty)
            runtime.send(Self.next)
            #expect(await server.nextCall(includingReadiness: true) == .ready)
            #expect(await server.nextCall(includingReadiness: true) == .everybodyReady)
            #expect(await server.deliver(Self.event))
            #expect(try member.receive().body.contains("INVOKE"))
            #expect(try runtime.receive().body == "{}")
            // Nobody registers any more.
            let late = try server.connect()
            late.send(Self.register("late"))
            #expect(try late.receive().body.contains("Extension.RegistrationClosed"))
        }
    }

    @Test func aRestorationThatFailsIsReported() async throws {
        try await run(try await RunningServer(isTemplate: false, restoring: .withoutExtensions)) { server in
            let runtime = try server.connect()
            runtime.send(Self.restore)
            #expect(try runtime.receive().status == 200)
            let body = #"{"errorType":"X"}"#
            let head = "POST /2018-06-01/runtime/restore/error HTTP/1.1\r\nHost: x\r\n"
            runtime.send("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
            #expect(try runtime.receive().status == 202)
            #expect(await server.nextCall() == .initialisationFailed(body))
        }
    }

    @Test func keysAreForWhoKnowsTheToken() async throws {
        try await run(try await RunningServer(isTemplate: true)) { server in
            let client = try server.connect()
            let path = "/2021-04-23/credentials"
            client.send(Self.get(path, "Authorization: secret\r\n"))
            let keys = try client.receive()
            #expect(
                keys.body
                    == #"{"AccessKeyId":"key","SecretAccessKey":"secret key","Token":"session","#
                    + #""Expiration":"1970-01-01T00:00:00.000Z"}"# + "\n"
            )
            for header in ["", "Authorization: other\r\n"] {
                client.send(Self.get(path, header))
                #expect(try client.receive().status == 404)
            }
        }
    }

    @Test func othersKnowNothingOfIt() async throws {
        try await run(try await RunningServer()) { server in
            let client = try server.connect()
            for request in [Self.restore, Self.get("/2021-04-23/credentials")] {
                client.send(request)
                #expect(try client.receive().status == 404)
            }
        }
    }
}
