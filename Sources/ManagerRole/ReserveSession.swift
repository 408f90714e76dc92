import Fleet
import FleetProtocol
import HostIdentity
package import HostLink
import Invocation
import LambdaAPI
import Logging
import MetadataStore
import NIOCore
import Telemetry
import Worker

/// A connection to this manager of a frontend that reserves environments, or of anybody who asks something.
///
/// ## Concurrency
/// Confined to its link's event loop.
///
/// JUSTIFICATION: links hold their users from any event loop.
/// SAFETY: there is no mutable state but the link's own.
package final class ReserveSession: LinkUser, @unchecked Sendable {
    private let desk: ManagerDesk
    private let questions: Questions

    /// - Parameter questions: What can be asked.
    package init(desk: ManagerDesk, questions: Questions) {
        self.desk = desk
        self.questions = questions
    }

    package func linkOpened(_ link: Link) {}

    package func linkEnded(_ link: Link, _ error: LinkError) {}

    package func received(_ frame: LinkFrame, over link: Link) {
        do {
            switch MessageKind(rawValue: frame.kind) {
            case .reserve:
                reserve(try ReserveMessage(body: frame.body), call: frame.call, over: link)
            case .unused:
                desk.wasNotUsed(try UnusedMessage(body: frame.body))
            case .ask:
                questions.answer(frame.body, call: frame.call, over: link)
            default:
                // Of a later release.
                break
            }
        } catch {
            desk.logger.error("a frontend sent what cannot be read", metadata: [LogKey.error: "\(error)"])
            link.close()
        }
    }

    private func reserve(_ message: ReserveMessage, call: UInt32, over link: Link) {
        let partition = Partition.of(message.name)
        let again: @Sendable () -> Void = {
            link.eventLoop.execute { self.reserve(message, call: call, over: link) }
        }
        switch desk.readiness(of: partition, again: again) {
        case .waiting:
            return
        case .notOwner:
            return refuse(.notOwner, call, over: link)
        case .tooMany:
            let failure = InvokeFailure(.unreachable, "too many invokes wait for their manager to know what runs")
            return refuse(.failed(failure), call, over: link)
        case .ready:
            break
        }
        guard let function = desk.functions.function(message) else { return refuse(.unknownFunction, call, over: link) }
        let request = InvokeRequest(
            requestID: message.requestID,
            function: function,
            invokedFunctionARN: "",
            payload: ByteBuffer(),
            clientContext: nil,
            traceHeader: "",
            wantsLogTail: false
        )
        desk.invoker.reserve(request, on: link.eventLoop).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let reservation):
                link.send(.reserved, call: call, reservation.body)
            case .failure(let error):
                refuse(RefusedMessage(error), call, over: link)
            }
        }
    }

    private func refuse(_ message: RefusedMessage, _ call: UInt32, over link: Link) {
        link.send(.refused, call: call, message.body)
    }
}

extension RefusedMessage {
    /// Tells a frontend of an error.
    fileprivate init(_ error: any Error) {
        switch error {
        case let error as ThrottledInvoke: self = .throttled(error.reason)
        case let error as InvokeFailure where error.code == .moved: self = .notOwner
        case let error as InvokeFailure: self = .failed(error)
        default: self = .failed(InvokeFailure(.environmentFailed, "\(error)"))
        }
    }
}
