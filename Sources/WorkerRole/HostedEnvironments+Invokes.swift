/// How environments are used: by whom, and by how many invokes one after the other.
extension HostedEnvironments {
    /// What comes of an event that somebody brings.
    package enum RunAction: Equatable {
        /// Run it; whoever shows this token may bring the next.
        case run(next: Token?)
        /// Run it as soon as ``becameIdle(_:with:at:makeToken:)`` says so.
        case wait(next: Token?)
        /// Nothing has been begun.
        case refuse(Refusal)
    }

    /// Why an environment takes no event.
    package enum Refusal: Equatable {
        /// The environment is not there, or ends.
        case gone
        /// The token is not, or no longer, good.
        case void
        /// The manager has not been heard of for too long.
        case unproven
    }

    /// Somebody brings an event for an environment.
    ///
    /// - Parameter followers: How many invokes may follow it without the manager's being asked.
    package mutating func runRequested(
        _ invoke: Invoke,
        in environment: EnvironmentID,
        showing token: Token,
        followers: Int,
        at now: Instant,
        makeToken: () -> Token
    ) -> RunAction {
        guard let entry = entries[environment], entry.phase != .leaving else { return .refuse(.gone) }
        guard isProven(entry.partition, at: now) else { return .refuse(.unproven) }
        switch entry.phase {
        case .idle(token, _):
            let next = followers > 0 ? makeToken() : nil
            let chain = next.map { Chain(next: $0, usesLeft: followers, until: now + keeping.all) }
            entries[environment]?.phase = .busy(invoke, chain)
            entries[environment]?.followers = 0
            return .run(next: next)
        case .kept(let chain, _) where chain.next == token:
            let rest = rest(of: chain, at: now, makeToken)
            entries[environment]?.phase = .busy(invoke, rest)
            entries[environment]?.followers += 1
            return .run(next: rest?.next)
        case .busy(let running, var chain?) where chain.next == token && chain.waiting == nil:
            let rest = rest(of: chain, at: now, makeToken)
            chain.waiting = invoke
            entries[environment]?.phase = .busy(running, chain)
            entries[environment]?.promised = rest
            return .wait(next: rest?.next)
        case .starting, .idle, .busy, .kept, .leaving:
            return .refuse(.void)
        }
    }

    /// What is left of a chain after its next invoke.
    private func rest(of chain: Chain, at now: Instant, _ makeToken: () -> Token) -> Chain? {
        guard chain.usesLeft > 1, now < chain.until else { return nil }
        return Chain(next: makeToken(), usesLeft: chain.usesLeft - 1, until: chain.until)
    }

    /// The answer to a manager that wants a token void.
    package enum VoidAction: Equatable {
        case idle(Token, followers: Int)
        case running
        case gone
        case none
    }

    /// A manager has heard nothing of what it handed out, and wants it void if it was not used.
    package mutating func voidRequested(_ environment: EnvironmentID, by manager: Manager, makeToken: () -> Token)
        -> VoidAction
    {
        guard let entry = entries[environment] else { return .gone }
        guard mayDecide(manager, for: environment) else { return .none }
        switch entry.phase {
        case .idle(_, let since), .kept(_, let since):
            let token = makeToken()
            entries[environment]?.phase = .idle(token, since: since)
            return .idle(token, followers: entry.followers)
        case .busy(let invoke, let chain):
            // Somebody else wants it: nobody follows any more, but for who has come already.
            if chain?.waiting == nil { entries[environment]?.phase = .busy(invoke, nil) }
            entries[environment]?.promised = nil
            return .running
        case .starting, .leaving:
            return .none
        }
    }

    package enum IdleAction: Equatable {
        /// Tell the manager.
        case tell(Token, followers: Int)
        /// Call ``keptLongEnough(_:at:makeToken:)`` a moment later.
        case keep
        /// Run this now.
        case run(Invoke)
        /// The environment is not wanted any more.
        case end
    }

    /// The environment may be given an invoke, for the first time or again.
    package mutating func becameIdle(_ environment: EnvironmentID, with token: Token, at now: Instant) -> IdleAction {
        guard let entry = entries[environment], entry.phase != .leaving else { return .end }
        guard case .busy(_, let chain?) = entry.phase else {
            entries[environment]?.phase = .idle(token, since: now)
            return .tell(token, followers: entry.followers)
        }
        if let waiting = chain.waiting {
            entries[environment]?.phase = .busy(waiting, entry.promised)
            entries[environment]?.promised = nil
            entries[environment]?.followers += 1
            return .run(waiting)
        }
        guard now < chain.until, !isClosed else {
            entries[environment]?.phase = .idle(token, since: now)
            return .tell(token, followers: entry.followers)
        }
        entries[environment]?.phase = .kept(chain, since: now)
        return .keep
    }

    package enum KeptAction: Equatable {
        /// Nobody has come; tell the manager.
        case tell(Token, followers: Int)
        /// It was used meanwhile, and is kept anew: ask again so many nanoseconds later.
        case again(after: Int)
        case none
    }

    /// An environment was kept for a moment.
    package mutating func keptLongEnough(_ environment: EnvironmentID, at now: Instant, makeToken: () -> Token)
        -> KeptAction
    {
        guard let entry = entries[environment], case .kept(_, let since) = entry.phase else { return .none }
        let left = since + keeping.pause - now
        guard left <= 0 else { return .again(after: left) }
        let token = makeToken()
        entries[environment]?.phase = .idle(token, since: since)
        return .tell(token, followers: entry.followers)
    }

    /// How long an environment is kept for the next invoke of a chain, in nanoseconds.
    package var pause: Int { keeping.pause }

    /// Whether others than the manager expect the environment to be idle soon: it need not be told of an answer.
    package func hasChain(_ environment: EnvironmentID) -> Bool {
        if case .busy(_, .some) = entries[environment]?.phase { true } else { false }
    }
}
