/// What processes of a fleet say to each other; see `FleetProtocol`, whose messages these are without their bytes.
enum FleetMessage {
    enum Refusal {
        case throttled, failed, notOwner
    }

    enum Phase {
        case starting
        case idle(Int)
        case busy(Int)
        case leaving
    }

    enum Event {
        case initialised(Int)
        case idle(Int, followers: Int)
        case running
        case answered
        case hostFailed
        case ended
        case removed
        case noRoom
    }

    /// A partition under one of its owners.
    struct Ownership: Hashable {
        let partition: Int
        let epoch: Int
    }

    // The link's own.
    case greeting, ping, pong, closed

    // From a frontend to a manager, and the answers.
    case reserve(call: Int, invoke: Int, function: Int)
    case reserved(call: Int, Reservation)
    case refused(call: Int, Refusal)

    // From a frontend to a worker, and the answers.
    case run(call: Int, invoke: Int, function: Int, Reservation)
    /// With the token of the next invoke, if one may follow.
    case result(call: Int, next: Int?)
    case notRun(call: Int)

    // From a manager to a worker.
    case own([Ownership])
    case disown([Ownership])
    case start(environment: Int, function: Int, Ownership)
    case retire(Int)
    case abort(Int)
    case voidToken(Int)
    case heartbeatAnswer(Int)

    // From a worker to a manager.
    case registered
    case outdated(Ownership)
    case report(environment: Int, function: Int, Phase)
    case reported(Ownership)
    case event(environment: Int, Event)
    case heartbeat(Int, memoryFree: Int)

    /// The call that this is an answer to.
    var answeredCall: Int? {
        switch self {
        case .reserved(let call, _), .refused(let call, _), .result(let call, _), .notRun(let call): call
        default: nil
        }
    }

    struct Reservation {
        let worker: String
        let environment: Int
        let token: Int
        /// How many invokes may follow.
        let followers: Int
        /// Under which epoch the manager has given it. No message has this; it is for the oracle.
        let epoch: Int?

        /// What an invoke uses that follows the one of this.
        func next(showing token: Int) -> Reservation {
            Reservation(
                worker: worker,
                environment: environment,
                token: token,
                followers: max(0, followers - 1),
                epoch: epoch
            )
        }
    }
}
