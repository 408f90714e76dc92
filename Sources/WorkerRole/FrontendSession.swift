import FleetProtocol
import HostLink
import LambdaAPI
import Logging
import NIOCore
import Telemetry
import Worker

/// A frontend's connection to this worker: each call on it is one event and what comes of it.
///
/// ## Concurrency
/// Confined to its link's event loop.
///
/// JUSTIFICATION: links hold their users from any event loop.
/// SAFETY: `runs` and `questionCount` are touched on the link's event loop only.
final class FrontendSession: LinkUser, @unchecked Sendable {
    private let server: WorkerServer
    private var runs: [UInt32: RemoteRun] = [:]
    /// Questions about logs that are being answered.
    private var questionCount = 0

    /// So many questions about logs one frontend may have at a time.
    private static let questionsMax = 64

    init(server: WorkerServer) {
        self.server = server
    }

    func linkOpened(_ link: Link) {}

    /// Whoever waited is gone; what runs goes on to its end, as it does when a client goes.
    func linkEnded(_ link: Link, _ error: LinkError) {
        runs = [:]
    }

    func received(_ frame: LinkFrame, over link: Link) {
        do {
            switch MessageKind(rawValue: frame.kind) {
            case .run:
                run(try RunMessage(body: frame.body), call: frame.call, over: link)
            case .consumed:
                runs[frame.call]?.stream.consumed(bytes: try frame.body.consumedBytes())
            case .askLogs:
                answer(try LogQuestion(body: frame.body), call: frame.call, over: link)
            default:
                // Of a later release.
                break
            }
        } catch {
            server.logger.error("a frontend sent what cannot be read", metadata: [LogKey.error: "\(error)"])
            link.close()
        }
    }

    private func answer(_ question: LogQuestion, call: UInt32, over link: Link) {
        guard let logs = server.logs, questionCount < Self.questionsMax else {
            let reason = server.logs == nil ? "it keeps no logs" : "it is asked too much at once"
            return link.send(.logsRefused, call: call, LogRefusal.failed(reason).body)
        }
        questionCount += 1
        link.eventLoop.makeFutureWithTask { await logs.answer(question) }
            .assumeIsolated()
            .whenSuccess { [self] answer in
                questionCount -= 1
                switch answer {
                case .success(let content): link.send(.logs, call: call, content)
                case .failure(let error): link.send(.logsRefused, call: call, error.refusal.body)
                }
            }
    }

    private func run(_ message: RunMessage, call: UInt32, over link: Link) {
        let promise = link.eventLoop.makePromise(of: InvokeResult.self)
        var stream: ResponseStream?
        if message.wantsStream {
            let run = RemoteRun(call: call, link: link)
            runs[call] = run
            stream = run.stream
        }
        let next = server.run(message) { [stream] function in
            Invoke(request: message.request(of: function), caller: .result(promise, stream: stream))
        } refused: { reason in
            promise.fail(NotRun(reason: reason))
        }
        promise.futureResult.assumeIsolated().whenComplete { [self] result in
            runs[call] = nil
            switch result {
            case .success(let result): link.send(.result, call: call, ResultMessage(result, next: next).body)
            case .failure(let error): link.send(.notRun, call: call, ByteBuffer(string: "\(error)"))
            }
        }
    }
}

/// Nothing of an invoke has been begun.
private struct NotRun: Error, CustomStringConvertible {
    let reason: String

    var description: String { reason }
}

/// Sends a response as it comes to the frontend that brought the event.
private final class RemoteRun: ResponseStreamReader {
    let stream: ResponseStream

    private let call: UInt32
    private let link: Link

    init(call: UInt32, link: Link) {
        self.call = call
        self.link = link
        stream = ResponseStream(on: link.eventLoop)
        stream.setReader(self)
    }

    func responseBegan(contentType: String?) {
        link.send(.began, call: call, BeganMessage(contentType: contentType).body)
    }

    func responseReceived(_ chunk: ByteBuffer) {
        link.send(.chunk, call: call, chunk)
    }
}
