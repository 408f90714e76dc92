import LambdaAPI
import NIOCore

/// The lines that the platform writes about one invoke. Source: `spec/invoke.md` section 7.
struct InvocationReport {
    let requestID: RequestID
    /// From the delivery of the event until the runtime asked for the next one.
    var duration: TimeAmount
    /// What it took the environment to start, on its first invoke only.
    var start: Start?
    var memoryMegabytes: Int
    var memoryUsed: ByteCount
    /// Present if the platform ended the invoke.
    var failure: FailureDocument?

    /// How an environment came to be ready for its first invoke, and how long it took.
    enum Start: Equatable {
        case initialisation(TimeAmount)
        /// From a snapshot; billed is what its processes did of it.
        case restoration(TimeAmount, billed: TimeAmount)

        fileprivate var billed: TimeAmount {
            switch self {
            case .initialisation(let duration): duration
            case .restoration(_, let billed): billed
            }
        }
    }

    /// The REPORT line.
    var line: String {
        var line = "REPORT RequestId: \(requestID)"
        line += "\tDuration: \(Self.milliseconds(duration)) ms"
        line += "\tBilled Duration: \(billedMilliseconds) ms"
        line += "\tMemory Size: \(memoryMegabytes) MB"
        line += "\tMax Memory Used: \(memoryUsed.mebibytesRoundedUp) MB\t"
        switch start {
        case .initialisation(let duration):
            line += "Init Duration: \(Self.milliseconds(duration)) ms\t"
        case .restoration(let duration, let billed):
            line += "Restore Duration: \(Self.milliseconds(duration)) ms\t"
            line += "Billed Restore Duration: \(Self.billedMilliseconds(billed)) ms\t"
        case nil:
            break
        }
        if let failure {
            line += "Status: \(failure.status.rawValue)"
            if failure.status == .error {
                line += "\tError Type: \(failure.errorType)"
            }
        }
        return line
    }

    /// The duration with that of the start before it, in whole milliseconds.
    var billedMilliseconds: Int { Self.billedMilliseconds(duration + (start?.billed ?? .zero)) }

    /// Whole milliseconds, of which each that was begun counts.
    static func billedMilliseconds(_ duration: TimeAmount) -> Int { Int((duration.nanoseconds + 999_999) / 1_000_000) }

    /// Milliseconds with two decimals.
    static func milliseconds(_ amount: TimeAmount) -> String {
        let hundredths = (amount.nanoseconds + 5000) / 10_000
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
