import Foundation
import HostIdentity
import HostLink
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// Two hosts over the loopback interface, with real certificates.
@Suite(.timeLimit(.minutes(5)))
final class LoopbackLinkTests: Sendable {
    /// Answers each message with what it said.
    private final class Echo: LinkUser {
        func linkOpened(_ link: Link) {}
        func linkEnded(_ link: Link, _ error: LinkError) {}
        func received(_ frame: LinkFrame, over link: Link) { link.send(frame.kind, call: frame.call, frame.body) }
    }

    /// Notes down that links open and end.
    private final class Ends: LinkUser {
        let opened: EventLoopPromise<Link>
        let ended: EventLoopPromise<LinkError>

        init(on eventLoop: any EventLoop) {
            opened = eventLoop.makePromise()
            ended = eventLoop.makePromise()
        }

        func linkOpened(_ link: Link) { opened.succeed(link) }
        func linkEnded(_ link: Link, _ error: LinkError) { ended.succeed(error) }
        func received(_ frame: LinkFrame, over link: Link) {}
    }

    /// Waits for one answer.
    private final class Question: LinkCall {
        private let promise: EventLoopPromise<ByteBuffer>

        init(_ promise: EventLoopPromise<ByteBuffer>) { self.promise = promise }

        func received(_ frame: LinkFrame) { promise.succeed(frame.body) }
        func linkEnded(_ error: LinkError) { promise.fail(error) }
    }

    private let loops = MultiThreadedEventLoopGroup.singleton
    private let directory: TemporaryDirectory
    private let authority: AuthorityDirectory
    private let hosts = Mutex<[TemporaryDirectory]>([])

    init() throws {
        directory = try TemporaryDirectory()
        authority = try AuthorityDirectory.create(in: directory.path, fleet: FleetName("blue"), at: Date())
    }

    private func credentials(_ identity: String) throws -> HostCredentials {
        let host = try TemporaryDirectory()
        hosts.withLock { $0.append(host) }
        let (certificate, key) = try authority.issue(try HostIdentity(identity), for: .seconds(3600), at: Date())
        try StoredFile.replace("\(host.path)/key.pem", with: key, permissions: 0o600)
        try StoredFile.replace("\(host.path)/authority.pem", with: authority.certificatePEM, permissions: 0o644)
        try StoredFile.replace("\(host.path)/certificate.pem", with: certificate.pem, permissions: 0o644)
        return try HostCredentials(
            directory: host.path,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func listen(
        as identity: String,
        allowing roles: Set<HostRole>,
        _ user: @escaping @Sendable (HostIdentity) -> any LinkUser
    ) async throws -> LinkListener {
        try await LinkListener.listen(
            host: "127.0.0.1",
            port: 0,
            credentials(identity),
            allowing: roles,
            silenceMax: .seconds(60),
            on: loops,
            user: user
        )
    }

    private func dial(_ identity: String, at port: Int, as own: String, _ user: any LinkUser) async throws -> Link {
        let address = HostAddress(try HostIdentity(identity), host: "127.0.0.1", port: port)
        return try await LinkDialler(credentials(own), silenceMax: .seconds(60))
            .dial(address, user: user, on: loops.next())
            .get()
    }

    private func ask(_ body: ByteBuffer, over link: Link) async throws -> ByteBuffer {
        try await link.eventLoop.flatSubmit {
            let promise = link.eventLoop.makePromise(of: ByteBuffer.self)
            if link.begin(LinkFrame.firstKind, body, Question(promise)) == nil {
                promise.fail(LinkError(.closed, "the link has ended"))
            }
            return promise.futureResult
        }
        .get()
    }

    @Test func callsOfAnySizeAreAnswered() async throws {
        let names = Mutex<[String]>([])
        let listener = try await listen(as: "worker/w1", allowing: [.frontend]) { identity in
            names.withLock { $0.append("\(identity)") }
            return Echo()
        }
        let link = try await dial("worker/w1", at: listener.port, as: "frontend/f1", Echo())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for size in [0, 1, 4096, 4097, 100_000, 6 << 20] {
                group.addTask {
                    let body = ByteBuffer(repeating: UInt8(size % 251), count: size)
                    let answer = try await self.ask(body, over: link)
                    #expect(answer == body)
                }
            }
            try await group.waitForAll()
        }
        #expect(names.withLock { $0 }.count == 1)
        link.close()
        await listener.close()
    }

    @Test func bothSidesMakeCalls() async throws {
        let server = Ends(on: loops.next())
        let listener = try await listen(as: "worker/w1", allowing: [.manager]) { _ in server }
        let link = try await dial("worker/w1", at: listener.port, as: "manager/m1", Echo())
        let accepted = try await server.opened.futureResult.get()
        let answer = try await ask(ByteBuffer(string: "from the listener"), over: accepted)
        #expect(String(buffer: answer) == "from the listener")
        link.close()
        #expect(try await server.ended.futureResult.get().code == .closed)
        await #expect(throws: LinkError.self) { try await self.ask(ByteBuffer(), over: link) }
        await listener.close()
    }

    @Test func endOfTheOtherHostFailsWhatIsUnderWay() async throws {
        let server = Ends(on: loops.next())
        let listener = try await listen(as: "worker/w1", allowing: [.manager]) { _ in server }
        let client = Ends(on: loops.next())
        let link = try await dial("worker/w1", at: listener.port, as: "manager/m1", client)
        let accepted = try await server.opened.futureResult.get()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: LinkError.self) {
                    try await self.ask(ByteBuffer(string: "never answered"), over: link)
                }
            }
            accepted.close()
        }
        #expect(try await client.ended.futureResult.get().code == .closed)
        server.ended.futureResult.whenComplete { _ in }
        await listener.close()
    }

    @Test func hostOfAnotherRoleOrNameIsNotTalkedTo() async throws {
        let listener = try await listen(as: "worker/w1", allowing: [.manager]) { _ in Echo() }
        for (identity, own) in [
            ("worker/w2", "manager/m1"), ("manager/w1", "manager/m1"), ("worker/w1", "frontend/f1"),
        ] {
            let error = await #expect(throws: LinkError.self, "\(own) to \(identity)") {
                try await self.dial(identity, at: listener.port, as: own, Echo())
            }
            #expect(error?.code == .unreachable)
        }
        await listener.close()
    }

    @Test func hostThatIsNotThereIsUnreachable() async throws {
        let listener = try await listen(as: "worker/w1", allowing: [.manager]) { _ in Echo() }
        let port = listener.port
        await listener.close()
        let error = await #expect(throws: LinkError.self) {
            try await self.dial("worker/w1", at: port, as: "manager/m1", Echo())
        }
        #expect(error?.code == .unreachable)
    }
}
