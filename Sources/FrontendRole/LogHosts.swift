package import FleetProtocol
import HostIdentity
import HostLink
package import LogsAPI
import LogsService
package import MetadataStore
package import NIOCore
import Synchronization

/// The workers of a fleet, as far as their logs are asked for.
package protocol LogHosts: Sendable {
    /// The names of those that are members now.
    func names() async throws(LogsError) -> [String]

    /// Asks one of them.
    ///
    /// - Returns: The answer's content.
    func ask(_ host: String, _ question: LogQuestion) async throws(LogHostError) -> ByteBuffer
}

/// Why a worker has not answered.
package struct LogHostError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; callers branch on it.
    package enum Kind: Sendable, Hashable {
        /// It cannot be connected to: nothing was asked.
        case gone
        /// It is there, and has not answered. It may have done what it was asked.
        case silent
        /// It does not do it.
        case refused(LogRefusal)
    }

    package let host: String
    package let kind: Kind
    package let cause: (any Error)?

    package init(_ kind: Kind, host: String, cause: (any Error)? = nil) {
        self.kind = kind
        self.host = host
        self.cause = cause
    }

    package var description: String {
        let what =
            switch kind {
            case .gone: "cannot be connected to"
            case .silent: "does not answer"
            case .refused(let refusal): "refuses: \(refusal)"
            }
        return "worker \(host) \(what)" + (cause.map { ": \($0)" } ?? "")
    }
}

/// The workers by their links. They have connections of their own, so that no invoke waits behind a page of a log.
package final class LinkedLogHosts: LogHosts {
    private struct State {
        var view = FleetView(of: [FleetTable.workers])
        var addresses: [String: HostAddress] = [:]
    }

    private let store: any FleetStore
    private let links: LinkPool
    private let eventLoops: [any EventLoop]
    private let timeout: TimeAmount
    private let state = Mutex(State())

    /// - Parameters:
    ///   - links: Nobody else uses them.
    ///   - timeout: How long an answer may take, with the connection if there is none.
    package init(
        store: any FleetStore,
        links: LinkPool,
        eventLoops: any EventLoopGroup,
        timeout: TimeAmount = .seconds(5)
    ) {
        self.store = store
        self.links = links
        self.eventLoops = Array(eventLoops.makeIterator())
        self.timeout = timeout
    }

    package func names() async throws(LogsError) -> [String] {
        do throws(MetadataStoreError) {
            // As a rule nothing has changed, and then this reads a number.
            let update = try await store.changes(since: state.withLock { $0.view.versions })
            let (names, addresses) = state.withLock { state in
                if !update.isEmpty {
                    state.view.apply(update)
                    state.addresses = Self.addresses(in: state.view)
                }
                return (state.addresses.keys.sorted(), Set(state.addresses.values))
            }
            if !update.isEmpty { links.close { !addresses.contains($0) } }
            return names
        } catch {
            throw .unavailable(cause: error)
        }
    }

    private static func addresses(in view: FleetView) -> [String: HostAddress] {
        var addresses: [String: HostAddress] = [:]
        for worker in view.members(.worker) {
            guard let identity = try? HostIdentity(role: .worker, name: worker.id.name) else { continue }
            addresses[worker.id.name] = HostAddress(identity, worker.address)
        }
        return addresses
    }

    package func ask(_ host: String, _ question: LogQuestion) async throws(LogHostError) -> ByteBuffer {
        guard let address = state.withLock({ $0.addresses[host] }) else { throw LogHostError(.gone, host: host) }
        let answer: LinkFrame
        do throws(LinkError) {
            answer = try await self.answer(to: question, from: address)
        } catch {
            throw LogHostError(error.code == .unreachable ? .gone : .silent, host: host, cause: error)
        }
        switch MessageKind(rawValue: answer.kind) {
        case .logs:
            return answer.body
        case .logsRefused:
            let refusal = (try? LogRefusal(body: answer.body)) ?? .failed("its answer cannot be read")
            throw LogHostError(.refused(refusal), host: host)
        default:
            throw LogHostError(.refused(.failed("its answer is of another release")), host: host)
        }
    }

    private func answer(to question: LogQuestion, from address: HostAddress) async throws(LinkError) -> LinkFrame {
        do throws(LinkError) {
            return try await call(question, to: address)
        } catch  where error.code == .closed && question.isRepeatable {
            // As when the worker was restarted since it was asked last.
            return try await call(question, to: address)
        }
    }

    private func call(_ question: LogQuestion, to address: HostAddress) async throws(LinkError) -> LinkFrame {
        // Always the same, so that one connection to a worker is enough.
        let number = NameNumber.of(address.identity.name) % UInt64(eventLoops.count)
        return try await links.call(
            MessageKind.askLogs.rawValue,
            question.body,
            to: address,
            timeout: timeout,
            on: eventLoops[Int(number)]
        )
    }
}

extension LogQuestion {
    /// Whether asking twice is as good as asking once.
    fileprivate var isRepeatable: Bool {
        switch self {
        case .events, .streams, .storedBytes, .groupsChanged: true
        case .createStream, .deleteStream, .put: false
        }
    }
}
