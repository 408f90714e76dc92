import Foundation

/// The conversation with one Firecracker, apart from its socket: what state its machine is in, which request may be sent in it,
/// and what an answer means. Requests go out one at a time, so that a state is known for certain when one is sent.
struct FirecrackerSession<Token> {
    enum State: Hashable {
        /// A process that knows nothing yet. -> configured, paused (a snapshot was loaded), closed.
        case fresh
        /// A part of a machine is configured; no snapshot can be loaded any more. -> running, closed.
        case configured
        /// -> paused, closed.
        case running
        /// -> running, closed.
        case paused
        /// Nothing is asked any more. Firecracker ends by itself when it could not load a snapshot.
        case closed
    }

    private struct Waiting {
        let request: FirecrackerRequest
        let token: Token
    }

    /// The most requests that wait for their turn.
    static var requestsMax: Int { 64 }

    private(set) var state = State.fresh
    private var waiting: [Waiting] = []
    private var current: Waiting?

    /// What is to be done, in this order.
    enum Action {
        case send(FirecrackerRequest)
        case answered(Token, VirtualMachineError?)
    }

    mutating func ask(_ request: FirecrackerRequest, _ token: Token) -> [Action] {
        guard waiting.count < Self.requestsMax else {
            return [.answered(token, VirtualMachineError(.refused, "too many requests to Firecracker wait"))]
        }
        waiting.append(Waiting(request: request, token: token))
        return next()
    }

    /// - Throws: When it is not an answer that Firecracker gives. The connection is to be closed then.
    mutating func answerReceived(status: Int, body: [UInt8]) throws(VirtualMachineError) -> [Action] {
        if state == .closed { return [] }
        guard let asked = current else {
            throw VirtualMachineError(.refused, "Firecracker answered what was not asked")
        }
        switch status {
        case 204:
            current = nil
            state = asked.request.next(state)
            return [.answered(asked.token, nil)] + next()
        case 400..<600:
            current = nil
            let failure = Self.failure(asked.request, status, body)
            // See `State.closed`.
            if case .loadSnapshot = asked.request { state = .closed }
            return [.answered(asked.token, failure)] + next()
        default:
            throw VirtualMachineError(.refused, "Firecracker answered with status \(status)")
        }
    }

    /// There will be no more. Returns the requests that have no answer.
    mutating func close() -> [Token] {
        state = .closed
        defer {
            current = nil
            waiting = []
        }
        return ((current.map { [$0] } ?? []) + waiting).map(\.token)
    }

    private mutating func next() -> [Action] {
        var actions: [Action] = []
        while current == nil, !waiting.isEmpty {
            let following = waiting.removeFirst()
            if let refusal = refusal(of: following.request) {
                actions.append(.answered(following.token, refusal))
            } else {
                current = following
                actions.append(.send(following.request))
            }
        }
        return actions
    }

    private func refusal(of request: FirecrackerRequest) -> VirtualMachineError? {
        if state == .closed { return VirtualMachineError(.gone, "the virtual machine has ended") }
        if request.isAllowed(in: state) { return nil }
        return VirtualMachineError(.refused, "\(request.path) cannot be asked of a machine that is \(state)")
    }

    private struct Fault: Decodable {
        let fault_message: String
    }

    private static func failure(_ request: FirecrackerRequest, _ status: Int, _ body: [UInt8]) -> VirtualMachineError {
        let fault = try? JSONDecoder().decode(Fault.self, from: Data(body))
        let reason = fault?.fault_message ?? "status \(status)"
        let code: VirtualMachineError.Code = if case .loadSnapshot = request { .incompatible } else { .refused }
        return VirtualMachineError(code, "Firecracker refused \(request.method.rawValue) \(request.path): \(reason)")
    }
}

extension FirecrackerRequest {
    /// Whether Firecracker takes it in this state.
    func isAllowed<Token>(in state: FirecrackerSession<Token>.State) -> Bool {
        switch self {
        case .machine, .bootSource, .drive, .vsock: state == .fresh || state == .configured
        case .start: state == .configured
        case .loadSnapshot: state == .fresh
        // Pausing what is paused and resuming what runs do nothing.
        case .pause, .resume, .replaceDrive: state == .running || state == .paused
        case .createSnapshot: state == .paused
        }
    }

    /// The state once it was carried out.
    fileprivate func next<Token>(_ state: FirecrackerSession<Token>.State) -> FirecrackerSession<Token>.State {
        switch self {
        case .machine, .bootSource, .drive, .vsock: .configured
        case .start, .resume: .running
        case .loadSnapshot, .pause: .paused
        case .createSnapshot, .replaceDrive: state
        }
    }
}
