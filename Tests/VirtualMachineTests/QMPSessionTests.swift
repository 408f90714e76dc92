import TestSupport
import Testing

@testable import VirtualMachine

@Suite struct QMPSessionTests {
    private static let greeting = #"{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}}"# + "\r\n"

    private static func lines(_ actions: [QMPSession<Int>.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .send(let line, let descriptor): "send \(line.dropLast()) \(descriptor ?? -1)"
            case .opened: "opened"
            case .answered(let token, let failure): "answered \(token) \(failure ?? "done")"
            case .migrationChanged(let status): "migration \(status)"
            }
        }
    }

    private static func opened() throws -> QMPSession<Int> {
        var session = QMPSession<Int>()
        _ = try session.bytesReceived(greeting.utf8)
        _ = try session.bytesReceived((#"{"return": {}, "id": 0}"# + "\n").utf8)
        return session
    }

    @Test func commandsWaitForTheGreetingAndForEachOther() throws {
        var session = QMPSession<Int>()
        #expect(Self.lines(session.command(.stop, 1)) == [])
        #expect(Self.lines(session.command(.give(9, as: "state"), 2)) == [])
        #expect(
            Self.lines(try session.bytesReceived(Self.greeting.utf8)) == [
                #"send {"execute":"qmp_capabilities","id":0} -1"#
            ]
        )
        #expect(
            Self.lines(try session.bytesReceived("{\"return\": {}, \"id\": 0}\r\n".utf8))
                == ["opened", #"send {"execute":"stop","id":1} -1"#]
        )
        #expect(
            Self.lines(try session.bytesReceived("{\"event\": \"STOP\"}\r\n{\"return\": {}, \"id\": 1}\r\n".utf8))
                == ["answered 1 done", #"send {"execute":"getfd","id":2,"arguments":{"fdname":"state"}} 9"#]
        )
        #expect(
            Self.lines(try session.bytesReceived((#"{"error": {"class": "X", "desc": "no"}, "id": 2}"# + "\n").utf8))
                == ["answered 2 no"]
        )
    }

    @Test func theCourseOfAMigrationIsToldWhateverElseIsUnderWay() throws {
        var session = try Self.opened()
        _ = session.command(.save(to: "state"), 1)
        let text = #"{"event": "MIGRATION", "data": {"status": "completed"}, "timestamp": {"seconds": 1}}"# + "\n"
        #expect(Self.lines(try session.bytesReceived(text.utf8)) == ["migration completed"])
    }

    @Test(arguments: [
        "not JSON\n", "[1]\n", #"{"return": {}, "id": 7}"# + "\n", #"{"return": {}}"# + "\n",
        String(repeating: "x", count: 70000),
    ])
    func whatIsNotTheProtocolIsRefused(text: String) throws {
        var session = try Self.opened()
        #expect(throws: VirtualMachineError.self) { try session.bytesReceived(text.utf8) }
    }

    @Test func whatHasNoAnswerIsToldAtTheEnd() throws {
        var session = try Self.opened()
        _ = session.command(.stop, 1)
        _ = session.command(.resume, 2)
        #expect(session.close() == [1, 2])
        #expect(session.close() == [])
        #expect(Self.lines(session.command(.stop, 3)) == ["answered 3 the process has ended"])
        #expect(Self.lines(try session.bytesReceived("x\n".utf8)) == [])
    }

    /// Whatever is asked and answered in whatever order, each command has one answer.
    @Test(arguments: UInt64(1)...20)
    func everyCommandIsAnsweredOnce(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var session = try Self.opened()
        var asked = 0
        var answered: [Int: Int] = [:]
        var sent: [Int] = []
        func note(_ actions: [QMPSession<Int>.Action]) {
            for action in actions {
                switch action {
                case .answered(let token, _): answered[token, default: 0] += 1
                case .send(let line, _):
                    sent.append(Int(line.split(separator: ":")[2].prefix { $0.isNumber }) ?? -1)
                default: break
                }
            }
        }
        for _ in 0..<500 {
            if Bool.random(using: &random) {
                asked += 1
                note(session.command(.stop, asked))
            } else if let id = sent.popLast() {
                let text = Bool.random(using: &random) ? #""return":{}"# : #""error":{"desc":"no"}"#
                note(try session.bytesReceived("{\(text),\"id\":\(id)}\n".utf8))
            }
            #expect(sent.count <= 1, "seed \(seed)")
        }
        for token in session.close() { answered[token, default: 0] += 1 }
        #expect(answered.count == asked && answered.values.allSatisfy { $0 == 1 }, "seed \(seed)")
    }
}
