import LambdaAPI
import NIOCore
import Synchronization
import WorkerManager

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

/// Holds the account to its rates.
final class RequestRates: Sendable {
    private struct Buckets {
        var getFunction: RateLimit
        var getPolicy: RateLimit
        var others: RateLimit
    }

    /// Nil if there are no limits.
    private let buckets: Mutex<Buckets?>

    /// - Parameter limits: Nil for none.
    init(limits: RequestRateLimits?) {
        let second = 1_000_000_000
        buckets = Mutex(
            limits.map { limits in
                Buckets(
                    getFunction: RateLimit(limits.getFunction, perNanoseconds: second),
                    getPolicy: RateLimit(limits.getPolicy, perNanoseconds: second),
                    others: RateLimit(limits.others, perNanoseconds: second)
                )
            }
        )
    }

    /// Throws `TooManyRequestsException` if the operation comes too soon.
    func admit(_ operation: Operation) throws(LambdaError) {
        let now = Int(clamping: NIODeadline.now().uptimeNanoseconds)
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
