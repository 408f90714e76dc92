import Dispatch
import FirecrackerAPI
import Glibc
import Synchronization

/// A guest that echoes what it is told over its sockets.
final class Guest: Sendable {
    private struct State {
        var isRunning = false
        /// Those that wait for it to run.
        var waiting: [CInt] = []
        var connections: [CInt] = []
        var attempts = 0
    }

    private let kind: Script.Guest
    private let state = Mutex(State())

    init(_ kind: Script.Guest) {
        self.kind = kind
    }

    /// Whether it runs; one that does not answers nobody.
    func setRunning(_ isRunning: Bool) {
        let waiting = state.withLock { state in
            state.isRunning = isRunning
            guard isRunning else { return [] as [CInt] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for connection in waiting { begin(connection) }
    }

    /// Ends all connections, as a snapshot does.
    func reset() {
        let connections = state.withLock { state in
            defer { state.connections = [] }
            return state.connections
        }
        for connection in connections { shutdown(connection, CInt(SHUT_RDWR)) }
    }

    func serve(_ listener: CInt) {
        let thread = DispatchQueue(label: "guest")
        thread.async {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                let isRunning = self.state.withLock { state in
                    if !state.isRunning { state.waiting.append(connection) }
                    return state.isRunning
                }
                if isRunning { self.begin(connection) }
            }
        }
    }

    private func begin(_ connection: CInt) {
        DispatchQueue(label: "connection").async {
            if self.accepts(connection) {
                self.state.withLock { $0.connections.append(connection) }
                self.echo(connection)
            }
            self.state.withLock { state in state.connections.removeAll { $0 == connection } }
            close(connection)
        }
    }

    private func accepts(_ connection: CInt) -> Bool {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.last != UInt8(ascii: "\n"), read(connection, &byte, 1) == 1 { line.append(byte) }
        guard String(decoding: line, as: UTF8.self) == "CONNECT 1023\n" else { return false }
        let attempt = state.withLock { state in
            state.attempts += 1
            return state.attempts
        }
        switch kind {
        case .listens: break
        case .listensLate: if attempt < 4 { return false }
        case .refuses: return false
        case .silent:
            while read(connection, &byte, 1) > 0 {}
            return false
        case .babbles:
            say("HELLO THIS IS NO ANSWER\n", to: connection)
            return false
        }
        // In one piece: what the guest says must not be lost with the answer.
        say("OK 1073741824\n\(Script.greeting)", to: connection)
        return true
    }

    private func echo(_ connection: CInt) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(connection, &bytes, bytes.count)
            guard count > 0, write(connection, bytes, count) == count else { return }
        }
    }

    private func say(_ text: String, to connection: CInt) {
        let bytes = Array(text.utf8)
        _ = write(connection, bytes, bytes.count)
    }
}
