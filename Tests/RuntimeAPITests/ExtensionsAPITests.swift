import LambdaAPI
import NIOCore
import Testing

@testable import RuntimeAPI

/// The Extensions API, the Telemetry API and the metadata endpoint over real sockets.
struct ExtensionsAPITests {
    private static let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"

    private static func register(_ name: String, _ body: String, headers: String = "") -> String {
        "POST /2020-01-01/extension/register HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: \(name)\r\n\(headers)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static func nextEvent(_ identifier: String) -> String {
        "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: x\r\nLambda-Extension-Identifier: \(identifier)\r\n\r\n"
    }

    private static func subscribe(_ identifier: String, _ body: String, api: String = "2022-07-01/telemetry") -> String
    {
        "PUT /\(api) HTTP/1.1\r\nHost: x\r\nLambda-Extension-Identifier: \(identifier)\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let event = InvocationEvent(
        requestID: RequestID("8f5c1f2a-1e1b-4c54-9d43-6d2f7a9b0c11"),
        deadlineMilliseconds: 1_795_473_723_123,
        invokedFunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:f",
        traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793",
        clientContext: nil,
        payload: ByteBuffer(string: "{}"),
        invocationID: "nonce",
        acceptsStream: false
    )

    @Test func extensionTakesPartInAnInvoke() async throws {
        try await withServer { server, runtime in
            await server.perform { _ = $0.extensionStarting("ext") }
            let client = try server.connect()
            client.send(
                Self.register(
                    "ext",
                    "{\"events\":[\"INVOKE\",\"SHUTDOWN\"]}",
                    headers: "Lambda-Extension-Accept-Feature: accountId\r\n"
                )
            )
            #expect(await server.nextCall() == .extensionsRegistered)
            let registered = try client.receive()
            #expect(registered.status == 200)
            #expect(
                registered.body
                    == "{\"functionName\":\"f\",\"functionVersion\":\"$LATEST\",\"handler\":\"app.handler\","
                    + "\"accountId\":\"000000000000\"}\n"
            )
            let identifier = try #require(registered.headers["lambda-extension-identifier"])

            runtime.send(Self.next)
            #expect(await server.nextCall() == .ready)
            client.send(Self.nextEvent(identifier))
            #expect(await server.nextCall(includingReadiness: true) == .everybodyReady)

            #expect(await server.deliver(Self.event))
            let notice = try client.receive()
            #expect(notice.headers["lambda-extension-event-identifier"] != nil)
            #expect(
                notice.body
                    == "{\"eventType\":\"INVOKE\",\"deadlineMs\":1795473723123,"
                    + "\"requestId\":\"8f5c1f2a-1e1b-4c54-9d43-6d2f7a9b0c11\","
                    + "\"invokedFunctionArn\":\"arn:aws:lambda:us-east-1:000000000000:function:f\","
                    + "\"tracing\":{\"type\":\"X-Amzn-Trace-Id\",\"value\":\"Root=1-5759e988-bd862e3fe1be46a994272793\"}}\n"
            )
            _ = try runtime.receive()
            runtime.send(Self.next)
            #expect(try runtime.receive().status == 403)

            let answer =
                "POST /2018-06-01/runtime/invocation/\(Self.event.requestID)/response HTTP/1.1\r\nHost: x\r\n"
                + "Content-Length: 1\r\n\r\n1"
            runtime.send(answer + Self.next)
            #expect(await server.nextCall() == .responded("1"))
            #expect(await server.nextCall() == .ready)
            client.send(Self.nextEvent(identifier))
            #expect(await server.nextCall(includingReadiness: true) == .everybodyReady)

            await server.perform { $0.tellExtensions(.shutdown(.spindown, deadlineMilliseconds: 5), only: ["ext"]) }
            #expect(
                try client.receive().body
                    == "{\"eventType\":\"SHUTDOWN\",\"shutdownReason\":\"spindown\",\"deadlineMs\":5}\n"
            )
        }
    }

    @Test(arguments: [
        ("", "{}", "Extension.InvalidExtensionName", "Empty extension name"),
        ("in", "no json", "InvalidRequestFormat", nil),
        ("in", "{\"events\":[1]}", "InvalidRequestFormat", nil),
        (
            "in", "{\"events\":[],\"configurationKeys\":[\"a\"]}", "InvalidRequestFormat",
            "configurationKeys are deprecated; use environment variables instead"
        ),
        ("in", "{\"events\":[\"SHUTDOWN\"]}", "Extension.InvalidEventType", "SHUTDOWN: ErrInvalidEventType"),
    ])
    func badRegistrationsAreRefused(name: String, body: String, errorType: String, message: String?) async throws {
        try await withServer { _, client in
            client.send(Self.register(name, body))
            let reply = try client.receive()
            #expect(reply.status == 403)
            #expect(reply.body.contains("\"errorType\":\"\(errorType)\""), "\(reply.body)")
            if let message { #expect(reply.body.contains(message)) }
        }
    }

    @Test(arguments: [
        ("", "Extension.MissingExtensionIdentifier"), ("nonsense", "Extension.InvalidExtensionIdentifier"),
        ("8f5c1f2a-1e1b-4c54-9d43-6d2f7a9b0c11", "Extension.UnknownExtensionIdentifier"),
    ])
    func badIdentifiersAreRefused(identifier: String, errorType: String) async throws {
        try await withServer { _, client in
            for request in [Self.nextEvent(identifier), Self.subscribe(identifier, "{}")] {
                client.send(request)
                let reply = try client.receive()
                #expect(reply.status == 403)
                #expect(reply.body.contains(errorType), "\(reply.body)")
            }
        }
    }

    @Test func internalExtensionStartsNoRuntime() async throws {
        try await withServer { server, runtime in
            await server.perform { _ = $0.extensionStarting("ext") }
            let external = try server.connect()
            external.send(Self.register("ext", "{\"events\":[]}"))
            #expect(await server.nextCall() == .extensionsRegistered)
            #expect(try external.receive().status == 200)
            runtime.send(Self.register("in", "{\"events\":[\"INVOKE\"]}"))
            #expect(try runtime.receive().status == 200)
            let other = try server.connect()
            other.send(Self.next)
            // Nothing came between.
            #expect(await server.nextCall() == .ready)
        }
    }

    @Test func resetForgetsExtensions() async throws {
        try await withServer { server, client in
            client.send(Self.register("in", "{\"events\":[\"INVOKE\"]}"))
            _ = try client.receive()
            await server.perform { $0.reset() }
            #expect(client.isClosedByPeer())
            let other = try server.connect()
            other.send(Self.register("in", "{\"events\":[\"INVOKE\"]}"))
            #expect(try other.receive().status == 200)
        }
    }

    // MARK: Telemetry

    private static let destination =
        "\"destination\":{\"protocol\":\"HTTP\",\"URI\":\"http://sandbox.localdomain:8080/x\"}"

    @Test func subscriptionIsPassedOn() async throws {
        try await withServer { server, client in
            client.send(Self.register("in", "{\"events\":[]}"))
            let identifier = try #require(try client.receive().headers["lambda-extension-identifier"])
            client.send(
                Self.subscribe(
                    identifier,
                    "{\"schemaVersion\":\"2022-12-13\",\"types\":[\"platform\",\"function\"],"
                        + "\"buffering\":{\"maxItems\":1000,\"timeoutMs\":25},\(Self.destination)}"
                )
            )
            guard case .subscribed(let subscription) = await server.nextCall() else {
                Issue.record("nobody was told of the subscription")
                return
            }
            #expect(subscription.subscriber == "in")
            #expect(subscription.kinds == [.platform, .function])
            #expect(subscription.destination == .http(port: 8080, path: "/x"))
            #expect(subscription.buffering == .init(itemsMax: 1000, bytesMax: 262_144, timeoutMilliseconds: 25))
            let reply = try client.receive()
            #expect(reply.status == 200)
            #expect(reply.body == "\"OK\"")
        }
    }

    @Test(arguments: [
        "{", "[]", "{\"types\":[],\(destination)}", "{\"types\":[\"nonsense\"],\(destination)}",
        "{\"schemaVersion\":\"1999-01-01\",\"types\":[\"platform\"],\(destination)}",
        "{\"types\":[\"platform\"],\"buffering\":{\"maxItems\":1},\(destination)}",
        "{\"types\":[\"platform\"],\"buffering\":{\"timeoutMs\":1},\(destination)}",
        "{\"types\":[\"platform\"]}", "{\"types\":[\"platform\"],\"destination\":{\"protocol\":\"UDP\"}}",
        "{\"types\":[\"platform\"],\"destination\":{\"protocol\":\"HTTP\",\"URI\":\"http://example.com:80/\"}}",
        "{\"types\":[\"platform\"],\"destination\":{\"protocol\":\"HTTP\",\"URI\":\"http://sandbox:9001/\"}}",
        "{\"types\":[\"platform\"],\"destination\":{\"protocol\":\"TCP\",\"port\":0}}",
    ])
    func badSubscriptionsAreRefused(body: String) async throws {
        try await withServer { server, client in
            client.send(Self.register("in", "{\"events\":[]}"))
            let identifier = try #require(try client.receive().headers["lambda-extension-identifier"])
            client.send(Self.subscribe(identifier, body))
            let reply = try client.receive()
            #expect(reply.status == 400)
            #expect(reply.body.contains("\"errorType\":\"ValidationError\""))
        }
    }

    @Test func subscriptionAfterInitialisationIsTooLate() async throws {
        try await withServer { server, runtime in
            let client = try server.connect()
            client.send(Self.register("in", "{\"events\":[\"INVOKE\"]}"))
            let identifier = try #require(try client.receive().headers["lambda-extension-identifier"])
            runtime.send(Self.next)
            #expect(await server.nextCall() == .ready)
            let other = try server.connect()
            other.send(Self.nextEvent(identifier))
            #expect(await server.nextCall(includingReadiness: true) == .everybodyReady)
            func expectRefusal() throws {
                client.send(Self.subscribe(identifier, "{\"types\":[\"platform\"],\(Self.destination)}"))
                let reply = try client.receive()
                #expect(reply.status == 403)
                #expect(reply.body.contains("Telemetry.SubscriptionClosed"))
            }
            try expectRefusal()
            // Nor is it possible while the extension works on an event.
            #expect(await server.deliver(Self.event))
            try expectRefusal()
        }
    }

    // MARK: Metadata

    @Test func metadataIsForWhoHasTheToken() async throws {
        try await withServer { _, client in
            let path = "GET /2026-01-15/metadata/execution-environment HTTP/1.1\r\nHost: x\r\n"
            client.send("\(path)Authorization: Bearer token\r\n\r\n")
            let reply = try client.receive()
            #expect(reply.status == 200)
            #expect(reply.body == "{\"AvailabilityZoneID\":\"use1-az1\"}\n")
            client.send("\(path)Authorization: Bearer other\r\n\r\n")
            try client.expectStatus(401)
        }
    }

    private func withServer(_ body: (RunningServer, RawClient) async throws -> Void) async throws {
        let server = try await RunningServer(responseBytesMax: 1000)
        do {
            try await body(server, try server.connect())
        } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }
}
