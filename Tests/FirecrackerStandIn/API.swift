import FirecrackerAPI
import Foundation
import Glibc

/// The API, one request after the other.
final class API {
    private let script: Script
    private let guest: Guest
    private let record: CInt
    private var model = Model()

    init(_ script: Script) {
        self.script = script
        guest = Guest(script.guest)
        record = open(script.record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    }

    func serve(_ connection: CInt) {
        var received: [UInt8] = []
        while let request = next(from: connection, &received) {
            if let fault = script.faults["\(request.method) \(request.path)"] {
                commit(fault, request, connection)
            } else {
                answer(request, connection)
            }
        }
    }

    private struct Request {
        var method: String
        var path: String
        var headers: [String: String]
        var body: [UInt8]
    }

    private func next(from connection: CInt, _ received: inout [UInt8]) -> Request? {
        let separator = Array("\r\n\r\n".utf8)
        while true {
            if let end = received.firstRange(of: separator) {
                var lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
                let words = lines.removeFirst().split(separator: " ").map(String.init)
                guard words.count == 3, words[2] == "HTTP/1.1" else { return nil }
                var headers: [String: String] = [:]
                for line in lines {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    guard parts.count == 2 else { return nil }
                    headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
                }
                let length = headers["content-length"].flatMap { Int($0) } ?? 0
                if received.count >= end.upperBound + length {
                    let body = Array(received[end.upperBound..<(end.upperBound + length)])
                    received.removeSubrange(..<(end.upperBound + length))
                    return Request(method: words[0], path: words[1], headers: headers, body: body)
                }
            }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(connection, &bytes, bytes.count)
            guard count > 0 else { return nil }
            received += bytes.prefix(count)
        }
    }

    private func answer(_ request: Request, _ connection: CInt) {
        let answer = model.answer(request.method, request.path, request.body, Host(guest: guest))
        guest.setRunning(model.state == .running)
        switch answer {
        case .done:
            note("204", request)
            if request.method == "GET" {
                reply(connection, "200 OK", "{}")
            } else {
                reply(connection, "204 No Content", "")
            }
        case .failed(let text):
            note("400", request)
            reply(connection, "400 Bad Request", fault(text))
        case .unknownOperation, .malformed, .wrongTime:
            note("\(Script.violation) \(answer.fault ?? "")", request)
            reply(connection, "400 Bad Request", fault(answer.fault ?? ""))
        }
        if model.state == .ended { exit(1) }
    }

    private func commit(_ fault: Script.Fault, _ request: Request, _ connection: CInt) {
        note(fault.rawValue, request)
        switch fault {
        case .refuse: reply(connection, "400 Bad Request", self.fault(Script.refusal))
        case .accept: reply(connection, "202 Accepted", "")
        case .silence: break
        case .exit: exit(1)
        case .garbage: send(connection, "Firecracker is not in\r\n\r\n")
        case .flood:
            send(connection, "HTTP/1.1 400 Bad Request\r\nContent-Length: 100000000\r\n\r\n")
            let piece = String(repeating: "x", count: 1 << 16)
            while send(connection, piece) {}
        }
    }

    private func fault(_ text: String) -> String {
        let object = try? JSONEncoder().encode(["fault_message": text])
        return object.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private func reply(_ connection: CInt, _ status: String, _ body: String) {
        var head = "HTTP/1.1 \(status)\r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
        if !body.isEmpty {
            head += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        } else if !status.hasPrefix("204") {
            head += "Content-Length: 0\r\n"
        }
        send(connection, "\(head)\r\n\(body)")
    }

    @discardableResult
    private func send(_ connection: CInt, _ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return write(connection, bytes, bytes.count) == bytes.count
    }

    private func note(_ outcome: String, _ request: Request) {
        let body = String(decoding: request.body, as: UTF8.self)
        let line = Array("\(outcome) \(request.method) \(request.path) \(body)\n".utf8)
        _ = write(record, line, line.count)
    }
}
