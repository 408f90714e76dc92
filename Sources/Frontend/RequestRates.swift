import LambdaAPI
import NIOCore
import Synchronization

/// How fast the account may call the management operations, in the classes that Lambda has. Source: `spec/quotas.md`,
/// control API rate.
package struct RequestRateLimits: Hashable, Sendable {
    /// Requests per second.
    package var getFunction: Int
    package var getPolicy: Int
    /// Of all other operations together.
    package var others: Int

    /// Lambda's own.
    package static let standard = RequestRateLimits(getFunction: 100, getPolicy: 15, others: 15)
}

/// So many requests per second, and no more than those of one second at once. Pure: it is told the time.
struct TokenBucket {
    private let rate: Double
    private var tokens: Double
    private var refilled: NIODeadline

    init(rate: Int, at now: NIODeadline) {
        self.rate = Double(rate)
        tokens = Double(rate)
        refilled = now
    }

    /// Takes one request's worth; false if there is none.
    mutating func take(at now: NIODeadline) -> Bool {
        // Readings of the clock by several threads may come out of order.
        let elapsed = max(0, (now - refilled).nanoseconds)
        tokens = min(rate, tokens + rate * Double(elapsed) / 1e9)
        refilled = max(refilled, now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}

/// Holds the account to its rates.
final class RequestRates: Sendable {
    private struct Buckets {
        var getFunction: TokenBucket
        var getPolicy: TokenBucket
        var others: TokenBucket
    }

    /// Nil if there are no limits.
    private let buckets: Mutex<Buckets?>

    /// - Parameter limits: Nil for none.
    init(limits: RequestRateLimits?) {
        let now = NIODeadline.now()
        buckets = Mutex(
            limits.map { limits in
                Buckets(
                    getFunction: TokenBucket(rate: limits.getFunction, at: now),
                    getPolicy: TokenBucket(rate: limits.getPolicy, at: now),
                    others: TokenBucket(rate: limits.others, at: now)
                )
            }
        )
    }

    /// Throws `TooManyRequestsException` if the operation comes too soon.
    func admit(_ operation: Operation) throws(LambdaError) {
        let now = NIODeadline.now()
        let isAdmitted = buckets.withLock { buckets in
            switch operation {
            case .getFunction: buckets?.getFunction.take(at: now)
            case .getPolicy: buckets?.getPolicy.take(at: now)
            default: buckets?.others.take(at: now)
            }
        }
        guard isAdmitted ?? true else { throw .tooManyRequests(.callerRateLimitExceeded) }
    }
}
