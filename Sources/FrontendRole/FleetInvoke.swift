import FleetProtocol
import HostIdentity
import HostLink
import Invocation
import LambdaAPI
import Logging
import NIOCore
import Telemetry
import Worker

/// One invoke on its way through the fleet; see ``FleetInvokeState``.
///
/// ## Concurrency
/// Confined to the caller's event loop, on which its links live, too. Kept alive by whatever it waits for.
final class FleetInvoke {
    private let request: InvokeRequest
    private let stream: ResponseStream?
    private let promise: EventLoopPromise<InvokeResult>
    private let invoker: FleetInvoker
    private let eventLoop: any EventLoop
    private var state: FleetInvokeState
    private var describesFunction = false

    init(
        _ request: InvokeRequest,
        streamingTo stream: ResponseStream?,
        _ promise: EventLoopPromise<InvokeResult>,
        by invoker: FleetInvoker,
        on eventLoop: any EventLoop
    ) {
        self.request = request
        self.stream = stream
        self.promise = promise
        self.invoker = invoker
        self.eventLoop = eventLoop
        state = FleetInvokeState(deadline: Self.now() + Int(FleetInvoker.patience.nanoseconds))
    }

    private static func now() -> Int { Int(clamping: NIODeadline.now().uptimeNanoseconds) }

    /// Uses an environment again that has just been used for the same function, or asks for one.
    func begin() {
        guard let reservation = invoker.kept.take(for: request.function, on: eventLoop) else { return reserve() }
        reserved(reservation)
    }

    // MARK: Reserving

    func reserve() {
        guard let address = invoker.directory.manager(of: request.function.name) else {
            return notBegun("no manager is known for the function")
        }
        whenOpen(address) { [self] link in
            let message = ReserveMessage(request.requestID, request.function, describingIt: describesFunction)
            let call = ReserveCall(self, link)
            call.number = link.begin(MessageKind.reserve.rawValue, message.body, call)
            if call.number == nil { notBegun("the connection to the manager has ended") }
        }
    }

    /// Does something over a link to a host, or tries all again.
    private func whenOpen(
        _ address: HostAddress,
        else failed: @escaping () -> Void = {},
        _ body: @escaping (Link) -> Void
    ) {
        invoker.links.link(to: address, on: eventLoop).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let link):
                body(link)
            case .failure(let error):
                failed()
                notBegun("\(error)")
            }
        }
    }

    fileprivate func refused(_ message: RefusedMessage) {
        switch message {
        case .unknownFunction where !describesFunction:
            describesFunction = true
            reserve()
        case .unknownFunction, .notOwner:
            notBegun("the manager does not have the function")
        case .throttled(let reason):
            fail(ThrottledInvoke(reason: reason))
        case .failed(let failure) where failure.code == .shuttingDown:
            // Another manager has the function in a moment.
            notBegun(failure.message)
        case .failed(let failure):
            fail(failure)
        }
    }

    // MARK: Bringing the event

    fileprivate func reserved(_ reservation: Reservation) {
        guard state.reserved() else { return }
        guard let identity = try? HostIdentity(role: .worker, name: reservation.worker),
            let address = HostAddress(identity, reservation.address)
        else { return notBegun("the worker \(reservation.worker) cannot be reached at \(reservation.address)") }
        whenOpen(address, else: { self.giveBack(reservation) }) { [self] link in
            let message = RunMessage(reservation, request, wantsStream: stream != nil)
            let call = RunCall(self, link, stream, reservation, on: eventLoop)
            call.number = link.begin(MessageKind.run.rawValue, message.body, call)
            if call.number == nil { notBegun("the connection to the worker has ended") }
        }
    }

    fileprivate func completed(_ message: ResultMessage, in reservation: Reservation) {
        guard state.ended() else { return }
        if let next = message.next {
            let again = Reservation(
                worker: reservation.worker,
                address: reservation.address,
                environmentID: reservation.environmentID,
                token: next,
                followers: max(0, reservation.followers - 1)
            )
            invoker.kept.add(again, for: request.function, on: eventLoop)
        }
        promise.succeed(message.result)
    }

    /// Tells the manager of what was reserved in vain. If that cannot be done it finds out by itself after a while. One that was
    /// kept from an earlier invoke is not the token that the manager knows, and it does nothing.
    private func giveBack(_ reservation: Reservation) {
        guard let address = invoker.directory.manager(of: request.function.name) else { return }
        invoker.links.link(to: address, on: eventLoop).assumeIsolated().whenSuccess { link in
            link.send(.unused, UnusedMessage(reservation).body)
        }
    }

    // MARK: Failing

    /// Nothing has been begun; all may be tried again.
    fileprivate func notBegun(_ reason: String) {
        switch state.notBegun(at: Self.now()) {
        case .reserve(after: let nanoseconds):
            guard nanoseconds > 0 else { return eventLoop.assumeIsolated().execute { self.reserve() } }
            eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(nanoseconds))) { self.reserve() }
        case .giveUp:
            invoker.logger.error(
                "no environment could be had of the fleet",
                metadata: [
                    LogKey.requestID: "\(request.requestID)", LogKey.functionName: "\(request.function.name)",
                    LogKey.reason: "\(reason)",
                ]
            )
            promise.fail(InvokeFailure(.unreachable, reason))
        case .none:
            break
        }
    }

    /// Nobody can tell what has been done.
    fileprivate func lost(_ error: LinkError) {
        fail(
            InvokeFailure(.environmentFailed, "the connection to the worker has ended while the function ran: \(error)")
        )
    }

    private func fail(_ error: any Error) {
        guard state.ended() else { return }
        promise.fail(error)
    }
}

/// Asks a manager for an environment.
private final class ReserveCall: LinkCall {
    var number: UInt32?
    private let invoke: FleetInvoke
    private let link: Link

    init(_ invoke: FleetInvoke, _ link: Link) {
        self.invoke = invoke
        self.link = link
    }

    func received(_ frame: LinkFrame) {
        if let number { link.end(number) }
        do {
            switch MessageKind(rawValue: frame.kind) {
            case .reserved: invoke.reserved(try Reservation(body: frame.body))
            case .refused: invoke.refused(try RefusedMessage(body: frame.body))
            default: invoke.notBegun("the manager's answer is of another release")
            }
        } catch {
            invoke.notBegun("\(error)")
        }
    }

    func linkEnded(_ error: LinkError) {
        invoke.notBegun("\(error)")
    }
}

/// Brings an event to a worker, and passes on what comes of it.
private final class RunCall: LinkCall {
    var number: UInt32?
    private let invoke: FleetInvoke
    private let link: Link
    private let stream: ResponseStream?
    private let reservation: Reservation
    private let eventLoop: any EventLoop

    init(
        _ invoke: FleetInvoke,
        _ link: Link,
        _ stream: ResponseStream?,
        _ reservation: Reservation,
        on eventLoop: any EventLoop
    ) {
        self.invoke = invoke
        self.reservation = reservation
        self.link = link
        self.stream = stream
        self.eventLoop = eventLoop
    }

    func received(_ frame: LinkFrame) {
        do {
            switch MessageKind(rawValue: frame.kind) {
            case .result:
                end()
                invoke.completed(try ResultMessage(body: frame.body), in: reservation)
            case .notRun:
                end()
                invoke.notBegun(String(buffer: frame.body))
            case .began:
                began(try BeganMessage(body: frame.body))
            case .chunk:
                passOn(frame.body)
            default:
                // Of a later release.
                break
            }
        } catch let error as LinkError {
            end()
            invoke.lost(error)
        } catch {
            end()
            invoke.lost(LinkError(.malformed, "the worker's answer cannot be read", cause: error))
        }
    }

    func linkEnded(_ error: LinkError) {
        stream?.close()
        invoke.lost(error)
    }

    private func began(_ message: BeganMessage) {
        guard let stream, let number else { return }
        stream.open(
            on: eventLoop,
            contentType: message.contentType,
            onConsumed: { [link] bytes in
                link.send(.consumed, call: number, .consumed(bytes: bytes))
            }
        )
    }

    private func passOn(_ chunk: ByteBuffer) {
        // The worker is told what the caller is rid of, and holds its function back.
        stream?.write(chunk)
    }

    private func end() {
        stream?.close()
        if let number { link.end(number) }
    }
}
