import FirecrackerAPI
import TestSupport
import Testing

@testable import VirtualMachine

@Suite struct FirecrackerSessionTests {
    private typealias Session = FirecrackerSession<Int>

    private static let boot: [FirecrackerRequest] = [
        .machine(processors: 1, memoryMiB: 128),
        .bootSource(kernel: "/k", initialFiles: "/i", commandLine: "quiet"),
        .drive(id: "drive0", path: "/d", isReadOnly: true),
        .vsock(guest: 3, path: "/s"), .start,
    ]

    private static func lines(_ actions: [Session.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .send(let request): "send \(request.method.rawValue) \(request.path)"
            case .answered(let token, let failure): "answered \(token) \(failure?.message ?? "done")"
            }
        }
    }

    /// A session that has come as far as the last of these.
    private static func session(after requests: [FirecrackerRequest]) throws -> Session {
        var session = Session()
        for request in requests {
            _ = session.ask(request, 0)
            _ = try session.answerReceived(status: 204, body: [])
        }
        return session
    }

    @Test func requestsGoOutOneAtATime() throws {
        var session = Session()
        #expect(Self.lines(session.ask(Self.boot[0], 1)) == ["send PUT /machine-config"])
        #expect(Self.lines(session.ask(Self.boot[1], 2)) == [])
        #expect(
            Self.lines(try session.answerReceived(status: 204, body: [])) == [
                "answered 1 done", "send PUT /boot-source",
            ]
        )
    }

    @Test func whatFirecrackerSaysOfARefusalIsToldOn() throws {
        var session = Session()
        _ = session.ask(Self.boot[0], 1)
        let body = Array(#"{"fault_message": "no such memory"}"#.utf8)
        #expect(
            Self.lines(try session.answerReceived(status: 400, body: body))
                == ["answered 1 Firecracker refused PUT /machine-config: no such memory"]
        )
        _ = session.ask(Self.boot[0], 2)
        #expect(
            Self.lines(try session.answerReceived(status: 500, body: Array("<html>".utf8)))
                == ["answered 2 Firecracker refused PUT /machine-config: status 500"]
        )
    }

    @Test func aSnapshotThatWasRefusedEndsEverything() throws {
        var session = Session()
        _ = session.ask(.loadSnapshot(state: "/s", memory: "/m"), 1)
        let actions = try session.answerReceived(status: 400, body: [])
        guard case .answered(1, let failure?)? = actions.first else {
            Issue.record("not answered")
            return
        }
        #expect(failure.code == .incompatible)
        #expect(session.state == .closed)
        #expect(Self.lines(session.ask(.resume, 2)) == ["answered 2 the virtual machine has ended"])
    }

    @Test func whatCannotBeAskedNowIsNotSent() throws {
        var configured = try Self.session(after: [Self.boot[0]])
        for request in [FirecrackerRequest.pause, .resume, .loadSnapshot(state: "/s", memory: "/m")] {
            let text = Self.lines(configured.ask(request, 1))
            #expect(text == ["answered 1 \(request.path) cannot be asked of a machine that is configured"])
        }
        var running = try Self.session(after: Self.boot)
        for request in [Self.boot[0], .start, .createSnapshot(state: "/s", memory: "/m")] {
            #expect(Self.lines(running.ask(request, 1)).first?.hasPrefix("answered 1") == true)
        }
    }

    @Test(arguments: [200, 202, 302, 101])
    func anotherAnswerIsNotTakenForOne(status: Int) throws {
        var session = Session()
        _ = session.ask(Self.boot[0], 1)
        #expect(throws: VirtualMachineError.self) { try session.answerReceived(status: status, body: []) }
    }

    @Test func anAnswerToNothingIsRefused() throws {
        var session = Session()
        #expect(throws: VirtualMachineError.self) { try session.answerReceived(status: 204, body: []) }
    }

    @Test func whatHasNoAnswerIsToldAtTheEnd() throws {
        var session = Session()
        _ = session.ask(Self.boot[0], 1)
        _ = session.ask(Self.boot[1], 2)
        #expect(session.close() == [1, 2])
        #expect(session.close() == [])
        #expect(Self.lines(try session.answerReceived(status: 204, body: [])) == [])
        #expect(Self.lines(session.ask(.pause, 3)) == ["answered 3 the virtual machine has ended"])
    }

    /// Files that are always there.
    private struct AnyFiles: Model.Host {
        func problem(opening path: String, writable: Bool) -> String? { nil }
        func listen(at path: String) -> String? { nil }
        func save(_ machine: Model.Machine, state: String, memory: String) -> String? { nil }
        func load(state: String, memory: String) -> Result<Model.Machine, Model.Failure> { .success(Model.Machine()) }
    }

    private static func isSame(_ session: Session.State, _ model: Model.State) -> Bool {
        switch (session, model) {
        case (.fresh, .notStarted(isConfigured: false)), (.configured, .notStarted(isConfigured: true)),
            (.running, .running), (.paused, .paused), (.closed, _):
            true
        default: false
        }
    }

    /// Whatever is asked in whatever order, refused for whatever reason: Firecracker is sent nothing that it does not know or
    /// that comes at a wrong time, both are of one mind about its state, and everything is answered once.
    @Test(arguments: UInt64(1)...40)
    func nothingIsSentThatFirecrackerWouldNotTake(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var session = Session()
        var model = Model()
        var answered: [Int: Int] = [:]
        var asked = 0
        var sent: FirecrackerRequest?
        func run(_ actions: [Session.Action]) {
            for action in actions {
                switch action {
                case .send(let request):
                    #expect(sent == nil, "seed \(seed)")
                    sent = request
                case .answered(let token, _): answered[token, default: 0] += 1
                }
            }
        }
        let others: [FirecrackerRequest] = [
            .loadSnapshot(state: "/s", memory: "/m"), .createSnapshot(state: "/s", memory: "/m"),
            .replaceDrive(id: "drive0", path: "/e"), .pause, .resume,
        ]
        for step in 0..<300 {
            if Int.random(in: 0..<3, using: &random) == 0, let request = sent {
                sent = nil
                if Int.random(in: 0..<20, using: &random) == 0 {
                    run(try session.answerReceived(status: 400, body: []))
                    continue
                }
                let answer = model.answer(request.method.rawValue, request.path, request.body, AnyFiles())
                switch answer {
                case .done: run(try session.answerReceived(status: 204, body: []))
                // There may be no kernel yet, or no such drive.
                case .failed: run(try session.answerReceived(status: 400, body: []))
                default: Issue.record("seed \(seed), step \(step): \(request) in \(model.state): \(answer)")
                }
                #expect(Self.isSame(session.state, model.state), "seed \(seed), step \(step)")
            } else {
                asked += 1
                let request = (Bool.random(using: &random) ? Self.boot : others).randomElement(using: &random)
                run(session.ask(request ?? .pause, asked))
            }
        }
        for token in session.close() { answered[token, default: 0] += 1 }
        #expect(answered.count == asked && answered.values.allSatisfy { $0 == 1 }, "seed \(seed)")
    }
}
