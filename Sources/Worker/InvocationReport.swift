import LambdaAPI
import NIOCore

/// The lines that the platform writes about one invoke. Source: `spec/invoke.md` section 7.
struct InvocationReport {
    let requestID: RequestID
    /// From the delivery of the event until the runtime asked for the next one.
    var duration: TimeAmount
    /// The time of the environment's initialisation, on its first invoke only.
    var initialisation: TimeAmount?
    var memoryMegabytes: Int
    var memoryUsed: ByteCount
    /// Present if the platform ended the invoke.
    var failure: FailureDocument?

    /// The REPORT line.
    var line: String {
        var line = "REPORT RequestId: \(requestID)"
        line += "\tDuration: \(Self.milliseconds(duration)) ms"
        line += "\tBilled Duration: \(billedMilliseconds) ms"
        line += "\tMemory Size: \(memoryMegabytes) MB"
        line += "\tMax Memory Used: \(memoryUsed.mebibytesRoundedUp) MB\t"
        if let initialisation {
            line += "Init Duration: \(Self.milliseconds(initialisation)) ms\t"
        }
        if let failure {
            line += "Status: \(failure.status.rawValue)"
            if failure.status == .error {
                line += "\tError Type: \(failure.errorType)"
            }
        }
        return line
    }

    /// The duration with the initialisation before it, in whole milliseconds.
    var billedMilliseconds: Int {
        Int(((duration + (initialisation ?? .zero)).nanoseconds + 999_999) / 1_000_000)
    }

    /// Milliseconds with two decimals.
    static func milliseconds(_ amount: TimeAmount) -> String {
        let hundredths = (amount.nanoseconds + 5000) / 10_000
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
